//! The log against what a disk can do to it: cut it anywhere, flip its bits, fill it with
//! anything.

use proptest::prelude::*;

use super::*;
use crate::batch::tests::{content, deletions, id};

const ALL: Keep = Keep { batches: usize::MAX, bytes: usize::MAX };

fn read(bytes: impl Into<Bytes>) -> Recovered {
    recover(bytes.into(), ALL)
}

fn record_of(batch: &Batch) -> Vec<u8> {
    batch_record(&batch.encode())
}

/// The records of these batches, and the data after each of them.
fn log_of(contents: Vec<Content>) -> (Vec<Vec<u8>>, Vec<Data>) {
    let (mut records, mut states) = (Vec::new(), vec![Data::new()]);
    let mut next = 1;
    for content in contents {
        let batch = Batch { first_sequence: next, replication_id: Some(id(1)), content };
        next = batch.last_sequence() + 1;
        records.push(record_of(&batch));
        let mut data = states.last().unwrap().clone();
        snapshot::apply(&mut data, batch.operations());
        states.push(data);
    }
    (records, states)
}

fn compacted_again(recovered: &Recovered) -> Vec<u8> {
    compacted(&recovered.data, &recovered.log, recovered.replication_id)
}

#[test]
fn an_empty_log_is_an_empty_store() {
    let recovered = read(Bytes::new());
    assert_eq!((recovered.data, recovered.log.latest()), (Data::new(), 0));
    assert_eq!((recovered.sound_bytes, recovered.damage), (0, None));
}

#[test]
fn a_snapshot_stands_first_or_not_at_all() {
    let data = Data::from([(Bytes::from_static(b"k"), Bytes::from_static(b"v"))]);
    let snapshot = snapshot_record(41, Some(id(3)), &data);
    let recovered = read(snapshot.clone());
    assert_eq!((recovered.log.latest(), recovered.damage), (41, None));
    assert_eq!((recovered.data, recovered.replication_id), (data, Some(id(3))));

    let recovered = read([snapshot.clone(), snapshot.clone()].concat());
    assert_eq!(recovered.damage, Some(Damage::Nonsense));
    assert_eq!(recovered.sound_bytes, snapshot.len());
}

#[test]
fn zeros_are_no_records() {
    assert_eq!(read(vec![0; 64]).damage, Some(Damage::Nonsense));
}

#[test]
fn a_gap_is_no_record() {
    assert_eq!(read(record_of(&deletions(2, 1))).damage, Some(Damage::Nonsense));
}

#[test]
fn a_length_beyond_the_file_is_an_incomplete_record() {
    let mut bytes = u64::MAX.to_be_bytes().to_vec();
    bytes.extend([0; 64]);
    assert_eq!(read(bytes).damage, Some(Damage::Incomplete));
}

#[test]
fn a_new_replication_id_is_remembered() {
    let (records, _) = log_of(vec![Content::NewReplicationId(id(1)), Content::Padding(2)]);
    let recovered = read(records.concat());
    assert_eq!((recovered.replication_id, recovered.log.latest()), (Some(id(1)), 3));
}

#[test]
fn kept_batches_that_do_not_reach_the_snapshot_are_of_no_use() {
    let snapshot = snapshot_record(5, None, &Data::new());
    let kept = |first, count| record(KEPT_BATCH, &deletions(first, count).encode());
    let whole = read([snapshot.clone(), kept(3, 1), kept(4, 2)].concat());
    assert_eq!((whole.log.iter().count(), whole.damage), (2, None));

    // The last of them was cut off; what is written later follows the snapshot all the same.
    let cut = [snapshot.clone(), kept(3, 1), record_of(&deletions(6, 1))].concat();
    let recovered = read(cut);
    assert_eq!((recovered.log.latest(), recovered.damage), (6, None));
    assert!(recovered.log.starting_at(3).is_none());
    assert!(recovered.log.starting_at(6).is_some());

    let beyond = read([snapshot.clone(), kept(5, 2)].concat());
    assert_eq!(beyond.damage, Some(Damage::Nonsense));
    let late = read([snapshot, record_of(&deletions(6, 1)), kept(5, 1)].concat());
    assert_eq!(late.damage, Some(Damage::Nonsense));
}

proptest! {
    #[test]
    fn a_torn_tail_costs_only_the_records_it_touches(
        contents in proptest::collection::vec(content(), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let (records, states) = log_of(contents);
        let whole: Vec<u8> = records.concat();
        let cut = cut.index(whole.len() + 1);
        let recovered = read(Bytes::copy_from_slice(&whole[..cut]));
        let sound = recovered.log.iter().count();
        prop_assert_eq!(&recovered.data, &states[sound]);
        prop_assert_eq!(recovered.sound_bytes, records[..sound].concat().len());
        prop_assert!(sound == records.len() || cut < records[..=sound].concat().len());
        prop_assert_eq!(recovered.damage.is_some(), cut != recovered.sound_bytes);
    }

    #[test]
    fn a_flipped_bit_is_found(
        contents in proptest::collection::vec(content(), 1..5),
        at in any::<prop::sample::Index>(),
        bit in 0..8u8,
    ) {
        let (records, states) = log_of(contents);
        let mut whole: Vec<u8> = records.concat();
        let at = at.index(whole.len());
        whole[at] ^= 1 << bit;
        let recovered = read(whole);
        prop_assert!(recovered.damage.is_some());
        prop_assert!(recovered.sound_bytes <= at);
        prop_assert_eq!(&recovered.data, &states[recovered.log.iter().count()]);
    }

    /// Compacted after any record, with any number of batches kept, it says the same.
    #[test]
    fn a_compacted_log_says_what_the_whole_one_says(
        contents in proptest::collection::vec(content(), 1..8),
        at in any::<prop::sample::Index>(),
        batches in 1..8usize,
    ) {
        let (records, _) = log_of(contents);
        let keep = Keep { batches, bytes: usize::MAX };
        let at = at.index(records.len() + 1);
        let before = recover(records[..at].concat().into(), keep);
        let base = compacted_again(&before);
        let again = recover([base.clone(), records[at..].concat()].concat().into(), keep);
        let whole = recover(records.concat().into(), keep);
        prop_assert_eq!(again.base_bytes, base.len());
        prop_assert_eq!(again.damage, None);
        prop_assert_eq!(&again.data, &whole.data);
        prop_assert_eq!(&again.log, &whole.log);
        prop_assert_eq!(again.replication_id, whole.replication_id);
    }

    /// Records with right checksums and anything in them. What they claim is never reserved: a
    /// claimed count of 2⁶⁴ would end the test.
    #[test]
    fn anything_can_stand_in_a_record(
        records in proptest::collection::vec(
            (0..5u8, proptest::collection::vec(prop_oneof![0..4u8, Just(255)], 0..60)),
            1..6,
        ),
        tail in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let mut file: Vec<u8> =
            records.iter().flat_map(|(kind, body)| record(*kind, body)).collect();
        file.extend(tail);
        let recovered = read(file.clone());
        prop_assert!(recovered.sound_bytes <= file.len());
        let again = read(Bytes::copy_from_slice(&file[..recovered.sound_bytes]));
        prop_assert_eq!(again, Recovered { damage: None, ..recovered });
    }
}
