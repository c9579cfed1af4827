//! The master is cut from the rest of the cluster, crashes, and is restarted by its supervisor
//! while it is still cut.

use reports::record::Expectation;
use sim::fault::{CutKind, Fault, PlannedFault, Way};
use sim::goal::Goal;

use super::{Draw, NOTHING_ENDS_IT, PLAIN, Scenario, breaks};
use crate::profile::Profile;
use crate::rule::Rule;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "crashed_master_restarts",
    story: "The master is cut from the control plane and its replicas, crashes, and is \
            restarted while still cut, after a replica was promoted; clients reach it all the \
            while.",
    faults,
    expectation,
    goals,
    ..PLAIN
};

fn faults(draw: &mut Draw) -> Vec<PlannedFault> {
    let at_ms = draw.beginning_ms();
    let restart_ms = at_ms + draw.profile.detection_ms();
    let heal_at_ms = restart_ms + draw.long_ms();
    let cut = Fault::Partition {
        a: vec!["control-plane".into(), "replicas".into()],
        b: vec!["master".into()],
        way: Way::Both,
        kind: CutKind::Drop,
    };
    let kill = Fault::Kill { target: "master".into() };
    vec![
        PlannedFault::between(at_ms, heal_at_ms, cut),
        PlannedFault::between(at_ms + 500, restart_ms, kill),
    ]
}

fn goals(profile: &Profile) -> Vec<Goal> {
    let mut goals = vec![Goal::Promotion, Goal::Restart];
    goals.extend((!profile.has(Rule::ClosedStart)).then_some(Goal::StaleWrite));
    goals
}

fn expectation(profile: &Profile) -> Expectation {
    match (profile.blocks_writes(), profile.has(Rule::ClosedStart)) {
        (true, true) => Expectation::Holds,
        (true, false) => breaks(NO_LEASE_AFTER_RESTART),
        (false, _) => breaks(NOTHING_ENDS_IT),
    }
}

const NO_LEASE_AFTER_RESTART: &str = "a restarted node is master again by its nodes.conf and has \
     no lease, and a deadline of 0 means that it never expires";
