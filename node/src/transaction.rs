//! An open MULTI: what is queued, and the data as the commands of its EXEC see it, with what
//! the ones before have written but nothing has committed yet.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::batch::Operation;
use crate::command::{Command, Keys};
use crate::data_commands::Keyspace;
use crate::snapshot::Data;

/// The commands between MULTI and EXEC.
#[derive(Debug, Default)]
pub(crate) struct Transaction {
    /// What was queued.
    pub(crate) queued: Vec<Queued>,
    /// A command was refused instead of queued: EXEC will discard everything.
    pub(crate) failed: bool,
}

/// One queued command.
#[derive(Debug)]
pub(crate) struct Queued {
    /// The command.
    pub(crate) command: Command,
    /// The keys that it names.
    pub(crate) keys: Keys,
    /// Whether it writes.
    pub(crate) write: bool,
}

/// The store with a transaction's own writes over it.
pub(crate) struct Overlay<'a> {
    base: &'a Data,
    changes: BTreeMap<Bytes, Option<Bytes>>,
}

impl<'a> Overlay<'a> {
    /// No writes yet.
    pub(crate) fn new(base: &'a Data) -> Self {
        Self { base, changes: BTreeMap::new() }
    }

    /// Lets the commands that follow see these operations.
    pub(crate) fn apply(&mut self, operations: &[Operation]) {
        for operation in operations {
            let (key, value) = match operation {
                Operation::Put { key, value } => (key, Some(value.clone())),
                Operation::Delete { key } => (key, None),
            };
            self.changes.insert(key.clone(), value);
        }
    }
}

impl Keyspace for Overlay<'_> {
    fn value(&self, key: &[u8]) -> Option<Bytes> {
        match self.changes.get(key) {
            Some(changed) => changed.clone(),
            None => self.base.get(key).cloned(),
        }
    }

    fn count(&self) -> usize {
        let added = |(key, value): &(&Bytes, &Option<Bytes>)| {
            value.is_some() && !self.base.contains_key(*key)
        };
        let removed = |(key, value): &(&Bytes, &Option<Bytes>)| {
            value.is_none() && self.base.contains_key(*key)
        };
        self.base.len() + self.changes.iter().filter(added).count()
            - self.changes.iter().filter(removed).count()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::batch::tests::operations;
    use crate::snapshot;

    proptest! {
        #[test]
        fn an_overlay_reads_as_if_it_were_applied(
            before in operations(),
            first in operations(),
            second in operations(),
        ) {
            let mut base = Data::new();
            snapshot::apply(&mut base, &before);
            let mut overlay = Overlay::new(&base);
            overlay.apply(&first);
            overlay.apply(&second);

            let mut applied = base.clone();
            snapshot::apply(&mut applied, &first);
            snapshot::apply(&mut applied, &second);
            prop_assert_eq!(overlay.count(), applied.len());
            for operation in before.iter().chain(&first).chain(&second) {
                let (Operation::Put { key, .. } | Operation::Delete { key }) = operation;
                prop_assert_eq!(overlay.value(key), applied.get(key).cloned());
            }
        }
    }
}
