//! All data at one sequence number: what a full sync carries and what a log may begin with.

use std::collections::BTreeMap;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::batch::{Operation, get_bytes, put_bytes};

/// The keys and their values, in order.
pub(crate) type Data = BTreeMap<Bytes, Bytes>;

/// All data at one sequence number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// The sequence number of the last operation that it contains.
    pub(crate) sequence: u64,
    /// The data.
    pub(crate) data: Data,
}

/// Applies operations in order.
pub(crate) fn apply(data: &mut Data, operations: &[Operation]) {
    for operation in operations {
        match operation {
            Operation::Put { key, value } => drop(data.insert(key.clone(), value.clone())),
            Operation::Delete { key } => drop(data.remove(key)),
        }
    }
}

/// Appends a snapshot as bytes.
pub(crate) fn encode(sequence: u64, data: &Data, out: &mut BytesMut) {
    out.put_u64(sequence);
    out.put_u64(data.len() as u64);
    for (key, value) in data {
        put_bytes(out, key);
        put_bytes(out, value);
    }
}

/// Reads what [`encode`] wrote; `None` for anything else.
pub(crate) fn decode(bytes: &Bytes) -> Option<Snapshot> {
    let mut rest = bytes.clone();
    let sequence = rest.try_get_u64().ok().filter(|sequence| *sequence <= SEQUENCE_MAX)?;
    let count = rest.try_get_u64().ok()?;
    let mut data = Data::new();
    for _ in 0..count {
        let key = get_bytes(&mut rest)?;
        data.insert(key, get_bytes(&mut rest)?);
    }
    let whole = rest.is_empty() && data.len() as u64 == count;
    whole.then_some(Snapshot { sequence, data })
}

/// The greatest sequence number that a snapshot may claim, so that adding to it never overflows.
const SEQUENCE_MAX: u64 = u64::MAX / 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_that_leaves_no_room_is_refused() {
        for (sequence, sound) in [(0, true), (SEQUENCE_MAX, true), (SEQUENCE_MAX + 1, false)] {
            let mut bytes = BytesMut::new();
            encode(sequence, &Data::new(), &mut bytes);
            assert_eq!(decode(&bytes.freeze()).is_some(), sound, "{sequence}");
        }
    }
}
