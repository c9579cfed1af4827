//! The leading controller loses the store, and another one leads.

use reports::record::Expectation;
use sim::fault::{CutKind, Fault, Way};
use sim::goal::Goal;

use super::{Draw, PLAIN, Scenario};
use crate::plan::Cluster;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "leader_cut_from_store",
    story: "The leading controller is cut from the store and reaches every node; another one is \
            elected. The first believes on, but no round begins without a read of the store.",
    cluster: Cluster { controllers: 2, ..PLAIN.cluster },
    faults: |draw: &mut Draw| {
        draw.long(Fault::Partition {
            a: vec!["store".into()],
            b: vec!["leader".into()],
            way: Way::Both,
            kind: CutKind::Drop,
        })
    },
    expectation: |_| Expectation::Holds,
    goals: |_| vec![Goal::NoPromotion, Goal::LeaderChange],
    ..PLAIN
};
