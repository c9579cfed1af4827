//! The batches that a node still has in memory, in order of their sequence numbers: what a
//! replica can be sent without a full copy.
//!
//! What this is not: the file (see [`crate::write_ahead_log`]).

use std::rc::Rc;

use crate::batch::Batch;

/// Batches without a gap after a base.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BatchLog {
    base: u64,
    batches: Vec<Rc<Batch>>,
}

impl BatchLog {
    /// A log whose first batch will begin at `base + 1`.
    pub(crate) fn after(base: u64) -> Self {
        Self { base, batches: Vec::new() }
    }

    /// The last sequence number; that of the base if there is no batch.
    pub(crate) fn latest(&self) -> u64 {
        self.batches.last().map_or(self.base, |batch| batch.last_sequence())
    }

    /// Adds a batch. The caller gives it the next sequence number.
    pub(crate) fn push(&mut self, batch: Rc<Batch>) {
        debug_assert_eq!(batch.first_sequence, self.latest() + 1, "a gap in the log");
        self.batches.push(batch);
    }

    /// The batch that begins at this sequence number.
    pub(crate) fn starting_at(&self, sequence: u64) -> Option<&Rc<Batch>> {
        let found = self.batches.binary_search_by_key(&sequence, |batch| batch.first_sequence);
        found.ok().map(|index| &self.batches[index])
    }

    /// How many batches there are.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.batches.len()
    }
}
