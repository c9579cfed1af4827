//! Tenures: who was master of a shard by the store's word, commit by commit.
//!
//! The commits that change a shard's master are numbered in store order, not by version, which
//! can repeat. A commit that leaves the master as it is belongs to the tenure it finds.

use std::collections::BTreeMap;

/// One commit that changed a shard's master, and what came with it until the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenure {
    /// The machine that it names.
    pub master: String,
    /// The number of the commit's event.
    pub event: u64,
    /// When the store committed it, in simulated milliseconds.
    pub at_ms: u64,
    /// Its topology version.
    pub version: i64,
}

/// All tenures of one shard, in store order. The first is no failover.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tenures {
    /// In store order.
    pub all: Vec<Tenure>,
    /// Every commit, also those that kept the master: its event and its time.
    commits: Vec<(u64, u64)>,
    /// By master and version: the events of the commits that have both, and their tenures.
    named: BTreeMap<String, BTreeMap<i64, Vec<(u64, usize)>>>,
}

impl Tenures {
    pub(super) fn commit(&mut self, master: &str, version: i64, event: u64, at_ms: u64) {
        if self.all.last().is_none_or(|last| last.master != master) {
            self.all.push(Tenure { master: master.to_owned(), event, at_ms, version });
        }
        self.commits.push((event, at_ms));
        let versions = self.named.entry(master.to_owned()).or_default();
        versions.entry(version).or_default().push((event, self.all.len() - 1));
    }

    /// The commit under which a machine acts at an event if it has applied this version: where
    /// versions repeat the latest one so far, and the next one if the store has none of them
    /// yet. None if no commit of that version names it master.
    pub fn acting_under(&self, machine: &str, version: i64, event: u64) -> Option<usize> {
        let commits = self.named.get(machine)?.get(&version)?;
        let so_far = commits.partition_point(|(committed, _)| *committed < event);
        Some(commits[so_far.saturating_sub(1)].1)
    }

    /// The last commit before this event, in the history's order.
    pub fn in_force_before(&self, event: u64) -> Option<usize> {
        self.all.partition_point(|tenure| tenure.event < event).checked_sub(1)
    }

    /// Every commit between two events, also those that kept the master: its event and its time
    /// in simulated milliseconds.
    pub(super) fn commits_between(&self, after: u64, before: u64) -> &[(u64, u64)] {
        let first = self.commits.partition_point(|(event, _)| *event <= after);
        let last = self.commits.partition_point(|(event, _)| *event < before);
        &self.commits[first..last.max(first)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_that_keep_the_master_share_a_tenure_and_versions_may_repeat() {
        let mut tenures = Tenures::default();
        tenures.commit("a", 1, 10, 100);
        tenures.commit("a", 2, 20, 200);
        tenures.commit("b", 3, 30, 300);
        tenures.commit("a", 3, 40, 400);
        assert_eq!(tenures.all.len(), 3);
        assert_eq!(tenures.acting_under("a", 2, 99), Some(0));
        assert_eq!(tenures.acting_under("b", 3, 99), Some(1));
        assert_eq!(tenures.acting_under("a", 3, 99), Some(2));
        assert_eq!(tenures.acting_under("b", 2, 99), None);
        assert_eq!(tenures.in_force_before(10), None, "not by a commit at the event itself");
        assert_eq!(tenures.in_force_before(31), Some(1));
        assert_eq!(tenures.commits_between(10, 40), [(20, 200), (30, 300)]);
    }

    #[test]
    fn a_version_that_repeats_is_the_latest_commit_so_far() {
        let mut tenures = Tenures::default();
        tenures.commit("a", 1, 10, 100);
        tenures.commit("b", 2, 20, 200);
        tenures.commit("a", 1, 30, 300);
        assert_eq!(tenures.acting_under("a", 1, 25), Some(0), "the third is not committed yet");
        assert_eq!(tenures.acting_under("a", 1, 31), Some(2));
        assert_eq!(tenures.acting_under("b", 2, 15), Some(1), "before the store has it");
    }
}
