//! The data of a node: an ordered map in memory behind a write-ahead log, numbered by sequence.
//!
//! [`Storage::write`] is the one path by which a command writes, directly or as a transaction:
//! lease, then log, then memory. Replication applies what it receives past the lease, as
//! upstream does.
//!
//! What this is not: the judge of whether this node may serve a key (see [`crate::routing`]).
//!
//! The trap: file and memory change under one lock, the file first. A write that failed may be
//! in the file all the same; the next one first replaces the file by what is in memory (see
//! [`crate::log_file`]).

use std::cell::{Cell, Ref, RefCell, RefMut};
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use host::{Host, Random};
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot, watch};

use crate::batch::{Batch, Content as BatchContent, Operation};
use crate::batch_log::{BatchLog, Keep, Logged};
use crate::config::NodeConfig;
use crate::key_locks::{KeyGuard, KeyLocks};
use crate::lease_gate::{LeaseGate, NoLease};
use crate::log_file::LogFile;
use crate::replication::id::ReplicationId;
use crate::resp::BULK_MAX;
use crate::snapshot::{self, Data};
use crate::wal_sync::WalSync;
use crate::watches::Watches;
use crate::write_ahead_log::{self, Recovered};

/// The data of a node.
pub(crate) struct Storage {
    host: Host,
    gate: LeaseGate,
    key_locks: KeyLocks,
    watches: Watches,
    content: RefCell<Content>,
    /// Held while the log file and the memory change together.
    log_lock: Arc<Mutex<()>>,
    file: LogFile,
    options: StorageOptions,
    /// The replication id of this node's own writes.
    own_id: Cell<Option<ReplicationId>>,
    ids: RefCell<Random>,
    progress: watch::Sender<Progress>,
}

/// What the storage is told at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StorageOptions {
    /// When the log is synced.
    pub(crate) sync: WalSync,
    /// How much is written before the log is compacted.
    pub(crate) compact_bytes: usize,
    /// Which batches are kept for replicas.
    pub(crate) keep: Keep,
}

impl StorageOptions {
    /// As the node's options have it.
    pub(crate) fn of(config: &NodeConfig) -> Self {
        Self {
            sync: config.wal_sync,
            compact_bytes: config.wal_compact_bytes,
            keep: Keep { batches: config.wal_keep_batches, bytes: config.wal_keep_bytes },
        }
    }
}

/// How far the data is. Whoever follows the log waits for its changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The last sequence number.
    pub(crate) latest: u64,
    /// How often all data was replaced; batches of different counts do not belong together.
    pub(crate) replaced: u64,
}

struct Content {
    data: Data,
    log: BatchLog,
    /// The last that was written as a record, whoever wrote it.
    replication_id: Option<ReplicationId>,
}

/// Why a write was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    /// By the lease; nothing was written.
    #[error("Operation aborted: Write rejected: {0}")]
    Lease(#[from] NoLease),
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
    /// No replica could be sent so much at once; nothing was written.
    #[error("the write exceeds maximum allowed size (512MB)")]
    TooLarge,
}

impl Storage {
    /// An empty store, before [`Storage::recover`].
    pub(crate) fn new(host: Host, gate: LeaseGate, options: StorageOptions) -> Self {
        let log = BatchLog::after(0, options.keep);
        let content = Content { data: Data::new(), log, replication_id: None };
        Self {
            gate,
            key_locks: KeyLocks::default(),
            watches: Watches::default(),
            content: RefCell::new(content),
            log_lock: Arc::default(),
            file: LogFile::new(host.clone(), options.sync),
            options,
            own_id: Cell::new(None),
            ids: RefCell::new(host.random("replication-ids")),
            progress: watch::Sender::default(),
            host,
        }
    }

    /// Loads what an earlier life of the process wrote. A torn tail is cut off.
    ///
    /// # Errors
    /// If the file cannot be read, or not be rewritten without its torn tail.
    pub(crate) async fn recover(&self) -> io::Result<()> {
        let Some(bytes) = self.file.read().await? else {
            return Ok(());
        };
        let recovered = write_ahead_log::recover(bytes.clone(), self.options.keep);
        self.file.was_read(recovered.base_bytes, recovered.sound_bytes);
        if let Some(damage) = recovered.damage {
            let lost = bytes.len() - recovered.sound_bytes;
            tracing::warn!("the log: {damage}: its last {lost} bytes are cut off");
            self.file.replace(bytes[..recovered.sound_bytes].to_vec()).await?;
        }
        self.take_over(recovered);
        Ok(())
    }

    /// Writes for a command. An empty batch is nothing but a question to the lease.
    ///
    /// # Errors
    /// [`WriteError::Lease`], [`WriteError::TooLarge`] and [`WriteError::Io`].
    pub(crate) async fn write(&self, operations: Vec<Operation>) -> Result<(), WriteError> {
        self.gate.check()?;
        if let Some(stall) = self.host.point("after-lease-check") {
            stall.await;
        }
        if operations.is_empty() {
            return Ok(());
        }
        let log = self.log_lock.clone().lock_owned().await;
        self.commit(log, self.next_batch(BatchContent::Operations(operations))).await
    }

    /// This node writes under a new replication id from now on, which is written down. If that
    /// fails, it does so all the same.
    ///
    /// # Errors
    /// [`WriteError::Io`].
    pub(crate) async fn begin_term(&self) -> Result<(), WriteError> {
        let log = self.log_lock.clone().lock_owned().await;
        let id = ReplicationId::generate(&mut *self.ids.borrow_mut());
        self.own_id.set(Some(id));
        self.commit(log, self.next_batch(BatchContent::NewReplicationId(id))).await
    }

    fn next_batch(&self, content: BatchContent) -> Batch {
        let first_sequence = self.latest() + 1;
        Batch { first_sequence, replication_id: self.own_id.get(), content }
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
        let recovered = write_ahead_log::recover(snapshot.clone(), self.options.keep);
        if recovered.damage.is_some() || recovered.sound_bytes == 0 {
            return Err(WriteError::NotASnapshot);
        }
        let log = self.log_lock.clone().lock_owned().await;
        let storage = self.clone();
        self.to_the_end(async move {
            let _log = log;
            storage.file.replace(snapshot.to_vec()).await?;
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

    /// Takes the locks of all keys.
    pub(crate) async fn lock_all_keys(&self) -> KeyGuard<'_> {
        self.key_locks.lock_all().await
    }

    /// Who is told when a key changes.
    pub(crate) fn watches(&self) -> &Watches {
        &self.watches
    }

    /// The data, for a [`crate::rehearsal`] only: every other change goes through the log.
    pub(crate) fn data_mut(&self) -> RefMut<'_, Data> {
        RefMut::map(self.content.borrow_mut(), |content| &mut content.data)
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

    /// The replication id under which the last sequence number was written: as the log has it,
    /// or else the last one that was written down.
    pub(crate) fn replication_id(&self) -> Option<ReplicationId> {
        let content = self.content.borrow();
        let latest = content.log.containing(content.log.latest());
        latest.and_then(|batch| batch.replication_id).or(content.replication_id)
    }

    /// All data as one file: what a full sync carries.
    pub(crate) fn snapshot(&self) -> Bytes {
        let Content { data, log, replication_id } = &*self.content.borrow();
        write_ahead_log::snapshot_record(log.latest(), *replication_id, data).into()
    }

    /// Makes what was written survive power loss.
    ///
    /// # Errors
    /// If the disk says so.
    pub(crate) async fn sync(&self) -> io::Result<()> {
        let _log = self.log_lock.lock().await;
        if self.file.is_suspect() { self.compact().await } else { self.file.sync().await }
    }

    /// Whether the log is longer than it should be.
    pub(crate) fn is_compaction_due(&self) -> bool {
        self.file.is_long(self.options.compact_bytes)
    }

    /// Writes the log anew without what the data no longer need.
    pub(crate) async fn compact_log(&self) {
        let _log = self.log_lock.lock().await;
        if let Err(error) = self.compact().await {
            tracing::warn!("the log cannot be compacted: {error}");
            self.file.put_off();
        }
    }

    async fn compact(&self) -> io::Result<()> {
        let file = {
            let Content { data, log, replication_id } = &*self.content.borrow();
            write_ahead_log::compacted(data, log, *replication_id)
        };
        self.file.replace(file).await
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
        let bytes = batch.encode();
        if bytes.len() > BULK_MAX {
            return Err(WriteError::TooLarge);
        }
        if self.file.is_suspect() {
            self.compact().await?;
        }
        self.file.append(write_ahead_log::batch_record(&bytes)).await?;

        let mut content = self.content.borrow_mut();
        snapshot::apply(&mut content.data, batch.operations());
        self.watches.touch(batch.operations());
        content.log.push(Logged::new(&batch, bytes));
        if let BatchContent::NewReplicationId(id) = batch.content {
            content.replication_id = Some(id);
        }
        let latest = content.log.latest();
        drop(content);
        self.progress.send_modify(|progress| progress.latest = latest);
        Ok(())
    }

    fn take_over(&self, Recovered { data, log, replication_id, .. }: Recovered) {
        let latest = log.latest();
        self.watches.touch_all();
        *self.content.borrow_mut() = Content { data, log, replication_id };
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
