//! The faults: what each does, what real-world event it stands for, and how much it bit.
//!
//! Plain data. The nemesis (`nemesis.rs`) injects and heals; targets are roles, resolved at the
//! moment the fault fires, and the answer is written into the history.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A fault with its times. It never comes without its heal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedFault {
    /// When it is injected, in simulated milliseconds since the start of the run.
    pub at_ms: u64,
    /// When it is healed, likewise.
    pub heal_at_ms: u64,
    /// What happens. Takes all other fields, and refuses those that it does not know.
    #[serde(flatten)]
    pub fault: Fault,
}

/// What happens. See DESIGN section 5 for the meaning of each in terms of the real world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// SIGSTOP … SIGCONT: nothing of the process runs, its machine goes on buffering, clocks go
    /// on; on resume what was buffered is processed at once.
    Hang {
        /// Whose process.
        target: Role,
    },
    /// SIGKILL, and a restart as the heal; the disk keeps what was written.
    Kill {
        /// Whose process.
        target: Role,
    },
    /// The plug is pulled: links cut, then gone; the heal boots the machine again. Unsynced
    /// writes are lost and boottime starts again at 0.
    PowerLoss {
        /// Which machine.
        target: Role,
    },
    /// The network card fails: the machine runs on and reaches nobody, or only one way.
    Nic {
        /// Which machine.
        target: Role,
        /// Which packets are affected.
        packets: Packets,
        /// What becomes of them.
        kind: CutKind,
    },
    /// The network between two groups of machines is cut.
    Partition {
        /// One side.
        a: Vec<Role>,
        /// The other side.
        b: Vec<Role>,
        /// Which way packets are affected.
        way: Way,
        /// What becomes of them.
        kind: CutKind,
    },
}

/// A role that names machines at the moment the fault fires: `master`, `replicas`, …, or the
/// name of a machine.
pub type Role = String;

/// Which packets of a failing network card are affected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Packets {
    /// In and out.
    Both,
    /// Those that go out: the machine is *mute*, it only hears.
    Out,
    /// Those that come in: the machine is *deaf*, it only speaks.
    In,
}

/// Which way packets between two groups are affected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// Both ways.
    Both,
    /// From the first group to the second.
    AToB,
    /// From the second group to the first.
    BToA,
}

/// What becomes of packets that meet a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CutKind {
    /// They arrive after the heal, as TCP retransmits them.
    Stall,
    /// They are lost, and connections die.
    Drop,
}

/// How much a fault bit while it lasted. All zero: it bit nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bite {
    /// Milliseconds for which a process did not run.
    pub stopped_ms: u64,
    /// Packets lost.
    pub packets_dropped: u64,
    /// Packets delayed until the heal.
    pub packets_held: u64,
    /// Bytes that arrived for a process that did not run and waited in its sockets.
    pub bytes_waited: u64,
}

impl Bite {
    /// Whether it did anything at all.
    pub fn bit(&self) -> bool {
        *self != Bite::default()
    }
}

impl fmt::Display for Bite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (self.stopped_ms, "ms stopped"),
            (self.bytes_waited, "bytes waited"),
            (self.packets_dropped, "packets dropped"),
            (self.packets_held, "packets held"),
        ];
        let told: Vec<String> =
            parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n} {unit}")).collect();
        f.write_str(if told.is_empty() { "nothing" } else { "" })?;
        f.write_str(&told.join(", "))
    }
}

impl Fault {
    /// The fault's name, as plans and reports write it.
    pub fn name(&self) -> &'static str {
        match self {
            Fault::Hang { .. } => "hang",
            Fault::Kill { .. } => "kill",
            Fault::PowerLoss { .. } => "power-loss",
            Fault::Nic { .. } => "nic",
            Fault::Partition { .. } => "partition",
        }
    }

    /// Whether the process that it hits is dead until the heal.
    pub fn keeps_process_down(&self) -> bool {
        matches!(self, Fault::Kill { .. } | Fault::PowerLoss { .. })
    }

    /// The roles that it names.
    pub fn roles(&self) -> Vec<&Role> {
        match self {
            Fault::Hang { target }
            | Fault::Kill { target }
            | Fault::PowerLoss { target }
            | Fault::Nic { target, .. } => vec![target],
            Fault::Partition { a, b, .. } => a.iter().chain(b).collect(),
        }
    }

    /// The real-world story it stands for, for the reference pages and the timeline.
    pub fn story(&self) -> &'static str {
        match self {
            Fault::Hang { .. } => "SIGSTOP … SIGCONT, a stuck disk, a long pause",
            Fault::Kill { .. } => "SIGKILL or a crash, then a supervisor's restart",
            Fault::PowerLoss { .. } => "the plug is pulled and put back",
            Fault::Nic { .. } => "the network card or its cable fails and comes back",
            Fault::Partition { .. } => {
                "a switch or a route between two groups fails and comes back"
            }
        }
    }
}
