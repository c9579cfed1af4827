//! The cluster's record in the store: read, create, update.
//!
//! The trap, which is upstream's: the check against a newer version and the write are one step
//! within this process only. Another controller may write between them, and the last put wins.

use std::cell::Cell;

use tokio::sync::Mutex;

use crate::cluster_record::{ClusterRecord, RecordError, ShardRecord};
use crate::store::CLUSTER_KEY;
use crate::store::client::{StoreClient, StoreClientError};

/// The record, by way of a store client.
pub(crate) struct ClusterStore {
    client: StoreClient,
    updating: Mutex<()>,
    /// How many writes were sent, whatever became of them.
    writes_sent: Cell<u64>,
}

/// The record as one read found it.
#[derive(Clone, Debug)]
pub(crate) struct ReadRecord {
    pub(crate) record: ClusterRecord,
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
    #[error("the stored cluster: {0}")]
    Record(#[from] RecordError),
    #[error("the store has no cluster")]
    Missing,
    #[error("the cluster has been updated by others")]
    UpdatedByOthers,
}

impl ClusterStore {
    pub(crate) fn new(client: StoreClient) -> Self {
        Self { client, updating: Mutex::new(()), writes_sent: Cell::default() }
    }

    /// The record, if there is one.
    pub(crate) async fn find(&self) -> Result<Option<ReadRecord>, ClusterStoreError> {
        let writes_before = self.writes_sent.get();
        match self.client.get(CLUSTER_KEY).await? {
            Some(stored) => {
                let record = ClusterRecord::from_json(&stored.value)?;
                Ok(Some(ReadRecord { record, writes_before }))
            }
            None => Ok(None),
        }
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
        self.count_write();
        self.client.compare_and_set(CLUSTER_KEY, 0, &record.to_json()).await?;
        Ok(())
    }

    /// Writes a record that was made from the one that was read: refuses if the store has a newer
    /// version, else adds 1 to the record's and puts it. Returns the new version.
    pub(crate) async fn update(&self, mut record: ClusterRecord) -> Result<i64, ClusterStoreError> {
        let _updating = self.updating.lock().await;
        if self.read().await?.record.version > record.version {
            return Err(ClusterStoreError::UpdatedByOthers);
        }
        record.version += 1;
        self.count_write();
        self.client.put(CLUSTER_KEY, &record.to_json()).await?;
        Ok(record.version)
    }

    fn count_write(&self) {
        self.writes_sent.set(self.writes_sent.get() + 1);
    }
}
