//! Which replica becomes master. Pure; asking the nodes is `failover`'s part.
//!
//! The trap: the state of a replica's link to its master says nothing here, since every link is
//! down when the master is.

/// A node that answered when it was asked for its role and sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// Its id.
    pub(crate) id: String,
    /// Whether it says that it is a replica.
    pub(crate) replica: bool,
    /// The sequence of the latest write that it has.
    pub(crate) sequence: u64,
    /// The version of its topology.
    pub(crate) version: i64,
}

/// The preferred candidate, if it is eligible; else the one with the highest sequence, and of equal
/// ones the later in the list, as upstream compares with `>=`. A replica with sequence 0 has
/// nothing and is refused, unless the old master has nothing either.
///
/// `master_sequence` is what the old master said. If it did not, upstream takes that for nothing
/// too, so that a replica that lost its disk may be promoted over a master that only hangs. With
/// `no_empty`, silence says that there may be something; and so does any replica that has it.
pub(crate) fn choose<'c>(
    master_sequence: Option<u64>,
    candidates: &'c [Candidate],
    preferred: Option<&str>,
    no_empty: bool,
) -> Option<&'c Candidate> {
    let written_elsewhere = no_empty && candidates.iter().any(|candidate| candidate.sequence > 0);
    let written = written_elsewhere || master_sequence.map_or(no_empty, |sequence| sequence > 0);
    let eligible =
        |candidate: &&Candidate| candidate.replica && (candidate.sequence > 0 || !written);
    candidates.iter().filter(eligible).max_by_key(|candidate| {
        let is_preferred = preferred.is_some_and(|id| id == candidate.id);
        (is_preferred, candidate.sequence)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    type Case = (Option<u64>, [(&'static str, bool, u64); 2], Option<&'static str>);

    fn check(no_empty: bool, cases: &[Case]) {
        for (master, candidates, expected) in cases {
            let candidates = candidates.map(|(id, replica, sequence)| Candidate {
                id: id.to_owned(),
                replica,
                sequence,
                version: 1,
            });
            let chosen = choose(*master, &candidates, None, no_empty);
            let chosen = chosen.map(|candidate| candidate.id.as_str());
            assert_eq!(chosen, *expected, "{master:?} {candidates:?}");
        }
        assert_eq!(choose(Some(0), &[], None, no_empty), None);
    }

    #[test]
    fn every_small_case() {
        let cases = [
            (Some(0), [("a", true, 0), ("b", true, 0)], Some("b")),
            (Some(0), [("a", true, 1), ("b", true, 0)], Some("a")),
            (Some(0), [("a", true, 0), ("b", true, 1)], Some("b")),
            (Some(5), [("a", true, 0), ("b", true, 0)], None),
            (Some(5), [("a", true, 0), ("b", true, 1)], Some("b")),
            (Some(5), [("a", true, 3), ("b", true, 3)], Some("b")),
            (Some(5), [("a", true, 4), ("b", true, 3)], Some("a")),
            (Some(5), [("a", true, 3), ("b", false, 4)], Some("a")),
            (Some(0), [("a", false, 3), ("b", false, 4)], None),
        ];
        for no_empty in [false, true] {
            check(no_empty, &cases);
        }
    }

    #[test]
    fn a_preferred_candidate_wins_if_it_is_eligible() {
        let candidate = |id: &str, replica, sequence| {
            let id = id.to_owned();
            Candidate { id, replica, sequence, version: 1 }
        };
        let candidates = [
            candidate("a", true, 1),
            candidate("b", true, 3),
            candidate("c", false, 9),
            candidate("d", true, 0),
        ];
        let chosen = |preferred| {
            let chosen = choose(Some(5), &candidates, Some(preferred), false);
            chosen.map(|candidate| candidate.id.as_str())
        };
        assert_eq!(chosen("a"), Some("a"));
        for ineligible in ["c", "d", "x"] {
            assert_eq!(chosen(ineligible), Some("b"));
        }
    }

    #[test]
    fn a_master_that_says_nothing_may_have_something() {
        let empty = [("a", true, 0), ("b", true, 0)];
        check(false, &[(None, empty, Some("b"))]);
        check(true, &[(None, empty, None)]);
    }

    #[test]
    fn what_another_node_has_was_written() {
        let cases = |chosen| [(Some(0), [("a", true, 0), ("b", false, 7)], chosen)];
        check(false, &cases(Some("a")));
        check(true, &cases(None));
    }
}
