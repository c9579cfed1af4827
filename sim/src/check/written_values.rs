//! Written values: whatever is read, then or at the end, a client had asked to be written by
//! then, in an operation that did not surely fail; and no token stands twice in a list.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use super::WRITTEN_VALUES;
use super::reading::{Final, Reading};
use crate::history::{Content, Intent};
use crate::verdict::Verdict;

/// How much of a value a reason shows, in characters.
const SHOWN_MAX: usize = 60;

/// Fails on every answer and every final value that nobody had asked for.
pub(super) fn verdict(reading: &Reading) -> Verdict {
    let mut judging = Judging { asked: Asked::of(reading), judged: 0, wrong: Vec::new() };
    for operation in reading.operations.iter() {
        let Some(ended) = operation.acknowledged() else {
            continue;
        };
        for (intent, answer) in operation.intents() {
            if let Some(Some(value)) = answer {
                judging.judge(ended.event, ended.at_ms, intent.key(), value);
            }
        }
    }
    let mut before = None;
    for content in reading.finals.values() {
        judging.judge_content(reading.end_ms, content, before);
        before = Some(content.content);
    }
    let Judging { judged, wrong, .. } = judging;
    match wrong.first() {
        None => Verdict::pass(WRITTEN_VALUES, format!("{judged} values read, each asked for")),
        Some((_, first)) => {
            let reason =
                format!("{} values that nobody had asked for by then: {first}", wrong.len());
            Verdict::fail(WRITTEN_VALUES, reason, wrong.iter().map(|(event, _)| *event).collect())
        }
    }
}

struct Judging<'r> {
    asked: Asked<'r>,
    judged: u64,
    wrong: Vec<(u64, String)>,
}

impl<'r> Judging<'r> {
    fn judge(&mut self, event: u64, at_ms: u64, key: &'r str, value: &'r str) {
        self.judged += 1;
        if !self.asked.explains(key, value, at_ms) {
            self.wrong.push((event, format!("{key} is {}", shortened(value))));
        }
    }

    /// What the node before holds, too, need not be asked for again, as mostly all of it; unless
    /// something was wrong.
    fn judge_content(&mut self, at_ms: u64, content: &Final<'r>, before: Option<&'r Content>) {
        let mut before = before.map(|before| before.values.iter()).into_iter().flatten().peekable();
        for (key, value) in &content.content.values {
            while before.next_if(|(other, _)| *other < key).is_some() {}
            if before.peek() == Some(&(key, value)) && self.wrong.is_empty() {
                self.judged += 1;
            } else {
                self.judge(content.event, at_ms, key, value);
            }
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
struct Asked<'r> {
    /// By key and value.
    sets: IndexMap<(&'r str, &'r str), u64>,
    /// What grew, by key.
    grown: IndexMap<&'r str, Grown<'r>>,
}

/// What was asked of a list or a counter.
#[derive(Default)]
struct Grown<'r> {
    tokens: BTreeMap<&'r str, u64>,
    /// Ascending.
    increments: Vec<u64>,
    /// The list that was explained last: most lists begin with the one before.
    explained: List<'r>,
}

#[derive(Default)]
struct List<'r> {
    text: &'r str,
    at_ms: u64,
    tokens: BTreeSet<&'r str>,
}

impl<'r> Asked<'r> {
    fn of(reading: &'r Reading) -> Self {
        let mut asked = Self::default();
        for operation in reading.operations.iter().filter(|operation| !operation.failed()) {
            let at_ms = operation.invoked.at_ms;
            for intent in &operation.asked.intents {
                match intent {
                    Intent::SetFresh { key, value } | Intent::Set { key, value } => {
                        asked.sets.entry((key, value)).or_insert(at_ms);
                    }
                    Intent::Append { key, token } => {
                        let grown = asked.grown.entry(key).or_default();
                        grown.tokens.entry(token).or_insert(at_ms);
                    }
                    Intent::Increment { key } => {
                        asked.grown.entry(key).or_default().increments.push(at_ms);
                    }
                    Intent::Read { .. } => {}
                }
            }
        }
        asked
    }

    /// Whether what was asked until then can have made the key so.
    fn explains(&mut self, key: &'r str, value: &'r str, at_ms: u64) -> bool {
        self.sets.get(&(key, value)).is_some_and(|asked_ms| *asked_ms <= at_ms)
            || self.grown.get_mut(key).is_some_and(|grown| {
                grown.explains_count(value, at_ms) || grown.explains_list(value, at_ms)
            })
    }
}

impl<'r> Grown<'r> {
    fn explains_count(&self, value: &str, at_ms: u64) -> bool {
        let asked = self.increments.partition_point(|asked_ms| *asked_ms <= at_ms) as u64;
        value.parse::<u64>().is_ok_and(|count| (1..=asked).contains(&count))
    }

    fn explains_list(&mut self, value: &'r str, at_ms: u64) -> bool {
        let separator = self.separator();
        let mut list = std::mem::take(&mut self.explained);
        let is_whole = list.text.chars().next_back() == separator;
        if !(is_whole && list.at_ms <= at_ms && value.starts_with(list.text)) {
            list = List::default();
        }
        let explained = !value.is_empty()
            && tokens(&value[list.text.len()..], separator).all(|token| {
                let asked = self.tokens.get(token).is_some_and(|asked_ms| *asked_ms <= at_ms);
                asked && list.tokens.insert(token)
            });
        if explained {
            self.explained = List { text: value, at_ms, ..list };
        }
        explained
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
