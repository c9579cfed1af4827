//! An operator orders a switchover while the controller is in the middle of a round.

use node::LeaseMode;
use reports::record::Expectation;
use sim::fault::{Fault, PlannedFault};
use sim::goal::Goal;

use super::{Draw, PLAIN, Scenario};
use crate::operator::{Order, PlannedOrder};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "planned_switchover_during_a_round",
    story: "The leading controller has read the store in a round and stops before its \
            heartbeats; an operator has it switch over to a replica meanwhile, and then the \
            round goes on with heartbeats for the old master.",
    orders: |draw| {
        let at_ms = draw.later_ms(2 * draw.round_ms());
        vec![PlannedOrder { at_ms, order: Order::Switchover }]
    },
    faults,
    expectation: |_| Expectation::Holds,
    goals: |_| vec![Goal::Promotion],
    ..PLAIN
};

/// The heartbeats wait for the switchover, if there are any.
fn faults(draw: &mut Draw) -> Vec<PlannedFault> {
    if draw.profile.lease_mode == LeaseMode::Disabled {
        return vec![];
    }
    let at_ms = draw.beginning_ms();
    let heal_at_ms = at_ms + 5 * draw.round_ms();
    let point = "before-heartbeat".to_owned();
    let stall = Fault::Stall { target: "leader".into(), point };
    vec![PlannedFault::between(at_ms, heal_at_ms, stall)]
}
