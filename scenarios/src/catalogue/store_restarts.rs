//! The store restarts, and has forgotten who leads.

use reports::record::Expectation;
use sim::fault::{Fault, PlannedFault};
use sim::goal::Goal;

use super::{Draw, PLAIN, Scenario};
use crate::plan::Cluster;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "store_restarts",
    story: "The store crashes and comes back: it kept what was written, and forgot sessions and \
            leader, so that another controller may be elected while the first one believes.",
    cluster: Cluster { controllers: 2, ..PLAIN.cluster },
    faults,
    expectation: |_| Expectation::Holds,
    goals: |_| vec![Goal::NoPromotion, Goal::Restart],
    ..PLAIN
};

fn faults(draw: &mut Draw) -> Vec<PlannedFault> {
    let at_ms = draw.beginning_ms();
    let fault = Fault::Kill { target: "store".into() };
    vec![PlannedFault { at_ms, heal_at_ms: at_ms + draw.round_ms() / 2, after: None, fault }]
}
