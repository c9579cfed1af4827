//! The leading controller alone does not reach the master (kvrocks-controller issues 374 and 396).

use sim::fault::{CutKind, Fault, Way};
use sim::goal::Goal;

use reports::record::Expectation;

use super::{
    PLAIN, Scenario, holds_with_a_lease, promotion_goals_with_reachable_master as reachable,
};
use crate::plan::Cluster;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "leader_cut_from_master",
    story: "The link between the leading controller and the master fails. Another controller \
            and all clients reach the master.",
    cluster: Cluster { controllers: 2, ..PLAIN.cluster },
    faults: |draw| {
        draw.long(Fault::Partition {
            a: vec!["leader".into()],
            b: vec!["master".into()],
            way: Way::Both,
            kind: CutKind::Drop,
        })
    },
    expectation: |profile| {
        if profile.peer_vote { Expectation::Holds } else { holds_with_a_lease(profile) }
    },
    goals: |profile| if profile.peer_vote { vec![Goal::NoPromotion] } else { reachable(profile) },
    ..PLAIN
};
