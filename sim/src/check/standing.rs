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
    /// When the next one began; one millisecond after the end of the run for the last one.
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
}
