//! Tenures: who was master of a shard by the store's word, commit by commit.
//!
//! The commits that change a shard's master are numbered in store order, not by version, which
//! can repeat. A commit that leaves the master as it is belongs to the tenure it finds.

/// One commit that changed a shard's master, and what came with it until the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenure {
    /// The machine that it names.
    pub master: String,
    /// The number of the commit's event.
    pub event: u64,
    /// When the store committed it, in simulated milliseconds.
    pub at_ms: u64,
    /// The topology versions of this commit and of later ones that kept the master.
    pub versions: Vec<i64>,
}

/// All tenures of one shard, in store order. The first is no failover.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tenures(pub Vec<Tenure>);

impl Tenures {
    pub(super) fn commit(&mut self, master: &str, version: i64, event: u64, at_ms: u64) {
        match self.0.last_mut() {
            Some(last) if last.master == master => last.versions.push(version),
            _ => {
                let (master, versions) = (master.to_owned(), vec![version]);
                self.0.push(Tenure { master, event, at_ms, versions });
            }
        }
    }

    /// The commit under which a machine acts that has applied this version; the latest one if
    /// the version repeats. None if no commit of that version names it master.
    pub fn acting_under(&self, machine: &str, version: i64) -> Option<usize> {
        self.0
            .iter()
            .rposition(|tenure| tenure.master == machine && tenure.versions.contains(&version))
    }

    /// The last commit before this event, in the history's order.
    pub fn in_force_before(&self, event: u64) -> Option<usize> {
        self.0.iter().rposition(|tenure| tenure.event < event)
    }

    /// The commit for which a deposed machine's authority counts: the first one after the one
    /// it acts under. One that acts under no commit at all counts for the one in force, so that
    /// it is not overlooked.
    pub fn counts_for(&self, machine: &str, version: i64, event: u64) -> Option<usize> {
        let commit = match self.acting_under(machine, version) {
            Some(under) => under + 1,
            None => self.in_force_before(event)?,
        };
        (commit < self.0.len()).then_some(commit)
    }

    /// When, from this commit on, the machine was named master again: from, until (exclusive).
    pub fn named_again(&self, machine: &str, from_commit: usize) -> Vec<(u64, u64)> {
        let named =
            |&(at, tenure): &(usize, &Tenure)| at >= from_commit && tenure.master == machine;
        self.0
            .iter()
            .enumerate()
            .filter(named)
            .map(|(at, tenure)| {
                (tenure.at_ms, self.0.get(at + 1).map_or(u64::MAX, |next| next.at_ms))
            })
            .collect()
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
        assert_eq!(tenures.0.len(), 3);
        assert_eq!(tenures.acting_under("a", 2), Some(0));
        assert_eq!(tenures.acting_under("b", 3), Some(1));
        assert_eq!(tenures.acting_under("a", 3), Some(2));
        assert_eq!(tenures.acting_under("b", 2), None);
        assert_eq!(tenures.in_force_before(30), Some(0), "not by a commit at the event itself");
        assert_eq!(tenures.counts_for("a", 2, 35), Some(1));
        assert_eq!(tenures.counts_for("a", 3, 45), None, "acts under the last one");
        assert_eq!(tenures.counts_for("b", 7, 45), Some(2), "under none: for the one in force");
        assert_eq!(tenures.named_again("a", 1), [(400, u64::MAX)]);
    }
}
