//! The controller's part of the rules that make a lease sound, each on or off. All off is
//! upstream's behaviour.
//!
//! The trap: a rule that also needs the nodes or the store protects nothing if they lack it:
//! `dated_heartbeat` without `master-lease-dated` is an ordinary heartbeat that is sent more
//! carefully.

use serde::{Deserialize, Serialize};

/// Which rules a controller follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ControllerRules {
    /// Heartbeats echo the stamps of the nodes, and are sent in the order that makes an echoed
    /// stamp older than any later commit: only to masters, after a good CLUSTER INFO, under a
    /// record that was read after the stamp was known. [`crate::Heartbeat`] has no say then.
    pub dated_heartbeat: bool,
    /// Nothing is granted, promoted, written or pushed unless the own session in the store is
    /// provably alive; a new session forgets what an earlier one knew; store writes are
    /// compare-and-set, and the record is claimed on taking office.
    pub leader_guard: bool,
    /// With a lease nobody is promoted before every lease that can have been granted to the old
    /// master has expired.
    pub promotion_wait: bool,
    /// Nothing of a node's topology is ever adopted; a higher version of a node only raises the
    /// record's above it, by compare-and-set, and the record is pushed back.
    pub store_is_truth: bool,
    /// A replica without a single write is no candidate once its shard has taken one; a master
    /// that does not say may have (the controller's part of the rule `truncate-rejoin`).
    pub no_empty_candidate: bool,
    /// Before a promotion every other controller that is registered in the store must say that it
    /// does not reach the master either (see `peer_vote`). No rule of a sound lease: it makes
    /// needless promotions rarer.
    pub peer_vote: bool,
    /// By how much any clock may be off, in ppm, below 1 000 000: what `leader_guard` allows for.
    pub drift_ppm: u64,
}
