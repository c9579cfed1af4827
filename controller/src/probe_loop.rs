//! The probe loop of the leading controller, round by round, as upstream has it:
//!
//! 1. read the cluster from the store; if that fails, skip the round;
//! 2. probe every node at once, with a HEARTBEAT beside it if there is a lease; count failures;
//!    a master that has failed often enough is replaced in the store at once (or, with the rule
//!    `promotion-wait`, beside the rounds);
//! 3. wait for all of that;
//! 4. if a node has a higher version than the record, see `higher_version`;
//! 5. if the store was written: read it again and tell every node.
//!
//! With the rule `dated-heartbeat` it has an order of its own, and a master that is told its
//! topology gets its heartbeats then, not with the next round (see `dated_heartbeat`).
//!
//! Beside the rounds, load balancers are redirected and asked whether their redirects still hold;
//! no round waits for one.
//!
//! The trap: one silent node makes the round last as long as its timeout, and with it the time
//! between two heartbeats of every other node.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures_util::future::{join, join_all, join3};
use host::{Host, Observation};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::cluster_record::{NodeRecord, NodeRole};
use crate::cluster_store::{ClusterStoreError, ReadRecord};
use crate::config::ControllerConfig;
use crate::failover::Failover;
use crate::failure_count::FailureCounts;
use crate::higher_version::Higher;
use crate::leader_guard::TermGuard;
use crate::probe_outcome::ProbeOutcome;
use crate::promotion_wait::{Failing, Waiting};
use crate::redirector::Redirector;
use crate::stamps::Stamps;
use crate::switchover::Order;
use crate::term::{LastRead, Term};
use crate::ticker::Ticker;

/// The loop's state; it lives as long as the belief to lead.
pub(crate) struct ProbeLoop {
    pub(crate) term: Term,
    pub(crate) waiting: Waiting,
    failures: RefCell<FailureCounts>,
    redirector: Redirector,
    /// Whether something that everybody is to be told was committed in this round.
    pub(crate) committed: Cell<bool>,
}

/// What one round goes by.
struct Round {
    /// Known before the record was read.
    stamps: RefCell<Stamps>,
    read: ReadRecord,
    higher: Higher,
}

impl ProbeLoop {
    /// `waiting` tells whoever runs the loop which failovers have to wait.
    pub(crate) fn new(
        host: &Host,
        config: &ControllerConfig,
        guard: TermGuard,
        waiting: Waiting,
        last_read: LastRead,
    ) -> Self {
        Self {
            term: Term::new(host, config, guard, last_read),
            waiting,
            failures: RefCell::new(FailureCounts::new(config.probe.failures)),
            redirector: Redirector::new(host, config.probe.timeouts()),
            committed: Cell::new(false),
        }
    }

    /// Sees that there is a cluster, then probes at every tick, for ever; keeps the load balancers
    /// redirected; sees to failovers that have to wait; and carries out orders.
    pub(crate) async fn run(
        &self,
        begun: UnboundedReceiver<Rc<Failing>>,
        orders: UnboundedReceiver<Order>,
    ) {
        let beside = join(self.redirector.run(), self.waiting_failovers(begun));
        join3(self.rounds(), beside, self.orders(orders)).await;
    }

    /// Carries out what operators order, one after another, beside the rounds.
    async fn orders(&self, mut orders: UnboundedReceiver<Order>) {
        while let Some(Order { what, outcome }) = orders.recv().await {
            // Whoever ordered may have gone.
            let _ = outcome.send(self.switch_over(&what).await);
        }
    }

    async fn rounds(&self) {
        let mut ticker = Ticker::new(&self.term.host, self.term.config.probe.interval());
        if let Some(read) = self.read_or_create().await {
            self.redirector.tell(&read.record);
        }
        loop {
            ticker.tick().await;
            self.round().await;
        }
    }

    async fn round(&self) {
        let stamps = RefCell::new(self.term.stamps.borrow_mut().freeze());
        let Some(read) = self.read_or_create().await else {
            return;
        };
        self.redirector.tell(&read.record);
        self.term.last_read.replace(Some(read.record.clone()));
        let round = Round { stamps, read, higher: Higher::default() };
        let nodes = round.read.record.nodes();
        join_all(nodes.map(|(shard, _, node)| self.probe(&round, shard, node))).await;
        self.settle_higher(round.higher, &round.read).await;
        if self.committed.take() {
            self.publish().await;
        }
    }

    /// The cluster of this round. A cluster that was created just now is told to every node.
    async fn read_or_create(&self) -> Option<ReadRecord> {
        match self.try_read_or_create().await {
            Ok(read) => Some(read),
            Err(error) => {
                self.term.note(format!("round skipped: {error}"));
                None
            }
        }
    }

    async fn try_read_or_create(&self) -> Result<ReadRecord, ClusterStoreError> {
        if let Some(read) = self.term.store.find().await? {
            return Ok(read);
        }
        let initial = &self.term.config.initial;
        self.term.store.create(initial).await?;
        self.term.note(format!("cluster created with version {}", initial.version));
        self.publish().await;
        self.term.store.read().await
    }

    /// Reads the store again and tells everybody what it has.
    pub(crate) async fn publish(&self) {
        if let Some(stall) = self.term.host.point("before-topology-push") {
            stall.await;
        }
        let read = match self.term.store.read().await {
            Ok(read) => read,
            Err(error) => return self.term.note(format!("topology not pushed: {error}")),
        };
        self.redirector.tell(&read.record);
        let tell = |(shard, _, node)| self.tell(&read, shard, node);
        join_all(read.record.nodes().map(tell)).await;
    }

    /// Tells a node its topology; whether it has taken it. With dated heartbeats a master that has
    /// gets its heartbeats at once, not with the next round.
    pub(crate) async fn tell(&self, read: &ReadRecord, shard: usize, node: &NodeRecord) -> bool {
        if let Err(error) = self.term.push(&read.record, node).await {
            let version = read.record.version;
            self.term.note(format!("push of version {version} to {}: {error}", node.address()));
            return false;
        }
        if self.dated() {
            let version = read.record.version;
            self.term.grant_dated(read, &RefCell::default(), shard, node, version).await;
        }
        true
    }

    async fn probe(&self, round: &Round, shard: usize, node: &NodeRecord) {
        let Round { stamps, read, .. } = round;
        let outcome = if self.dated() {
            self.term.ask_info(node).await
        } else {
            self.term.ask(read, shard, node).await
        };
        match outcome {
            ProbeOutcome::Loading => {}
            ProbeOutcome::Healthy { version } => {
                self.failures.borrow_mut().clear(&node.id);
                self.leave_in_office(shard, &node.id);
                if self.dated() {
                    self.term.grant_dated(read, stamps, shard, node, version).await;
                }
                self.compare_version(round, shard, node, version).await;
            }
            ProbeOutcome::Failed(reason) => self.count_failure(shard, node, &reason).await,
        }
    }

    async fn compare_version(&self, round: &Round, shard: usize, node: &NodeRecord, version: i64) {
        let Round { read, higher, .. } = round;
        if version > read.record.version {
            self.found_higher(higher, node, version).await;
        } else if version < read.record.version {
            self.tell(read, shard, node).await;
        }
    }

    async fn count_failure(&self, shard: usize, node: &NodeRecord, reason: &str) {
        let count = self.failures.borrow_mut().failed(&node.id);
        let max = self.term.config.probe.failures;
        self.term.note(format!("probe of {} failed, {count} of {max}: {reason}", node.address()));
        let due = self.failures.borrow().calls_for_promotion(count);
        if !due || node.role != NodeRole::Master {
            return;
        }
        if self.waits_for_expiry() {
            self.wait_to_fail_over(shard, &node.id);
        } else {
            self.observe_failover(shard);
            if self.fail_over(shard, &node.id).await {
                self.committed.set(true);
            }
        }
    }

    pub(crate) fn observe_failover(&self, shard: usize) {
        let shard = u32::try_from(shard).unwrap_or(u32::MAX);
        self.term.host.observe(Observation::FailoverBegun { shard });
    }

    /// Replaces the failing master in the store; whether that surely is done.
    pub(crate) async fn fail_over(&self, shard: usize, failing: &str) -> bool {
        match self.failover().run(shard, failing).await {
            Ok(promoted) => {
                self.clear_failures(&promoted.master);
                true
            }
            Err(error) => {
                self.term.note(format!("failover of shard {shard}: {error}"));
                false
            }
        }
    }

    pub(crate) fn failover(&self) -> Failover<'_> {
        let Term { host, store, links, config, peers, .. } = &self.term;
        let (lease, peers) = (config.lease.is_some(), peers.as_ref());
        Failover { host, store, links, lease, rules: config.rules, peers }
    }

    /// A new master starts from zero.
    pub(crate) fn clear_failures(&self, master: &str) {
        self.failures.borrow_mut().clear(master);
    }

    fn dated(&self) -> bool {
        self.term.config.rules.dated_heartbeat
    }
}
