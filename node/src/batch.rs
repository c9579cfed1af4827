//! A write batch: the operations that are applied together, numbered from its first sequence
//! number on. One is one record of the write-ahead log and one message of replication.
//!
//! What this is not: RocksDB's own encoding; no real Kvrocks can follow one of these nodes.
//!
//! The trap: whatever a batch claims of itself came from a disk or a peer. Counts and lengths
//! reserve no memory, and sequence numbers are bounded here, once for all who add to them.

use bytes::{Buf, BufMut, Bytes, BytesMut};

pub(crate) use crate::operation::Operation;
use crate::replication::id::ReplicationId;

/// What is applied together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    /// The sequence number of the first operation, 1 or more.
    pub(crate) first_sequence: u64,
    /// Under which replication id it was written, if its master had one.
    pub(crate) replication_id: Option<ReplicationId>,
    /// What it does.
    pub(crate) content: Content,
}

/// What a batch does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// These operations, one at least, each of one sequence number.
    Operations(Vec<Operation>),
    /// The master writes under this replication id from now on. One sequence number.
    NewReplicationId(ReplicationId),
    /// Nothing, for so many sequence numbers: fills the place of what a replica did not get.
    Padding(u64),
}

/// Bytes are no batch, or hold more than one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a write batch")]
pub(crate) struct NotABatch;

impl Batch {
    /// The sequence number of the last operation.
    pub(crate) fn last_sequence(&self) -> u64 {
        self.first_sequence + self.content.sequences() - 1
    }

    /// What it changes in the data.
    pub(crate) fn operations(&self) -> &[Operation] {
        match &self.content {
            Content::Operations(operations) => operations,
            Content::NewReplicationId(_) | Content::Padding(_) => &[],
        }
    }

    /// The batch as bytes.
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        out.put_u64(self.first_sequence);
        put_id(&mut out, self.replication_id);
        match &self.content {
            Content::Operations(operations) => {
                out.put_u8(OPERATIONS);
                out.put_u64(operations.len() as u64);
                operations.iter().for_each(|operation| operation.encode(&mut out));
            }
            Content::NewReplicationId(id) => {
                out.put_u8(NEW_REPLICATION_ID);
                out.put_slice(id.as_bytes());
            }
            Content::Padding(sequences) => {
                out.put_u8(PADDING);
                out.put_u64(*sequences);
            }
        }
        out.freeze()
    }

    /// Reads what [`Batch::encode`] wrote.
    ///
    /// # Errors
    /// [`NotABatch`], also for a batch of no sequence numbers, or of ones out of bounds.
    pub(crate) fn decode(bytes: &Bytes) -> Result<Batch, NotABatch> {
        let mut rest = bytes.clone();
        let first_sequence = rest.try_get_u64().map_err(|_| NotABatch)?;
        let replication_id = get_id(&mut rest).ok_or(NotABatch)?;
        let content = Content::decode(&mut rest)?;
        let sequences = content.sequences();
        let end = first_sequence.checked_add(sequences).filter(|end| *end <= SEQUENCE_MAX);
        if first_sequence == 0 || sequences == 0 || end.is_none() || !rest.is_empty() {
            return Err(NotABatch);
        }
        Ok(Batch { first_sequence, replication_id, content })
    }
}

impl Content {
    /// How many sequence numbers it costs.
    fn sequences(&self) -> u64 {
        match self {
            Content::Operations(operations) => operations.len() as u64,
            Content::NewReplicationId(_) => 1,
            Content::Padding(sequences) => *sequences,
        }
    }

    fn decode(rest: &mut Bytes) -> Result<Content, NotABatch> {
        match rest.try_get_u8() {
            Ok(OPERATIONS) => {
                let count = rest.try_get_u64().map_err(|_| NotABatch)?;
                // The count is a claim: it reserves nothing, and every operation costs a byte.
                let mut operations = Vec::new();
                for _ in 0..count {
                    operations.push(Operation::decode(rest)?);
                }
                Ok(Content::Operations(operations))
            }
            Ok(NEW_REPLICATION_ID) => take_id(rest).map(Content::NewReplicationId).ok_or(NotABatch),
            Ok(PADDING) => rest.try_get_u64().map(Content::Padding).map_err(|_| NotABatch),
            _ => Err(NotABatch),
        }
    }
}

/// Appends bytes with their length.
pub(crate) fn put_bytes(out: &mut BytesMut, bytes: &[u8]) {
    out.put_u64(bytes.len() as u64);
    out.put_slice(bytes);
}

/// Takes bytes with their length off the front: a copy, so that no value keeps the whole file
/// or message in memory that it came with.
pub(crate) fn get_bytes(rest: &mut Bytes) -> Option<Bytes> {
    let length = usize::try_from(rest.try_get_u64().ok()?).ok()?;
    (length <= rest.len()).then(|| Bytes::copy_from_slice(&rest.split_to(length)))
}

/// Appends a replication id or that there is none.
pub(crate) fn put_id(out: &mut BytesMut, id: Option<ReplicationId>) {
    out.put_u8(u8::from(id.is_some()));
    if let Some(id) = id {
        out.put_slice(id.as_bytes());
    }
}

/// Takes what [`put_id`] wrote off the front.
pub(crate) fn get_id(rest: &mut Bytes) -> Option<Option<ReplicationId>> {
    match rest.try_get_u8().ok()? {
        0 => Some(None),
        1 => take_id(rest).map(Some),
        _ => None,
    }
}

fn take_id(rest: &mut Bytes) -> Option<ReplicationId> {
    let whole = rest.len() >= ReplicationId::LENGTH;
    whole
        .then(|| rest.split_to(ReplicationId::LENGTH))
        .and_then(|id| ReplicationId::from_bytes(&id))
}

/// The greatest sequence number that a disk or a peer may claim, so that adding to one never
/// overflows.
pub(crate) const SEQUENCE_MAX: u64 = u64::MAX / 2;

const OPERATIONS: u8 = 1;
const NEW_REPLICATION_ID: u8 = 2;
const PADDING: u8 = 3;

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    pub(crate) use crate::operation::tests::operations;

    /// Any content, of eight sequence numbers at most.
    pub(crate) fn content() -> impl Strategy<Value = Content> {
        prop_oneof![
            4 => operations().prop_map(Content::Operations),
            1 => any::<u64>().prop_map(|seed| Content::NewReplicationId(id(seed))),
            1 => (1..9u64).prop_map(Content::Padding),
        ]
    }

    /// The replication id that a number names.
    pub(crate) fn id(seed: u64) -> ReplicationId {
        ReplicationId::generate(&mut host::random_stream(seed, "id"))
    }

    /// A batch of so many deletions.
    pub(crate) fn deletions(first_sequence: u64, count: usize) -> Batch {
        let delete = Operation::Delete { key: Bytes::from_static(b"k") };
        let content = Content::Operations(vec![delete; count]);
        Batch { first_sequence, replication_id: None, content }
    }

    #[test]
    fn sequence_numbers_count_operations() {
        assert_eq!(deletions(7, 3).last_sequence(), 9);
        let of = |content| Batch { first_sequence: 7, replication_id: None, content };
        assert_eq!(of(Content::Padding(4)).last_sequence(), 10);
        assert_eq!(of(Content::NewReplicationId(id(1))).last_sequence(), 7);
    }

    #[test]
    fn batches_of_no_number_or_too_great_ones_are_refused() {
        let pad = |first_sequence, count| {
            let content = Content::Padding(count);
            Batch { first_sequence, replication_id: Some(id(1)), content }
        };
        for (batch, sound) in [
            (deletions(1, 0), false),
            (deletions(0, 1), false),
            (pad(1, 0), false),
            (pad(1, u64::MAX), false),
            (pad(1, SEQUENCE_MAX), false),
            (pad(1, SEQUENCE_MAX - 1), true),
            (pad(u64::MAX, 1), false),
        ] {
            assert_eq!(Batch::decode(&batch.encode()).is_ok(), sound, "{batch:?}");
        }
    }

    #[test]
    fn a_claimed_count_reserves_nothing() {
        let mut bytes = BytesMut::new();
        bytes.put_u64(1);
        put_id(&mut bytes, None);
        bytes.put_u8(OPERATIONS);
        bytes.put_u64(u64::MAX);
        assert_eq!(Batch::decode(&bytes.freeze()), Err(NotABatch));
    }

    proptest! {
        #[test]
        fn decode_reads_what_encode_writes(
            content in content(),
            seed in proptest::option::of(any::<u64>()),
            first in 1..SEQUENCE_MAX / 2,
        ) {
            let batch = Batch { first_sequence: first, replication_id: seed.map(id), content };
            let bytes = batch.encode();
            prop_assert_eq!(Batch::decode(&bytes), Ok(batch));
            prop_assert_eq!(Batch::decode(&bytes.slice(..bytes.len() - 1)), Err(NotABatch));
        }

        #[test]
        fn decode_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = Batch::decode(&Bytes::from(bytes));
        }

        #[test]
        fn decode_never_panics_on_what_was_nearly_a_batch(
            content in content(),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let batch = Batch { first_sequence: 1, replication_id: Some(id(1)), content };
            let mut bytes = batch.encode().to_vec();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = Batch::decode(&Bytes::from(bytes));
        }
    }
}
