//! What a probe asks of a node: CLUSTER INFO, and the HEARTBEAT that grants the lease, as
//! upstream designs it: to every node of a shard, in one write with CLUSTER INFO or after it.
//!
//! What this is not: the heartbeat of the rule `dated-heartbeat` (see `dated_heartbeat`).
//!
//! The trap: nothing says when a HEARTBEAT will be processed. One that waits grants a whole TTL
//! from then.

use bytes::Bytes;
use node::client::ClientError;
use node::resp::Frame;

use crate::cluster_record::{ClusterRecord, NodeRecord};
use crate::cluster_store::ReadRecord;
use crate::config::Heartbeat;
use crate::node_links::ProbeReplies;
use crate::probe_outcome::{ProbeOutcome, judge};
use crate::term::Term;

impl Term {
    /// CLUSTER INFO, and HEARTBEAT with it or after it.
    pub(crate) async fn ask(
        &self,
        read: &ReadRecord,
        shard: usize,
        node: &NodeRecord,
    ) -> ProbeOutcome {
        let Some(heartbeat) = self.heartbeat(&read.record, shard) else {
            return self.ask_info(node).await;
        };
        match self.config.heartbeat {
            Heartbeat::WithInfo => {
                if !self.may_send(read, shard, node).await {
                    return self.ask_info(node).await;
                }
                let requests = [words(["CLUSTER", "INFO"]), heartbeat];
                let ProbeReplies { info, heartbeat } =
                    self.links.call_both(&node.host, node.port, &requests).await;
                heartbeat.into_iter().for_each(|reply| self.note_heartbeat(node, &reply));
                judge(&info)
            }
            Heartbeat::AfterInfo => {
                let outcome = self.ask_info(node).await;
                if let ProbeOutcome::Healthy { .. } = outcome {
                    self.send_heartbeat(read, shard, node, &heartbeat).await;
                }
                outcome
            }
        }
    }

    /// Hands a heartbeat over by itself, unless nothing may be granted under this record any
    /// more; the good reply.
    pub(crate) async fn send_heartbeat(
        &self,
        read: &ReadRecord,
        shard: usize,
        node: &NodeRecord,
        heartbeat: &[Bytes],
    ) -> Option<Frame> {
        if !self.may_send(read, shard, node).await {
            return None;
        }
        let reply = self.links.call(&node.host, node.port, heartbeat).await;
        self.note_heartbeat(node, &reply);
        reply.ok().filter(|reply| !matches!(reply, Frame::Error(_)))
    }

    /// Asks the last questions before a heartbeat is handed over.
    async fn may_send(&self, read: &ReadRecord, shard: usize, node: &NodeRecord) -> bool {
        if let Some(stall) = self.host.point("before-heartbeat") {
            stall.await;
        }
        let granted = self.grant_now(read, shard);
        if let Some(stall) = self.host.point("after-guard-check") {
            stall.await;
        }
        if let Err(why) = granted {
            self.note(format!("no heartbeat to {}: {why}", node.address()));
        }
        granted.is_ok()
    }

    /// CLUSTER INFO alone.
    pub(crate) async fn ask_info(&self, node: &NodeRecord) -> ProbeOutcome {
        judge(&self.links.call(&node.host, node.port, &["CLUSTER", "INFO"]).await)
    }

    /// The HEARTBEAT of a shard without a stamp: it names the shard's master, and others ignore
    /// it.
    pub(crate) fn heartbeat(&self, record: &ClusterRecord, shard: usize) -> Option<Vec<Bytes>> {
        let ttl_ms = self.config.lease?.ttl_ms.to_string();
        let master = record.shards.get(shard)?.master()?.id.as_str();
        Some(words([
            "CLUSTERX",
            "HEARTBEAT",
            master,
            &ttl_ms,
            &record.election_version.to_string(),
        ]))
    }

    /// Notes what went wrong with a heartbeat, if anything did.
    fn note_heartbeat(&self, node: &NodeRecord, reply: &Result<Frame, ClientError>) {
        match reply {
            Ok(Frame::Error(text)) => self.note(format!("heartbeat of {}: {text}", node.address())),
            Err(error) => self.note(format!("heartbeat of {}: {error}", node.address())),
            Ok(_) => {}
        }
    }
}

fn words<const N: usize>(words: [&str; N]) -> Vec<Bytes> {
    words.iter().map(|word| Bytes::copy_from_slice(word.as_bytes())).collect()
}
