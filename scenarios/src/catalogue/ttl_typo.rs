//! One controller of two grants a thousand times the TTL: seconds were taken for milliseconds.

use reports::record::Expectation;
use sim::fault::{CutKind, Fault, PlannedFault, Way};
use sim::goal::Goal;

use super::{Draw, NOTHING_ENDS_IT, PLAIN, Scenario, breaks};
use crate::plan::{Cluster, Plan};
use crate::profile::Profile;
use crate::rule::Rule;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "ttl_typo",
    story: "The second controller is configured with a TTL a thousand times too long; the first \
            one dies, the second leads and renews, and then the master is cut off.",
    cluster: Cluster { controllers: 2, ..PLAIN.cluster },
    shape: |plan: &mut Plan| {
        let ttl_ms = 1_000 * plan.profile.ttl_ms;
        plan.lease_ttl_ms.insert("controller-2".to_owned(), ttl_ms);
    },
    faults,
    expectation,
    goals,
    ..PLAIN
};

fn faults(draw: &mut Draw) -> Vec<PlannedFault> {
    let at_ms = draw.beginning_ms();
    let kill = |name: &str| Fault::Kill { target: name.into() };
    let session_ms = draw.profile.session_ttl_ms;
    let cut_ms = at_ms + 2 * session_ms + 3 * draw.round_ms();
    let heal_at_ms = cut_ms + draw.long_ms();
    let cut = Fault::Partition {
        a: vec!["control-plane".into(), "replicas".into()],
        b: vec!["master".into()],
        way: Way::Both,
        kind: CutKind::Drop,
    };
    vec![
        PlannedFault { at_ms, heal_at_ms, after: None, fault: kill("controller-1") },
        PlannedFault { at_ms: cut_ms, heal_at_ms, after: None, fault: cut },
        // Somebody sees the typo, and the first one leads again.
        PlannedFault {
            at_ms: heal_at_ms,
            heal_at_ms: heal_at_ms + 3 * session_ms,
            after: None,
            fault: kill("controller-2"),
        },
    ]
}

/// Without any lease nothing ends before `promotion-wait` has waited for all.
fn goals(profile: &Profile) -> Vec<Goal> {
    let mut goals = vec![Goal::LeaderChange];
    goals.extend((!profile.has(Rule::PromotionWait)).then_some(Goal::Promotion));
    goals
}

fn expectation(profile: &Profile) -> Expectation {
    match (profile.blocks_writes(), profile.lease_ms_max) {
        (true, Some(_)) => Expectation::Holds,
        (true, None) => breaks("a node takes a lease of any length"),
        (false, _) => breaks(NOTHING_ENDS_IT),
    }
}
