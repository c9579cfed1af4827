//! Versions: a node's topology version never goes back, restarts included, and no version has two
//! masters of a shard. The same of election versions, where that is promised: no grant under a
//! lower one than before.
//!
//! A node that is in no topology, or holds no grant, has no version then.

use std::collections::BTreeMap;

use host::{Observation, Role};

use super::reading::Reading;
use super::{ELECTION_VERSIONS, TOPOLOGY_VERSIONS};
use crate::history::What;
use crate::promise::Promise;
use crate::verdict::Verdict;

/// Fails on a topology version that goes back or that has two masters.
pub(super) fn topology(reading: &Reading) -> Verdict {
    let mut masters: BTreeMap<(u32, i64), (&str, u64)> = BTreeMap::new();
    for &shard in reading.tenures.keys() {
        for machine in reading.machines_of(shard) {
            let mut highest: Option<(i64, u64)> = None;
            for standing in reading.standings[machine].iter().filter(|s| s.version() >= 0) {
                let version = standing.version();
                if let Some((before, event)) = highest
                    && version < before
                {
                    let reason = format!("{machine} went back from version {before} to {version}");
                    return Verdict::fail(TOPOLOGY_VERSIONS, reason, vec![event, standing.event]);
                }
                highest = Some((version, standing.event));
                if standing.role() != Role::Master {
                    continue;
                }
                let (master, event) =
                    *masters.entry((shard, version)).or_insert((machine, standing.event));
                if master != machine {
                    let reason =
                        format!("{master} and {machine} are both master under version {version}");
                    return Verdict::fail(TOPOLOGY_VERSIONS, reason, vec![event, standing.event]);
                }
            }
        }
    }
    match named_twice(reading) {
        Some(verdict) => verdict,
        None => {
            let reason = format!("{} versions with a master, one each", masters.len());
            Verdict::pass(TOPOLOGY_VERSIONS, reason)
        }
    }
}

/// The store's own commits, which nodes may never have heard of.
fn named_twice(reading: &Reading) -> Option<Verdict> {
    let mut named: BTreeMap<(u32, i64), (&str, u64)> = BTreeMap::new();
    for event in reading.history.events() {
        let What::Observe { observation: Observation::Committed { version, masters }, .. } =
            &event.what
        else {
            continue;
        };
        for of in masters {
            let first = *named.entry((of.shard, *version)).or_insert((&of.member, event.number));
            if first.0 != of.member {
                let reason = format!(
                    "the store committed version {version} with two masters of shard {}",
                    of.shard
                );
                let evidence = vec![first.1, event.number];
                return Some(Verdict::fail(TOPOLOGY_VERSIONS, reason, evidence));
            }
        }
    }
    None
}

/// Fails on a grant under a lower election version than the node had before; informative where
/// it is not promised.
pub(super) fn election(reading: &Reading) -> Verdict {
    let mut highest: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    let (mut grants, mut back) = (0_u64, Vec::new());
    for event in reading.history.events() {
        let What::Observe {
            observation: Observation::LeaseRenewed { election_version, .. }, ..
        } = &event.what
        else {
            continue;
        };
        grants += 1;
        let (before, at) = highest.entry(&event.on).or_insert((*election_version, event.number));
        if *election_version < *before {
            back.extend([*at, event.number]);
        } else {
            (*before, *at) = (*election_version, event.number);
        }
    }
    let verdict = if back.is_empty() {
        Verdict::pass(ELECTION_VERSIONS, format!("{grants} grants, none under a lower version"))
    } else {
        let reason = format!("{} grants under a lower version than before", back.len() / 2);
        Verdict::fail(ELECTION_VERSIONS, reason, back)
    };
    verdict.counts_if(reading.promises(Promise::ElectionVersions))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Story;
    use super::*;
    use crate::history::ProcessState;
    use crate::verdict::Outcome;

    fn judged(story: &Story, check: fn(&Reading) -> Verdict) -> Verdict {
        let history = story.clone().end(60_000).history();
        check(&Reading::of(&history).expect("a whole history"))
    }

    fn failover() -> Story {
        Story::new()
            .commit(0, 1, "a")
            .authority(100, "a", 1)
            .no_authority(200, "b", 1)
            .commit(10_000, 2, "b")
            .authority(10_100, "b", 2)
            .no_authority(15_000, "a", 2)
    }

    #[test]
    fn versions_that_rise_with_one_master_each_pass() {
        assert_eq!(judged(&failover(), topology).outcome, Outcome::Pass);
        let restarted = failover().no_authority(16_000, "a", -1).no_authority(16_500, "a", 2);
        assert_eq!(judged(&restarted, topology).outcome, Outcome::Pass, "none while it starts");
    }

    #[test]
    fn a_version_that_goes_back_fails_after_a_restart_too() {
        let back = failover().no_authority(16_000, "a", 1);
        assert_eq!(judged(&back, topology).evidence.len(), 2);
        let restarted = failover()
            .event(16_000, "a", What::Sample { state: ProcessState::Down, status: None })
            .no_authority(16_500, "a", 1);
        assert_eq!(judged(&restarted, topology).outcome, Outcome::Fail);
    }

    #[test]
    fn two_masters_under_one_version_fail_at_nodes_and_in_the_store() {
        let nodes = failover().authority(16_000, "c", 2);
        assert_eq!(judged(&nodes, topology).outcome, Outcome::Fail);
        let store = failover().commit(20_000, 2, "c");
        assert_eq!(judged(&store, topology).outcome, Outcome::Fail);
        assert_eq!(judged(&failover().commit(20_000, 2, "b"), topology).outcome, Outcome::Pass);
    }

    #[test]
    fn grants_under_lower_election_versions_fail() {
        let grant = |story: Story, machine: &str, election_version| {
            let until_ms = 99;
            story.observe(20_000, machine, Observation::LeaseRenewed { until_ms, election_version })
        };
        let rising = grant(grant(grant(failover(), "a", 3), "a", 3), "b", 2);
        assert_eq!(judged(&rising, election).outcome, Outcome::Pass);
        let verdict = judged(&grant(rising.clone(), "a", 2), election);
        assert_eq!((verdict.outcome, verdict.evidence.len()), (Outcome::Fail, 2));
        assert!(judged(&grant(rising, "a", 2).promises(&[]), election).informative);
    }
}
