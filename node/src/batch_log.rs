//! The batches that a node still has in memory, as bytes, in order of their sequence numbers:
//! what a replica can be sent without a full copy. Bounded; the oldest go first.
//!
//! What this is not: the file (see [`crate::write_ahead_log`]).

use std::collections::VecDeque;

use bytes::Bytes;

use crate::batch::Batch;
use crate::replication::id::ReplicationId;

/// How much is kept. The newest batch always is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Keep {
    /// Batches at most.
    pub(crate) batches: usize,
    /// Bytes at most.
    pub(crate) bytes: usize,
}

/// Batches without a gap after a base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BatchLog {
    base: u64,
    keep: Keep,
    batches: VecDeque<Logged>,
    bytes: usize,
}

/// One batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Logged {
    /// Its first sequence number.
    pub(crate) first_sequence: u64,
    /// Its last.
    pub(crate) last_sequence: u64,
    /// Under which replication id it was written.
    pub(crate) replication_id: Option<ReplicationId>,
    /// All of it, as [`Batch::encode`] has it.
    pub(crate) bytes: Bytes,
}

impl Logged {
    /// A batch with its bytes.
    pub(crate) fn new(batch: &Batch, bytes: Bytes) -> Self {
        Self {
            first_sequence: batch.first_sequence,
            last_sequence: batch.last_sequence(),
            replication_id: batch.replication_id,
            bytes,
        }
    }
}

impl BatchLog {
    /// A log whose first batch will begin at `base + 1`.
    pub(crate) fn after(base: u64, keep: Keep) -> Self {
        Self { base, keep, batches: VecDeque::new(), bytes: 0 }
    }

    /// The last sequence number; that of the base if there is no batch.
    pub(crate) fn latest(&self) -> u64 {
        self.batches.back().map_or(self.base, |batch| batch.last_sequence)
    }

    /// Adds a batch, and lets go of the oldest ones. The caller gives it the next number.
    pub(crate) fn push(&mut self, batch: Logged) {
        debug_assert_eq!(batch.first_sequence, self.latest() + 1, "a gap in the log");
        self.bytes += batch.bytes.len();
        self.batches.push_back(batch);
        while self.batches.len() > 1
            && (self.batches.len() > self.keep.batches || self.bytes > self.keep.bytes)
            && let Some(oldest) = self.batches.pop_front()
        {
            self.bytes -= oldest.bytes.len();
            self.base = oldest.last_sequence;
        }
    }

    /// The batch that begins at this sequence number.
    pub(crate) fn starting_at(&self, sequence: u64) -> Option<&Logged> {
        self.containing(sequence).filter(|batch| batch.first_sequence == sequence)
    }

    /// The batch that has this sequence number.
    pub(crate) fn containing(&self, sequence: u64) -> Option<&Logged> {
        let after = self.batches.partition_point(|batch| batch.first_sequence <= sequence);
        let batch = self.batches.get(after.checked_sub(1)?)?;
        (sequence <= batch.last_sequence).then_some(batch)
    }

    /// Every batch, the oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Logged> {
        self.batches.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::tests::deletions;

    fn log(keep: Keep, sizes: &[usize]) -> BatchLog {
        let mut log = BatchLog::after(10, keep);
        for size in sizes {
            let batch = deletions(log.latest() + 1, *size);
            log.push(Logged::new(&batch, batch.encode()));
        }
        log
    }

    fn firsts(log: &BatchLog) -> Vec<u64> {
        log.iter().map(|batch| batch.first_sequence).collect()
    }

    #[test]
    fn batches_are_found_by_any_of_their_numbers() {
        let log = log(Keep { batches: 9, bytes: 9999 }, &[1, 3, 1]);
        let containing: Vec<Option<u64>> = (9..18)
            .map(|sequence| log.containing(sequence).map(|batch| batch.first_sequence))
            .collect();
        let expected = [None, None, Some(11), Some(12), Some(12), Some(12), Some(15), None, None];
        assert_eq!(containing, expected);
        let starting: Vec<u64> =
            (0..20).filter(|sequence| log.starting_at(*sequence).is_some()).collect();
        assert_eq!(starting, [11, 12, 15]);
    }

    #[test]
    fn the_oldest_go_first_and_the_newest_stays() {
        let few = Keep { batches: 2, bytes: 9999 };
        assert_eq!(firsts(&log(few, &[1, 2, 3, 4])), [14, 17]);
        assert_eq!(log(few, &[1, 2, 3, 4]).latest(), 20);
        let one = deletions(11, 1).encode().len();
        assert_eq!(firsts(&log(Keep { batches: 9, bytes: 2 * one }, &[1, 1, 1])), [12, 13]);
        let tight = log(Keep { batches: 9, bytes: 0 }, &[1, 5]);
        assert_eq!((firsts(&tight), tight.bytes), (vec![12], deletions(1, 5).encode().len()));
    }
}
