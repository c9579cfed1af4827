//! Linearizability: for every key there is one order of all operations on it, in which each takes
//! effect at one instant between its invocation and its end, that explains every answer.
//!
//! An operation that surely failed is left out; one that may have been done, or whose end was
//! never told, may take effect at any time after its invocation, or never. By design only what
//! the master in force answers is linearizable, so that with a failover this is informative
//! wherever it is not promised. Keys are judged apart, which linearizability allows (Herlihy and
//! Wing, "Linearizability", 1990); that a transaction takes effect on all its keys at once is not
//! judged here.
//!
//! What the last master holds in the end counts as a last read of every key, if it was master in
//! its own eyes when it was read: a client could have read it, and an acknowledged write that is
//! gone is missed even if no client came back for it.
//!
//! A history that is not linearizable: `set k v` was invoked at 1.000 s and acknowledged at
//! 1.020 s; `read k`, invoked at 2.000 s, was answered *absent* at 2.015 s. In JSON Lines:
//!
//! ```text
//! {"number":7,"at_ms":1000,"on":"c","event":"invoke","client":"c","op":1,"shard":0,"via":"direct","intents":[{"do":"set","key":"k","value":"v"}]}
//! {"number":8,"at_ms":1020,"on":"c","event":"return","op":1,"result":"ok"}
//! {"number":9,"at_ms":2000,"on":"c","event":"invoke","client":"c","op":2,"shard":0,"via":"direct","intents":[{"do":"read","key":"k"}]}
//! {"number":10,"at_ms":2015,"on":"c","event":"return","op":2,"result":"ok","answers":[null]}
//! ```
//!
//! The trap: the search can take for ever. It has a number of steps for each key, not a time, so
//! that a history always gets the same answer; if they do not suffice, that key is undecided.
//! Libraries that would search (`stateright`, `todc-utils`) know neither such a limit nor which
//! operations are to blame; the first is what this one is tested against.

mod blame;
mod calls;
mod independent;
mod made;
mod order;
mod properties;
mod rules;
mod search;
mod values;

use super::LINEARIZABLE;
use super::reading::Reading;
use crate::promise::Promise;
use crate::verdict::Verdict;
use calls::Call;
use search::{Found, search};

/// Steps of the search on one key, and for each of its operations so many more.
const STEPS_MAX: u64 = 1_000_000;
const STEPS_PER_CALL: u64 = 100;

/// Fails on a key without such an order, unknown if that could not be decided; informative where
/// it is not promised.
pub(super) fn verdict(reading: &Reading) -> Verdict {
    judged(reading, STEPS_MAX).counts_if(reading.promises(Promise::Linearizability))
}

fn judged(reading: &Reading, steps_max: u64) -> Verdict {
    let keys = calls::by_key(reading);
    let mut all = All { keys: keys.len(), ..All::default() };
    for (key, calls) in keys {
        let steps_max = steps_max + STEPS_PER_CALL * calls.len() as u64;
        all.calls += calls.len();
        match search(&calls, &mut { steps_max }) {
            Found::Order => {}
            Found::NoOrder => all.add_broken(Broken::of(key, &calls, steps_max)),
            Found::Nothing => all.undecided.push(key),
        }
    }
    all.verdict()
}

/// What was found of all keys.
#[derive(Default)]
struct All<'r> {
    keys: usize,
    calls: usize,
    undecided: Vec<&'r str>,
    broken: usize,
    /// The one that broke first.
    first: Option<Broken<'r>>,
}

impl<'r> All<'r> {
    fn add_broken(&mut self, broken: Broken<'r>) {
        self.broken += 1;
        if self.first.as_ref().is_none_or(|first| broken.end() < first.end()) {
            self.first = Some(broken);
        }
    }

    fn verdict(&self) -> Verdict {
        let Self { keys, calls, broken, .. } = self;
        if let Some(first) = &self.first {
            let core = blame::core(&first.beginning);
            let mut evidence: Vec<u64> = core.iter().flat_map(Call::events).collect();
            evidence.sort_unstable();
            evidence.dedup();
            let reason = format!(
                "{broken} of {keys} keys have no order that explains every answer; {} loses it \
                 within its first {} of {} operations, and {} of them are to blame",
                first.key,
                first.beginning.len(),
                first.calls,
                core.len()
            );
            return Verdict::fail(LINEARIZABLE, reason, evidence);
        }
        if let Some(first) = self.undecided.first() {
            let undecided = self.undecided.len();
            let reason =
                format!("{undecided} of {keys} keys have too many orders to try, first {first}");
            return Verdict::unknown(LINEARIZABLE, reason);
        }
        let reason = format!(
            "{calls} operations on {keys} keys, each key with an order that explains every answer"
        );
        Verdict::pass(LINEARIZABLE, reason)
    }
}

/// A key without such an order.
struct Broken<'r> {
    key: &'r str,
    /// How many operations there are on it.
    calls: usize,
    /// Its shortest beginning that has none.
    beginning: Vec<Call<'r>>,
}

impl<'r> Broken<'r> {
    fn of(key: &'r str, calls: &[Call<'r>], steps_max: u64) -> Self {
        Self { key, calls: calls.len(), beginning: blame::beginning(calls, steps_max) }
    }

    /// The event at which the order was lost.
    fn end(&self) -> Option<u64> {
        self.beginning.iter().filter_map(|call| call.ended).map(|ended| ended.event).max()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Story;
    use super::*;
    use crate::history::{Intent, Invocation, OpResult, Phase, Return, Via, What};
    use crate::verdict::Outcome;

    fn story() -> Story {
        Story::new().commit(0, 1, "a").authority(100, "a", 1)
    }

    fn reading_of<T>(story: &Story, judged: impl Fn(&Reading) -> T) -> T {
        let history = story.history();
        judged(&Reading::of(&history).expect("a whole history"))
    }

    fn outcome(story: &Story) -> Outcome {
        reading_of(story, verdict).outcome
    }

    fn invoke(story: Story, at_ms: u64, client: &str, op: u64, intents: Vec<Intent>) -> Story {
        let (client, via) = (client.to_owned(), Via::Direct);
        let asked = Invocation { client: client.clone(), op, shard: 0, via, intents };
        story.event(at_ms, &client, What::Invoke(asked))
    }

    fn end(story: Story, at_ms: u64, client: &str, op: u64, answers: &[Option<&str>]) -> Story {
        let answers = answers.iter().map(|answer| answer.map(str::to_owned)).collect();
        let ended = Return { answers, ..Return::of(op, OpResult::Ok) };
        story.event(at_ms, client, What::Return(ended))
    }

    fn set(value: &str) -> Vec<Intent> {
        vec![Intent::Set { key: "k".into(), value: value.into() }]
    }

    fn read() -> Vec<Intent> {
        vec![Intent::Read { key: "k".into() }]
    }

    fn unknown_end() -> OpResult {
        OpResult::Info { error: "timeout".into() }
    }

    #[test]
    fn what_one_order_explains_passes() {
        let good = [
            story().read(900, "a", "k", None).write(1_000, "a", "k", "v"),
            story().write(1_000, "a", "k", "v").read(2_000, "a", "k", Some("v")),
            story().append(1_000, "a", "l", "1,").append(2_000, "a", "l", "2,").read(
                3_000,
                "a",
                "l",
                Some("1,2,"),
            ),
            story().increment(1_000, "a", "n", 1).increment(2_000, "a", "n", 2),
        ];
        for story in good {
            assert_eq!(outcome(&story), Outcome::Pass, "{story:?}");
        }
    }

    #[test]
    fn what_no_order_explains_fails() {
        let wrong = [
            ("lost", story().write(1_000, "a", "k", "v").read(2_000, "b", "k", None)),
            ("early", story().read(1_000, "a", "k", Some("v")).write(2_000, "a", "k", "v")),
            ("counted twice", story().increment(1_000, "a", "n", 1).increment(2_000, "b", "n", 1)),
            ("of nobody", story().increment(1_000, "a", "n", 2)),
            ("turned", {
                let list = story().append(1_000, "a", "l", "1,").append(2_000, "a", "l", "2,");
                list.read(3_000, "a", "l", Some("2,1,"))
            }),
            ("done though it failed", {
                let failed = OpResult::Fail { error: "no".into() };
                story().ends(1_000, set("v"), failed).read(2_000, "a", "k", Some("v"))
            }),
        ];
        for (what, story) in wrong {
            let verdict = reading_of(&story, verdict);
            assert_eq!(verdict.outcome, Outcome::Fail, "{what}");
            assert!(!verdict.evidence.is_empty(), "{what}");
            let unpromised = reading_of(&story.promises(&[]), super::verdict);
            assert_eq!((unpromised.outcome, unpromised.informative), (Outcome::Fail, true));
        }
    }

    #[test]
    fn only_those_to_blame_are_evidence() {
        let story = story()
            .write(1_000, "a", "other", "v")
            .ends(1_100, set("1"), OpResult::Ok)
            .read(1_200, "a", "k", Some("1"))
            .ends(1_300, set("2"), OpResult::Ok)
            .read(1_400, "a", "other", Some("v"))
            .read(1_500, "a", "k", Some("1"))
            .read(1_600, "a", "k", Some("2"));
        let verdict = reading_of(&story, verdict);
        let history = story.history();
        let shown: Vec<_> =
            verdict.evidence.iter().map(|at| history.events()[*at as usize].at_ms).collect();
        assert_eq!(shown, [1_200, 1_200, 1_300, 1_300, 1_500, 1_500], "{}", verdict.reason);
        assert!(verdict.reason.starts_with("1 of 2 keys"), "{}", verdict.reason);
        assert!(verdict.reason.contains("; k loses it within its first 4 of 5 operations"));
    }

    #[test]
    fn what_may_have_been_done_takes_effect_late_or_never() {
        let maybe = || story().ends(1_000, set("1"), unknown_end()).read(2_000, "a", "k", None);
        assert_eq!(outcome(&maybe().read(3_000, "a", "k", None)), Outcome::Pass);
        let late = maybe().read(3_000, "a", "k", Some("1"));
        assert_eq!(outcome(&late), Outcome::Pass);
        assert_eq!(outcome(&late.read(4_000, "a", "k", None)), Outcome::Fail, "not undone");
        let endless = invoke(story(), 1_000, "x", 77, set("1")).read(9_000, "a", "k", Some("1"));
        assert_eq!(outcome(&endless), Outcome::Pass);
    }

    #[test]
    fn operations_that_overlap_may_come_in_any_order() {
        let both = invoke(invoke(story(), 1_000, "x", 70, set("1")), 1_000, "y", 71, read());
        let both = end(both, 1_020, "x", 70, &[]);
        for answer in [None, Some("1")] {
            assert_eq!(outcome(&end(both.clone(), 1_030, "y", 71, &[answer])), Outcome::Pass);
        }
        let at_once = |client: &str| {
            let wrote = end(invoke(story(), 1_000, "x", 70, set("1")), 1_020, "x", 70, &[]);
            let reads = invoke(wrote, 1_020, client, 71, read());
            outcome(&end(reads, 1_040, client, 71, &[None]))
        };
        assert_eq!(at_once("y"), Outcome::Pass, "within a millisecond across machines");
        assert_eq!(at_once("x"), Outcome::Fail, "one client knows what comes first");
    }

    /// Once a write that had to come before the other, in the same millisecond, kept it back.
    #[test]
    fn a_write_that_nobody_sees_comes_before_the_next_one_of_its_client() {
        let first = invoke(invoke(story(), 1_000, "x", 70, set("1")), 1_003, "y", 71, read());
        let first = end(end(first, 1_019, "y", 71, &[Some("2")]), 1_019, "x", 70, &[]);
        let second = end(invoke(first, 1_019, "x", 72, set("2")), 1_019, "x", 72, &[]);
        assert_eq!(outcome(&second), Outcome::Pass);
    }

    #[test]
    fn what_the_last_master_holds_is_a_last_read() {
        let wrote = || story().write(1_000, "a", "k", "v").phase(8_000, Phase::FinalReads);
        assert_eq!(outcome(&wrote().finally(9_000, "a", &[("k", "v")])), Outcome::Pass);
        assert_eq!(outcome(&wrote().finally(9_000, "a", &[])), Outcome::Fail);
        let deposed = wrote().no_authority(8_500, "a", 2).authority(8_600, "a", 2);
        let deposed = deposed.finally(9_000, "a", &[]);
        assert_eq!(outcome(&deposed), Outcome::Pass, "a client would have been sent away");
        let late = wrote().write(8_500, "a", "l", "v").finally(9_000, "a", &[("k", "v")]);
        assert_eq!(outcome(&late), Outcome::Pass, "it may have been read before");
    }

    #[test]
    fn of_several_things_at_once_nobody_comes_between() {
        let twice = |answer: &str| {
            let read_twice = [("k", Some("1")), ("k", Some(answer))];
            let sets = story().ends(1_000, set("1"), OpResult::Ok);
            let sets = invoke(sets, 1_999, "x", 70, set("2")).reads(2_000, "a", &read_twice);
            outcome(&end(sets, 2_001, "x", 70, &[]))
        };
        assert_eq!(twice("1"), Outcome::Pass);
        assert_eq!(twice("2"), Outcome::Fail);
    }

    #[test]
    fn a_key_with_too_many_orders_is_undecided_and_named() {
        let many = (0..30).fold(story(), |story, at| {
            let append = Intent::Append { key: "k".into(), token: (at % 2).to_string() };
            story.ends(1_000 + at, vec![append], unknown_end())
        });
        let many = many.ends(2_000, set("no number"), unknown_end());
        let many = many.read(3_000, "a", "k", Some("no number of it"));
        let verdict = reading_of(&many, |reading| judged(reading, 1_000));
        assert_eq!(verdict.outcome, Outcome::Unknown);
        assert!(verdict.reason.ends_with("first k"), "{}", verdict.reason);
    }
}
