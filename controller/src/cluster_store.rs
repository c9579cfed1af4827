//! The cluster's record in the store: read, create, update.
//!
//! The trap, which is upstream's: the check against a newer version and the write are one step
//! within this process only. Another controller may write between them, and the last put wins.

use tokio::sync::Mutex;

use crate::cluster_record::{ClusterRecord, RecordError};
use crate::store::CLUSTER_KEY;
use crate::store::client::{StoreClient, StoreClientError};

/// The record, by way of a store client.
pub(crate) struct ClusterStore {
    client: StoreClient,
    updating: Mutex<()>,
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
        Self { client, updating: Mutex::new(()) }
    }

    /// The record, if there is one.
    pub(crate) async fn find(&self) -> Result<Option<ClusterRecord>, ClusterStoreError> {
        match self.client.get(CLUSTER_KEY).await? {
            Some(stored) => Ok(Some(ClusterRecord::from_json(&stored.value)?)),
            None => Ok(None),
        }
    }

    /// The record.
    pub(crate) async fn read(&self) -> Result<ClusterRecord, ClusterStoreError> {
        self.find().await?.ok_or(ClusterStoreError::Missing)
    }

    /// Writes the first record as it is, unless somebody has written one.
    pub(crate) async fn create(&self, record: &ClusterRecord) -> Result<(), ClusterStoreError> {
        self.client.compare_and_set(CLUSTER_KEY, 0, &record.to_json()).await?;
        Ok(())
    }

    /// Writes a record that was made from the one that was read: refuses if the store has a newer
    /// version, else adds 1 to the record's and puts it. Returns the new version.
    pub(crate) async fn update(&self, mut record: ClusterRecord) -> Result<i64, ClusterStoreError> {
        let _updating = self.updating.lock().await;
        if self.read().await?.version > record.version {
            return Err(ClusterStoreError::UpdatedByOthers);
        }
        record.version += 1;
        self.client.put(CLUSTER_KEY, &record.to_json()).await?;
        Ok(record.version)
    }
}
