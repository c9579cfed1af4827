//! The lease where it takes effect: read against the clock before every write, told to the
//! observer. Direct writes and transactions pass here; what replication applies does not.
//!
//! The trap: between this check and the write itself a process can stall. As proposed, nothing
//! checks again (see [`crate::ack_gate`] for the rule that does).

use std::cell::Cell;
use std::io;
use std::rc::Rc;

use host::{Clock, Host, Observation};
use tokio::sync::Mutex;

use crate::election_file::{ElectionFile, ElectionFileError};
use crate::gatekeeper::Gatekeeper;
use crate::lease::{Gate, Grant, Lease, LeaseMode, Offer, VersionMismatch};
use crate::lease_rules::{LeaseClock, LeaseRules};
use crate::lease_stamp::{LeaseStamp, LifeId};

/// The lease of a node with its mode and its clock.
pub(crate) struct LeaseGate {
    host: Host,
    mode: Cell<LeaseMode>,
    rules: LeaseRules,
    life: LifeId,
    lease: Cell<Lease>,
    file: ElectionFile,
    keeper: Rc<dyn Gatekeeper>,
    /// Held while a heartbeat is taken, so that nothing comes between its steps but time.
    taking: Mutex<()>,
}

/// What a write lacks that the lease refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoLease {
    /// The lease has expired.
    #[error("master lease expired (master_lease_mode=block-write)")]
    Expired,
    /// None was granted in this life and role.
    #[error("no master lease (master_lease_mode=block-write)")]
    NeverGranted,
}

/// Why a heartbeat was not taken. Nothing was granted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HeartbeatError {
    /// It is of an older election version.
    #[error(transparent)]
    Version(#[from] VersionMismatch),
    /// Its election version cannot be kept.
    #[error("cannot keep election version {version}: {error}")]
    Disk {
        /// The version.
        version: u64,
        /// Why.
        #[source]
        error: io::Error,
    },
}

impl LeaseGate {
    /// No lease was ever granted.
    pub(crate) fn new(
        host: Host,
        mode: LeaseMode,
        rules: LeaseRules,
        keeper: Rc<dyn Gatekeeper>,
    ) -> Self {
        let life = LifeId::draw(&mut host.random("life"));
        let file = ElectionFile::new(host.clone());
        let (lease, taking) = (Cell::default(), Mutex::default());
        Self { host, mode: Cell::new(mode), rules, life, lease, file, keeper, taking }
    }

    /// Takes over what an earlier life has kept, if anything is kept.
    ///
    /// # Errors
    /// See [`ElectionFileError`].
    pub(crate) async fn recover(&self) -> Result<(), ElectionFileError> {
        if self.rules.durable_version {
            self.lease.set(Lease::after_restart(self.file.load().await?));
        }
        Ok(())
    }

    /// Asked before a write.
    ///
    /// # Errors
    /// [`NoLease`] in `block-write` past the deadline, or without one if the rules say so.
    pub(crate) fn check(&self) -> Result<(), NoLease> {
        match self.gate() {
            Gate::Open => Ok(()),
            Gate::OpenWithLog => {
                let what = match self.lacking() {
                    NoLease::Expired => "Master lease expired",
                    NoLease::NeverGranted => "No master lease",
                };
                tracing::error!("{what} but write allowed (master_lease_mode=log-only)");
                self.host.observe(Observation::LeaseExpiredLogged);
                Ok(())
            }
            Gate::Closed => {
                self.host.observe(Observation::LeaseRefused);
                Err(self.lacking())
            }
        }
    }

    /// Whether a write would pass now. Nothing is logged or told.
    ///
    /// # Errors
    /// As [`LeaseGate::check`].
    pub(crate) fn look(&self) -> Result<(), NoLease> {
        match self.gate() {
            Gate::Open | Gate::OpenWithLog => Ok(()),
            Gate::Closed => Err(self.lacking()),
        }
    }

    /// The rules that the lease keeps.
    pub(crate) fn rules(&self) -> &LeaseRules {
        &self.rules
    }

    /// The stamp of this moment, if leases are dated.
    pub(crate) fn stamp(&self, node_id: &str) -> Option<LeaseStamp> {
        self.rules.dated.then(|| self.stamp_under(node_id, self.election_version()))
    }

    fn stamp_under(&self, node_id: &str, election_version: u64) -> LeaseStamp {
        let boottime_ms = boottime_ms(&self.host);
        LeaseStamp { node_id: node_id.to_owned(), life: self.life, election_version, boottime_ms }
    }

    /// What a heartbeat for this node offers if it counts from now. Where leases are dated, it
    /// counts from its stamp instead, and grants nothing without one that was issued here under
    /// the very same election version.
    pub(crate) fn offer(
        &self,
        node_id: &str,
        ttl_ms: u64,
        election_version: u64,
        stamp: Option<&[u8]>,
    ) -> Offer {
        let began_ms = if self.rules.dated {
            let stamp = stamp.and_then(LeaseStamp::parse);
            stamp.and_then(|stamp| self.issued_ms(&stamp, node_id, election_version))
        } else {
            Some(self.now_ms(Round::Down))
        };
        Offer { election_version, began_ms, counted_ms: self.rules.counted_ms(ttl_ms) }
    }

    /// When a stamp was issued, on the clock of the deadline, if it was issued here.
    fn issued_ms(&self, stamp: &LeaseStamp, node_id: &str, version: u64) -> Option<u64> {
        // In this order: a process that stalls between the two takes the stamp for older.
        let wall_ms = wall_ms(&self.host);
        let age_ms = stamp.age_ms(&self.stamp_under(node_id, version))?;
        match self.rules.clock {
            LeaseClock::Wall => wall_ms.checked_sub(age_ms),
            LeaseClock::Boottime => Some(stamp.boottime_ms),
        }
    }

    /// A heartbeat for this node is processed: one step with respect to other heartbeats, also
    /// where its version has to be kept on disk first. `is_meant` says whether it is still for
    /// this node after that.
    ///
    /// # Errors
    /// See [`HeartbeatError`].
    pub(crate) async fn heartbeat(
        &self,
        offer: Offer,
        is_meant: impl Fn() -> bool,
    ) -> Result<(), HeartbeatError> {
        let _taking = self.taking.lock().await;
        if self.rules.durable_version {
            self.keep(offer.election_version).await?;
            if !is_meant() {
                return Ok(());
            }
        }
        let mut lease = self.lease.get();
        let grant = lease.heartbeat(&self.rules, offer)?;
        self.lease.set(lease);
        if let Some(Grant { deadline_ms, election_version }) = grant {
            let until_ms = deadline_ms;
            self.host.observe(Observation::LeaseRenewed { until_ms, election_version });
        }
        Ok(())
    }

    async fn keep(&self, version: u64) -> Result<(), HeartbeatError> {
        Lease::after_restart(self.file.attempted()).admit(version)?;
        self.lease.get().admit(version)?;
        self.file.keep(version).await.map_err(|error| HeartbeatError::Disk { version, error })
    }

    /// This node became a replica.
    pub(crate) fn end(&self) {
        let mut lease = self.lease.get();
        lease.end(&self.rules);
        self.lease.set(lease);
    }

    /// Effective on the next write.
    pub(crate) fn set_mode(&self, mode: LeaseMode) {
        self.mode.set(mode);
    }

    /// The version of the last heartbeat; 0 before any.
    pub(crate) fn election_version(&self) -> u64 {
        self.lease.get().election_version()
    }

    /// The lease on the node's own clock.
    pub(crate) fn state(&self) -> host::Lease {
        self.lease.get().state(self.now_ms(Round::Up))
    }

    fn lacking(&self) -> NoLease {
        match self.state() {
            host::Lease::None => NoLease::NeverGranted,
            host::Lease::Held | host::Lease::Expired => NoLease::Expired,
        }
    }

    fn gate(&self) -> Gate {
        let (lease, now_ms) = (self.lease.get(), self.now_ms(Round::Up));
        self.keeper.ask(&lease, self.mode.get(), &self.rules, now_ms)
    }

    /// The clock of the deadline. Boottime is read earlier for a grant and later for what the
    /// grant allows, so that no lease gets the rest of a millisecond beyond its length.
    fn now_ms(&self, round: Round) -> u64 {
        match (self.rules.clock, round) {
            (LeaseClock::Wall, _) => wall_ms(&self.host),
            (LeaseClock::Boottime, Round::Down) => boottime_ms(&self.host),
            (LeaseClock::Boottime, Round::Up) => {
                let nanos = self.host.now(Clock::Boottime).as_nanos();
                u64::try_from(nanos.div_ceil(1_000_000)).unwrap_or(u64::MAX)
            }
        }
    }
}

/// What becomes of the part of a millisecond.
#[derive(Clone, Copy)]
enum Round {
    Down,
    Up,
}

/// The wall clock in milliseconds since the Unix epoch.
pub(crate) fn wall_ms(host: &Host) -> u64 {
    whole_ms(host, Clock::Wall)
}

/// The time since boot in milliseconds.
fn boottime_ms(host: &Host) -> u64 {
    whole_ms(host, Clock::Boottime)
}

fn whole_ms(host: &Host, clock: Clock) -> u64 {
    u64::try_from(host.now(clock).as_millis()).unwrap_or(u64::MAX)
}
