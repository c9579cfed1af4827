//! Monotonic reads: whoever stays with one node never reads an older state of a key after a newer
//! one.
//!
//! What is older is known without an order of writes: a key that was there is absent, a counter
//! counts less, a list lacks a token that it had, and a value that was replaced is back, which
//! nobody can have written again, because every value is unique.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::MONOTONIC_READS;
use super::operations::Answer;
use super::reading::Reading;
use super::written_values::tokens;
use crate::history::Intent;
use crate::promise::Promise;
use crate::verdict::Verdict;

/// Fails on every read of something older; informative where it is not promised.
pub(super) fn verdict(reading: &Reading) -> Verdict {
    let promised = reading.promises(Promise::MonotonicReads);
    let kinds = kinds(reading);
    let mut known: IndexMap<(&str, &str, &str), Known> = IndexMap::new();
    let (mut reads, mut older) = (0_u64, Vec::new());
    for operation in reading.operations.iter() {
        let (Some(ended), Some(by)) = (operation.acknowledged(), operation.by()) else {
            continue;
        };
        for (intent, answer) in operation.intents() {
            let Some(answer) = answer else { continue };
            reads += 1;
            let (client, key) = (operation.asked.client.as_str(), intent.key());
            let kind = kinds.get(key).copied().unwrap_or(Kind::Register);
            let before = known.entry((client, by, key)).or_default();
            if before.last.is_some_and(|(_, at)| at != ended.event && operation.invoked.event < at)
            {
                // Of two operations under way at once none is the later one.
                continue;
            }
            if let Some(newer) = before.newer_than(kind, answer, ended.event) {
                older.extend([newer, ended.event]);
            }
        }
    }
    let verdict = if older.is_empty() {
        let reason = format!("{reads} reads of clients that know their node, none went back");
        Verdict::pass(MONOTONIC_READS, reason)
    } else {
        let reason = format!("{} reads of an older state than before", older.len() / 2);
        Verdict::fail(MONOTONIC_READS, reason, older)
    };
    verdict.counts_if(promised)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Set, and replaced.
    Register,
    /// Appended to, with tokens that end so.
    List(Option<char>),
    /// Incremented.
    Counter,
}

/// What each key is, by how it is written.
fn kinds<'r>(reading: &'r Reading) -> IndexMap<&'r str, Kind> {
    let mut kinds = IndexMap::new();
    for intent in reading.operations.iter().flat_map(|operation| &operation.asked.intents) {
        let kind = match intent {
            Intent::Set { .. } | Intent::SetFresh { .. } => Kind::Register,
            Intent::Append { token, .. } => Kind::List(token.chars().next_back()),
            Intent::Increment { .. } => Kind::Counter,
            Intent::Read { .. } => continue,
        };
        kinds.insert(intent.key(), kind);
    }
    kinds
}

/// What one client has read of one key at one node.
#[derive(Default)]
struct Known<'r> {
    /// The last answer and its event.
    last: Option<(Answer<'r>, u64)>,
    /// The values that were replaced.
    replaced: BTreeSet<&'r str>,
}

impl<'r> Known<'r> {
    /// The event that read something newer than this answer, if one did. The answer is the last
    /// one from now on.
    fn newer_than(&mut self, kind: Kind, answer: Answer<'r>, event: u64) -> Option<u64> {
        let (last, read_at) = self.last.replace((answer, event))?;
        let older = match (last, answer) {
            (None, _) => answer.is_some_and(|value| self.replaced.contains(value)),
            (Some(_), None) => true,
            (Some(last), Some(now)) => match kind {
                Kind::Register => self.replaced.contains(now),
                Kind::Counter => now.parse::<u64>().ok() < last.parse::<u64>().ok(),
                Kind::List(separator) => lacks_a_token(last, now, separator),
            },
        };
        if let Some(last) = last.filter(|last| Some(*last) != answer) {
            self.replaced.insert(last);
        }
        older.then_some(read_at)
    }
}

fn lacks_a_token(before: &str, now: &str, separator: Option<char>) -> bool {
    if now.starts_with(before) {
        return false;
    }
    let now: BTreeSet<&str> = tokens(now, separator).collect();
    tokens(before, separator).any(|token| !now.contains(token))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Story;
    use super::*;
    use crate::history::{Invocation, OpResult, Return, Via, What};
    use crate::verdict::Outcome;

    fn judged(story: &Story) -> Verdict {
        let history = story.clone().end(60_000).history();
        verdict(&Reading::of(&history).expect("a whole history"))
    }

    fn story() -> Story {
        Story::new()
            .commit(0, 1, "a")
            .authority(100, "a", 1)
            .append(1_000, "a", "list", "t1,")
            .append(1_100, "a", "list", "t2,")
            .increment(1_200, "a", "n", 1)
    }

    fn in_turn(key: &str, answers: &[Option<&str>]) -> Verdict {
        let reads = answers.iter().enumerate();
        judged(
            &reads.fold(story(), |story, (at, answer)| {
                story.read(2_000 + at as u64, "a", key, *answer)
            }),
        )
    }

    #[test]
    fn forward_passes() {
        let good: [(&str, &[Option<&str>]); 4] = [
            ("k", &[None, Some("v"), Some("v"), Some("w")]),
            ("list", &[None, Some("t1,"), Some("t1,t2,")]),
            ("list", &[Some("t2,"), Some("t1,t2,")]),
            ("n", &[Some("9"), Some("10")]),
        ];
        for (key, answers) in good {
            assert_eq!(in_turn(key, answers).outcome, Outcome::Pass, "{key} {answers:?}");
        }
    }

    #[test]
    fn back_fails_and_names_both_reads() {
        let bad: [(&str, &[Option<&str>]); 5] = [
            ("k", &[Some("v"), None]),
            ("k", &[Some("v"), Some("w"), Some("v")]),
            ("list", &[Some("t1,t2,"), Some("t1,")]),
            ("n", &[Some("10"), Some("9")]),
            ("n", &[Some("1"), None]),
        ];
        for (key, answers) in bad {
            let verdict = in_turn(key, answers);
            let found = (verdict.outcome, verdict.evidence.len(), verdict.informative);
            assert_eq!(found, (Outcome::Fail, 2, false), "{key} {answers:?}");
        }
    }

    #[test]
    fn of_reads_under_way_at_once_none_is_older() {
        let ask = |story: Story, op| {
            let (client, key) = ("clients/sticky".into(), "n".into());
            let intents = vec![Intent::Read { key }];
            let asked = Invocation { client, op, shard: 0, via: Via::Sticky, intents };
            story.event(2_000, "clients", What::Invoke(asked))
        };
        let answer = |story: Story, op, value: &str| {
            let (answers, by) = (vec![Some(value.into())], Some("a".into()));
            let end = Return { answers, by, ..Return::of(op, OpResult::Ok) };
            story.event(2_100, "clients", What::Return(end))
        };
        let at_once = answer(answer(ask(ask(story(), 8), 9), 9, "1"), 8, "2");
        assert_eq!(judged(&at_once).outcome, Outcome::Pass);
        let at_once = answer(answer(ask(ask(story(), 8), 9), 9, "2"), 8, "1");
        assert_eq!(judged(&at_once).outcome, Outcome::Pass);
        let in_turn = answer(ask(answer(ask(story(), 8), 8, "2"), 9), 9, "1");
        assert_eq!(judged(&in_turn).outcome, Outcome::Fail);
    }

    #[test]
    fn the_reads_of_one_transaction_are_in_turn() {
        let twice = |first, second| story().reads(2_000, "a", &[("n", first), ("n", second)]);
        assert_eq!(judged(&twice(Some("1"), Some("2"))).outcome, Outcome::Pass);
        assert_eq!(judged(&twice(Some("2"), Some("1"))).outcome, Outcome::Fail);
    }

    #[test]
    fn other_nodes_and_unpromised_ones_are_not_judged() {
        let other = story().read(2_000, "a", "k", Some("v")).read(2_100, "b", "k", None);
        assert_eq!(judged(&other).outcome, Outcome::Pass);
        let back = story().read(2_000, "a", "k", Some("v")).read(2_100, "a", "k", None);
        let verdict = judged(&back.promises(&[]));
        assert_eq!((verdict.outcome, verdict.informative), (Outcome::Fail, true));
    }
}
