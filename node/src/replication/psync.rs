//! Whether a master can continue a replica at the sequence number that it asks for. Pure.
//!
//! The trap: only the *first* number of a batch can be continued at, and nobody asks who wrote
//! the number before it.

use crate::batch_log::BatchLog;

/// The master cannot continue there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sequence out of range, please use fullsync")]
pub(crate) struct OutOfRange;

/// Checks the sequence number that a replica wants next.
///
/// # Errors
/// [`OutOfRange`] if it is neither the next of all nor the first of a batch in the log.
pub(crate) fn accept(log: &BatchLog, next: u64) -> Result<(), OutOfRange> {
    let up_to_date = next == log.latest() + 1;
    if up_to_date || log.starting_at(next).is_some() { Ok(()) } else { Err(OutOfRange) }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use bytes::Bytes;

    use super::*;
    use crate::batch::{Batch, Operation};

    /// A log after a full copy at `base`, with a batch of each of these sizes.
    fn log(base: u64, sizes: &[usize]) -> BatchLog {
        let mut log = BatchLog::after(base);
        for size in sizes {
            let delete = Operation::Delete { key: Bytes::from_static(b"k") };
            let first_sequence = log.latest() + 1;
            log.push(Rc::new(Batch { first_sequence, operations: vec![delete; *size] }));
        }
        log
    }

    #[test]
    fn only_the_starts_of_batches_are_continued_at() {
        // Batches 11..=11, 12..=14, 15..=15.
        let log = log(10, &[1, 3, 1]);
        let accepted: Vec<u64> = (0..20).filter(|next| accept(&log, *next).is_ok()).collect();
        assert_eq!(accepted, [11, 12, 15, 16]);
    }

    #[test]
    fn an_empty_log_continues_at_its_end_only() {
        let accepted = |log: &BatchLog| -> Vec<u64> {
            (0..20).filter(|next| accept(log, *next).is_ok()).collect()
        };
        assert_eq!(accepted(&log(0, &[])), [1]);
        assert_eq!(accepted(&log(7, &[])), [8]);
    }

    /// The table of a former master that rejoins with extra writes: its last number is `m`, the
    /// new master's is `n`, and both have the same up to 10.
    #[test]
    fn a_former_master_is_continued_where_upstream_would() {
        let singles = |n: usize| log(0, &vec![1; n]);
        let rejoins = |log: &BatchLog, m: u64| accept(log, m + 1).is_ok();
        assert!(!rejoins(&singles(11), 12), "n < m: full sync");
        assert!(rejoins(&singles(12), 12), "n == m: different contents for ever");
        assert!(rejoins(&singles(15), 12), "n > m: silent divergence");
        let mut inside = singles(10);
        let delete = Operation::Delete { key: Bytes::new() };
        inside.push(Rc::new(Batch { first_sequence: 11, operations: vec![delete; 5] }));
        assert!(!rejoins(&inside, 12), "m + 1 inside a batch: full sync");
        assert!(rejoins(&singles(15), 10), "m == f: correct");
    }
}
