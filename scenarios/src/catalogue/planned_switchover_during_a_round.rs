//! An operator orders a switchover while a round of probes is under way.

use reports::record::Expectation;
use sim::goal::Goal;

use super::{Draw, PLAIN, Scenario};
use crate::operator::{Order, PlannedOrder};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "planned_switchover_during_a_round",
    story: "An operator orders a switchover of a healthy shard at any moment of a round, while \
            heartbeats for the old master are under way.",
    orders: |draw: &mut Draw| {
        vec![PlannedOrder { at_ms: draw.beginning_ms(), order: Order::Switchover }]
    },
    expectation: |_| Expectation::Holds,
    goals: |_| vec![Goal::Promotion],
    ..PLAIN
};
