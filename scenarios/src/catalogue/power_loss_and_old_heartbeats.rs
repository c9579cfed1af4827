//! The master loses its power while heartbeats for it are under way.

use reports::record::Expectation;
use sim::fault::{CutKind, Fault, PlannedFault, Way};
use sim::goal::Goal;

use super::{Draw, PLAIN, Scenario};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "power_loss_and_old_heartbeats",
    story: "The path from the control plane to the master stalls, the master loses its power \
            with heartbeats under way, and is back before the path is; its boottime has begun \
            again at 0, and a replica was promoted.",
    faults,
    // Its nodes.conf was never synced: it comes back knowing of no cluster.
    expectation: |_| Expectation::Holds,
    goals: |_| vec![Goal::Promotion, Goal::Restart],
    ..PLAIN
};

fn faults(draw: &mut Draw) -> Vec<PlannedFault> {
    let at_ms = draw.beginning_ms();
    let back_ms = at_ms + draw.detection_ms();
    let heal_at_ms = back_ms + draw.long_ms();
    let stall = Fault::Partition {
        a: vec!["control-plane".into(), "replicas".into()],
        b: vec!["master".into()],
        way: Way::Both,
        kind: CutKind::Stall,
    };
    let power = Fault::PowerLoss { target: "master".into() };
    vec![
        PlannedFault { at_ms, heal_at_ms, after: None, fault: stall },
        PlannedFault {
            at_ms: at_ms + 2 * draw.round_ms(),
            heal_at_ms: back_ms,
            after: None,
            fault: power,
        },
    ]
}
