//! The file behind the data: records one after another, each with its length and checksum. Pure:
//! bytes in, bytes out.
//!
//! ```text
//! u64 length of the body | u32 CRC-32 of the body | body: u8 kind, then what the kind says
//! ```
//!
//! A log that was compacted begins with a snapshot. Then come batches that are in the snapshot
//! already and are kept for replicas only, and then those that are not.
//!
//! What this is not: durable by itself (see [`crate::log_file`]).
//!
//! The trap: a process can die in the middle of an append, and power loss leaves any part of
//! what was not synced. What follows the last sound record is cut off, and the file must be
//! rewritten without it before anything is appended again.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use crc::{CRC_32_ISO_HDLC, Crc};

use crate::batch::{Batch, Content};
use crate::batch_log::{BatchLog, Keep, Logged};
use crate::replication::id::ReplicationId;
use crate::snapshot::{self, Data, Snapshot};

/// What a log says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recovered {
    /// The data after the last sound record.
    pub(crate) data: Data,
    /// The sound batches, as far as they are kept.
    pub(crate) log: BatchLog,
    /// The last replication id that was written as a record.
    pub(crate) replication_id: Option<ReplicationId>,
    /// How many bytes the snapshot has, with the batches that are kept beside it.
    pub(crate) base_bytes: usize,
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

/// A batch, as [`Batch::encode`] has it, as a record.
pub(crate) fn batch_record(batch: &[u8]) -> Vec<u8> {
    record(BATCH, batch)
}

/// A log that is one snapshot: also what a full sync carries.
pub(crate) fn snapshot_record(
    sequence: u64,
    replication_id: Option<ReplicationId>,
    data: &Data,
) -> Vec<u8> {
    let mut body = BytesMut::new();
    snapshot::encode(sequence, replication_id, data, &mut body);
    record(SNAPSHOT, &body)
}

/// A compacted log: a snapshot, and behind it the batches that are kept for replicas.
pub(crate) fn compacted(
    data: &Data,
    log: &BatchLog,
    replication_id: Option<ReplicationId>,
) -> Vec<u8> {
    let mut file = snapshot_record(log.latest(), replication_id, data);
    for batch in log.iter() {
        file.extend(record(KEPT_BATCH, &batch.bytes));
    }
    file
}

/// Reads a log up to its end or to the first record that is not sound.
pub(crate) fn recover(bytes: Bytes, keep: Keep) -> Recovered {
    let mut reading = Reading {
        recovered: Recovered {
            data: Data::new(),
            log: BatchLog::after(0, keep),
            replication_id: None,
            base_bytes: 0,
            sound_bytes: 0,
            damage: None,
        },
        keep,
        kept: None,
        in_tail: false,
    };
    let mut rest = bytes;
    while !rest.is_empty() {
        let before = rest.len();
        if let Err(damage) = next_body(&mut rest).and_then(|body| reading.replay(body)) {
            reading.recovered.damage = Some(damage);
            break;
        }
        reading.recovered.sound_bytes += before - rest.len();
        if !reading.in_tail {
            reading.recovered.base_bytes = reading.recovered.sound_bytes;
        }
    }
    reading.end_base();
    reading.recovered
}

struct Reading {
    recovered: Recovered,
    keep: Keep,
    /// Batches that are in the snapshot already.
    kept: Option<BatchLog>,
    /// A batch that is not in the snapshot was there.
    in_tail: bool,
}

impl Reading {
    fn replay(&mut self, mut body: Bytes) -> Result<(), Damage> {
        match body.get_u8() {
            SNAPSHOT if self.recovered.sound_bytes == 0 => {
                let Snapshot { sequence, replication_id, data } =
                    snapshot::decode(&body).ok_or(Damage::Nonsense)?;
                self.recovered.data = data;
                self.recovered.replication_id = replication_id;
                self.recovered.log = BatchLog::after(sequence, self.keep);
                Ok(())
            }
            KEPT_BATCH if !self.in_tail => self.keep_batch(body),
            BATCH => self.apply_batch(body),
            _ => Err(Damage::Nonsense),
        }
    }

    fn keep_batch(&mut self, body: Bytes) -> Result<(), Damage> {
        let batch = Batch::decode(&body).map_err(|_| Damage::Nonsense)?;
        let first = batch.first_sequence;
        let kept = self.kept.get_or_insert_with(|| BatchLog::after(first - 1, self.keep));
        let fits = first == kept.latest() + 1;
        if !fits || batch.last_sequence() > self.recovered.log.latest() {
            return Err(Damage::Nonsense);
        }
        kept.push(logged(&batch, &body));
        Ok(())
    }

    fn apply_batch(&mut self, body: Bytes) -> Result<(), Damage> {
        let batch = Batch::decode(&body).map_err(|_| Damage::Nonsense)?;
        self.end_base();
        if batch.first_sequence != self.recovered.log.latest() + 1 {
            return Err(Damage::Nonsense);
        }
        self.in_tail = true;
        snapshot::apply(&mut self.recovered.data, batch.operations());
        if let Content::NewReplicationId(id) = batch.content {
            self.recovered.replication_id = Some(id);
        }
        self.recovered.log.push(logged(&batch, &body));
        Ok(())
    }

    /// The kept batches are of use only if nothing lies between them and what follows.
    fn end_base(&mut self) {
        if let Some(kept) = self.kept.take()
            && kept.latest() == self.recovered.log.latest()
        {
            self.recovered.log = kept;
        }
    }
}

/// A copy: the batch is kept, the file's bytes are not.
fn logged(batch: &Batch, body: &Bytes) -> Logged {
    Logged::new(batch, Bytes::copy_from_slice(body))
}

/// The body of the next record, one byte at least.
fn next_body(rest: &mut Bytes) -> Result<Bytes, Damage> {
    let length = rest.try_get_u64().map_err(|_| Damage::Incomplete)?;
    let checksum = rest.try_get_u32().map_err(|_| Damage::Incomplete)?;
    if length == 0 {
        // A file that was extended with zeros: the checksum of nothing is 0 too.
        return Err(Damage::Nonsense);
    }
    let length = usize::try_from(length).map_err(|_| Damage::Incomplete)?;
    if rest.len() < length {
        return Err(Damage::Incomplete);
    }
    let body = rest.split_to(length);
    if CRC32.checksum(&body) == checksum { Ok(body) } else { Err(Damage::Checksum) }
}

fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    let mut digest = CRC32.digest();
    digest.update(&[kind]);
    digest.update(content);
    let length = content.len() + 1;
    let mut out = Vec::with_capacity(length + HEADER);
    out.put_u64(length as u64);
    out.put_u32(digest.finalize());
    out.put_u8(kind);
    out.put_slice(content);
    out
}

const HEADER: usize = 8 + 4;
const BATCH: u8 = 1;
const SNAPSHOT: u8 = 2;
const KEPT_BATCH: u8 = 3;
const CRC32: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

#[cfg(test)]
#[path = "write_ahead_log_tests.rs"]
mod tests;
