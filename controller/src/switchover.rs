//! A planned switchover, as upstream's manual failover does it: choose, pause the old master, let
//! the replica catch up, write the store, tell both, end the pause.
//!
//! With the rule `promotion-wait` the pause is also what revokes the old master's lease: it lasts
//! for a whole TTL, which is longer than any lease that was granted before the old master said
//! that it is paused. It is ended early only by an old master that has taken the new topology, or
//! by one that surely stays in office. Without an answer to the pause there is no switchover, or,
//! when forced, one that waits until the leases have expired.
//!
//! What this is not: a failover. The old master is asked and has to answer.
//!
//! The trap: upstream's pause lasts half a second whatever happens. A controller that is slower
//! than that tells the new master while the old one acts again.

use std::time::Duration;

use futures_util::future::join;
use host::{Clock, Observation};
use node::resp::Frame;
use tokio::sync::oneshot;

use crate::cluster_record::{NodeRecord, RecordError, ShardRecord};
use crate::cluster_store::{ClusterStoreError, ReadRecord};
use crate::failover::Choice;
use crate::probe_loop::ProbeLoop;
use crate::successor::Candidate;

/// An order, and where to tell what became of it. If this is dropped, it is not known.
pub(crate) struct Order {
    pub(crate) what: SwitchoverOrder,
    pub(crate) outcome: oneshot::Sender<Result<String, SwitchoverError>>,
}

/// Which shard to switch over, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SwitchoverOrder {
    pub(crate) shard: usize,
    /// Who is to be master; the best candidate if nobody is named.
    pub(crate) preferred: Option<String>,
    /// Whether to go on if the replica does not catch up.
    pub(crate) force: bool,
}

/// Why a shard was not switched over, or why it is not known whether it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SwitchoverError {
    #[error(transparent)]
    Store(#[from] ClusterStoreError),
    #[error("there is no shard {0}")]
    NoShard(usize),
    #[error("the shard is about to be failed over")]
    Busy,
    #[error("no replica can be promoted")]
    NoCandidate,
    #[error("{0} cannot be promoted")]
    NotEligible(String),
    #[error("the old master cannot be paused: {0}")]
    NotPaused(String),
    #[error("the replica has not caught up within {} ms", CATCH_UP_MAX.as_millis())]
    Behind,
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl ProbeLoop {
    /// Carries an order out; the id of the new master.
    pub(crate) async fn switch_over(
        &self,
        order: &SwitchoverOrder,
    ) -> Result<String, SwitchoverError> {
        if self.waits_for_expiry() && !self.term.grants.borrow_mut().withhold(order.shard) {
            return Err(SwitchoverError::Busy);
        }
        let switched = self.switch_over_ungranted(order).await;
        if self.waits_for_expiry() {
            self.term.grants.borrow_mut().resume(order.shard);
        }
        let master = switched?;
        self.clear_failures(&master);
        self.publish().await;
        Ok(master)
    }

    /// All of it, while the shard is granted nothing if the rule is on.
    async fn switch_over_ungranted(
        &self,
        order: &SwitchoverOrder,
    ) -> Result<String, SwitchoverError> {
        self.observe_failover(order.shard);
        let read = self.term.store.read().await?;
        let no_shard = SwitchoverError::NoShard(order.shard);
        let of = read.record.shards.get(order.shard).ok_or(no_shard)?;
        let old = of.master().ok_or(SwitchoverError::NoCandidate)?;
        let choice = self.choose_new(of, old, order.preferred.as_deref()).await?;
        let new = choice.node;
        let paused = match self.pause(old).await {
            Ok(()) => true,
            Err(error) if !order.force => return Err(error),
            Err(error) => {
                self.term.note(format!("switchover of shard {}: {error}", order.shard));
                self.until_expired(&old.id).await;
                false
            }
        };
        if paused && !self.catches_up(old, new).await && !order.force {
            self.unpause(old).await;
            return Err(SwitchoverError::Behind);
        }
        self.commit(order.shard, &read, old, choice).await?;
        Ok(new.id.clone())
    }

    async fn choose_new<'r>(
        &self,
        of: &'r ShardRecord,
        old: &NodeRecord,
        preferred: Option<&str>,
    ) -> Result<Choice<'r>, SwitchoverError> {
        let chosen = self.failover().choose(of, &old.id, preferred).await;
        let choice = chosen.ok_or(SwitchoverError::NoCandidate)?;
        match preferred {
            Some(preferred) if choice.node.id != preferred => {
                Err(SwitchoverError::NotEligible(preferred.to_owned()))
            }
            _ => Ok(choice),
        }
    }

    /// The old master takes no write from its answer on.
    async fn pause(&self, old: &NodeRecord) -> Result<(), SwitchoverError> {
        let ttl = match self.waits_for_expiry() {
            true => self.term.config.lease.map_or(0, |lease| lease.ttl_ms),
            false => 0,
        };
        let pause_ms = ttl.max(PAUSE_MS).to_string();
        let pause = ["CLIENT", "PAUSE", &pause_ms, "WRITE"];
        match self.term.links.call(&old.host, old.port, &pause).await {
            Ok(Frame::SimpleString(_)) => Ok(()),
            Ok(Frame::Error(text)) => Err(SwitchoverError::NotPaused(text.to_string())),
            Ok(_) => Err(SwitchoverError::NotPaused("unexpected reply".to_owned())),
            Err(error) => Err(SwitchoverError::NotPaused(error.to_string())),
        }
    }

    async fn unpause(&self, old: &NodeRecord) {
        let unpaused = self.term.links.call(&old.host, old.port, &["CLIENT", "UNPAUSE"]).await;
        if let Err(error) = unpaused {
            self.term.note(format!("unpause of {}: {error}", old.address()));
        }
    }

    async fn until_expired(&self, old: &str) {
        if self.waits_for_expiry() {
            let expired_at = self.leases_expire_at(old);
            self.term.host.sleep_until(Clock::Boottime, expired_at).await;
        }
    }

    /// Asks both for their sequences until the new one has all that the old one has.
    async fn catches_up(&self, old: &NodeRecord, new: &NodeRecord) -> bool {
        let host = &self.term.host;
        let deadline = host.now(Clock::Monotonic).saturating_add(CATCH_UP_MAX);
        let failover = self.failover();
        loop {
            if let (Some(Candidate { sequence: of_old, .. }), Some(Candidate { sequence, .. })) =
                join(failover.ask(old), failover.ask(new)).await
                && sequence >= of_old
            {
                return true;
            }
            if host.now(Clock::Monotonic) >= deadline {
                return false;
            }
            host.sleep(Clock::Monotonic, CATCH_UP_PAUSE).await;
        }
    }

    /// Writes the store and tells both.
    async fn commit(
        &self,
        shard: usize,
        read: &ReadRecord,
        old: &NodeRecord,
        Choice { node: new, above }: Choice<'_>,
    ) -> Result<(), SwitchoverError> {
        let next = read.record.promote(shard, &new.id, self.term.config.lease.is_some())?;
        if let Some(stall) = self.term.host.point("before-store-write") {
            stall.await;
        }
        let version = match self.term.store.update(read, next, above).await {
            Ok(version) => version,
            Err(error) => {
                // Else the pause has to run out: the old master may have been deposed.
                if error.surely_not_done() || !self.waits_for_expiry() {
                    self.unpause(old).await;
                }
                return Err(error.into());
            }
        };
        let text = format!("{} is master of shard {shard} from version {version}", new.address());
        self.term.host.observe(Observation::Note { text });
        let read = self.term.store.read().await?;
        let (told, _) = join(self.tell(&read, shard, old), self.tell(&read, shard, new)).await;
        if told || !self.waits_for_expiry() {
            self.unpause(old).await;
        }
        Ok(())
    }
}

/// How long upstream pauses an old master, in ms.
const PAUSE_MS: u64 = 500;
/// How long a replica may take to catch up.
const CATCH_UP_MAX: Duration = Duration::from_millis(100);
/// From one question to the next.
const CATCH_UP_PAUSE: Duration = Duration::from_millis(10);
