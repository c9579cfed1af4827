//! Standings: how a data node stood, stretch by stretch, from samples and its own observations.
//!
//! A stretch may have no length: a node that gained authority and lost it again within one
//! instant was authoritative at that instant.

use host::{Lease, Role, Status};

use crate::history::ProcessState;

/// How a machine stood from one event to the next that told otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The event that began it.
    pub event: u64,
    /// When, in simulated milliseconds.
    pub from_ms: u64,
    /// When the next one began; one tick after the end of the run for the last one.
    pub until_ms: u64,
    /// Whether the process ran.
    pub state: ProcessState,
    /// What it said of itself.
    pub status: Option<Status>,
}

impl Standing {
    /// Whether a write that reached it would have been acknowledged (DESIGN section 6).
    pub fn is_authoritative(&self) -> bool {
        self.state == ProcessState::Running
            && self.status.as_ref().is_some_and(|status| status.authoritative)
    }

    /// The topology version it has applied; −1 if it says nothing.
    pub fn version(&self) -> i64 {
        self.status.as_ref().map_or(-1, |status| status.topology_version)
    }

    /// Its role in its own eyes.
    pub fn role(&self) -> Role {
        self.status.as_ref().map_or(Role::None, |status| status.role)
    }

    /// Its lease in its own eyes.
    pub fn lease(&self) -> Lease {
        self.status.as_ref().map_or(Lease::None, |status| status.lease)
    }

    /// The last instant of this stretch within [from, until) that was told or sampled, tick by
    /// tick; none if the range has no part in it.
    pub fn last_instant_within(&self, from_ms: u64, until_ms: u64, tick_ms: u64) -> Option<u64> {
        let start = self.from_ms.max(from_ms);
        let end = self.until_ms.min(until_ms);
        if start >= until_ms || start > end {
            return None;
        }
        if self.from_ms == self.until_ms {
            return (self.from_ms >= from_ms).then_some(self.from_ms);
        }
        if start == end {
            return None;
        }
        Some(((end - 1) / tick_ms * tick_ms).max(start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(from_ms: u64, until_ms: u64) -> Standing {
        Standing { event: 0, from_ms, until_ms, state: ProcessState::Running, status: None }
    }

    #[test]
    fn the_last_instant_is_the_last_sample_or_the_beginning() {
        let all = (0, u64::MAX);
        let last = |from, until, range: (u64, u64)| {
            standing(from, until).last_instant_within(range.0, range.1, 5)
        };
        assert_eq!(last(10, 30, all), Some(25), "sampled at 25, told otherwise at 30");
        assert_eq!(last(10, 33, all), Some(30));
        assert_eq!(last(12, 14, all), Some(12), "no sample in it: told at 12");
        assert_eq!(last(12, 12, all), Some(12), "an instant");
        assert_eq!(last(12, 12, (13, 20)), None);
        assert_eq!(last(10, 30, (0, 20)), Some(15));
        assert_eq!(last(10, 30, (40, 50)), None);
        assert_eq!(last(10, 30, (0, 10)), None, "the range's end is not in it");
        assert_eq!(last(10, 30, (28, 90)), Some(28), "authority goes on from before");
    }
}
