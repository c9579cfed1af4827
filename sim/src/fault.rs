//! The faults: what each does, what real-world event it stands for, and how much it bit.
//!
//! Plain data. The nemesis (`nemesis.rs`) injects and heals; targets are roles, resolved at the
//! moment the fault fires, and the answer is written into the history.

use host::Clock;
use serde::{Deserialize, Serialize};

pub use crate::bite::Bite;
pub use crate::trigger::{Trigger, TriggerEvent};

/// A fault with its times. It never comes without its heal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedFault {
    /// When it is injected, in simulated milliseconds since the start of the run; with a trigger,
    /// the earliest time.
    pub at_ms: u64,
    /// When it is healed, likewise; if a trigger injects it later, it lasts as long.
    pub heal_at_ms: u64,
    /// What must happen in the run before it is injected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Trigger>,
    /// What happens. Takes all other fields, and refuses those that it does not know.
    #[serde(flatten)]
    pub fault: Fault,
}

impl PlannedFault {
    /// A fault between two times, in simulated milliseconds, whatever happens.
    pub fn between(at_ms: u64, heal_at_ms: u64, fault: Fault) -> Self {
        Self { at_ms, heal_at_ms, after: None, fault }
    }
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
    /// The machine is suspended: nothing of it runs, not even what takes connections and buffers,
    /// so that what is sent to it arrives after the heal, as TCP retransmits it; `monotonic`
    /// stands still, `boottime` and `wall` go on. A process that is started meanwhile waits, too.
    VmSuspend {
        /// Which machine.
        target: Role,
    },
    /// The hypervisor stops the machine: as above, and `boottime` stands still as well.
    VmFreeze {
        /// Which machine.
        target: Role,
    },
    /// Every task of the process that comes to a point waits there. It belongs to a life, as a
    /// hang does: a kill ends it.
    Stall {
        /// Whose process.
        target: Role,
        /// The point, by the name that the process gives it.
        point: String,
    },
    /// A clock steps at the injection. The heal does nothing: a step is not taken back, and what
    /// sets the clock right is another step.
    Clock {
        /// Whose clock.
        target: Role,
        /// Which clock. On Linux only `wall` steps; the others stand for broken assumptions.
        clock: Clock,
        /// How far it steps in milliseconds, back if negative.
        step_ms: i64,
    },
    /// Clocks run faster than they were planned to, or slower; the heal gives them back their own
    /// pace, and leaves them where they are.
    Drift {
        /// Whose clocks.
        target: Role,
        /// Which clocks.
        clocks: Vec<Clock>,
        /// Parts per million by which they run faster than before, slower if negative.
        ppm: i64,
    },
    /// Packets between two groups of machines take longer, both ways alike. There is no fault
    /// that loses packets by chance: it would draw from the one random stream of the network, and
    /// move all that comes after. A card that flaps loses what the plan says.
    Latency {
        /// One side.
        a: Vec<Role>,
        /// The other side.
        b: Vec<Role>,
        /// How long every packet takes, in milliseconds; not below the world's tick.
        one_way_ms: u64,
    },
    /// The disk takes longer for what writes, or fails it. Reads are as ever.
    Disk {
        /// Whose disk.
        target: Role,
        /// What is wrong with it.
        trouble: DiskTrouble,
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
    /// The network card fails and works by turns, beginning with a failure.
    Flap {
        /// Which machine.
        target: Role,
        /// Which packets are affected.
        packets: Packets,
        /// What becomes of them.
        kind: CutKind,
        /// How long it fails each time, in milliseconds.
        on_ms: u64,
        /// How long it works each time, in milliseconds.
        off_ms: u64,
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

/// What is wrong with a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiskTrouble {
    /// Each write and sync takes so many milliseconds more. They stay in their order.
    SlowMs(u64),
    /// Each write and sync fails, and nothing is written.
    Fails,
}

impl Fault {
    /// The fault's name, as plans and reports write it.
    pub fn name(&self) -> &'static str {
        match self {
            Fault::Hang { .. } => "hang",
            Fault::Kill { .. } => "kill",
            Fault::PowerLoss { .. } => "power-loss",
            Fault::VmSuspend { .. } => "vm-suspend",
            Fault::VmFreeze { .. } => "vm-freeze",
            Fault::Stall { .. } => "stall",
            Fault::Clock { .. } => "clock",
            Fault::Drift { .. } => "drift",
            Fault::Latency { .. } => "latency",
            Fault::Disk { .. } => "disk",
            Fault::Nic { .. } => "nic",
            Fault::Flap { .. } => "flap",
            Fault::Partition { .. } => "partition",
        }
    }

    /// Whether the process that it hits is dead until the heal.
    pub fn keeps_process_down(&self) -> bool {
        matches!(self, Fault::Kill { .. } | Fault::PowerLoss { .. })
    }

    /// Whether the machine that it hits stands still until the heal.
    pub fn suspends(&self) -> bool {
        matches!(self, Fault::VmSuspend { .. } | Fault::VmFreeze { .. })
    }

    /// The roles that it names.
    pub fn roles(&self) -> Vec<&Role> {
        match self {
            Fault::Hang { target }
            | Fault::Kill { target }
            | Fault::PowerLoss { target }
            | Fault::VmSuspend { target }
            | Fault::VmFreeze { target }
            | Fault::Stall { target, .. }
            | Fault::Clock { target, .. }
            | Fault::Drift { target, .. }
            | Fault::Disk { target, .. }
            | Fault::Nic { target, .. }
            | Fault::Flap { target, .. } => vec![target],
            Fault::Latency { a, b, .. } | Fault::Partition { a, b, .. } => {
                a.iter().chain(b).collect()
            }
        }
    }

    /// The clocks that stand still while it lasts.
    pub fn stops_clocks(&self) -> &'static [Clock] {
        match self {
            Fault::VmSuspend { .. } => &[Clock::Monotonic],
            Fault::VmFreeze { .. } => &[Clock::Monotonic, Clock::Boottime],
            _ => &[],
        }
    }

    /// The real-world story it stands for, for the reference pages and the timeline.
    pub fn story(&self) -> &'static str {
        match self {
            Fault::Hang { .. } => "SIGSTOP … SIGCONT, a stuck disk, a long pause",
            Fault::Kill { .. } => "SIGKILL or a crash, then a supervisor's restart",
            Fault::PowerLoss { .. } => "the plug is pulled and put back",
            Fault::VmSuspend { .. } => "a laptop's lid, or a virtual machine saved and restored",
            Fault::VmFreeze { .. } => "a live migration or a snapshot that stops the machine",
            Fault::Stall { .. } => "a page fault, a long collection or a scheduler, just there",
            Fault::Clock { .. } => "NTP or an administrator sets the clock",
            Fault::Drift { .. } => "a bad oscillator, or NTP that slews the clock",
            Fault::Latency { .. } => "a congested or rerouted link",
            Fault::Disk { .. } => "a disk that is worn out, busy or broken",
            Fault::Nic { .. } => "the network card or its cable fails and comes back",
            Fault::Flap { .. } => "a loose cable, or a card that resets itself again and again",
            Fault::Partition { .. } => {
                "a switch or a route between two groups fails and comes back"
            }
        }
    }
}
