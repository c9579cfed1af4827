//! Failovers under the rule `promotion-wait`: nobody is promoted before every lease that can have
//! been granted to the old master has expired. They wait beside the rounds, each shard by itself,
//! so that no other master misses a heartbeat meanwhile.
//!
//! From the decision on until its outcome nothing is granted to the shard, so that the moment
//! that is waited for does not move. The candidates are asked, and the record is read, after the
//! wait. A master that answers again during the wait is left in office.
//!
//! The trap: between the end of the wait and the store's answer the old master may well be back.
//! It gets no lease all the same; who leads then is for the next read of the store to say.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use host::Clock;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use crate::probe_loop::ProbeLoop;

/// The failovers that wait, by shard.
pub(crate) struct Waiting {
    begun: UnboundedSender<Rc<Failing>>,
    by_shard: RefCell<BTreeMap<usize, Rc<Failing>>>,
}

/// A master that is to be replaced.
pub(crate) struct Failing {
    shard: usize,
    master: String,
    answers_again: Notify,
}

impl Waiting {
    /// Tells `begun` of every failover that begins to wait.
    pub(crate) fn new(begun: UnboundedSender<Rc<Failing>>) -> Self {
        Self { begun, by_shard: RefCell::default() }
    }

    fn begin(&self, shard: usize, master: &str) {
        let failing = Failing { shard, master: master.to_owned(), answers_again: Notify::new() };
        let failing = Rc::new(failing);
        self.by_shard.borrow_mut().insert(shard, failing.clone());
        // Nobody hears of it only if the loop is being dropped.
        let _ = self.begun.send(failing);
    }

    /// Whether this master was waited for; it no longer is then.
    fn withdraw(&self, shard: usize, master: &str) -> bool {
        let mut by_shard = self.by_shard.borrow_mut();
        let waits = by_shard.get(&shard).is_some_and(|failing| failing.master == master);
        let withdrawn = if waits { by_shard.remove(&shard) } else { None };
        withdrawn.map(|failing| failing.answers_again.notify_one()).is_some()
    }
}

impl ProbeLoop {
    /// The master has failed often enough: nothing is granted to its shard from now on, and once
    /// its leases have expired it is replaced.
    pub(crate) fn wait_to_fail_over(&self, shard: usize, master: &str) {
        if self.term.grants.borrow_mut().withhold(shard) {
            self.observe_failover(shard);
            self.waiting.begin(shard, master);
        }
    }

    /// Whether promotions have to wait for leases to expire.
    pub(crate) fn waits_for_expiry(&self) -> bool {
        self.term.config.rules.promotion_wait && self.term.config.lease.is_some()
    }

    /// When every lease that can have been granted to a master has expired.
    pub(crate) fn leases_expire_at(&self, master: &str) -> Duration {
        let ttl = self.term.config.lease.map_or(0, |lease| lease.ttl_ms);
        self.term.grants.borrow().expired_at(master, Duration::from_millis(ttl))
    }

    /// The master answers again: if nobody has gone about replacing it yet, nobody does.
    pub(crate) fn leave_in_office(&self, shard: usize, master: &str) {
        if self.waiting.withdraw(shard, master) {
            self.term.grants.borrow_mut().resume(shard);
            self.term.note(format!("failover of shard {shard}: the master answers again"));
        }
    }

    /// Sees to every failover that has begun, for ever.
    pub(crate) async fn waiting_failovers(&self, mut begun: UnboundedReceiver<Rc<Failing>>) {
        let mut waiting = FuturesUnordered::new();
        loop {
            tokio::select! {
                biased;
                Some(failing) = begun.recv() => waiting.push(self.wait_for_expiry(failing)),
                Some(()) = waiting.next() => {}
            }
        }
    }

    async fn wait_for_expiry(&self, failing: Rc<Failing>) {
        let Failing { shard, master, answers_again } = &*failing;
        let expired_at = self.leases_expire_at(master);
        let left = expired_at.saturating_sub(self.term.host.now(Clock::Boottime));
        if !left.is_zero() {
            let left_ms = left.as_millis();
            self.term.note(format!("failover of shard {shard}: leases may run for {left_ms} ms"));
        }
        tokio::select! {
            biased;
            () = answers_again.notified() => return,
            () = self.term.host.sleep_until(Clock::Boottime, expired_at) => {}
        }
        self.waiting.by_shard.borrow_mut().remove(shard);
        let committed = self.fail_over(*shard, master).await;
        self.term.grants.borrow_mut().resume(*shard);
        if committed {
            self.publish().await;
        }
    }
}
