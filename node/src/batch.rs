//! A write batch: the operations that are applied together, numbered from its first sequence
//! number on. One is one record of the write-ahead log and one message of replication.
//!
//! What this is not: RocksDB's own encoding; no real Kvrocks can follow one of these nodes.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// One change of one key. It costs one sequence number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// The key has this value from now on.
    Put {
        /// The key.
        key: Bytes,
        /// The value.
        value: Bytes,
    },
    /// The key is gone.
    Delete {
        /// The key.
        key: Bytes,
    },
}

/// Operations that are applied together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    /// The sequence number of the first operation, 1 or more.
    pub(crate) first_sequence: u64,
    /// The operations, one at least.
    pub(crate) operations: Vec<Operation>,
}

/// Bytes are no batch, or hold more than one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a write batch")]
pub(crate) struct NotABatch;

impl Batch {
    /// The sequence number of the last operation.
    pub(crate) fn last_sequence(&self) -> u64 {
        self.first_sequence + self.operations.len() as u64 - 1
    }

    /// Appends the batch as bytes.
    pub(crate) fn encode(&self, out: &mut BytesMut) {
        out.put_u64(self.first_sequence);
        put_length(out, self.operations.len());
        for operation in &self.operations {
            match operation {
                Operation::Put { key, value } => {
                    out.put_u8(PUT);
                    put_bytes(out, key);
                    put_bytes(out, value);
                }
                Operation::Delete { key } => {
                    out.put_u8(DELETE);
                    put_bytes(out, key);
                }
            }
        }
    }

    /// Reads what [`Batch::encode`] wrote.
    ///
    /// # Errors
    /// [`NotABatch`], also for a batch without operations and for sequence number 0.
    pub(crate) fn decode(bytes: &Bytes) -> Result<Batch, NotABatch> {
        let mut rest = bytes.clone();
        let first_sequence = rest.try_get_u64().map_err(|_| NotABatch)?;
        let count = rest.try_get_u32().map_err(|_| NotABatch)?;
        // The count is a claim: it reserves nothing.
        let mut operations = Vec::new();
        for _ in 0..count {
            operations.push(decode_operation(&mut rest)?);
        }
        let room = first_sequence.checked_add(u64::from(count));
        if first_sequence == 0 || count == 0 || room.is_none() || !rest.is_empty() {
            return Err(NotABatch);
        }
        Ok(Batch { first_sequence, operations })
    }
}

fn decode_operation(rest: &mut Bytes) -> Result<Operation, NotABatch> {
    match rest.try_get_u8() {
        Ok(PUT) => Ok(Operation::Put {
            key: get_bytes(rest).ok_or(NotABatch)?,
            value: get_bytes(rest).ok_or(NotABatch)?,
        }),
        Ok(DELETE) => Ok(Operation::Delete { key: get_bytes(rest).ok_or(NotABatch)? }),
        _ => Err(NotABatch),
    }
}

const PUT: u8 = 1;
const DELETE: u8 = 2;

/// Appends bytes with their length.
pub(crate) fn put_bytes(out: &mut BytesMut, bytes: &[u8]) {
    put_length(out, bytes.len());
    out.put_slice(bytes);
}

/// Takes bytes with their length off the front.
pub(crate) fn get_bytes(rest: &mut Bytes) -> Option<Bytes> {
    let length = rest.try_get_u32().ok()? as usize;
    (length <= rest.len()).then(|| rest.split_to(length))
}

fn put_length(out: &mut BytesMut, length: usize) {
    out.put_u32(u32::try_from(length).expect("requests are limited far below 4 GiB"));
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Some operations, one at least.
    pub(crate) fn operations() -> impl Strategy<Value = Vec<Operation>> {
        let bytes = || proptest::collection::vec(any::<u8>(), 0..20).prop_map(Bytes::from);
        let operation = prop_oneof![
            (bytes(), bytes()).prop_map(|(key, value)| Operation::Put { key, value }),
            bytes().prop_map(|key| Operation::Delete { key }),
        ];
        proptest::collection::vec(operation, 1..5)
    }

    fn encoded(batch: &Batch) -> Bytes {
        let mut out = BytesMut::new();
        batch.encode(&mut out);
        out.freeze()
    }

    #[test]
    fn sequence_numbers_count_operations() {
        let delete = Operation::Delete { key: Bytes::from_static(b"k") };
        let batch = Batch { first_sequence: 7, operations: vec![delete; 3] };
        assert_eq!(batch.last_sequence(), 9);
    }

    #[test]
    fn empty_batches_are_refused() {
        for (first_sequence, operations) in
            [(1, vec![]), (0, vec![Operation::Delete { key: Bytes::new() }])]
        {
            let bytes = encoded(&Batch { first_sequence, operations });
            assert_eq!(Batch::decode(&bytes), Err(NotABatch));
        }
    }

    proptest! {
        #[test]
        fn decode_reads_what_encode_writes(operations in operations(), first in 1..u64::MAX / 2) {
            let batch = Batch { first_sequence: first, operations };
            let bytes = encoded(&batch);
            prop_assert_eq!(Batch::decode(&bytes), Ok(batch));
            prop_assert_eq!(Batch::decode(&bytes.slice(..bytes.len() - 1)), Err(NotABatch));
        }

        #[test]
        fn decode_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = Batch::decode(&Bytes::from(bytes));
        }
    }
}
