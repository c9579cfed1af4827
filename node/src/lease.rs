//! The master lease: until when this node may write, and the election version of the last
//! grant. Pure: the time is an argument.
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

/// A grant that took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Until when, in milliseconds of the clock that `now_ms` was read from; still valid then.
    pub deadline_ms: u64,
    /// The election version under which it was granted.
    pub election_version: u64,
}

/// A heartbeat of an older election version than the one before. It grants nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("election version mismatch: local={local}, received={received}")]
pub struct VersionMismatch {
    /// The version of the last grant.
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
    /// A heartbeat is processed at `now_ms`. An equal version renews; the new deadline may be
    /// earlier than the old one. A deadline beyond the clock's range saturates.
    ///
    /// # Errors
    /// [`VersionMismatch`] if the version is below that of the last grant.
    pub fn heartbeat(
        &mut self,
        now_ms: u64,
        ttl_ms: u64,
        election_version: u64,
    ) -> Result<Grant, VersionMismatch> {
        if election_version < self.election_version {
            let local = self.election_version;
            return Err(VersionMismatch { local, received: election_version });
        }
        let deadline_ms = now_ms.saturating_add(ttl_ms);
        *self = Lease { deadline_ms: Some(deadline_ms), election_version };
        Ok(Grant { deadline_ms, election_version })
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

    /// Forgets deadline and version, as becoming a replica does.
    pub fn reset(&mut self) {
        *self = Lease::default();
    }

    /// The version of the last grant; 0 before any.
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MODES: [LeaseMode; 3] = [LeaseMode::Disabled, LeaseMode::LogOnly, LeaseMode::BlockWrite];

    fn as_proposed() -> LeaseRules {
        LeaseRules::default()
    }

    fn granted(now_ms: u64, ttl_ms: u64) -> Lease {
        let mut lease = Lease::default();
        lease.heartbeat(now_ms, ttl_ms, 1).unwrap();
        lease
    }

    #[test]
    fn what_each_mode_does() {
        let never = Lease::default();
        let until_150 = granted(100, 50);
        let table = [
            (never, 0, [Gate::Open, Gate::Open, Gate::Open]),
            (never, u64::MAX, [Gate::Open, Gate::Open, Gate::Open]),
            (until_150, 100, [Gate::Open, Gate::Open, Gate::Open]),
            (until_150, 150, [Gate::Open, Gate::Open, Gate::Open]),
            (until_150, 151, [Gate::Open, Gate::OpenWithLog, Gate::Closed]),
            // The clock stepped back: the same lease is good again.
            (until_150, 99, [Gate::Open, Gate::Open, Gate::Open]),
        ];
        for (lease, now_ms, expected) in table {
            let gates = MODES.map(|mode| lease.check(mode, &as_proposed(), now_ms));
            assert_eq!(gates, expected, "at {now_ms}");
        }
    }

    #[test]
    fn with_a_closed_start_no_lease_is_as_an_expired_one() {
        let rules = LeaseRules { closed_start: true, ..as_proposed() };
        let gates = |lease: Lease, now_ms| MODES.map(|mode| lease.check(mode, &rules, now_ms));
        let lacking = [Gate::Open, Gate::OpenWithLog, Gate::Closed];
        assert_eq!(gates(Lease::default(), 0), lacking);
        assert_eq!(gates(granted(100, 50), 150), [Gate::Open; 3]);
        assert_eq!(gates(granted(100, 50), 151), lacking);
        assert_eq!(Lease::default().state(0), host::Lease::None);
    }

    #[test]
    fn versions_rise_or_stay() {
        let mut lease = Lease::default();
        assert_eq!(lease.heartbeat(10, 5, 3), Ok(Grant { deadline_ms: 15, election_version: 3 }));
        let mismatch = lease.heartbeat(20, 5, 2).unwrap_err();
        assert_eq!(mismatch.to_string(), "election version mismatch: local=3, received=2");
        assert_eq!(lease.check(LeaseMode::BlockWrite, &as_proposed(), 20), Gate::Closed);
        assert!(lease.heartbeat(20, 5, 3).is_ok());
        assert_eq!(lease.check(LeaseMode::BlockWrite, &as_proposed(), 20), Gate::Open);
    }

    #[test]
    fn a_reset_lease_is_as_new() {
        let mut lease = granted(100, 50);
        lease.reset();
        assert_eq!(lease, Lease::default());
        assert_eq!(lease.state(1000), host::Lease::None);
        assert_eq!(lease.check(LeaseMode::BlockWrite, &as_proposed(), 1000), Gate::Open);
    }

    #[test]
    fn states_are_told() {
        let lease = granted(100, 50);
        assert_eq!(lease.state(150), host::Lease::Held);
        assert_eq!(lease.state(151), host::Lease::Expired);
        assert_eq!(granted(100, u64::MAX).state(u64::MAX), host::Lease::Held);
    }

    #[test]
    fn modes_are_read_as_they_are_written() {
        for mode in MODES {
            assert_eq!(mode.to_string().parse(), Ok(mode));
        }
        assert_eq!("BLOCK-WRITE".parse(), Ok(LeaseMode::BlockWrite));
        assert_eq!("on".parse::<LeaseMode>(), Err(UnknownLeaseMode));
    }

    /// The lease again, as a list of the heartbeats that were accepted since the last reset.
    fn reference_gate(accepted: &[(u64, u64, u64)], mode: LeaseMode, now_ms: u64) -> Gate {
        let expired = accepted.last().is_some_and(|(at_ms, ttl_ms, _)| {
            now_ms.checked_sub(*at_ms).is_some_and(|passed| passed > *ttl_ms)
        });
        match mode {
            LeaseMode::LogOnly if expired => Gate::OpenWithLog,
            LeaseMode::BlockWrite if expired => Gate::Closed,
            _ => Gate::Open,
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Heartbeat { ttl_ms: u64, version: u64 },
        BecomeReplica,
        BecomeMaster,
        SetMode(LeaseMode),
        SetClock(u64),
        Write,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (1..50u64, 0..4u64)
                .prop_map(|(ttl_ms, version)| Step::Heartbeat { ttl_ms, version }),
            1 => Just(Step::BecomeReplica),
            1 => Just(Step::BecomeMaster),
            1 => proptest::sample::select(MODES.to_vec()).prop_map(Step::SetMode),
            3 => (0..150u64).prop_map(Step::SetClock),
            4 => Just(Step::Write),
        ]
    }

    proptest! {
        #[test]
        fn agrees_with_the_reference(steps in proptest::collection::vec(step(), 0..80)) {
            let mut lease = Lease::default();
            let mut accepted: Vec<(u64, u64, u64)> = Vec::new();
            let (mut master, mut mode, mut now_ms) = (true, LeaseMode::BlockWrite, 0);
            for step in steps {
                match step {
                    // Only a master takes one.
                    Step::Heartbeat { ttl_ms, version } if master => {
                        let fits = accepted.iter().all(|(_, _, earlier)| *earlier <= version);
                        prop_assert_eq!(lease.heartbeat(now_ms, ttl_ms, version).is_ok(), fits);
                        accepted.extend(fits.then_some((now_ms, ttl_ms, version)));
                    }
                    Step::Heartbeat { .. } => {}
                    Step::BecomeReplica => {
                        master = false;
                        lease.reset();
                        accepted.clear();
                    }
                    Step::BecomeMaster => master = true,
                    Step::SetMode(other) => mode = other,
                    Step::SetClock(ms) => now_ms = ms,
                    Step::Write => prop_assert_eq!(
                        lease.check(mode, &as_proposed(), now_ms),
                        reference_gate(&accepted, mode, now_ms)
                    ),
                }
            }
        }
    }
}
