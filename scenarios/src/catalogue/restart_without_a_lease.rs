//! A master restarts and is cut off before anybody renews its lease.

use reports::record::Expectation;
use sim::check::SPAN_WITHIN_TTL;
use sim::fault::{CutKind, Fault, PlannedFault, Way};
use sim::goal::Goal;

use super::{Draw, NOTHING_ENDS_IT, PLAIN, Scenario, Shows, breaks};
use crate::profile::Profile;
use crate::rule::Rule;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "restart_without_a_lease",
    story: "The master crashes and its supervisor restarts it at once; before the first \
            heartbeat of its new life it is cut from the control plane and its replicas. \
            Clients reach it all the while.",
    faults,
    expectation,
    goals: |_| vec![Goal::Promotion, Goal::Restart],
    shows: Some(Shows::alone(Rule::ClosedStart, "lease", SPAN_WITHIN_TTL)),
    ..PLAIN
};

fn faults(draw: &mut Draw) -> Vec<PlannedFault> {
    let at_ms = draw.beginning_ms();
    let kill = Fault::Kill { target: "master".into() };
    let cut = Fault::Partition {
        a: vec!["control-plane".into(), "replicas".into()],
        b: vec!["master".into()],
        way: Way::Both,
        kind: CutKind::Drop,
    };
    vec![
        // The cut is there when the process begins, so that no heartbeat is earlier.
        PlannedFault { at_ms, heal_at_ms: at_ms + 200, after: None, fault: kill },
        PlannedFault {
            at_ms: at_ms + 100,
            heal_at_ms: at_ms + draw.long_ms(),
            after: None,
            fault: cut,
        },
    ]
}

fn expectation(profile: &Profile) -> Expectation {
    match (profile.blocks_writes(), profile.has(Rule::ClosedStart)) {
        (true, true) => Expectation::Holds,
        (true, false) => breaks(NO_LEASE_NEVER_EXPIRES),
        (false, _) => breaks(NOTHING_ENDS_IT),
    }
}

const NO_LEASE_NEVER_EXPIRES: &str =
    "a node that was never granted a lease in this life may write for ever";
