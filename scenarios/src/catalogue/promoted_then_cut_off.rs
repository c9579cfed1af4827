//! A replica is promoted and cut off before anybody grants it a lease.

use reports::record::Expectation;
use sim::check::SPAN_WITHIN_TTL;
use sim::fault::{CutKind, Fault, PlannedFault, Trigger, TriggerEvent, Way};
use sim::goal::Goal;

use super::{Draw, NOTHING_ENDS_IT, PLAIN, Scenario, Shows, breaks};
use crate::profile::Profile;
use crate::rule::Rule;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "promoted_then_cut_off",
    story: "The master dies and a replica is promoted; the moment it has heard so it is cut from \
            the control plane and the other replica, before its first heartbeat, and the last \
            node is promoted.",
    faults,
    expectation,
    goals: |_| vec![Goal::Promotion],
    shows: Some(Shows::alone(Rule::ClosedStart, "lease", SPAN_WITHIN_TTL)),
    ..PLAIN
};

fn faults(draw: &mut Draw) -> Vec<PlannedFault> {
    let at_ms = draw.beginning_ms();
    let lasts_ms = draw.long_ms() + draw.detection_ms();
    let kill = Fault::Kill { target: "master".into() };
    let cut = Fault::Partition {
        a: vec!["control-plane".into(), "replicas".into()],
        b: vec!["master".into()],
        way: Way::Both,
        kind: CutKind::Drop,
    };
    let applied = Trigger { event: TriggerEvent::Applied, count: 1, delay_ms: 0 };
    vec![
        PlannedFault { at_ms, heal_at_ms: at_ms + 2 * lasts_ms, after: None, fault: kill },
        PlannedFault { at_ms, heal_at_ms: at_ms + lasts_ms, after: Some(applied), fault: cut },
    ]
}

fn expectation(profile: &Profile) -> Expectation {
    match (profile.blocks_writes(), profile.has(Rule::ClosedStart)) {
        (true, true) => Expectation::Holds,
        (true, false) => breaks("a new master has no lease yet, and without one it may write"),
        (false, _) => breaks(NOTHING_ENDS_IT),
    }
}
