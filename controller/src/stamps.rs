//! The stamps that nodes gave with their heartbeat replies, for the next heartbeat to echo. Pure.
//!
//! What this is not: a reader of stamps. They are opaque words of the nodes.
//!
//! The trap: which stamps go with a record is settled before the record is read (see
//! `dated_heartbeat`). One that arrives later must wait for the next read.

use std::collections::BTreeMap;

/// The stamps of one moment by node id, at most one of each node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamps(BTreeMap<String, Stamp>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    /// That of the heartbeat whose reply it came with.
    election_version: u64,
    word: String,
}

impl Stamps {
    /// Keeps the stamp that came with the reply to a heartbeat of this election version, in place
    /// of an earlier one.
    pub(crate) fn keep(&mut self, id: &str, election_version: u64, word: &str) {
        self.0.insert(id.to_owned(), Stamp { election_version, word: word.to_owned() });
    }

    /// The stamps for a round whose record is read from now on. None is left: one that the round
    /// does not use would only grow old.
    pub(crate) fn freeze(&mut self) -> Stamps {
        std::mem::take(self)
    }

    /// Takes the stamp of a node that can grant under this election version.
    pub(crate) fn take(&mut self, id: &str, election_version: u64) -> Option<String> {
        let stamp = self.0.remove(id)?;
        (stamp.election_version == election_version).then_some(stamp.word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_stamp_is_not_touched_by_what_arrives_later() {
        let mut stamps = Stamps::default();
        stamps.keep("a", 1, "old");
        let mut frozen = stamps.freeze();
        stamps.keep("a", 1, "new");
        assert_eq!(frozen.take("a", 1).as_deref(), Some("old"));
        assert_eq!(stamps.freeze().take("a", 1).as_deref(), Some("new"));
        assert_eq!(stamps.take("a", 1), None, "each is used once");
    }

    #[test]
    fn a_stamp_of_another_election_version_grants_nothing() {
        let mut stamps = Stamps::default();
        for version in [0, 2] {
            stamps.keep("a", 1, "word");
            assert_eq!(stamps.take("a", version), None);
        }
        assert_eq!(stamps.take("b", 1), None);
    }
}
