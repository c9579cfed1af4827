//! A controller that stopped in a round long ago goes on with it when the node that it then knew
//! as master has been deposed, has ruled again, was deposed once more and has restarted.

use node::LeaseMode;
use reports::record::Expectation;
use sim::check::{RECOVERS, SPAN_WITHIN_TTL, WHOLE_TRANSACTIONS};
use sim::fault::{CutKind, Fault, PlannedFault, Way};
use sim::goal::Goal;

use super::{Draw, NOTHING_ENDS_IT, PLAIN, Scenario, Shows, breaks_with};
use crate::plan::Cluster;
use crate::profile::Profile;
use crate::rule::Rule;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "stale_controller_after_restart",
    story: "The second controller leads for a moment and stops before its first heartbeat. \
            Meanwhile the first one leads; the master dies and comes back, rules again after \
            its successor has died, is cut off and restarts, having forgotten every election \
            version it knew; another is promoted, and the second controller goes on.",
    cluster: Cluster { controllers: 2, ..PLAIN.cluster },
    faults,
    expectation,
    goals: |_| vec![Goal::TwoPromotions, Goal::LeaderChange, Goal::Restart],
    shows: Some(Shows {
        rule: Rule::DurableVersion,
        base: "lease+closed-start",
        check: SPAN_WITHIN_TTL,
        covered_by: &[Rule::LeaderGuard, Rule::DatedHeartbeat],
        kept: "it costs one small file, and holds whatever controllers do",
    }),
    ..PLAIN
};

fn faults(draw: &mut Draw) -> Vec<PlannedFault> {
    let start_ms = draw.beginning_ms();
    let (round_ms, detection_ms) = (draw.round_ms(), draw.detection_ms());
    let session_ms = draw.profile.session_ttl_ms;
    // The second controller leads once the first one's session has ended and it has heard so;
    // it stops in its first round, and its own session ends.
    let led_ms = start_ms + session_ms + session_ms / 3 + 2 * round_ms;
    let back_ms = led_ms + session_ms + session_ms / 3 + 2 * round_ms;
    // The first master dies and is replaced.
    let replaced_ms = back_ms + detection_ms + round_ms;
    // Its successor dies while the third node is away, so that the first one rules again.
    let again_ms = replaced_ms + 4 * round_ms + detection_ms + round_ms;
    // It is cut off and restarts; another one is promoted.
    let cut_ms = again_ms + 5 * round_ms;
    let promoted_ms = cut_ms + detection_ms + round_ms;
    let over_ms = promoted_ms + 2 * round_ms;
    let heal_ms = over_ms + draw.long_ms();
    let kill = |name: &str| Fault::Kill { target: name.into() };
    let stall = |point: &str| Fault::Stall { target: "controller-2".into(), point: point.into() };
    let leased = draw.profile.lease_mode != LeaseMode::Disabled;
    let mut rest = vec!["controller-1", "store", "node-2", "node-3"];
    // Without a lease the second one has nothing to say to the node but the topology.
    rest.extend((!leased).then_some("controller-2"));
    let cut = Fault::Partition {
        a: rest.into_iter().map(str::to_owned).collect(),
        b: vec!["node-1".into()],
        way: Way::Both,
        kind: CutKind::Drop,
    };
    let fault = |at_ms, heal_at_ms, fault| PlannedFault { at_ms, heal_at_ms, after: None, fault };
    let mut faults = vec![];
    // Without a lease there are no heartbeats to stop before.
    faults.extend(leased.then(|| fault(start_ms, over_ms, stall("before-heartbeat"))));
    faults.extend([
        fault(start_ms, led_ms, kill("controller-1")),
        fault(led_ms, over_ms, stall("before-keepalive")),
        fault(back_ms, replaced_ms, kill("node-1")),
        fault(replaced_ms + 3 * round_ms, again_ms + 2 * round_ms, kill("node-3")),
        fault(replaced_ms + 4 * round_ms, again_ms + 2 * round_ms, kill("node-2")),
        fault(cut_ms, heal_ms, cut),
        fault(cut_ms + round_ms / 2, cut_ms + round_ms, kill("node-1")),
    ]);
    faults
}

fn expectation(profile: &Profile) -> Expectation {
    let closed = profile.has(Rule::ClosedStart);
    let fenced = [Rule::DurableVersion, Rule::LeaderGuard, Rule::DatedHeartbeat]
        .into_iter()
        .any(|rule| profile.has(rule));
    match (profile.blocks_writes(), closed, fenced) {
        (true, true, true) => Expectation::Holds,
        (true, true, false) => breaks_with(
            &[WHOLE_TRANSACTIONS, RECOVERS],
            "a restarted node takes a heartbeat of any election",
        ),
        (true, false, _) => {
            breaks_with(&[WHOLE_TRANSACTIONS, RECOVERS], "a node without a lease may write")
        }
        (false, ..) => breaks_with(&[WHOLE_TRANSACTIONS], NOTHING_ENDS_IT),
    }
}
