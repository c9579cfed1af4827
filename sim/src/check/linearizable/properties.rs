//! Properties: whatever a store did at one instant each passes, and one answer that is then made
//! wrong for certain is found, on its key, with its read among those to blame.

#![cfg(test)]

use host::{Random, random_stream};
use proptest::prelude::*;
use rand::Rng;

use super::super::reading::Reading;
use super::made::{self, End, Operation, Shape, Use};
use super::verdict;
use crate::history::{History, Intent, What};
use crate::verdict::{Outcome, Verdict};

const SHAPE: Shape = Shape { clients: 5, keys: 3, operations: 90, pause_ms: (0, 10) };

fn used() -> impl Strategy<Value = Use> {
    prop::sample::select(vec![Use::Register, Use::List, Use::Counter, Use::Mixed])
}

fn judged(history: &History) -> Verdict {
    verdict(&Reading::of(history).expect("a whole history"))
}

/// What a read of one thing heard, at its place among the operations.
type Heard<'o> = (usize, &'o str, Option<&'o str>);

fn reads(operations: &[Operation]) -> impl Iterator<Item = Heard<'_>> {
    operations.iter().enumerate().filter_map(|(at, operation)| {
        match (&operation.intents[..], operation.answers()?) {
            ([Intent::Read { key }], [heard]) => Some((at, key.as_str(), heard.as_deref())),
            _ => None,
        }
    })
}

/// What surely was done to the key of a read before the read began.
fn done_before<'o>(operations: &'o [Operation], read: &Heard<'o>) -> Vec<&'o Operation> {
    let reads = &operations[read.0];
    let before = operations[..read.0].iter().filter(|other| other.is_before(reads, true));
    before.filter(|other| other.intents[0].key() == read.1).collect()
}

/// Answers that no order explains: what nobody wrote, or what is older than what must be there.
fn wrong_answers(operations: &[Operation], used: Use, read: &Heard) -> Vec<Option<String>> {
    let mut wrong = vec![Some("nobody wrote this".to_owned())];
    let done = done_before(operations, read);
    let writes = || done.iter().map(|operation| &operation.intents[0]).filter(|i| i.is_write());
    if used != Use::Mixed && writes().next().is_some() {
        wrong.push(None);
    }
    match used {
        Use::Register => {
            let sets: Vec<_> = done.iter().filter(|op| op.intents[0].is_write()).collect();
            let replaced =
                sets.iter().filter(|old| sets.iter().any(|new| old.is_before(new, false)));
            wrong.extend(replaced.map(|old| old.intents[0].token().map(str::to_owned)));
        }
        Use::List => {
            let heard = read.2.unwrap_or_default();
            wrong.extend(writes().filter_map(Intent::token).map(|t| Some(heard.replace(t, ""))));
            wrong.extend((!heard.is_empty()).then(|| Some(heard.repeat(2))));
        }
        Use::Counter => wrong.extend((0..writes().count()).map(|count| Some(count.to_string()))),
        Use::Mixed => {}
    }
    wrong
}

/// Breaks one answer for certain, and names the operation whose it is.
fn break_one(random: &mut Random, operations: &mut [Operation], used: Use) -> Option<usize> {
    let heard: Vec<Heard> = reads(operations).collect();
    let read = heard.get(random.random_range(0..heard.len().max(1)))?;
    let mut wrong = wrong_answers(operations, used, read);
    let (at, answer) = (read.0, wrong.swap_remove(random.random_range(0..wrong.len())));
    operations[at].end = End::Ok(vec![answer]);
    Some(at)
}

/// The operation that an event belongs to, and its key.
fn operation_of(history: &History, event: u64) -> Option<u64> {
    match &history.events()[event as usize].what {
        What::Invoke(asked) => Some(asked.op),
        What::Return(end) => Some(end.op),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_a_store_did_passes(seed in any::<u64>(), used in used()) {
        let verdict = judged(&made::history(&made::good(seed, used, SHAPE)));
        prop_assert_eq!(verdict.outcome, Outcome::Pass, "{}", verdict.reason);
    }

    #[test]
    fn one_wrong_answer_is_found_and_named(seed in any::<u64>(), used in used()) {
        let mut operations = made::good(seed, used, SHAPE);
        let broken = break_one(&mut random_stream(seed, "break"), &mut operations, used);
        let broken = broken.expect("something is read in every history");
        let key = operations[broken].intents[0].key();
        let history = made::history(&operations);
        let verdict = judged(&history);
        prop_assert_eq!(verdict.outcome, Outcome::Fail, "{}", verdict.reason);
        prop_assert!(verdict.reason.starts_with("1 of "), "{}", verdict.reason);
        let named = format!("; {key} loses it");
        prop_assert!(verdict.reason.contains(&named), "{}: {}", key, verdict.reason);
        let mut blamed: Vec<u64> =
            verdict.evidence.iter().filter_map(|event| operation_of(&history, *event)).collect();
        blamed.dedup();
        prop_assert!(blamed.contains(&(broken as u64)), "{}: {:?}", broken, blamed);
        for op in blamed {
            let mut keys = operations[op as usize].intents.iter().map(Intent::key);
            prop_assert!(keys.any(|other| other == key), "{} is of another key", op);
        }
    }
}
