//! The file behind the data: records one after another, each with its length and checksum. A
//! record is a write batch with its first sequence number or, only as the first, a snapshot.
//! Pure: bytes in, bytes out.
//!
//! ```text
//! u32 length of the body | u32 CRC-32 of the body | body: u8 kind, then batch or snapshot
//! ```
//!
//! What this is not: durable against power loss. As upstream by default, nothing is synced.
//!
//! The trap: a process can die in the middle of an append. What follows the last sound record is
//! cut off, and the file must be rewritten without it before anything is appended again.

use std::rc::Rc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use crc::{CRC_32_ISO_HDLC, Crc};

use crate::batch::Batch;
use crate::batch_log::BatchLog;
use crate::snapshot::{self, Data, Snapshot};

/// What a log says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recovered {
    /// The data after the last sound record.
    pub(crate) data: Data,
    /// The sound batches.
    pub(crate) log: BatchLog,
    /// How many bytes are sound.
    pub(crate) sound_bytes: usize,
    /// What is wrong with the rest, if there is one.
    pub(crate) damage: Option<Damage>,
}

/// Why the reading of a log stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Damage {
    /// The file ends within a record.
    #[error("the last record is incomplete")]
    Incomplete,
    /// The body is not what was written.
    #[error("a checksum does not match")]
    Checksum,
    /// The checksum is right, but the body is no record, or no record for this place.
    #[error("a record makes no sense")]
    Nonsense,
}

/// A batch as a record.
pub(crate) fn batch_record(batch: &Batch) -> Vec<u8> {
    record(BATCH, |out| batch.encode(out))
}

/// A log that is one snapshot: also what a full sync carries.
pub(crate) fn snapshot_record(sequence: u64, data: &Data) -> Vec<u8> {
    record(SNAPSHOT, |out| snapshot::encode(sequence, data, out))
}

/// Reads a log up to its end or to the first record that is not sound.
pub(crate) fn recover(bytes: Bytes) -> Recovered {
    let mut recovered = Recovered::default();
    let mut rest = bytes;
    while !rest.is_empty() {
        let before = rest.len();
        if let Err(damage) = next_body(&mut rest).and_then(|body| replay(&mut recovered, body)) {
            recovered.damage = Some(damage);
            break;
        }
        recovered.sound_bytes += before - rest.len();
    }
    recovered
}

fn replay(recovered: &mut Recovered, mut body: Bytes) -> Result<(), Damage> {
    match body.get_u8() {
        SNAPSHOT if recovered.sound_bytes == 0 => {
            let Snapshot { sequence, data } = snapshot::decode(&body).ok_or(Damage::Nonsense)?;
            recovered.data = data;
            recovered.log = BatchLog::after(sequence);
        }
        BATCH => {
            let batch = Batch::decode(&body).map_err(|_| Damage::Nonsense)?;
            if batch.first_sequence != recovered.log.latest() + 1 {
                return Err(Damage::Nonsense);
            }
            snapshot::apply(&mut recovered.data, &batch.operations);
            recovered.log.push(Rc::new(batch));
        }
        _ => return Err(Damage::Nonsense),
    }
    Ok(())
}

/// The body of the next record, one byte at least.
fn next_body(rest: &mut Bytes) -> Result<Bytes, Damage> {
    let length = rest.try_get_u32().map_err(|_| Damage::Incomplete)? as usize;
    let checksum = rest.try_get_u32().map_err(|_| Damage::Incomplete)?;
    if length == 0 {
        // A file that was extended with zeros: the checksum of nothing is 0 too.
        return Err(Damage::Nonsense);
    }
    if rest.len() < length {
        return Err(Damage::Incomplete);
    }
    let body = rest.split_to(length);
    if CRC32.checksum(&body) == checksum { Ok(body) } else { Err(Damage::Checksum) }
}

fn record(kind: u8, content: impl FnOnce(&mut BytesMut)) -> Vec<u8> {
    let mut body = BytesMut::new();
    body.put_u8(kind);
    content(&mut body);
    let length = u32::try_from(body.len()).expect("data in memory is far below 4 GiB");
    let mut out = Vec::with_capacity(body.len() + 8);
    out.put_u32(length);
    out.put_u32(CRC32.checksum(&body));
    out.extend_from_slice(&body);
    out
}

const BATCH: u8 = 1;
const SNAPSHOT: u8 = 2;
const CRC32: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::batch::tests::operations;

    fn log_of(batches: Vec<Vec<crate::batch::Operation>>) -> (Vec<Vec<u8>>, Vec<Data>) {
        let (mut records, mut states) = (Vec::new(), vec![Data::new()]);
        let mut next = 1;
        for operations in batches {
            let batch = Batch { first_sequence: next, operations };
            next = batch.last_sequence() + 1;
            records.push(batch_record(&batch));
            let mut data = states.last().unwrap().clone();
            snapshot::apply(&mut data, &batch.operations);
            states.push(data);
        }
        (records, states)
    }

    #[test]
    fn an_empty_log_is_an_empty_store() {
        assert_eq!(recover(Bytes::new()), Recovered::default());
    }

    #[test]
    fn a_snapshot_stands_first_or_not_at_all() {
        let data = Data::from([(Bytes::from_static(b"k"), Bytes::from_static(b"v"))]);
        let snapshot = snapshot_record(41, &data);
        let recovered = recover(Bytes::from(snapshot.clone()));
        assert_eq!((recovered.log.latest(), recovered.damage), (41, None));
        assert_eq!(recovered.data, data);

        let twice = [snapshot.clone(), snapshot.clone()].concat();
        let recovered = recover(Bytes::from(twice));
        assert_eq!(recovered.damage, Some(Damage::Nonsense));
        assert_eq!(recovered.sound_bytes, snapshot.len());
    }

    #[test]
    fn zeros_are_no_records() {
        assert_eq!(recover(Bytes::from(vec![0; 64])).damage, Some(Damage::Nonsense));
    }

    #[test]
    fn a_gap_is_no_record() {
        let delete = crate::batch::Operation::Delete { key: Bytes::new() };
        let batch = Batch { first_sequence: 2, operations: vec![delete] };
        assert_eq!(recover(Bytes::from(batch_record(&batch))).damage, Some(Damage::Nonsense));
    }

    proptest! {
        #[test]
        fn a_torn_tail_costs_only_the_records_it_touches(
            batches in proptest::collection::vec(operations(), 1..8),
            cut in any::<prop::sample::Index>(),
        ) {
            let (records, states) = log_of(batches);
            let whole: Vec<u8> = records.concat();
            let cut = cut.index(whole.len() + 1);
            let recovered = recover(Bytes::copy_from_slice(&whole[..cut]));
            let sound = recovered.log.count();
            prop_assert_eq!(&recovered.data, &states[sound]);
            prop_assert_eq!(recovered.sound_bytes, records[..sound].concat().len());
            prop_assert!(sound == records.len() || cut < records[..=sound].concat().len());
            prop_assert_eq!(recovered.damage.is_some(), cut != recovered.sound_bytes);
        }

        #[test]
        fn a_flipped_bit_is_found(
            batches in proptest::collection::vec(operations(), 1..5),
            at in any::<prop::sample::Index>(),
            bit in 0..8u8,
        ) {
            let (records, states) = log_of(batches);
            let mut whole: Vec<u8> = records.concat();
            let at = at.index(whole.len());
            whole[at] ^= 1 << bit;
            let recovered = recover(Bytes::from(whole));
            prop_assert!(recovered.damage.is_some());
            prop_assert!(recovered.sound_bytes <= at);
            prop_assert_eq!(&recovered.data, &states[recovered.log.count()]);
        }
    }
}
