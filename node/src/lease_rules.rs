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
}

impl LeaseRules {
    /// As the node's options have them.
    pub(crate) fn of(config: &NodeConfig) -> Self {
        Self { clock: config.master_lease_clock, closed_start: config.master_lease_closed_start }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_read_as_they_are_written() {
        for clock in [LeaseClock::Wall, LeaseClock::Boottime] {
            assert_eq!(clock.to_string().parse(), Ok(clock));
        }
        assert_eq!("BOOTTIME".parse(), Ok(LeaseClock::Boottime));
        assert_eq!("monotonic".parse::<LeaseClock>(), Err(UnknownLeaseClock));
    }
}
