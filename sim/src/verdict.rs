//! The three-valued answer of a checker, and how answers are merged.

use serde::{Deserialize, Serialize};

/// What a checker can say. Merging takes the worst: fail over unknown over pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The promise was kept.
    Pass,
    /// Undecided: the checker panicked, ran out of budget, or had nothing to judge.
    Unknown,
    /// The promise was broken.
    Fail,
}

/// One checker's answer about one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The checker, named by its promise: `span-within-ttl`, …
    pub check: String,
    /// Its answer.
    pub outcome: Outcome,
    /// Why, in one sentence with figures and units.
    pub reason: String,
    /// The numbers of the events that show it.
    pub evidence: Vec<u64>,
    /// Whether the answer counts for nothing, because the system never promised this.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub informative: bool,
}

impl Verdict {
    /// A promise kept.
    pub fn pass(check: &str, reason: impl Into<String>) -> Self {
        Self {
            check: check.into(),
            outcome: Outcome::Pass,
            reason: reason.into(),
            evidence: vec![],
            informative: false,
        }
    }

    /// A promise broken, with the events that show it.
    pub fn fail(check: &str, reason: impl Into<String>, evidence: Vec<u64>) -> Self {
        Self {
            check: check.into(),
            outcome: Outcome::Fail,
            reason: reason.into(),
            evidence,
            informative: false,
        }
    }

    /// Undecided.
    pub fn unknown(check: &str, reason: impl Into<String>) -> Self {
        Self {
            check: check.into(),
            outcome: Outcome::Unknown,
            reason: reason.into(),
            evidence: vec![],
            informative: false,
        }
    }

    /// The same answer, which counts only if it was promised.
    pub fn counts_if(self, promised: bool) -> Self {
        Self { informative: !promised, ..self }
    }
}

/// The worst of several answers that count; unknown if there is none, because nothing was
/// judged.
pub fn merge(verdicts: &[Verdict]) -> Outcome {
    let counted = verdicts.iter().filter(|verdict| !verdict.informative);
    counted.map(|verdict| verdict.outcome).max().unwrap_or(Outcome::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_answer_wins_and_no_answer_is_unknown() {
        let pass = Verdict::pass("a", "kept");
        let unknown = Verdict::unknown("b", "no budget");
        let fail = Verdict::fail("c", "broken", vec![3]);
        assert_eq!(merge(&[]), Outcome::Unknown);
        assert_eq!(merge(std::slice::from_ref(&pass)), Outcome::Pass);
        assert_eq!(merge(&[pass.clone(), unknown.clone()]), Outcome::Unknown);
        assert_eq!(merge(&[fail.clone(), unknown, pass.clone()]), Outcome::Fail);
        assert_eq!(merge(&[fail.counts_if(false), pass]), Outcome::Pass, "never promised");
    }
}
