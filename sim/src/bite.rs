//! How much a fault bit, as its heal tells.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How much a fault bit while it lasted. All zero: it bit nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Bite {
    /// Milliseconds for which a process did not run.
    pub stopped_ms: u64,
    /// Packets lost.
    pub packets_dropped: u64,
    /// Packets delayed until the heal.
    pub packets_held: u64,
    /// Packets that took longer than the link's own latency.
    pub packets_slowed: u64,
    /// Bytes that arrived for a process that did not run and waited in its sockets.
    pub bytes_waited: u64,
    /// Tasks that stopped at a point.
    pub tasks_stalled: u64,
    /// Milliseconds for which a task stood at a point.
    pub stalled_ms: u64,
    /// Whole milliseconds by which a clock came to read something else than it would have; of
    /// several clocks, the greatest.
    pub clock_moved_ms: u64,
    /// Writes and syncs of a disk that took longer or failed.
    pub disk_operations: u64,
}

impl Bite {
    /// Whether it did anything at all.
    pub fn bit(&self) -> bool {
        *self != Bite::default()
    }
}

impl std::ops::AddAssign for Bite {
    /// What it did elsewhere, or again: numbers add up, and of milliseconds the most count.
    fn add_assign(&mut self, other: Bite) {
        self.stopped_ms = self.stopped_ms.max(other.stopped_ms);
        self.packets_dropped += other.packets_dropped;
        self.packets_held += other.packets_held;
        self.packets_slowed += other.packets_slowed;
        self.bytes_waited += other.bytes_waited;
        self.tasks_stalled += other.tasks_stalled;
        self.stalled_ms = self.stalled_ms.max(other.stalled_ms);
        self.clock_moved_ms = self.clock_moved_ms.max(other.clock_moved_ms);
        self.disk_operations += other.disk_operations;
    }
}

impl fmt::Display for Bite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (self.stopped_ms, "ms stopped"),
            (self.bytes_waited, "bytes waited"),
            (self.packets_dropped, "packets dropped"),
            (self.packets_held, "packets held"),
            (self.packets_slowed, "packets slowed"),
            (self.tasks_stalled, "tasks stalled"),
            (self.stalled_ms, "ms stalled"),
            (self.clock_moved_ms, "ms of clock moved"),
            (self.disk_operations, "disk operations slowed or failed"),
        ];
        let told: Vec<String> =
            parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n} {unit}")).collect();
        f.write_str(if told.is_empty() { "nothing" } else { "" })?;
        f.write_str(&told.join(", "))
    }
}
