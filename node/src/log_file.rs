//! The write-ahead log on the disk: appended to, synced as the option says, and replaced as a
//! whole when it got too long or cannot be trusted.
//!
//! What this is not: what stands in it (see [`crate::write_ahead_log`]).
//!
//! The trap: an append that failed, or was given up in the middle, may have left half a record,
//! and a sync that failed may have thrown away what it should have kept. The file is *suspect*
//! then, and must be replaced by what is in memory before anything else is written.

use std::cell::Cell;
use std::io;

use bytes::Bytes;
use host::Host;

use crate::wal_sync::WalSync;

/// The log's file. Its methods are not to be called side by side.
pub(crate) struct LogFile {
    host: Host,
    sync: WalSync,
    suspect: Cell<bool>,
    unsynced: Cell<bool>,
    base_bytes: Cell<usize>,
    tail_bytes: Cell<usize>,
}

impl LogFile {
    /// The file that is there, or will be.
    pub(crate) fn new(host: Host, sync: WalSync) -> Self {
        Self {
            host,
            sync,
            suspect: Cell::new(false),
            unsynced: Cell::new(false),
            base_bytes: Cell::new(0),
            tail_bytes: Cell::new(0),
        }
    }

    /// Its content; `None` if there is no file.
    pub(crate) async fn read(&self) -> io::Result<Option<Bytes>> {
        match self.host.disk().read(LOG).await {
            Ok(bytes) => Ok(Some(Bytes::from(bytes))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What was read is this: a base, and what was appended to it.
    pub(crate) fn was_read(&self, base_bytes: usize, all_bytes: usize) {
        self.base_bytes.set(base_bytes);
        self.tail_bytes.set(all_bytes - base_bytes);
        // Who wrote it may have been killed before it was synced.
        self.unsynced.set(all_bytes > 0);
    }

    /// Whether the file must be replaced before it is appended to.
    pub(crate) fn is_suspect(&self) -> bool {
        self.suspect.get()
    }

    /// Whether the file has grown enough for it to be compacted: by so many bytes, and to twice
    /// its base, so that the work stays in proportion to what is written.
    pub(crate) fn is_long(&self, compact_bytes: usize) -> bool {
        self.tail_bytes.get() > compact_bytes.max(self.base_bytes.get())
    }

    /// Adds a record to the end, and syncs it if every write is.
    pub(crate) async fn append(&self, record: Vec<u8>) -> io::Result<()> {
        let length = record.len();
        self.suspect.set(true);
        self.host.disk().append(LOG, record).await?;
        self.unsynced.set(true);
        if self.sync == WalSync::EveryWrite {
            self.host.disk().sync(LOG).await?;
            self.unsynced.set(false);
        }
        self.suspect.set(false);
        self.tail_bytes.set(self.tail_bytes.get() + length);
        Ok(())
    }

    /// Syncs what was appended, if anything was.
    pub(crate) async fn sync(&self) -> io::Result<()> {
        if self.unsynced.get() {
            self.suspect.set(true);
            self.host.disk().sync(LOG).await?;
            self.suspect.set(false);
            self.unsynced.set(false);
        }
        Ok(())
    }

    /// Puts this in the place of the whole file, which also survives power loss then. Until all
    /// of it is there the old file stands.
    pub(crate) async fn replace(&self, content: Vec<u8>) -> io::Result<()> {
        let length = content.len();
        let disk = self.host.disk();
        disk.write(LOG_TMP, content).await?;
        disk.sync(LOG_TMP).await?;
        // From here on the file may be the old one or the new one.
        self.suspect.set(true);
        disk.rename(LOG_TMP, LOG).await?;
        disk.sync(LOG).await?;
        self.suspect.set(false);
        self.unsynced.set(false);
        self.base_bytes.set(length);
        self.tail_bytes.set(0);
        Ok(())
    }

    /// A compaction failed. The next one is due when the file has grown as much again.
    pub(crate) fn put_off(&self) {
        self.base_bytes.set(self.base_bytes.get() + self.tail_bytes.get());
        self.tail_bytes.set(0);
    }
}

const LOG: &str = "data.log";
const LOG_TMP: &str = "data.log.tmp";
