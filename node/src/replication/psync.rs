//! Whether a master can continue a replica at the sequence number that it asks for. Pure.
//!
//! The trap: only the *first* number of a batch can be continued at, and without replication ids
//! nobody asks who wrote the number before it. With them nobody does either once the log has
//! that number no more.

use crate::batch::{Batch, Content};
use crate::batch_log::BatchLog;
use crate::replication::id::ReplicationId;

/// What a replica asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// Under which replication id it got its last sequence number, if it says so.
    pub(crate) id: Option<ReplicationId>,
    /// The sequence number that it wants next.
    pub(crate) next: u64,
}

/// What the master's options say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    /// `use-rsid-psync`
    pub(crate) compare_ids: bool,
    /// `replication-enable-sequence-padding`
    pub(crate) pad: bool,
}

/// The master cannot continue there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// The replica got its last sequence number from somebody else.
    #[error("wrong replication id of the last log")]
    WrongId,
    /// It is neither the next of all nor the first of a batch in the log.
    #[error("sequence out of range, please use fullsync")]
    OutOfRange,
}

/// Checks what a replica asks for, in upstream's order. What is returned is to be sent to it
/// before the log: it fills the place of the rest of a batch.
///
/// # Errors
/// See [`Refused`].
pub(crate) fn accept(
    log: &BatchLog,
    request: Request,
    rules: Rules,
) -> Result<Option<Batch>, Refused> {
    let Request { id, next } = request;
    if rules.compare_ids
        && let Some(id) = id
        && let Some(before) = next.checked_sub(1).and_then(|before| log.containing(before))
        && before.replication_id.is_some_and(|own| own != id)
    {
        return Err(Refused::WrongId);
    }
    match log.containing(next) {
        _ if next == log.latest() + 1 => Ok(None),
        Some(batch) if batch.first_sequence == next => Ok(None),
        Some(batch) if rules.pad => Ok(Some(Batch {
            first_sequence: next,
            replication_id: batch.replication_id,
            content: Content::Padding(batch.last_sequence - next + 1),
        })),
        _ => Err(Refused::OutOfRange),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::tests::{deletions, id};
    use crate::batch_log::{Keep, Logged};

    const ALL: Keep = Keep { batches: usize::MAX, bytes: usize::MAX };
    const NO_IDS: Rules = Rules { compare_ids: false, pad: false };
    const IDS: Rules = Rules { compare_ids: true, pad: false };

    fn push(log: &mut BatchLog, size: usize, replication_id: Option<ReplicationId>) {
        let batch = Batch { replication_id, ..deletions(log.latest() + 1, size) };
        log.push(Logged::new(&batch, batch.encode()));
    }

    /// A log after a full copy at `base`, with a batch of each of these sizes.
    fn log(base: u64, sizes: &[usize]) -> BatchLog {
        let mut log = BatchLog::after(base, ALL);
        sizes.iter().for_each(|size| push(&mut log, *size, None));
        log
    }

    fn accepted(log: &BatchLog, rules: Rules) -> Vec<u64> {
        let at = |next: &u64| accept(log, Request { id: None, next: *next }, rules).is_ok();
        (0..20).filter(at).collect()
    }

    #[test]
    fn only_the_starts_of_batches_are_continued_at() {
        // Batches 11..=11, 12..=14, 15..=15.
        assert_eq!(accepted(&log(10, &[1, 3, 1]), NO_IDS), [11, 12, 15, 16]);
    }

    #[test]
    fn an_empty_log_continues_at_its_end_only() {
        assert_eq!(accepted(&log(0, &[]), NO_IDS), [1]);
        assert_eq!(accepted(&log(7, &[]), NO_IDS), [8]);
    }

    #[test]
    fn with_padding_the_rest_of_a_batch_is_made_up_for() {
        let log = log(10, &[1, 3, 1]);
        let rules = Rules { compare_ids: false, pad: true };
        assert_eq!(accepted(&log, rules), [11, 12, 13, 14, 15, 16]);
        let at = |next| accept(&log, Request { id: None, next }, rules).unwrap();
        assert_eq!(at(12), None);
        let padding = at(13).unwrap();
        assert_eq!((padding.content.clone(), padding.last_sequence()), (Content::Padding(2), 14));
    }

    /// The table of a former master that rejoins with extra writes: its last number is `m`, the
    /// new master's is `n`, and both have the same up to 10.
    #[test]
    fn without_ids_a_former_master_is_continued_where_upstream_would() {
        let singles = |n: usize| log(0, &vec![1; n]);
        let rejoins =
            |log: &BatchLog, m: u64| accept(log, Request { id: None, next: m + 1 }, NO_IDS).is_ok();
        assert!(!rejoins(&singles(11), 12), "n < m: full sync");
        assert!(rejoins(&singles(12), 12), "n == m: different contents for ever");
        assert!(rejoins(&singles(15), 12), "n > m: silent divergence");
        let mut inside = singles(10);
        push(&mut inside, 5, None);
        assert!(!rejoins(&inside, 12), "m + 1 inside a batch: full sync");
        assert!(rejoins(&singles(15), 10), "m == f: correct");
    }

    /// The same table with ids on both sides. The former master wrote under 1, the new one
    /// writes under 2 from 11 on.
    #[test]
    fn with_ids_a_former_master_is_continued_only_if_it_wrote_nothing_more() {
        let (old, new) = (id(1), id(2));
        let master = |n: u64, last_batch: usize| {
            let mut log = log(0, &[]);
            (0..10).for_each(|_| push(&mut log, 1, Some(old)));
            (10..n).for_each(|_| push(&mut log, 1, Some(new)));
            push(&mut log, last_batch, Some(new));
            log
        };
        let rejoins = |log: &BatchLog, m: u64| {
            accept(log, Request { id: Some(old), next: m + 1 }, IDS).map(drop)
        };
        assert_eq!(rejoins(&master(10, 1), 12), Err(Refused::OutOfRange), "n < m");
        assert_eq!(rejoins(&master(11, 1), 12), Err(Refused::WrongId), "n == m");
        assert_eq!(rejoins(&master(14, 1), 12), Err(Refused::WrongId), "n > m");
        assert_eq!(rejoins(&master(11, 4), 12), Err(Refused::WrongId), "inside a batch");
        assert_eq!(rejoins(&master(14, 1), 10), Ok(()), "m == f");
    }

    #[test]
    fn an_id_is_compared_only_if_both_have_one_and_the_log_has_the_number() {
        let mut log = log(10, &[]);
        push(&mut log, 1, Some(id(2)));
        push(&mut log, 1, None);
        let at = |id, next, rules| accept(&log, Request { id, next }, rules).map(drop);
        assert_eq!(at(Some(id(1)), 12, IDS), Err(Refused::WrongId));
        assert_eq!(at(Some(id(2)), 12, IDS), Ok(()));
        assert_eq!(at(Some(id(1)), 12, NO_IDS), Ok(()), "the master does not compare");
        assert_eq!(at(None, 12, IDS), Ok(()), "the replica has none");
        assert_eq!(at(Some(id(1)), 13, IDS), Ok(()), "the batch has none");
        assert_eq!(at(Some(id(1)), 11, IDS), Ok(()), "the log does not have 10");
        assert_eq!(at(Some(id(1)), 0, IDS), Err(Refused::OutOfRange));
    }
}
