//! Every node is restarted in turn, as for an upgrade.

use reports::record::Expectation;
use sim::fault::{Fault, PlannedFault};
use sim::goal::Goal;

use super::{Draw, PLAIN, Scenario};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "rolling_restart",
    story: "Every node is restarted in turn, the master last, each back before it would be \
            replaced; nobody is promoted, and nobody may lose what was acknowledged.",
    faults,
    expectation: |_| Expectation::Holds,
    goals: |_| vec![Goal::NoPromotion, Goal::Restart],
    ..PLAIN
};

fn faults(draw: &mut Draw) -> Vec<PlannedFault> {
    let mut at_ms = draw.beginning_ms();
    let mut faults = Vec::new();
    for target in ["node-3", "node-2", "node-1"] {
        let fault = Fault::Kill { target: target.into() };
        faults.push(PlannedFault {
            at_ms,
            heal_at_ms: at_ms + draw.round_ms() / 2,
            after: None,
            fault,
        });
        at_ms += 6 * draw.round_ms();
    }
    faults
}
