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
    /// Milliseconds from the heal until every shard had an authoritative node and kept one until
    /// the end of converge; the whole stretch if one had none in the end, 0 if all always had one.
    #[serde(default)]
    pub recovery_ms: u64,
    /// The unavailability by shard, with every outage and its parts.
    #[serde(default)]
    pub availability: Vec<Availability>,
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

/// How long a shard had no authoritative node, from the end of settle to the end of converge.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Availability {
    /// The shard.
    pub shard: u32,
    /// All its outages together, in milliseconds.
    pub unavailable_ms: u64,
    /// The longest of them, in milliseconds.
    pub longest_ms: u64,
    /// Its outages, in order.
    pub outages: Vec<Outage>,
}

/// A stretch of time in which a shard had no authoritative node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    /// The shard.
    pub shard: u32,
    /// When the last authority was lost, in simulated milliseconds; the end of settle if it was
    /// lost before.
    pub from_ms: u64,
    /// When a node was authoritative again; the end of converge if none was until then.
    pub until_ms: u64,
    /// What ended it.
    pub end: OutageEnd,
    /// What it was made of: its parts sum up to its length.
    pub parts: OutageParts,
    /// Milliseconds from its end to the first write that the node which ended it acknowledged;
    /// none if that acknowledged nothing until the next outage. No part of the outage: for so
    /// long clients go elsewhere, or wait.
    pub client_reaction_ms: Option<u64>,
    /// The numbers of the events that show it: the loss, the failover's beginning, its commit,
    /// the new master that acts under it, and the authority that ended the outage, as far as
    /// there are any.
    pub evidence: Vec<u64>,
}

impl Outage {
    /// Its length in milliseconds.
    pub fn length_ms(&self) -> u64 {
        self.until_ms - self.from_ms
    }
}

/// What ended an outage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum OutageEnd {
    /// A node that acts under a later commit than the one that had authority before.
    Failover {
        /// Its machine.
        to: String,
    },
    /// A node that acts under no later commit: as a rule the one that had authority before came
    /// back.
    Recovery {
        /// Its machine.
        of: String,
    },
    /// Nothing, as long as it is judged.
    Nothing,
}

/// The parts of an outage, in milliseconds and in the order of time; `sim::check` says how they
/// are told apart. One that nothing ended has those that were reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutageParts {
    /// Until a controller began with the failover.
    pub detection_ms: u64,
    /// From then on until the store's commit.
    pub election_ms: u64,
    /// From then on until the new master acted under it.
    pub push_ms: u64,
    /// The new master acted under it, and its lease did not let it write.
    pub lease_wait_ms: u64,
    /// The new master acted under it, and something else kept it from writing: it hung, was
    /// down, loading or paused.
    pub not_ready_ms: u64,
    /// All of an outage that no failover ended.
    pub recovery_ms: u64,
}

impl OutageParts {
    /// All of them, in milliseconds: the length of the outage.
    pub fn total_ms(&self) -> u64 {
        let Self { detection_ms, election_ms, push_ms, lease_wait_ms, not_ready_ms, recovery_ms } =
            self;
        detection_ms + election_ms + push_ms + lease_wait_ms + not_ready_ms + recovery_ms
    }
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

    /// The longest outage, the first one of equals; none if there was none.
    pub fn longest_outage(&self) -> Option<&Outage> {
        let outages = self.availability.iter().flat_map(|shard| &shard.outages);
        outages.rev().max_by_key(|outage| outage.length_ms())
    }
}
