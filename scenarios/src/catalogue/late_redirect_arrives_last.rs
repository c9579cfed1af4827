//! A redirect that was held up on its way arrives after a later one.

use sim::check::LB_SEPARATES;
use sim::fault::{CutKind, Fault, PlannedFault, Trigger, TriggerEvent, Way};
use sim::goal::Goal;
use sim::promise::Promise;

use super::{Draw, PLAIN, Scenario, Shows, separates_with_lb_sever};
use crate::plan::Cluster;
use crate::rule::Rule;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "late_redirect_arrives_last",
    story: "The master is cut from the control plane, and the redirect of the load balancer \
            to its successor is held up on its way. Another \
            controller leads and redirects; the successor is cut off, too, and the last node is \
            promoted. Then the redirect of before arrives.",
    cluster: Cluster { controllers: 2, ..PLAIN.cluster },
    faults,
    promises: &[Promise::LbSeparates],
    expectation: |profile| {
        separates_with_lb_sever(
            profile,
            "a load balancer obeys whoever speaks last, however old the order",
        )
    },
    goals: |_| vec![Goal::TwoPromotions, Goal::LeaderChange],
    shows: Some(Shows::alone(Rule::LbSever, "lease-lb", LB_SEPARATES)),
    ..PLAIN
};

fn faults(draw: &mut Draw) -> Vec<PlannedFault> {
    let (round_ms, detection_ms) = (draw.round_ms(), draw.detection_ms());
    let session_ms = draw.profile.session_ttl_ms;
    let at_ms = draw.beginning_ms();
    let leader_ms = at_ms + detection_ms + 2 * round_ms;
    // The session has ended, and the other one has heard so within a third of it.
    let second_ms = leader_ms + session_ms + session_ms / 3 + 3 * round_ms;
    let late_ms = second_ms + detection_ms + 2 * round_ms;
    let heal_ms = late_ms + detection_ms + draw.long_ms();
    let cut = |a: &str, b: &str, way, kind| Fault::Partition {
        a: vec![a.into()],
        b: vec![b.into()],
        way,
        kind,
    };
    let lost = |a, b| cut(a, b, Way::Both, CutKind::Drop);
    let mut faults = vec![PlannedFault::between(at_ms, heal_ms, lost("control-plane", "master"))];
    // From the commit on, so that the redirect is sent on a connection that was there before.
    let held = || PlannedFault {
        at_ms,
        heal_at_ms: late_ms,
        after: Some(Trigger { event: TriggerEvent::Commit, count: 1, delay_ms: 0 }),
        fault: cut("controller-1", "lb", Way::AToB, CutKind::Stall),
    };
    faults.extend(draw.profile.lb.then(held));
    faults.extend([
        PlannedFault::between(leader_ms, heal_ms, lost("controller-1", "store")),
        PlannedFault::between(second_ms, heal_ms, lost("control-plane", "master")),
    ]);
    faults
}
