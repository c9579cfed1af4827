//! Two failovers in a row: the master is cut off, and so is its successor.

use sim::fault::{CutKind, Fault, PlannedFault, Way};
use sim::goal::Goal;

use super::{Draw, PLAIN, Scenario, holds_with_a_lease};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "two_failovers_in_a_row",
    story: "The master is cut from the control plane, a replica is promoted, and then the \
            successor is cut from it too, so that the last node is promoted; both come back.",
    faults,
    expectation: holds_with_a_lease,
    goals: |_| vec![Goal::Promotion, Goal::TwoPromotions],
    ..PLAIN
};

fn faults(draw: &mut Draw) -> Vec<PlannedFault> {
    let cut = |node: &str| Fault::Partition {
        a: vec!["control-plane".into()],
        b: vec![node.into()],
        way: Way::Both,
        kind: CutKind::Drop,
    };
    let at_ms = draw.beginning_ms();
    // The first successor has been granted a lease of its own by then.
    let second_ms = at_ms + draw.detection_ms() + 2 * draw.round_ms();
    let heal_at_ms = second_ms + draw.long_ms();
    vec![
        PlannedFault { at_ms, heal_at_ms, after: None, fault: cut("master") },
        PlannedFault { at_ms: second_ms, heal_at_ms, after: None, fault: cut("master") },
    ]
}
