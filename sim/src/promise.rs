//! Promises that not every system makes. A check of one that was not made is informative: its
//! answer is shown and counts for nothing.

use serde::{Deserialize, Serialize};

/// What a system may promise, named like the check that judges it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Promise {
    /// Every key is linearizable.
    Linearizability,
    /// A client that stays with one node never reads an older state after a newer one.
    MonotonicReads,
    /// After the heal all nodes of a shard hold the same, also one that was deposed.
    EqualReplicas,
    /// What the master in force no longer had does not come back.
    NoResurrection,
    /// A node never holds a grant of a lower election version than before, restarts included.
    ElectionVersions,
    /// A node without any lease acknowledges nothing.
    ClosedStart,
    /// Once a load balancer was redirected, nothing of a client reaches the old target by it.
    LbSeparates,
    /// From the instant of a promotion on no deposed node has authority.
    NoSpan,
    /// Every shard always has a node that takes writes.
    NoOutage,
}

impl Promise {
    /// Every promise that there is.
    pub const ALL: [Promise; 9] = [
        Promise::Linearizability,
        Promise::MonotonicReads,
        Promise::EqualReplicas,
        Promise::NoResurrection,
        Promise::ElectionVersions,
        Promise::ClosedStart,
        Promise::LbSeparates,
        Promise::NoSpan,
        Promise::NoOutage,
    ];
}
