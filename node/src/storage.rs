//! The data of a node: an ordered map in memory behind a write-ahead log, numbered by sequence.
//!
//! [`Storage::write`] is the one path by which a command writes, directly or as a transaction:
//! lease, then log, then memory. Replication applies what it receives past the lease, as
//! upstream does.
//!
//! What this is not: the judge of whether this node may serve a key (see [`crate::routing`]).
//!
//! The trap: an append that failed, or was given up in the middle, may have left half a record
//! in the file. The next write first rewrites the file as a snapshot of what is in memory.

use std::cell::{Cell, Ref, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use host::Host;
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot, watch};

use crate::batch::{Batch, Operation};
use crate::batch_log::BatchLog;
use crate::data_commands::Keyspace;
use crate::key_locks::{KeyGuard, KeyLocks};
use crate::lease_gate::{LeaseExpired, LeaseGate};
use crate::snapshot::{self, Data};
use crate::write_ahead_log::{self, Recovered};

/// The data of a node.
pub(crate) struct Storage {
    host: Host,
    gate: LeaseGate,
    key_locks: KeyLocks,
    content: RefCell<Content>,
    /// Held while the log file and the memory change together.
    log_lock: Arc<Mutex<()>>,
    /// The file may not be what memory says.
    log_suspect: Cell<bool>,
    progress: watch::Sender<Progress>,
}

/// How far the data is. Whoever follows the log waits for its changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The last sequence number.
    pub(crate) latest: u64,
    /// How often all data was replaced; batches of different counts do not belong together.
    pub(crate) replaced: u64,
}

#[derive(Default)]
struct Content {
    data: Data,
    log: BatchLog,
}

/// Why a write was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    /// By the lease; nothing was written.
    #[error("Operation aborted: {0}")]
    Lease(#[from] LeaseExpired),
    /// By the disk; the write may come back with a restart.
    #[error("IO error: {0}")]
    Io(#[from] io::Error),
    /// A batch from a master that does not follow on the data here.
    #[error("a batch begins at sequence {received} where {expected} was expected")]
    OutOfSequence {
        /// Where it should begin.
        expected: u64,
        /// Where it begins.
        received: u64,
    },
    /// What a master sent as its data is none.
    #[error("not a snapshot")]
    NotASnapshot,
}

impl Storage {
    /// An empty store, before [`Storage::recover`].
    pub(crate) fn new(host: Host, gate: LeaseGate) -> Self {
        Self {
            host,
            gate,
            key_locks: KeyLocks::default(),
            content: RefCell::default(),
            log_lock: Arc::default(),
            log_suspect: Cell::new(false),
            progress: watch::Sender::default(),
        }
    }

    /// Loads what an earlier life of the process wrote. A torn tail is cut off.
    ///
    /// # Errors
    /// If the file cannot be read, or not be rewritten without its torn tail.
    pub(crate) async fn recover(&self) -> io::Result<()> {
        let bytes = match self.host.disk().read(LOG).await {
            Ok(bytes) => Bytes::from(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let recovered = write_ahead_log::recover(bytes.clone());
        if let Some(damage) = recovered.damage {
            let lost = bytes.len() - recovered.sound_bytes;
            tracing::warn!("{LOG}: {damage}: the last {lost} bytes are cut off");
            replace_file(&self.host, bytes[..recovered.sound_bytes].to_vec()).await?;
        }
        self.take_over(recovered);
        Ok(())
    }

    /// Writes for a command. An empty batch is nothing but a question to the lease.
    ///
    /// # Errors
    /// [`WriteError::Lease`] and [`WriteError::Io`].
    pub(crate) async fn write(&self, operations: Vec<Operation>) -> Result<(), WriteError> {
        self.gate.check()?;
        if let Some(stall) = self.host.point("after-lease-check") {
            stall.await;
        }
        if operations.is_empty() {
            return Ok(());
        }
        let log = self.log_lock.clone().lock_owned().await;
        let batch = Batch { first_sequence: self.latest() + 1, operations };
        self.commit(log, batch).await
    }

    /// Applies a batch of the master that this node follows.
    ///
    /// A batch whose writing has begun is finished even if the caller is dropped meanwhile;
    /// [`Storage::settled`] waits for that.
    ///
    /// # Errors
    /// [`WriteError::OutOfSequence`] and [`WriteError::Io`].
    pub(crate) async fn apply_replicated(self: &Rc<Self>, batch: Batch) -> Result<(), WriteError> {
        let log = self.log_lock.clone().lock_owned().await;
        let (expected, received) = (self.latest() + 1, batch.first_sequence);
        if expected != received {
            return Err(WriteError::OutOfSequence { expected, received });
        }
        let storage = self.clone();
        self.to_the_end(async move { storage.commit(log, batch).await }).await
    }

    /// Replaces all data, the sequence number and the log by what a master sent for a full sync.
    /// Until the new file is complete, and if anything fails, the old data stands.
    ///
    /// # Errors
    /// [`WriteError::NotASnapshot`] and [`WriteError::Io`].
    pub(crate) async fn replace(self: &Rc<Self>, snapshot: Bytes) -> Result<(), WriteError> {
        let recovered = write_ahead_log::recover(snapshot.clone());
        if recovered.damage.is_some() || recovered.sound_bytes == 0 {
            return Err(WriteError::NotASnapshot);
        }
        let log = self.log_lock.clone().lock_owned().await;
        let storage = self.clone();
        self.to_the_end(async move {
            let _log = log;
            replace_file(&storage.host, snapshot.to_vec()).await?;
            storage.log_suspect.set(false);
            storage.take_over(recovered);
            Ok(())
        })
        .await
    }

    /// Waits until nothing is being written.
    pub(crate) async fn settled(&self) {
        drop(self.log_lock.lock().await);
    }

    /// Takes the locks of these keys.
    pub(crate) async fn lock_keys(&self, keys: &[Bytes]) -> KeyGuard<'_> {
        self.key_locks.lock(keys).await
    }

    /// The data, to read. Not to be held across an await.
    pub(crate) fn data(&self) -> Ref<'_, Data> {
        Ref::map(self.content.borrow(), |content| &content.data)
    }

    /// The recent batches, to read. Not to be held across an await.
    pub(crate) fn log(&self) -> Ref<'_, BatchLog> {
        Ref::map(self.content.borrow(), |content| &content.log)
    }

    /// The last sequence number; 0 if there is none.
    pub(crate) fn latest(&self) -> u64 {
        self.content.borrow().log.latest()
    }

    /// All data as one file: what a full sync carries.
    pub(crate) fn snapshot(&self) -> Bytes {
        let content = self.content.borrow();
        write_ahead_log::snapshot_record(content.log.latest(), &content.data).into()
    }

    /// How far the data is, and to wait for it to get further.
    pub(crate) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// The lease.
    pub(crate) fn gate(&self) -> &LeaseGate {
        &self.gate
    }

    async fn commit(&self, _log: OwnedMutexGuard<()>, batch: Batch) -> Result<(), WriteError> {
        if self.log_suspect.get() {
            replace_file(&self.host, self.snapshot().to_vec()).await?;
        }
        self.log_suspect.set(true);
        self.host.disk().append(LOG, write_ahead_log::batch_record(&batch)).await?;
        self.log_suspect.set(false);

        let mut content = self.content.borrow_mut();
        snapshot::apply(&mut content.data, &batch.operations);
        content.log.push(Rc::new(batch));
        let latest = content.log.latest();
        drop(content);
        self.progress.send_modify(|progress| progress.latest = latest);
        Ok(())
    }

    fn take_over(&self, Recovered { data, log, .. }: Recovered) {
        let latest = log.latest();
        *self.content.borrow_mut() = Content { data, log };
        self.progress.send_modify(|progress| {
            *progress = Progress { latest, replaced: progress.replaced + 1 };
        });
    }

    /// Runs `work` as a task of its own, which goes on if the caller is dropped.
    async fn to_the_end(
        &self,
        work: impl Future<Output = Result<(), WriteError>> + 'static,
    ) -> Result<(), WriteError> {
        let (done, result) = oneshot::channel();
        self.host.spawn(async move {
            // Nobody waits any more if this fails.
            let _ = done.send(work.await);
        });
        match result.await {
            Ok(done) => done,
            // Nothing aborts the task but the end of the process, which nobody outlives.
            Err(_) => std::future::pending().await,
        }
    }
}

/// No sync of the name: as with `nodes.conf`, power loss may bring the old file back.
async fn replace_file(host: &Host, content: Vec<u8>) -> io::Result<()> {
    let disk = host.disk();
    disk.write(LOG_TMP, content).await?;
    disk.sync(LOG_TMP).await?;
    disk.rename(LOG_TMP, LOG).await
}

impl Keyspace for Data {
    fn value(&self, key: &[u8]) -> Option<Bytes> {
        self.get(key).cloned()
    }

    fn count(&self) -> usize {
        self.len()
    }
}

const LOG: &str = "data.log";
const LOG_TMP: &str = "data.log.tmp";
