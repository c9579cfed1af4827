//! Every check with its promise, in the order of the verdicts.

use super::{
    ACKNOWLEDGED_WRITES, ACKNOWLEDGEMENT_AUTHORITY, CONVERGED, ELECTION_VERSIONS, EQUAL_REPLICAS,
    FAULTS_BIT, GOALS, KEPT_TOPOLOGY, LB_SEPARATES, LEASE_DISCIPLINE, LINEARIZABLE,
    MONOTONIC_READS, NO_OUTAGE, NO_RESURRECTION, NO_SPAN, RECOVERS, SPAN_WITHIN_TTL,
    TOPOLOGY_VERSIONS, WHOLE_TRANSACTIONS, WRITTEN_VALUES,
};

/// A check: its name, and what it promises in one sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// The name that its verdicts bear.
    pub name: &'static str,
    /// The promise.
    pub promise: &'static str,
}

/// Every check that [`super::judge`] asks, in the order of its verdicts.
pub const ALL: &[Check] = &[
    Check {
        name: SPAN_WITHIN_TTL,
        promise: "The split-brain window is at most the TTL, give or take a tick.",
    },
    Check { name: NO_OUTAGE, promise: "Every shard always has a node that takes writes." },
    Check {
        name: NO_SPAN,
        promise: "A deposed node has no authority at all from the instant of the promotion on.",
    },
    Check {
        name: ACKNOWLEDGED_WRITES,
        promise: "Every acknowledged write that is gone has an explanation.",
    },
    Check {
        name: ACKNOWLEDGEMENT_AUTHORITY,
        promise: "Whoever acknowledged a write was authoritative then.",
    },
    Check {
        name: CONVERGED,
        promise: "After the heal every shard comes to rest with one writable master.",
    },
    Check {
        name: RECOVERS,
        promise: "After the heal every shard takes writes again within the time that is given for it.",
    },
    Check { name: WRITTEN_VALUES, promise: "Whatever is read somebody had asked to be written." },
    Check {
        name: WHOLE_TRANSACTIONS,
        promise: "Of what one transaction wrote all is there, or nothing.",
    },
    Check { name: EQUAL_REPLICAS, promise: "In the end all nodes of a shard hold the same." },
    Check {
        name: NO_RESURRECTION,
        promise: "What the master in force no longer had does not come back.",
    },
    Check {
        name: LEASE_DISCIPLINE,
        promise: "Beyond its lease a node does what the lease's kind says.",
    },
    Check {
        name: TOPOLOGY_VERSIONS,
        promise: "Topology versions never go back, and none has two masters of a shard.",
    },
    Check { name: ELECTION_VERSIONS, promise: "Election versions never go back." },
    Check {
        name: LB_SEPARATES,
        promise: "A redirected load balancer leads nobody to the old target.",
    },
    Check { name: KEPT_TOPOLOGY, promise: "A node shows the topology that it keeps." },
    Check {
        name: MONOTONIC_READS,
        promise: "A client that stays with one node never reads something older than before.",
    },
    Check { name: LINEARIZABLE, promise: "Every key is linearizable." },
    Check { name: FAULTS_BIT, promise: "Every fault did something." },
    Check { name: GOALS, promise: "The run reached what its scenario says it must." },
];

#[cfg(test)]
mod tests {
    use super::super::{fixture::Story, judge};
    use super::*;

    #[test]
    fn what_judges_is_registered_and_what_is_registered_judges() {
        let (verdicts, _) = judge(&Story::new().commit(0, 1, "a").end(1_000).history());
        let judged: Vec<&str> = verdicts.iter().map(|verdict| verdict.check.as_str()).collect();
        let registered: Vec<&str> = ALL.iter().map(|check| check.name).collect();
        assert_eq!(
            judged, registered,
            "a check that `judge` asks needs its entry in `check::ALL`, at the same place, and \
             then a section in docs/checks.md"
        );
    }
}
