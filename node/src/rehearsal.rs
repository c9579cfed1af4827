//! What the commands of a transaction see of each other: what the ones before wrote is in the
//! data, although nothing is committed, and is taken back when the rehearsal ends.
//!
//! The trap: no await while one is open. Nobody else may see the data meanwhile.

use crate::apply::Undo;
use crate::operation::Operation;
use crate::storage::Storage;

/// Data that change for a while and are as they were when this is dropped.
pub(crate) struct Rehearsal<'a> {
    storage: &'a Storage,
    undo: Vec<Undo>,
}

impl<'a> Rehearsal<'a> {
    /// Begins.
    pub(crate) fn begin(storage: &'a Storage) -> Self {
        Self { storage, undo: Vec::new() }
    }

    /// Applies operations until the end.
    pub(crate) fn apply(&mut self, operations: &[Operation]) {
        let mut data = self.storage.data_mut();
        self.undo.extend(operations.iter().map(|operation| Undo::after(&mut data, operation)));
    }
}

impl Drop for Rehearsal<'_> {
    fn drop(&mut self) {
        let mut data = self.storage.data_mut();
        self.undo.drain(..).rev().for_each(|undo| undo.run(&mut data));
    }
}
