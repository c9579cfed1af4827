//! WATCH: who is told when a key is written, by a client here or by replication. A connection
//! whose keys were touched gets a null from its next EXEC.
//!
//! The trap: a key that only expires is written by nobody. So whether it was there is kept too,
//! and compared at EXEC.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::Bytes;

use crate::operation::Operation;
use crate::view::{View, own};

/// Everyone who watches.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watches(Rc<RefCell<Watchers>>);

/// By key and connection.
type Watchers = BTreeMap<Bytes, BTreeMap<u64, Rc<Cell<bool>>>>;

/// What one connection watches. Dropping it ends that.
#[derive(Debug)]
pub(crate) struct Watch {
    watches: Watches,
    connection: u64,
    touched: Rc<Cell<bool>>,
    /// The keys, and whether each was there.
    keys: BTreeMap<Bytes, bool>,
}

impl Watches {
    /// A connection that watches nothing yet.
    pub(crate) fn begin(&self, connection: u64) -> Watch {
        Watch { watches: self.clone(), connection, touched: Rc::default(), keys: BTreeMap::new() }
    }

    /// These operations were applied.
    pub(crate) fn touch(&self, operations: &[Operation]) {
        let watchers = self.0.borrow();
        if watchers.is_empty() {
            return;
        }
        for operation in operations {
            match operation.key() {
                Some(key) => {
                    watchers.get(key).into_iter().flat_map(BTreeMap::values).for_each(touch);
                }
                None => watchers.values().flat_map(BTreeMap::values).for_each(touch),
            }
        }
    }

    /// All data were replaced.
    pub(crate) fn touch_all(&self) {
        self.0.borrow().values().flat_map(BTreeMap::values).for_each(touch);
    }
}

fn touch(touched: &Rc<Cell<bool>>) {
    touched.set(true);
}

impl Watch {
    /// Watches one more key.
    pub(crate) fn add(&mut self, key: &Bytes, view: View<'_>) {
        let key = own(key);
        let there = view.entry(&key).is_some();
        self.keys.entry(key.clone()).or_insert(there);
        let mut watchers = self.watches.0.borrow_mut();
        watchers.entry(key).or_default().insert(self.connection, self.touched.clone());
    }

    /// Whether any of the keys was written, or has expired, since it is watched.
    pub(crate) fn is_touched(&self, view: View<'_>) -> bool {
        let changed = |(key, there): (&Bytes, &bool)| view.entry(key).is_some() != *there;
        self.touched.get() || self.keys.iter().any(changed)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut watchers = self.watches.0.borrow_mut();
        for key in self.keys.keys() {
            if let Some(connections) = watchers.get_mut(key) {
                connections.remove(&self.connection);
                if connections.is_empty() {
                    watchers.remove(key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::{Data, Entry};

    #[test]
    fn writes_touch_and_so_does_time() {
        let key = Bytes::from_static(b"k");
        let mut data = Data::new();
        data.insert(key.clone(), Entry { until_ms: Some(10), ..Entry::string(Bytes::new()) });
        let watches = Watches::default();
        let watch = || {
            let mut watch = watches.begin(7);
            watch.add(&key, View::new(&data, 10));
            watch
        };
        let delete = |key: &'static str| [Operation::Delete { key: Bytes::from(key) }];

        let quiet = watch();
        watches.touch(&delete("other"));
        assert!(!quiet.is_touched(View::new(&data, 10)));
        assert!(quiet.is_touched(View::new(&data, 11)), "it has expired");
        drop(quiet);
        for operations in [delete("k"), [Operation::Clear]] {
            let touched = watch();
            watches.touch(&operations);
            assert!(touched.is_touched(View::new(&data, 10)));
        }
        let replaced = watch();
        watches.touch_all();
        assert!(replaced.is_touched(View::new(&data, 10)));
        drop(replaced);
        assert!(watches.0.borrow().is_empty());
    }
}
