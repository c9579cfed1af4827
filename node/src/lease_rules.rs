//! The rules that better the proposed lease, each a switch of its own and off by default, so
//! that what is proposed can be told from what each of them adds.
//!
//! What this is not: the lease (see [`crate::lease`]), nor the rules that are not about it.
//!
//! The trap: a rule alone holds what it says and no more. A deadline on a sound clock is of no
//! use while a heartbeat that lay in a buffer grants a whole lease.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::config::NodeConfig;

/// The clock that deadlines are kept on: the option `master-lease-clock`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LeaseClock {
    /// The time of day, which steps.
    #[default]
    Wall,
    /// The time since boot, which neither steps nor stands still while suspended.
    Boottime,
}

impl fmt::Display for LeaseClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LeaseClock::Wall => "wall",
            LeaseClock::Boottime => "boottime",
        })
    }
}

/// A text names no clock of leases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected wall or boottime")]
pub struct UnknownLeaseClock;

impl FromStr for LeaseClock {
    type Err = UnknownLeaseClock;

    fn from_str(text: &str) -> Result<Self, UnknownLeaseClock> {
        [LeaseClock::Wall, LeaseClock::Boottime]
            .into_iter()
            .find(|clock| clock.to_string().eq_ignore_ascii_case(text))
            .ok_or(UnknownLeaseClock)
    }
}

/// Which rules a node's lease keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeaseRules {
    /// Rule `boottime-deadline`: the clock of the deadline.
    pub clock: LeaseClock,
    /// Rule `closed-start`: no lease is as good as an expired one.
    pub closed_start: bool,
    /// Rule `dated-heartbeat`: a lease counts from a moment that this node has stamped.
    pub dated: bool,
    /// Rule `durable-version`: the election version is kept on disk before a grant under it takes
    /// effect, and neither a restart nor a change of role lowers it.
    pub durable_version: bool,
    /// Rule `ack-recheck`: the lease is asked again before a write is acknowledged.
    pub ack_recheck: bool,
    /// Rule `drift-margin`: by how many millionths clocks are assumed to drift at most, below a
    /// million.
    pub drift_ppm: u64,
    /// The longest lease that a heartbeat may ask for.
    pub ms_max: Option<u64>,
}

/// A heartbeat asks for a longer lease than this node grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid lease_ms: {asked_ms} is more than master-lease-ms-max, {max_ms}")]
pub struct TooLong {
    /// The length that it asks for.
    pub asked_ms: u64,
    /// The longest that is allowed.
    pub max_ms: u64,
}

impl LeaseRules {
    /// As the node's options have them.
    pub(crate) fn of(config: &NodeConfig) -> Self {
        Self {
            clock: config.master_lease_clock,
            closed_start: config.master_lease_closed_start,
            dated: config.master_lease_dated,
            durable_version: config.master_lease_durable_version,
            ack_recheck: config.master_lease_ack_recheck,
            drift_ppm: config.master_lease_drift_ppm,
            ms_max: Some(config.master_lease_ms_max).filter(|ms| *ms > 0),
        }
    }

    /// Whether a deadline only rises within a life and role: for dated heartbeats, since those
    /// with older stamps may come later, and as a part of `durable-version`.
    pub fn keeps_deadline(&self) -> bool {
        self.dated || self.durable_version
    }

    /// How much the holder counts of a lease of this length: with an assumed drift of ρ,
    /// TTL·(1−ρ)/(1+ρ), rounded down. If both clocks keep within ρ, it has ended on the slower
    /// one when the faster one has counted the whole length.
    ///
    /// ```
    /// let rules = node::lease_rules::LeaseRules { drift_ppm: 1_000, ..Default::default() };
    /// assert_eq!(rules.counted_ms(10_000), 9_980);
    /// ```
    pub fn counted_ms(&self, ttl_ms: u64) -> u64 {
        let (drift, million) = (u128::from(self.drift_ppm), u128::from(MILLION));
        let counted_ms = u128::from(ttl_ms) * million.saturating_sub(drift) / (million + drift);
        u64::try_from(counted_ms).expect("no more than the whole length")
    }

    /// Whether a heartbeat may ask for a lease of this length.
    ///
    /// # Errors
    /// [`TooLong`]
    pub fn allows(&self, ttl_ms: u64) -> Result<(), TooLong> {
        match self.ms_max {
            Some(max_ms) if ttl_ms > max_ms => Err(TooLong { asked_ms: ttl_ms, max_ms }),
            _ => Ok(()),
        }
    }
}

/// Of which [`LeaseRules::drift_ppm`] counts.
pub(crate) const MILLION: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn drifting(drift_ppm: u64) -> LeaseRules {
        LeaseRules { drift_ppm, ..LeaseRules::default() }
    }

    #[test]
    fn lengths_are_counted_short_by_twice_the_drift() {
        for (drift_ppm, ttl_ms, counted_ms) in [
            (0, 5_000, 5_000),
            (0, u64::MAX, u64::MAX),
            (1_000, 5_000, 4_990),
            (1_000, 1, 0),
            (500_000, 3_000, 1_000),
            (999_999, u64::MAX, 9_223_376_648_543),
        ] {
            assert_eq!(drifting(drift_ppm).counted_ms(ttl_ms), counted_ms, "{drift_ppm} {ttl_ms}");
        }
    }

    #[test]
    fn no_lease_is_longer_than_the_longest() {
        let rules = LeaseRules { ms_max: Some(5_000), ..LeaseRules::default() };
        assert_eq!(rules.allows(5_000), Ok(()));
        let error = rules.allows(5_001).unwrap_err().to_string();
        assert_eq!(error, "invalid lease_ms: 5001 is more than master-lease-ms-max, 5000");
        assert_eq!(LeaseRules::default().allows(u64::MAX), Ok(()));
    }

    #[test]
    fn clocks_are_read_as_they_are_written() {
        for clock in [LeaseClock::Wall, LeaseClock::Boottime] {
            assert_eq!(clock.to_string().parse(), Ok(clock));
        }
        assert_eq!("BOOTTIME".parse(), Ok(LeaseClock::Boottime));
        assert_eq!("monotonic".parse::<LeaseClock>(), Err(UnknownLeaseClock));
    }

    proptest! {
        /// The holder's clock runs as slow as it may, the granter's as fast: what the holder
        /// counts is over before the granter has counted the whole length.
        #[test]
        fn the_holder_is_done_first(drift_ppm in 0..MILLION, ttl_ms in 0..1u64 << 40) {
            let counted_ms = u128::from(drifting(drift_ppm).counted_ms(ttl_ms));
            let [slow, fast] = [MILLION - drift_ppm, MILLION + drift_ppm].map(u128::from);
            prop_assert!(counted_ms * fast <= u128::from(ttl_ms) * slow);
        }
    }
}
