//! What is done to the log beside the writes: it is synced some time after them, and compacted
//! when it got too long. Each is a task for as long as the process lives.

use std::rc::Rc;
use std::time::Duration;

use host::{Clock, Host};

use crate::storage::Storage;
use crate::wal_sync::WalSync;

/// Starts to keep the log.
pub(crate) fn start(host: &Host, storage: &Rc<Storage>, sync: WalSync) {
    if let Some(period) = sync.period() {
        host.spawn(sync_after_writes(host.clone(), storage.clone(), period));
    }
    host.spawn(compact_when_due(storage.clone()));
}

async fn sync_after_writes(host: Host, storage: Rc<Storage>, period: Duration) {
    let mut progress = storage.progress();
    loop {
        host.sleep(Clock::Monotonic, period).await;
        // Whatever is written from here on is for the next time.
        progress.mark_unchanged();
        if let Err(error) = storage.sync().await {
            tracing::warn!("the log cannot be synced: {error}");
            continue;
        }
        if progress.changed().await.is_err() {
            return;
        }
    }
}

async fn compact_when_due(storage: Rc<Storage>) {
    let mut progress = storage.progress();
    loop {
        if storage.is_compaction_due() {
            storage.compact_log().await;
        }
        if progress.changed().await.is_err() {
            return;
        }
    }
}
