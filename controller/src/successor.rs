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
}

/// The candidate with the highest sequence; of equal ones the later in the list, as upstream
/// compares with `>=`. A replica with sequence 0 has nothing and is refused, unless the old
/// master has nothing either (or did not say, which counts as 0).
pub(crate) fn choose(master_sequence: u64, candidates: &[Candidate]) -> Option<&Candidate> {
    candidates
        .iter()
        .filter(|candidate| candidate.replica)
        .filter(|candidate| candidate.sequence > 0 || master_sequence == 0)
        .max_by_key(|candidate| candidate.sequence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(master_sequence: u64, candidates: &[(&str, bool, u64)]) -> Option<String> {
        let candidates: Vec<Candidate> = candidates
            .iter()
            .map(|(id, replica, sequence)| Candidate {
                id: (*id).to_owned(),
                replica: *replica,
                sequence: *sequence,
            })
            .collect();
        choose(master_sequence, &candidates).map(|candidate| candidate.id.clone())
    }

    #[test]
    fn every_small_case() {
        let some = |id: &str| Some(id.to_owned());
        for (master, candidates, expected) in [
            (0, [("a", true, 0), ("b", true, 0)], some("b")),
            (0, [("a", true, 1), ("b", true, 0)], some("a")),
            (0, [("a", true, 0), ("b", true, 1)], some("b")),
            (5, [("a", true, 0), ("b", true, 0)], None),
            (5, [("a", true, 0), ("b", true, 1)], some("b")),
            (5, [("a", true, 3), ("b", true, 3)], some("b")),
            (5, [("a", true, 4), ("b", true, 3)], some("a")),
            (5, [("a", true, 3), ("b", false, 4)], some("a")),
            (0, [("a", false, 3), ("b", false, 4)], None),
        ] {
            assert_eq!(chosen(master, &candidates), expected, "{master} {candidates:?}");
        }
        assert_eq!(chosen(0, &[]), None);
    }
}
