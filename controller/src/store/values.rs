//! The versioned key-values of the store. Pure: a write makes the next state, which the server
//! puts to disk before it takes effect.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Every key with its value and revision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Values {
    /// The revision of the latest write, of whichever key; 0 before any.
    revision: u64,
    entries: BTreeMap<String, Entry>,
}

/// One key's value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// The revision of the write that set it.
    pub(crate) revision: u64,
    /// The value.
    pub(crate) value: String,
}

/// The key's revision is another than expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("CONFLICT the revision is {found}, not {expected}")]
pub(crate) struct Conflict {
    found: u64,
    expected: u64,
}

impl Values {
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// The revision of the latest write.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// The state after a plain put.
    pub(crate) fn put(&self, key: &str, value: &str) -> Values {
        let mut next = self.clone();
        next.revision += 1;
        let entry = Entry { revision: next.revision, value: value.to_owned() };
        next.entries.insert(key.to_owned(), entry);
        next
    }

    /// The state after a put that expects the key at a revision, 0 if it should not be there.
    pub(crate) fn compare_and_set(
        &self,
        key: &str,
        expected: u64,
        value: &str,
    ) -> Result<Values, Conflict> {
        let found = self.get(key).map_or(0, |entry| entry.revision);
        if found == expected { Ok(self.put(key, value)) } else { Err(Conflict { found, expected }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_names_one_write_of_the_store() {
        let values = Values::default().put("a", "1").put("b", "2").put("a", "3");
        let entry = |revision, value: &str| Entry { revision, value: value.to_owned() };
        assert_eq!(values.get("a"), Some(&entry(3, "3")));
        assert_eq!(values.get("b"), Some(&entry(2, "2")));
        assert_eq!((values.get("c"), values.revision()), (None, 3));
    }

    #[test]
    fn compare_and_set_takes_the_present_revision_only() {
        let values = Values::default().compare_and_set("a", 0, "1").unwrap();
        for expected in [0, 2] {
            let conflict = Conflict { found: 1, expected };
            assert_eq!(values.compare_and_set("a", expected, "2"), Err(conflict));
        }
        let next = values.compare_and_set("a", 1, "2").unwrap();
        assert_eq!(next.get("a").unwrap().value, "2");
        assert!(values.compare_and_set("b", 1, "x").is_err());
    }
}
