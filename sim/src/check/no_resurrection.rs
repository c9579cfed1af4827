//! No resurrection: an acknowledged write that the master in force no longer had does not come
//! back. It would be the write of a deposed master that rules again.
//!
//! Judged on fresh keys and appended tokens, by reads that the master in force answered, and by
//! what the last master holds in the end.

use indexmap::IndexMap;

use super::NO_RESURRECTION;
use super::operations::Operation;
use super::reading::Reading;
use super::standing::Standing;
use super::windows::Moment;
use super::written_values::tokens;
use crate::history::Intent;
use crate::promise::Promise;
use crate::verdict::Verdict;

/// Fails on every write that was gone and came back; informative where it is not promised.
pub(super) fn verdict(reading: &Reading) -> Verdict {
    let mut writes = writes(reading);
    let (mut judged, mut back) = (0_u64, Vec::new());
    for look in looks(reading) {
        let Some(written) = writes.get_mut(look.key) else {
            continue;
        };
        judged += 1;
        written.find(judged, look.value);
        for token in written.tokens.values_mut() {
            if token.seen_in > written.before {
                if let Some(gone) = token.gone.take_if(|gone| gone.at_ms < look.from.at_ms) {
                    back.extend([gone.event, look.until.event]);
                }
            } else if token.acknowledged.at_ms < look.from.at_ms {
                token.gone.get_or_insert(look.until);
            }
        }
    }
    let verdict = if back.is_empty() {
        let reason = format!("{judged} reads of a master in force, nothing came back");
        Verdict::pass(NO_RESURRECTION, reason)
    } else {
        let reason = format!("{} acknowledged writes were gone and came back", back.len() / 2);
        Verdict::fail(NO_RESURRECTION, reason, back)
    };
    verdict.counts_if(reading.promises(Promise::NoResurrection))
}

/// What was acknowledged to be on a key.
#[derive(Default)]
struct Written<'r> {
    /// With which the tokens of a list end; none for a fresh key, whose value is one token.
    separator: Option<char>,
    tokens: IndexMap<&'r str, Token>,
    /// What the last look saw, and the last look before only more was seen, never less.
    seen: &'r str,
    before: u64,
}

struct Token {
    acknowledged: Moment,
    /// The number of the last look that saw it, counted from 1.
    seen_in: u64,
    /// When it was first seen to be gone.
    gone: Option<Moment>,
}

impl<'r> Written<'r> {
    fn add(&mut self, text: &'r str, acknowledged: Moment) {
        let token = Token { acknowledged, seen_in: 0, gone: None };
        let token = self.tokens.entry(text).or_insert(token);
        token.acknowledged = token.acknowledged.min(acknowledged);
    }

    /// Marks the tokens of a value.
    fn find(&mut self, look: u64, value: Option<&'r str>) {
        let value = value.unwrap_or_default();
        // Mostly a list begins with what the last look saw, whose tokens need not be found again.
        let seen = self.seen;
        let goes_on = value == seen
            || (value.starts_with(seen) && seen.chars().next_back() == self.separator);
        if !goes_on {
            self.before = look - 1;
        }
        let new = if goes_on { &value[seen.len()..] } else { value };
        for text in tokens(new, self.separator) {
            if let Some(token) = self.tokens.get_mut(text) {
                token.seen_in = look;
            }
        }
        self.seen = value;
    }
}

fn writes<'r>(reading: &'r Reading) -> IndexMap<&'r str, Written<'r>> {
    let mut writes: IndexMap<&str, Written> = IndexMap::new();
    for operation in reading.operations.iter() {
        let Some(acknowledged) = operation.acknowledged() else {
            continue;
        };
        for intent in &operation.asked.intents {
            let (separator, token) = match intent {
                Intent::SetFresh { value, .. } => (None, value),
                Intent::Append { token, .. } => (token.chars().next_back(), token),
                _ => continue,
            };
            let written = writes.entry(intent.key()).or_default();
            written.separator = separator;
            written.add(token, acknowledged);
        }
    }
    writes
}

/// What the master in force had of a key, at some time between two moments.
struct Look<'r> {
    key: &'r str,
    value: Option<&'r str>,
    from: Moment,
    until: Moment,
}

/// In the order of their ends, the final contents last.
fn looks<'r>(reading: &'r Reading) -> Vec<Look<'r>> {
    let mut looks = Vec::new();
    let reads = |operation: &&Operation| {
        operation.asked.intents.iter().any(|intent| matches!(intent, Intent::Read { .. }))
    };
    for operation in reading.operations.iter().filter(reads) {
        if !is_in_force(reading, operation) {
            continue;
        }
        let Some(until) = operation.acknowledged() else {
            continue;
        };
        for (intent, answer) in operation.intents() {
            if let (Intent::Read { key }, Some(value)) = (intent, answer) {
                looks.push(Look { key, value, from: operation.invoked, until });
            }
        }
    }
    looks.sort_by_key(|look| look.until.event);
    for content in reading.tenures.keys().filter_map(|shard| reading.last_content(*shard).ok()) {
        let moment = Moment { at_ms: reading.end_ms, event: content.event };
        let values = content.content.values.iter();
        looks.extend(values.map(|(key, value)| Look {
            key,
            value: Some(value),
            from: moment,
            until: moment,
        }));
    }
    looks
}

/// Whether a master answered that the store named, and that knew it, all the time.
fn is_in_force(reading: &Reading, operation: &Operation) -> bool {
    let tenures = reading.tenures.get(&operation.asked.shard);
    let (Some(by), Some(ended), Some(tenures)) = (operation.by(), operation.ended, tenures) else {
        return false;
    };
    let (from, until) = (operation.invoked.event, ended.0.event);
    let Some(in_force) = tenures.in_force_before(from) else {
        return false;
    };
    let acts =
        |standing: &Standing| tenures.acting_under(by, standing.version(), until) == Some(in_force);
    tenures.in_force_before(until) == Some(in_force)
        && tenures.all[in_force].master == by
        && reading.standings_between(by, from, until).iter().all(acts)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Story;
    use super::*;
    use crate::history::{Invocation, OpResult, Return, Via, What};
    use crate::verdict::Outcome;

    /// `a` writes, `b` takes over without the write, and says so.
    fn story() -> Story {
        Story::new()
            .commit(0, 1, "a")
            .authority(100, "a", 1)
            .write(1_000, "a", "k", "v")
            .append(1_500, "a", "list", "t1,")
            .commit(10_000, 2, "b")
            .authority(10_100, "b", 2)
            .read(11_000, "b", "k", None)
            .read(11_000, "b", "list", Some("t2,"))
    }

    fn judged(story: &Story) -> Verdict {
        let history = story.history();
        verdict(&Reading::of(&history).expect("a whole history"))
    }

    #[test]
    fn what_stays_gone_passes() {
        let story = story().finally(20_000, "b", &[("list", "t2,t3,")]);
        assert_eq!(judged(&story).outcome, Outcome::Pass);
    }

    #[test]
    fn what_comes_back_fails_with_both_reads() {
        let again = story().commit(15_000, 3, "a").authority(15_100, "a", 3);
        let cases = [
            again.clone().read(16_000, "a", "k", Some("v")),
            again.clone().read(16_000, "a", "list", Some("t1,t2,")),
            again.clone().finally(20_000, "a", &[("k", "v")]),
        ];
        for story in cases {
            let verdict = judged(&story);
            assert_eq!((verdict.outcome, verdict.evidence.len()), (Outcome::Fail, 2));
            assert!(judged(&story.promises(&[])).informative);
        }
    }

    #[test]
    fn a_deposed_master_shows_nothing() {
        let stale = story().read(16_000, "a", "k", Some("v"));
        assert_eq!(judged(&stale).outcome, Outcome::Pass, "it never was gone there");
        let under_way = Story::new()
            .commit(0, 1, "a")
            .authority(100, "a", 1)
            .read(1_000, "a", "k", None)
            .write(1_000, "a", "k", "v")
            .read(2_000, "a", "k", Some("v"));
        assert_eq!(judged(&under_way).outcome, Outcome::Pass, "it had not been acknowledged yet");
    }

    #[test]
    fn a_master_that_believed_in_another_topology_meanwhile_shows_nothing() {
        let asked = |story: Story| {
            let (client, key) = ("clients/direct".into(), "k".into());
            let intents = vec![Intent::Read { key }];
            let invocation = Invocation { client, op: 9, shard: 0, via: Via::Direct, intents };
            story.event(16_000, "clients", What::Invoke(invocation))
        };
        let answered = |story: Story| {
            let (answers, by) = (vec![Some("v".into())], Some("a".into()));
            let end = Return { answers, by, ..Return::of(9, OpResult::Ok) };
            judged(&story.event(16_300, "clients", What::Return(end))).outcome
        };
        let again = asked(story().commit(15_000, 3, "a").authority(15_100, "a", 3));
        assert_eq!(answered(again.clone()), Outcome::Fail);
        let wavers = again.authority(16_100, "a", 77).authority(16_200, "a", 3);
        assert_eq!(answered(wavers), Outcome::Pass);
    }
}
