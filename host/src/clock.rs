//! The clocks of a machine, named as Linux names them.

use std::fmt;
use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A clock of the machine. All three can drift; what else can happen to them differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clock {
    /// `CLOCK_REALTIME`: the time of day. Steps back and forth, goes on while suspended.
    Wall,
    /// `CLOCK_MONOTONIC`: never steps, stands still while the machine is suspended.
    Monotonic,
    /// `CLOCK_BOOTTIME`: never steps, goes on while suspended, starts again at 0 with each boot.
    Boottime,
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Clock::Wall => "wall",
            Clock::Monotonic => "monotonic",
            Clock::Boottime => "boottime",
        })
    }
}

/// A limit passed before the future was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("timed out after {} ms on the {clock} clock", limit.as_millis())]
pub struct Elapsed {
    /// The clock on which the limit was counted.
    pub clock: Clock,
    /// The limit.
    pub limit: Duration,
}

impl From<Elapsed> for io::Error {
    fn from(elapsed: Elapsed) -> Self {
        io::Error::new(io::ErrorKind::TimedOut, elapsed.to_string())
    }
}
