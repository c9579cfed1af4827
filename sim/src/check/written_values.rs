//! Written values: whatever is read, then or at the end, a client had asked to be written by
//! then, in an operation that did not surely fail; and no token stands twice in a list.

use std::collections::{BTreeMap, BTreeSet};

use super::WRITTEN_VALUES;
use super::reading::Reading;
use crate::history::Intent;
use crate::verdict::Verdict;

/// How much of a value a reason shows, in characters.
const SHOWN_MAX: usize = 60;

/// Fails on every answer and every final value that nobody had asked for.
pub(super) fn verdict(reading: &Reading) -> Verdict {
    let asked = Asked::of(reading);
    let (mut judged, mut wrong) = (0_u64, Vec::new());
    let mut judge = |event, at_ms, key: &str, value: &str| {
        judged += 1;
        if !asked.explains(key, value, at_ms) {
            wrong.push((event, format!("{key} is {}", shortened(value))));
        }
    };
    for operation in reading.operations.iter() {
        let Some(ended) = operation.acknowledged() else {
            continue;
        };
        for (intent, answer) in operation.intents() {
            if let Some(Some(value)) = answer {
                judge(ended.event, ended.at_ms, intent.key(), value);
            }
        }
    }
    for content in reading.finals.values() {
        for (key, value) in &content.content.values {
            judge(content.event, reading.end_ms, key, value);
        }
    }
    match wrong.first() {
        None => Verdict::pass(WRITTEN_VALUES, format!("{judged} values read, each asked for")),
        Some((_, first)) => {
            let reason =
                format!("{} values that nobody had asked for by then: {first}", wrong.len());
            Verdict::fail(WRITTEN_VALUES, reason, wrong.iter().map(|(event, _)| *event).collect())
        }
    }
}

fn shortened(value: &str) -> String {
    if value.chars().count() <= SHOWN_MAX {
        return format!("{value:?}");
    }
    let tail: String = value.chars().rev().take(SHOWN_MAX).collect();
    let tail: String = tail.chars().rev().collect();
    format!("…{tail:?}")
}

/// What clients asked to be written, with the time of each invocation in milliseconds.
#[derive(Default)]
struct Asked<'r>(BTreeMap<&'r str, OfKey<'r>>);

#[derive(Default)]
struct OfKey<'r> {
    sets: BTreeMap<&'r str, u64>,
    tokens: BTreeMap<&'r str, u64>,
    /// Ascending.
    increments: Vec<u64>,
}

impl<'r> Asked<'r> {
    fn of(reading: &'r Reading) -> Self {
        let mut asked = Self::default();
        for operation in reading.operations.iter().filter(|operation| !operation.failed()) {
            let at_ms = operation.invoked.at_ms;
            for intent in operation.asked.intents.iter().filter(|intent| intent.is_write()) {
                let of_key = asked.0.entry(intent.key()).or_default();
                match intent {
                    Intent::SetFresh { value, .. } | Intent::Set { value, .. } => {
                        of_key.sets.entry(value).or_insert(at_ms);
                    }
                    Intent::Append { token, .. } => {
                        of_key.tokens.entry(token).or_insert(at_ms);
                    }
                    Intent::Increment { .. } => of_key.increments.push(at_ms),
                    Intent::Read { .. } => {}
                }
            }
        }
        asked
    }

    /// Whether what was asked until then can have made the key so.
    fn explains(&self, key: &str, value: &str, at_ms: u64) -> bool {
        let Some(of_key) = self.0.get(key) else {
            return false;
        };
        let set = || of_key.sets.get(value).is_some_and(|asked_ms| *asked_ms <= at_ms);
        set() || of_key.explains_count(value, at_ms) || of_key.explains_list(value, at_ms)
    }
}

impl OfKey<'_> {
    fn explains_count(&self, value: &str, at_ms: u64) -> bool {
        let asked = self.increments.partition_point(|asked_ms| *asked_ms <= at_ms) as u64;
        value.parse::<u64>().is_ok_and(|count| (1..=asked).contains(&count))
    }

    fn explains_list(&self, value: &str, at_ms: u64) -> bool {
        let mut seen = BTreeSet::new();
        !value.is_empty()
            && tokens(value, self.separator()).all(|token| {
                let asked = self.tokens.get(token).is_some_and(|asked_ms| *asked_ms <= at_ms);
                asked && seen.insert(token)
            })
    }

    /// With which the tokens of the list end.
    fn separator(&self) -> Option<char> {
        self.tokens.keys().next().and_then(|token| token.chars().next_back())
    }
}

/// The tokens of a list, each with the separator at its end.
pub(super) fn tokens(list: &str, separator: Option<char>) -> impl Iterator<Item = &str> {
    list.split_inclusive(move |character| Some(character) == separator)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Story;
    use super::*;
    use crate::history::OpResult;
    use crate::verdict::Outcome;

    fn judged(story: &Story) -> Verdict {
        let history = story.clone().end(60_000).history();
        verdict(&Reading::of(&history).expect("a whole history"))
    }

    fn story() -> Story {
        Story::new()
            .commit(0, 1, "a")
            .authority(100, "a", 1)
            .write(1_000, "a", "k", "v")
            .append(2_000, "a", "list", "t1,")
            .append(2_500, "a", "list", "t2,")
            .increment(3_000, "a", "n", 1)
    }

    #[test]
    fn what_was_asked_for_may_be_read() {
        let story = story()
            .read(4_000, "a", "k", Some("v"))
            .read(4_000, "a", "list", Some("t2,t1,"))
            .read(4_000, "a", "n", Some("1"))
            .read(4_000, "a", "other", None)
            .finally(50_000, "b", &[("k", "v"), ("list", "t2,")]);
        assert_eq!(judged(&story).outcome, Outcome::Pass);
    }

    #[test]
    fn what_nobody_asked_for_is_found() {
        let wrong = [
            ("k", "w"),
            ("list", "t1,t3,"),
            ("list", "t1,t1,"),
            ("list", "t1,t"),
            ("n", "2"),
            ("n", "0"),
            ("other", "v"),
            ("k", ""),
        ];
        for (key, value) in wrong {
            let read = judged(&story().read(4_000, "a", key, Some(value)));
            assert_eq!((read.outcome, read.evidence.len()), (Outcome::Fail, 1), "{key} {value}");
            let held = judged(&story().finally(50_000, "b", &[(key, value)]));
            assert_eq!(held.outcome, Outcome::Fail, "{key} {value} in the end");
        }
    }

    #[test]
    fn neither_what_was_asked_for_later_nor_what_surely_failed_explains_a_value() {
        let early = story().read(3_500, "a", "late", Some("v")).write(4_000, "a", "late", "v");
        assert_eq!(judged(&early).outcome, Outcome::Fail);
        let set = || vec![Intent::SetFresh { key: "f".into(), value: "v".into() }];
        let ends =
            |result| judged(&story().ends(4_000, set(), result).read(5_000, "a", "f", Some("v")));
        assert_eq!(ends(OpResult::Fail { error: "no".into() }).outcome, Outcome::Fail);
        assert_eq!(ends(OpResult::Info { error: "?".into() }).outcome, Outcome::Pass);
    }
}
