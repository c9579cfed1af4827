//! An open MULTI: what is queued until EXEC.

use crate::command::{Command, Keys};

/// The commands between MULTI and EXEC.
#[derive(Debug, Default)]
pub(crate) struct Transaction {
    /// What was queued.
    pub(crate) queued: Vec<Queued>,
    /// A command was refused instead of queued: EXEC will discard everything.
    pub(crate) failed: bool,
}

/// One queued command.
#[derive(Debug)]
pub(crate) struct Queued {
    /// The command.
    pub(crate) command: Command,
    /// The keys that it names.
    pub(crate) keys: Keys,
    /// Whether it writes.
    pub(crate) write: bool,
}

impl Transaction {
    /// Whether any of its commands writes.
    pub(crate) fn writes(&self) -> bool {
        self.queued.iter().any(|queued| queued.write)
    }
}
