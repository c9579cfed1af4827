//! The figures of a run (DESIGN section 6): how long the split brain lasted and what it cost.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::history::Via;

/// The figures of one run, all shards together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Every commit that changed a shard's master, in store order.
    pub failovers: Vec<Failover>,
    /// The run's span in milliseconds: the greatest of its failovers' spans.
    pub span_ms: u64,
    /// Total milliseconds after p with two authoritative nodes in a shard.
    pub overlap_ms: u64,
    /// Writes acknowledged by a deposed node after p, by the way their client came.
    pub stale_writes: BTreeMap<Via, u64>,
    /// Milliseconds after p in which an LB still sent new connections to the deposed node.
    pub stale_route_ms: u64,
    /// Acknowledged writes that are absent from the final state, by cause.
    pub lost_writes: LostWrites,
    /// Milliseconds without an authoritative node, from the end of settle to the end of
    /// converge, summed over shards.
    pub unavailable_ms: u64,
    /// Client operations by how they ended.
    pub operations: Operations,
}

/// One commit that changed a shard's master.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failover {
    /// The shard.
    pub shard: u32,
    /// k: the commit's place among those that changed this shard's master; 0 is the first
    /// master and no failover, so this counts from 1.
    pub commit: usize,
    /// The topology version of the commit.
    pub version: i64,
    /// The machine that was master until then.
    pub from: String,
    /// The machine that the commit names.
    pub to: String,
    /// When the store committed it, in simulated milliseconds.
    pub committed_at_ms: u64,
    /// p: when a node acting under it, or a later commit, was first authoritative; none is a
    /// promotion without effect.
    pub effective_at_ms: Option<u64>,
    /// The last instant at or after p at which a deposed node's authority or acknowledgement
    /// counted for this commit.
    pub last_stale_at_ms: Option<u64>,
    /// The span in milliseconds: the last such instant minus p, 0 if none.
    pub span_ms: u64,
    /// Writes acknowledged by a deposed node, counted for this commit.
    pub stale_writes: u64,
    /// The numbers of the events that show p and the last stale instant.
    pub evidence: Vec<u64>,
}

/// Acknowledged writes that are absent from the final state, by the tenure that acknowledged
/// them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostWrites {
    /// Acknowledged before the p of the commit that ended the tenure.
    pub replication_lag: u64,
    /// Acknowledged after it.
    pub split_brain: u64,
    /// No commit ended the tenure: fails always.
    pub unexplained: u64,
}

impl LostWrites {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.replication_lag + self.split_brain + self.unexplained
    }
}

/// Client operations by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operations {
    /// Acknowledged.
    pub ok: u64,
    /// Surely not done.
    pub fail: u64,
    /// May have been done.
    pub info: u64,
}

impl Figures {
    /// All stale writes, whichever way their client came.
    pub fn stale_writes_total(&self) -> u64 {
        self.stale_writes.values().sum()
    }
}
