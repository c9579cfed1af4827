//! The cluster's record in the store: read, create, update.
//!
//! With the rule `leader-guard` a write is a compare-and-set on the revision that was read. That
//! alone leaves a hole: a write that was sent late, by an earlier leader or by this one in vain,
//! still fits as long as nobody has written since, and granting leases writes nothing. So the
//! record is *claimed*, which is to write it as it is and make its revision a new one, before
//! anything is done under it: on taking office, and after a write of unknown outcome.
//!
//! The trap without it, which is upstream's: the check against a newer version and the write are
//! one step within this process only. Another controller may write between them, and the last put
//! wins.

use std::cell::Cell;

use host::Host;
use tokio::sync::Mutex;

use crate::cluster_record::{ClusterRecord, RecordError, ShardRecord};
use crate::leader_guard::{NotProvablyLeading, TermGuard};
use crate::store::CLUSTER_KEY;
use crate::store::client::{StoreClient, StoreClientError, Stored};

/// The record, by way of a store client.
pub(crate) struct ClusterStore {
    host: Host,
    client: StoreClient,
    guard: TermGuard,
    /// Held from one request of a read or a write to its last.
    busy: Mutex<()>,
    /// How many writes were sent, whatever became of them.
    writes_sent: Cell<u64>,
    /// Whether every write that anybody else has sent, or that this has sent in vain, would meet
    /// another revision than it expects.
    claimed: Cell<bool>,
}

/// The record as one read found it.
#[derive(Clone, Debug)]
pub(crate) struct ReadRecord {
    pub(crate) record: ClusterRecord,
    revision: u64,
    /// How many writes this process had sent when the read began.
    writes_before: u64,
}

impl ReadRecord {
    /// Whether it calls this node the master of the shard.
    pub(crate) fn names_master(&self, shard: usize, id: &str) -> bool {
        let master = self.record.shards.get(shard).and_then(ShardRecord::master);
        master.is_some_and(|master| master.id == id)
    }
}

/// Why the record could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClusterStoreError {
    #[error(transparent)]
    Store(#[from] StoreClientError),
    #[error(transparent)]
    NotProvablyLeading(#[from] NotProvablyLeading),
    #[error("the stored cluster: {0}")]
    Record(#[from] RecordError),
    #[error("the store has no cluster")]
    Missing,
    #[error("the cluster has been updated by others")]
    UpdatedByOthers,
    #[error("there is no higher version than the cluster has")]
    LastVersion,
}

impl ClusterStoreError {
    /// Whether nothing was surely written.
    pub(crate) fn surely_not_done(&self) -> bool {
        match self {
            ClusterStoreError::Store(error) => error.surely_not_done(),
            ClusterStoreError::NotProvablyLeading(_)
            | ClusterStoreError::Record(_)
            | ClusterStoreError::Missing
            | ClusterStoreError::UpdatedByOthers
            | ClusterStoreError::LastVersion => true,
        }
    }
}

impl ClusterStore {
    pub(crate) fn new(host: &Host, client: StoreClient, guard: TermGuard) -> Self {
        Self {
            host: host.clone(),
            client,
            guard,
            busy: Mutex::new(()),
            writes_sent: Cell::default(),
            claimed: Cell::default(),
        }
    }

    /// The record, if there is one.
    pub(crate) async fn find(&self) -> Result<Option<ReadRecord>, ClusterStoreError> {
        let _busy = self.busy.lock().await;
        let writes_before = self.writes_sent.get();
        let Some(stored) = self.client.get(CLUSTER_KEY).await? else {
            return Ok(None);
        };
        let record = ClusterRecord::from_json(&stored.value)?;
        if self.claimed.get() || !self.guard.is_on() {
            return Ok(Some(ReadRecord { record, revision: stored.revision, writes_before }));
        }
        let Stored { revision, value } = stored;
        let revision = self.compare_and_set(revision, &value).await?;
        Ok(Some(ReadRecord { record, revision, writes_before: self.writes_sent.get() }))
    }

    /// The record.
    pub(crate) async fn read(&self) -> Result<ReadRecord, ClusterStoreError> {
        self.find().await?.ok_or(ClusterStoreError::Missing)
    }

    /// Whether this process has sent no write since the read began. Otherwise the record is
    /// void, whatever became of the write: nothing may be granted under it.
    pub(crate) fn is_current(&self, read: &ReadRecord) -> bool {
        read.writes_before == self.writes_sent.get()
    }

    /// Writes the first record as it is, unless somebody has written one.
    pub(crate) async fn create(&self, record: &ClusterRecord) -> Result<(), ClusterStoreError> {
        let _busy = self.busy.lock().await;
        self.compare_and_set(0, &record.to_json()).await?;
        Ok(())
    }

    /// Writes a record that was made from the one that was read, with a version that is higher
    /// by 1 than its version and than `above`, and returns that. Refuses if another one has been
    /// written meanwhile; without the rule, if another one of a newer version has.
    pub(crate) async fn update(
        &self,
        read: &ReadRecord,
        mut next: ClusterRecord,
        above: i64,
    ) -> Result<i64, ClusterStoreError> {
        let _busy = self.busy.lock().await;
        let version = read.record.version;
        let highest = version.max(above);
        next.version = highest.checked_add(1).ok_or(ClusterStoreError::LastVersion)?;
        if self.guard.is_on() {
            self.compare_and_set(read.revision, &next.to_json()).await?;
        } else {
            self.check_version(version).await?;
            self.put(&next).await?;
        }
        Ok(next.version)
    }

    /// Writes a record that was made from what a node told, as it is, unless the store has one
    /// of a newer version.
    pub(crate) async fn adopt(&self, record: &ClusterRecord) -> Result<(), ClusterStoreError> {
        let _busy = self.busy.lock().await;
        let revision = self.check_version(record.version).await?;
        if self.guard.is_on() {
            self.compare_and_set(revision, &record.to_json()).await?;
        } else {
            self.put(record).await?;
        }
        Ok(())
    }

    /// Gives the stored record a version above this one, by compare-and-set with or without the
    /// rule, and returns it; `None` if the stored one is not lower.
    pub(crate) async fn raise_above(&self, above: i64) -> Result<Option<i64>, ClusterStoreError> {
        let _busy = self.busy.lock().await;
        let stored = self.client.get(CLUSTER_KEY).await?.ok_or(ClusterStoreError::Missing)?;
        let mut record = ClusterRecord::from_json(&stored.value)?;
        if record.version >= above {
            return Ok(None);
        }
        record.version = above.checked_add(1).ok_or(ClusterStoreError::LastVersion)?;
        self.compare_and_set(stored.revision, &record.to_json()).await?;
        Ok(Some(record.version))
    }

    /// The revision of the stored record, if that is not of a newer version.
    async fn check_version(&self, version: i64) -> Result<u64, ClusterStoreError> {
        let stored = self.client.get(CLUSTER_KEY).await?.ok_or(ClusterStoreError::Missing)?;
        if ClusterRecord::from_json(&stored.value)?.version > version {
            return Err(ClusterStoreError::UpdatedByOthers);
        }
        Ok(stored.revision)
    }

    /// Asks the guard last, writes, and returns the new revision.
    async fn compare_and_set(&self, revision: u64, value: &str) -> Result<u64, ClusterStoreError> {
        self.guard.check()?;
        // Also if this future is dropped before it knows the outcome.
        self.claimed.set(false);
        self.begin_write().await;
        let written = self.client.compare_and_set(CLUSTER_KEY, revision, value).await?;
        self.claimed.set(true);
        Ok(written)
    }

    /// Writes whatever the store has.
    async fn put(&self, record: &ClusterRecord) -> Result<(), ClusterStoreError> {
        self.begin_write().await;
        self.client.put(CLUSTER_KEY, &record.to_json()).await?;
        Ok(())
    }

    /// Everything is checked, and nothing is sent yet.
    async fn begin_write(&self) {
        self.writes_sent.set(self.writes_sent.get() + 1);
        if let Some(stall) = self.host.point("after-write-check") {
            stall.await;
        }
    }
}
