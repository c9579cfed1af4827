//! The points at which a fault can stall a process, by the names that the processes give them.
//!
//! The trap: a process names its points where they are, and nothing but a test keeps this list
//! equal to what they say.

use crate::names;

/// Every point: its name, the process that has it, and what it has done when it comes there.
pub const POINTS: [(&str, &str, &str); 10] = [
    ("after-lease-check", "node", "it found its lease good, and has not written yet"),
    ("before-reply", "node", "it has written, and has not acknowledged yet"),
    (
        "before-keepalive",
        "controller",
        "its session is due to be kept alive, and it has not said so",
    ),
    (
        "before-heartbeat",
        "controller",
        "it has read the store, and has not looked at its guard yet",
    ),
    ("after-guard-check", "controller", "its guard let a heartbeat pass, and it is not sent yet"),
    (
        "after-write-check",
        "controller",
        "nothing stands against its write to the store, and it is not sent yet",
    ),
    (
        "after-push-check",
        "controller",
        "nothing stands against telling a node its topology, and it is not sent yet",
    ),
    ("before-store-write", "controller", "it chose a successor, and has not written it yet"),
    (
        "before-topology-push",
        "controller",
        "the store has a topology that it has not told anybody yet",
    ),
    ("before-redirect", "lb", "it was told where to send clients, and has not obeyed yet"),
];

/// Whether a process has such a point.
pub fn exists(name: &str) -> bool {
    POINTS.iter().any(|(point, _, _)| *point == name)
}

/// What somebody may have meant by a point that does not exist.
pub fn near(name: &str) -> String {
    names::near(name, &POINTS.map(|(point, _, _)| point))
}
