//! All data at one sequence number: what a full sync carries and what a log may begin with.

use bytes::{Buf, BufMut, Bytes, BytesMut};

pub(crate) use crate::apply::apply;
use crate::batch::{SEQUENCE_MAX, get_id, put_id};
pub(crate) use crate::keyspace::Data;
use crate::replication::id::ReplicationId;

/// All data at one sequence number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// The sequence number of the last operation that it contains.
    pub(crate) sequence: u64,
    /// The last replication id that was written as a record.
    pub(crate) replication_id: Option<ReplicationId>,
    /// The data.
    pub(crate) data: Data,
}

/// Appends a snapshot as bytes.
pub(crate) fn encode(
    sequence: u64,
    replication_id: Option<ReplicationId>,
    data: &Data,
    out: &mut BytesMut,
) {
    out.put_u64(sequence);
    put_id(out, replication_id);
    data.encode(out);
}

/// Reads what [`encode`] wrote; `None` for anything else.
pub(crate) fn decode(bytes: &Bytes) -> Option<Snapshot> {
    let mut rest = bytes.clone();
    let sequence = rest.try_get_u64().ok().filter(|sequence| *sequence <= SEQUENCE_MAX)?;
    let replication_id = get_id(&mut rest)?;
    let data = Data::decode(&mut rest)?;
    rest.is_empty().then_some(Snapshot { sequence, replication_id, data })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::batch::tests::id;

    fn encoded(sequence: u64, id: Option<ReplicationId>, data: &Data) -> Bytes {
        let mut bytes = BytesMut::new();
        encode(sequence, id, data, &mut bytes);
        bytes.freeze()
    }

    #[test]
    fn a_sequence_that_leaves_no_room_is_refused() {
        for (sequence, sound) in [(0, true), (SEQUENCE_MAX, true), (SEQUENCE_MAX + 1, false)] {
            let bytes = encoded(sequence, None, &Data::new());
            assert_eq!(decode(&bytes).is_some(), sound, "{sequence}");
        }
    }

    #[test]
    fn the_replication_id_is_part_of_it() {
        let data = Data::from([(Bytes::from_static(b"k"), Bytes::from_static(b"v"))]);
        for replication_id in [None, Some(id(1))] {
            let snapshot = decode(&encoded(3, replication_id, &data));
            assert_eq!(
                snapshot,
                Some(Snapshot { sequence: 3, replication_id, data: data.clone() })
            );
        }
    }

    proptest! {
        #[test]
        fn decode_never_panics(bytes in proptest::collection::vec(0..4u8, 0..80)) {
            let _ = decode(&Bytes::from(bytes));
        }
    }
}
