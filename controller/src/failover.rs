//! One failover: look again, ask the nodes, choose, and write the store. The nodes are told after
//! the round (see `probe_loop`).
//!
//! The trap: nothing here waits for a lease of the old master to expire (`promotion_wait` does,
//! before).

use host::{Host, Observation};

use crate::cluster_record::{ClusterRecord, NodeRecord, RecordError, ShardRecord};
use crate::cluster_store::{ClusterStore, ClusterStoreError};
use crate::node_links::NodeLinks;
use crate::peer_vote::{Peers, VoteError};
use crate::probe_outcome::{info_field, info_number};
use crate::rules::ControllerRules;
use crate::successor::{self, Candidate};

/// What a failover works with.
pub(crate) struct Failover<'a> {
    pub(crate) host: &'a Host,
    pub(crate) store: &'a ClusterStore,
    pub(crate) links: &'a NodeLinks,
    /// Whether a lease is configured.
    pub(crate) lease: bool,
    pub(crate) rules: ControllerRules,
    /// Who has to agree; nobody if that is not asked for.
    pub(crate) peers: Option<&'a Peers>,
}

/// Who is to be promoted.
pub(crate) struct Choice<'r> {
    pub(crate) node: &'r NodeRecord,
    /// The version that the promotion must be above: with the rule `store-is-truth` that of every
    /// node that was asked. A node that has the promotion's version already, by an operator's
    /// hand, would take the topology for one that it knows.
    pub(crate) above: i64,
}

/// A promotion that the store has taken.
pub(crate) struct Promoted {
    /// The id of the new master.
    pub(crate) master: String,
}

/// Why nobody was promoted, or why it is not known whether somebody was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FailoverError {
    #[error(transparent)]
    Store(#[from] ClusterStoreError),
    #[error("the shard has no replica")]
    NoReplica,
    #[error("the failing node is no longer the master")]
    NotMaster,
    #[error("no replica can be promoted")]
    NoCandidate,
    #[error(transparent)]
    Vote(#[from] VoteError),
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl Failover<'_> {
    /// Replaces the failing master of a shard.
    pub(crate) async fn run(&self, shard: usize, failing: &str) -> Result<Promoted, FailoverError> {
        let read = self.store.read().await?;
        let record = &read.record;
        let of = check(record, shard, failing)?;
        let chosen = self.choose(of, failing, None).await;
        let Choice { node: master, above } = chosen.ok_or(FailoverError::NoCandidate)?;
        let next = record.promote(shard, &master.id, self.lease)?;
        if let Some(peers) = self.peers {
            peers.agree(shard, failing).await?;
        }
        self.note(format!("promoting {} in shard {shard}", master.address()));
        if let Some(stall) = self.host.point("before-store-write") {
            stall.await;
        }
        let version = self.store.update(&read, next, above).await?;
        self.note(format!(
            "{} is master of shard {shard} from version {version}",
            master.address()
        ));
        Ok(Promoted { master: master.id.clone() })
    }

    /// Asks the old master, then every other node in the order of the list, one by one.
    pub(crate) async fn choose<'r>(
        &self,
        shard: &'r ShardRecord,
        old: &str,
        preferred: Option<&str>,
    ) -> Option<Choice<'r>> {
        let mut of_master = None;
        if let Some(old) = shard.nodes.iter().find(|node| node.id == old) {
            of_master = self.ask(old).await;
        }
        let mut candidates = Vec::new();
        for node in shard.nodes.iter().filter(|node| node.id != old) {
            candidates.extend(self.ask(node).await);
        }
        let master_sequence = of_master.as_ref().map(|answer| answer.sequence);
        let no_empty = self.rules.no_empty_candidate;
        let chosen = successor::choose(master_sequence, &candidates, preferred, no_empty)?;
        let told = of_master.iter().chain(&candidates).map(|answer| answer.version);
        let above = told.max().filter(|_| self.rules.store_is_truth).unwrap_or_default();
        let node = shard.nodes.iter().find(|node| node.id == chosen.id)?;
        Some(Choice { node, above })
    }

    /// CLUSTER INFO and INFO must both be answered well: a node that is loading does neither.
    pub(crate) async fn ask(&self, node: &NodeRecord) -> Option<Candidate> {
        let call = async |args: &[&str]| self.links.call(&node.host, node.port, args).await.ok();
        let cluster_info = call(&["CLUSTER", "INFO"]).await?;
        let version = info_number(&cluster_info, "cluster_current_epoch")?;
        let info = call(&["INFO"]).await?;
        Some(Candidate {
            id: node.id.clone(),
            replica: info_field(&info, "role")? == "slave",
            sequence: info_number(&info, "sequence")?,
            version,
        })
    }

    fn note(&self, text: String) {
        self.host.observe(Observation::Note { text });
    }
}

/// Whether the stored cluster still calls for this failover.
fn check<'r>(
    record: &'r ClusterRecord,
    shard: usize,
    failing: &str,
) -> Result<&'r ShardRecord, FailoverError> {
    let of = record.shards.get(shard).ok_or(FailoverError::NotMaster)?;
    if of.nodes.len() < 2 {
        return Err(FailoverError::NoReplica);
    }
    match of.master() {
        Some(master) if master.id == failing => Ok(of),
        _ => Err(FailoverError::NotMaster),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster_record::tests::{id, record};

    #[test]
    fn the_stored_cluster_is_checked_again() {
        assert!(check(&record(), 0, &id('a')).is_ok());
        assert!(matches!(check(&record(), 0, &id('b')), Err(FailoverError::NotMaster)));
        assert!(matches!(check(&record(), 1, &id('a')), Err(FailoverError::NotMaster)));
        let mut alone = record();
        alone.shards[0].nodes.truncate(1);
        assert!(matches!(check(&alone, 0, &id('a')), Err(FailoverError::NoReplica)));
    }
}
