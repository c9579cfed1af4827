//! When this controller last granted a lease to each master, and to which shards it grants none
//! for now. Pure: the time is passed in, as the boottime clock has it.
//!
//! Nobody else has granted later: an earlier leader's grants were made before this one took
//! office (the rule `leader-guard` sees to that).
//!
//! A lease is good to the last: a node holds it for the whole of the millisecond in which it ends,
//! so that one more is waited for.
//!
//! The trap: the TTL is counted here without a margin for drift. The holder is the one who counts
//! less (`master-lease-drift-ppm`).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The grants of one leadership.
#[derive(Debug)]
pub(crate) struct Grants {
    office_taken: Duration,
    /// By the id of the master.
    last: BTreeMap<String, Duration>,
    withheld: BTreeSet<usize>,
}

impl Grants {
    /// None yet, of a leadership that begins now.
    pub(crate) fn new(now: Duration) -> Self {
        Self { office_taken: now, last: BTreeMap::new(), withheld: BTreeSet::new() }
    }

    /// A grant for this master was made, whenever it gets there.
    pub(crate) fn made(&mut self, master: &str, now: Duration) {
        self.last.insert(master.to_owned(), now);
    }

    /// When every lease that anybody can have granted to this master has expired.
    pub(crate) fn expired_at(&self, master: &str, ttl: Duration) -> Duration {
        let last = self.last.get(master).copied().unwrap_or_default();
        self.office_taken.max(last).saturating_add(ttl).saturating_add(LAST_MS)
    }

    /// Nothing is granted to a shard from now on; `false` if that was so before.
    pub(crate) fn withhold(&mut self, shard: usize) -> bool {
        self.withheld.insert(shard)
    }

    /// The shard may be granted leases again.
    pub(crate) fn resume(&mut self, shard: usize) {
        self.withheld.remove(&shard);
    }

    /// Whether nothing is granted to the shard.
    pub(crate) fn is_withheld(&self, shard: usize) -> bool {
        self.withheld.contains(&shard)
    }
}

const LAST_MS: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_millis(100);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn leases_expire_a_ttl_after_the_last_grant_or_after_taking_office() {
        let mut grants = Grants::new(ms(50));
        assert_eq!(grants.expired_at("a", TTL), ms(151), "an earlier leader may have granted");
        grants.made("a", ms(70));
        grants.made("a", ms(90));
        grants.made("b", ms(99));
        assert_eq!(grants.expired_at("a", TTL), ms(191));
        assert_eq!(grants.expired_at("c", TTL), ms(151));
        assert_eq!(grants.expired_at("a", Duration::MAX), Duration::MAX);
    }

    #[test]
    fn a_shard_is_withheld_until_it_is_resumed() {
        let mut grants = Grants::new(ms(0));
        assert!(grants.withhold(1));
        assert!(!grants.withhold(1));
        assert!(grants.is_withheld(1) && !grants.is_withheld(0));
        grants.resume(1);
        assert!(!grants.is_withheld(1) && grants.withhold(1));
    }
}
