//! The probe loop of the leading controller, round by round, as upstream has it:
//!
//! 1. read the cluster from the store; if that fails, skip the round;
//! 2. probe every node at once, with a HEARTBEAT beside it if there is a lease; count failures;
//!    a master that has failed often enough is replaced in the store at once;
//! 3. wait for all of that;
//! 4. if the store was written: read it again and tell every node.
//!
//! Beside the rounds, load balancers are redirected and asked whether their redirects still hold;
//! no round waits for one.
//!
//! The trap: one silent node makes the round last as long as its timeout, and with it the time
//! between two heartbeats of every other node.

use std::cell::{Cell, RefCell};

use bytes::Bytes;
use futures_util::future::{join, join_all};
use host::{Host, Observation};
use node::client::ClientError;
use node::resp::Frame;

use crate::cluster_record::{ClusterRecord, NodeRecord, NodeRole, ShardRecord};
use crate::cluster_store::{ClusterStore, ClusterStoreError};
use crate::config::{ControllerConfig, Heartbeat};
use crate::failover::Failover;
use crate::failure_count::FailureCounts;
use crate::node_links::{NodeLinks, ProbeReplies};
use crate::probe_outcome::{ProbeOutcome, judge};
use crate::redirector::Redirector;
use crate::store::client::StoreClient;
use crate::ticker::Ticker;
use crate::topology_push;

/// The loop's state; it lives as long as the belief to lead.
pub(crate) struct ProbeLoop {
    host: Host,
    config: ControllerConfig,
    store: ClusterStore,
    links: NodeLinks,
    failures: RefCell<FailureCounts>,
    redirector: Redirector,
    /// Whether a promotion was committed in this round.
    committed: Cell<bool>,
}

impl ProbeLoop {
    pub(crate) fn new(host: &Host, config: &ControllerConfig) -> Self {
        let client = StoreClient::new(host, &config.store, config.store_timeouts());
        Self {
            host: host.clone(),
            config: config.clone(),
            store: ClusterStore::new(client),
            links: NodeLinks::new(host, config.probe.timeouts()),
            failures: RefCell::new(FailureCounts::new(config.probe.failures)),
            redirector: Redirector::new(host, config.probe.timeouts()),
            committed: Cell::new(false),
        }
    }

    /// Sees that there is a cluster, then probes at every tick, for ever; and keeps the load
    /// balancers redirected.
    pub(crate) async fn run(&self) {
        join(self.rounds(), self.redirector.run()).await;
    }

    async fn rounds(&self) {
        let mut ticker = Ticker::new(&self.host, self.config.probe.interval());
        if let Some(record) = self.read_or_create().await {
            self.redirector.tell(&record);
        }
        loop {
            ticker.tick().await;
            self.round().await;
        }
    }

    async fn round(&self) {
        let Some(record) = self.read_or_create().await else {
            return;
        };
        self.redirector.tell(&record);
        let probes = record.nodes().map(|(shard, of, node)| self.probe(&record, shard, of, node));
        join_all(probes).await;
        if self.committed.take() {
            self.publish().await;
        }
    }

    /// The cluster of this round. A cluster that was created just now is told to every node.
    async fn read_or_create(&self) -> Option<ClusterRecord> {
        match self.try_read_or_create().await {
            Ok(record) => Some(record),
            Err(error) => {
                self.note(format!("round skipped: {error}"));
                None
            }
        }
    }

    async fn try_read_or_create(&self) -> Result<ClusterRecord, ClusterStoreError> {
        if let Some(record) = self.store.find().await? {
            return Ok(record);
        }
        self.store.create(&self.config.initial).await?;
        self.note(format!("cluster created with version {}", self.config.initial.version));
        self.publish().await;
        self.store.read().await
    }

    /// Reads the store again and tells everybody what it has.
    async fn publish(&self) {
        if let Some(stall) = self.host.point("before-topology-push") {
            stall.await;
        }
        let record = match self.store.read().await {
            Ok(record) => record,
            Err(error) => return self.note(format!("topology not pushed: {error}")),
        };
        self.redirector.tell(&record);
        for (node, error) in topology_push::push_to_all(&self.links, &record).await {
            self.note(format!("push of version {} to {}: {error}", record.version, node.address()));
        }
    }

    async fn probe(
        &self,
        record: &ClusterRecord,
        shard: usize,
        of: &ShardRecord,
        node: &NodeRecord,
    ) {
        match self.ask(record, of, node).await {
            ProbeOutcome::Loading => {}
            ProbeOutcome::Healthy { version } => {
                self.failures.borrow_mut().clear(&node.id);
                self.compare_version(record, node, version).await;
            }
            ProbeOutcome::Failed(reason) => self.count_failure(shard, node, &reason).await,
        }
    }

    /// CLUSTER INFO, and HEARTBEAT with it or after it.
    async fn ask(
        &self,
        record: &ClusterRecord,
        of: &ShardRecord,
        node: &NodeRecord,
    ) -> ProbeOutcome {
        let info = words(["CLUSTER", "INFO"]);
        let Some(heartbeat) = self.heartbeat(record, of) else {
            return judge(&self.links.call(&node.host, node.port, &info).await);
        };
        match self.config.heartbeat {
            Heartbeat::WithInfo => {
                let requests = [info, heartbeat];
                let ProbeReplies { info, heartbeat } =
                    self.links.call_both(&node.host, node.port, &requests).await;
                heartbeat.into_iter().for_each(|reply| self.note_heartbeat(node, reply));
                judge(&info)
            }
            Heartbeat::AfterInfo => {
                let outcome = judge(&self.links.call(&node.host, node.port, &info).await);
                if let ProbeOutcome::Healthy { .. } = outcome {
                    let reply = self.links.call(&node.host, node.port, &heartbeat).await;
                    self.note_heartbeat(node, reply);
                }
                outcome
            }
        }
    }

    /// The HEARTBEAT for every node of a shard, the one that grants nothing included: it names
    /// the shard's master, and others ignore it.
    fn heartbeat(&self, record: &ClusterRecord, of: &ShardRecord) -> Option<Vec<Bytes>> {
        let ttl_ms = self.config.lease?.ttl_ms.to_string();
        let master = of.master()?.id.as_str();
        Some(words([
            "CLUSTERX",
            "HEARTBEAT",
            master,
            &ttl_ms,
            &record.election_version.to_string(),
        ]))
    }

    fn note_heartbeat(&self, node: &NodeRecord, reply: Result<Frame, ClientError>) {
        match reply {
            Ok(Frame::Error(text)) => self.note(format!("heartbeat of {}: {text}", node.address())),
            Err(error) => self.note(format!("heartbeat of {}: {error}", node.address())),
            Ok(_) => {}
        }
    }

    async fn compare_version(&self, record: &ClusterRecord, node: &NodeRecord, version: i64) {
        let (node_address, stored) = (node.address(), record.version);
        if version > stored {
            self.note(format!(
                "{node_address} has version {version}, the store {stored}: not adopted"
            ));
        } else if version < stored
            && let Err(error) = topology_push::push(&self.links, record, node).await
        {
            self.note(format!("push of version {stored} to {node_address}: {error}"));
        }
    }

    async fn count_failure(&self, shard: usize, node: &NodeRecord, reason: &str) {
        let count = self.failures.borrow_mut().failed(&node.id);
        let max = self.config.probe.failures;
        self.note(format!("probe of {} failed, {count} of {max}: {reason}", node.address()));
        let due = self.failures.borrow().calls_for_promotion(count);
        if due && node.role == NodeRole::Master {
            self.fail_over(shard, node).await;
        }
    }

    async fn fail_over(&self, shard: usize, failing: &NodeRecord) {
        let lease = self.config.lease.is_some();
        let failover = Failover { host: &self.host, store: &self.store, links: &self.links, lease };
        match failover.run(shard, &failing.id).await {
            Ok(promoted) => {
                self.failures.borrow_mut().clear(&promoted.master);
                self.committed.set(true);
            }
            Err(error) => self.note(format!("failover of shard {shard}: {error}")),
        }
    }

    fn note(&self, text: String) {
        self.host.observe(Observation::Note { text });
    }
}

fn words<const N: usize>(words: [&str; N]) -> Vec<Bytes> {
    words.iter().map(|word| Bytes::copy_from_slice(word.as_bytes())).collect()
}
