//! Locks on keys, so that a command that reads before it writes is one step for the keys that it
//! names. Keys share a fixed number of locks, as upstream's do.

use std::collections::BTreeSet;

use bytes::Bytes;
use tokio::sync::{Mutex, MutexGuard};

use crate::slot::key_slot;

/// The locks of all keys.
pub(crate) struct KeyLocks(Vec<Mutex<()>>);

/// Holds the locks of some keys until it is dropped.
pub(crate) struct KeyGuard<'a>(
    #[allow(dead_code, reason = "held, never read")] Vec<MutexGuard<'a, ()>>,
);

impl Default for KeyLocks {
    fn default() -> Self {
        Self((0..LOCKS).map(|_| Mutex::new(())).collect())
    }
}

impl KeyLocks {
    /// Waits until nobody else holds these keys. Locks are taken in one order by everyone, so
    /// that no two commands wait for each other.
    pub(crate) async fn lock(&self, keys: &[Bytes]) -> KeyGuard<'_> {
        let wanted: BTreeSet<usize> =
            keys.iter().map(|key| usize::from(key_slot(key)) % LOCKS).collect();
        self.take(wanted).await
    }

    /// Waits until nobody else holds any key.
    pub(crate) async fn lock_all(&self) -> KeyGuard<'_> {
        self.take(0..LOCKS).await
    }

    async fn take(&self, ascending: impl IntoIterator<Item = usize>) -> KeyGuard<'_> {
        let mut guards = Vec::new();
        for index in ascending {
            guards.push(self.0[index].lock().await);
        }
        KeyGuard(guards)
    }
}

const LOCKS: usize = 256;
