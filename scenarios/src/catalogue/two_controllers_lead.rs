//! A controller that was stopped in a round goes on with it after another one was elected.

use node::LeaseMode;
use reports::record::Expectation;
use sim::check::{CONVERGED, EQUAL_REPLICAS, RECOVERS, SPAN_WITHIN_TTL};
use sim::fault::{CutKind, Fault, PlannedFault, Way};
use sim::goal::Goal;

use super::{Draw, NOTHING_ENDS_IT, PLAIN, Scenario, Shows, breaks, breaks_with};
use crate::plan::Cluster;
use crate::profile::Profile;
use crate::rule::Rule;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "two_controllers_lead",
    story: "The leading controller stops after it has read the store and before it sends its \
            heartbeats; another one is elected, does not reach the master and promotes a \
            replica; then the first goes on where it stood.",
    cluster: Cluster { controllers: 2, ..PLAIN.cluster },
    faults,
    expectation,
    goals: |_| vec![Goal::Promotion, Goal::LeaderChange],
    shows: Some(Shows {
        rule: Rule::LeaderGuard,
        base: "lease",
        check: SPAN_WITHIN_TTL,
        covered_by: &[Rule::DatedHeartbeat],
        kept: "it is what lets `promotion-wait` know of every grant, and what keeps two \
               controllers from writing one version",
    }),
    ..PLAIN
};

fn faults(draw: &mut Draw) -> Vec<PlannedFault> {
    let at_ms = draw.beginning_ms();
    let stall = |point: &str| Fault::Stall { target: "controller-1".into(), point: point.into() };
    // The session has ended, the other has heard so within a third of it, and has replaced the
    // master.
    let session_ms = draw.profile.session_ttl_ms;
    let promoted_ms = session_ms + session_ms / 3 + draw.detection_ms();
    let over_ms = at_ms + promoted_ms + 3 * draw.round_ms();
    let cut = Fault::Partition {
        a: vec!["controller-2".into()],
        b: vec!["master".into()],
        way: Way::Both,
        kind: CutKind::Drop,
    };
    let heal_at_ms = over_ms + draw.long_ms();
    let stalled =
        |point| PlannedFault { at_ms, heal_at_ms: over_ms, after: None, fault: stall(point) };
    let mut faults = vec![PlannedFault { at_ms, heal_at_ms, after: None, fault: cut }];
    // Without a lease there are no heartbeats to stop before.
    let leased = draw.profile.lease_mode != LeaseMode::Disabled;
    faults.extend(leased.then(|| stalled("before-heartbeat")));
    faults.push(stalled("before-keepalive"));
    faults
}

fn expectation(profile: &Profile) -> Expectation {
    if profile.lease_mode == LeaseMode::Disabled {
        // The first controller still pushes what the store has.
        return Expectation::Holds;
    }
    let fenced = profile.has(Rule::LeaderGuard) || profile.has(Rule::DatedHeartbeat);
    match (profile.blocks_writes(), fenced) {
        (true, true) => Expectation::Holds,
        // The first controller, once it goes on, may adopt a node's higher version, and with it the
        // election version 0: no master is granted a lease any more (UPSTREAM section 6, 17).
        (true, false) => breaks_with(
            &[RECOVERS, CONVERGED, EQUAL_REPLICAS],
            "a heartbeat of the controller that led before renews the lease",
        ),
        (false, _) => breaks(NOTHING_ENDS_IT),
    }
}
