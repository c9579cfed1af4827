//! The master lease: until when this node may write, and the election version of the last
//! heartbeat that was for it. Pure: the time is an argument.
//!
//! What this is not: a proof of leadership. As the pull request proposes it, the deadline counts
//! from when a heartbeat was *processed*, on a clock that can step; both numbers live in memory
//! only; and a lease that was never granted does not block. What [`LeaseRules`] better of that
//! is off by default.
//!
//! The trap: without the rule `closed-start` no deadline means *never expires*, not *expired*.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::lease_rules::LeaseRules;

/// What an expired lease does to writes: Kvrocks' option `master-lease-mode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeaseMode {
    /// Nothing, as if there were no leases.
    #[default]
    Disabled,
    /// Writes go through, each with an error log.
    LogOnly,
    /// Writes are refused.
    BlockWrite,
}

impl fmt::Display for LeaseMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LeaseMode::Disabled => "disabled",
            LeaseMode::LogOnly => "log-only",
            LeaseMode::BlockWrite => "block-write",
        })
    }
}

/// A text names no lease mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected disabled, log-only or block-write")]
pub struct UnknownLeaseMode;

impl FromStr for LeaseMode {
    type Err = UnknownLeaseMode;

    fn from_str(text: &str) -> Result<Self, UnknownLeaseMode> {
        [LeaseMode::Disabled, LeaseMode::LogOnly, LeaseMode::BlockWrite]
            .into_iter()
            .find(|mode| mode.to_string().eq_ignore_ascii_case(text))
            .ok_or(UnknownLeaseMode)
    }
}

/// The lease of one node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lease {
    deadline_ms: Option<u64>,
    election_version: u64,
}

/// What a heartbeat brings for its master.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The election version under which it is sent.
    pub election_version: u64,
    /// When the lease began, in milliseconds of the clock that deadlines are kept on; absent if
    /// the heartbeat grants none.
    pub began_ms: Option<u64>,
    /// How long it is, as the holder counts it, in milliseconds.
    pub counted_ms: u64,
}

/// A grant that took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Until when, in milliseconds of the clock that it began on; still valid then.
    pub deadline_ms: u64,
    /// The election version under which it was granted.
    pub election_version: u64,
}

/// A heartbeat of an older election version than the one before. It grants nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("election version mismatch: local={local}, received={received}")]
pub struct VersionMismatch {
    /// The version of the last heartbeat.
    pub local: u64,
    /// The version of the heartbeat.
    pub received: u64,
}

/// What the lease says to a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Go on.
    Open,
    /// Go on with an error log: expired, or lacking as the rules have it, under
    /// [`LeaseMode::LogOnly`].
    OpenWithLog,
    /// Refuse: the same under [`LeaseMode::BlockWrite`].
    Closed,
}

impl Lease {
    /// The lease of a node that starts, under the election version that it has kept.
    pub fn after_restart(election_version: u64) -> Self {
        Self { deadline_ms: None, election_version }
    }

    /// Whether a heartbeat under this election version is taken.
    ///
    /// # Errors
    /// [`VersionMismatch`] if it is below that of the last heartbeat.
    pub fn admit(&self, election_version: u64) -> Result<(), VersionMismatch> {
        let (local, received) = (self.election_version, election_version);
        if received < local { Err(VersionMismatch { local, received }) } else { Ok(()) }
    }

    /// A heartbeat is processed. An equal version renews, a higher one is taken over even if
    /// nothing is granted. The new deadline may be earlier than the old one unless the
    /// rules forbid that. A deadline beyond the clock's range saturates.
    ///
    /// # Errors
    /// As [`Lease::admit`].
    pub fn heartbeat(
        &mut self,
        rules: &LeaseRules,
        offer: Offer,
    ) -> Result<Option<Grant>, VersionMismatch> {
        let Offer { election_version, began_ms, counted_ms } = offer;
        self.admit(election_version)?;
        self.election_version = election_version;
        let Some(began_ms) = began_ms else {
            return Ok(None);
        };
        let deadline_ms = began_ms.saturating_add(counted_ms);
        let stands = self.deadline_ms.is_some_and(|standing_ms| standing_ms >= deadline_ms);
        if rules.keeps_deadline() && stands {
            return Ok(None);
        }
        self.deadline_ms = Some(deadline_ms);
        Ok(Some(Grant { deadline_ms, election_version }))
    }

    /// Whether a write may pass at `now_ms`.
    pub fn check(&self, mode: LeaseMode, rules: &LeaseRules, now_ms: u64) -> Gate {
        let lacking = match self.deadline_ms {
            None => rules.closed_start,
            Some(deadline_ms) => now_ms > deadline_ms,
        };
        match mode {
            LeaseMode::LogOnly if lacking => Gate::OpenWithLog,
            LeaseMode::BlockWrite if lacking => Gate::Closed,
            _ => Gate::Open,
        }
    }

    /// Ends, as becoming a replica has it: forgets the deadline, and the version unless that is
    /// durable.
    pub fn end(&mut self, rules: &LeaseRules) {
        let kept = if rules.durable_version { self.election_version } else { 0 };
        *self = Lease::after_restart(kept);
    }

    /// The version of the last heartbeat; 0 before any.
    pub fn election_version(&self) -> u64 {
        self.election_version
    }

    /// The lease as an observer is told of it.
    pub fn state(&self, now_ms: u64) -> host::Lease {
        match self.deadline_ms {
            None => host::Lease::None,
            Some(deadline_ms) if now_ms > deadline_ms => host::Lease::Expired,
            Some(_) => host::Lease::Held,
        }
    }
}

#[cfg(test)]
#[path = "lease_tests.rs"]
mod tests;
