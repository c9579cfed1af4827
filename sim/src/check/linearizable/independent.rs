//! The checker against others: on small histories, good ones and spoilt ones, it says what
//! `stateright`'s tester says of all keys together, and what trying every order says.

#![cfg(test)]

use std::collections::BTreeMap;

use host::random_stream;
use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialSpec};

use super::super::reading::Reading;
use super::made::{self, End, Operation, Shape, Use};
use super::verdict;
use crate::history::Intent;
use crate::verdict::Outcome;

const USES: [Use; 4] = [Use::Register, Use::List, Use::Counter, Use::Mixed];
const HISTORIES_PER_USE: u64 = 1_000;
/// How many of them at least must have an order, and how many must have none.
const OF_EACH_KIND: u64 = 200;

/// Judges made-up histories twice and counts those with and without an order.
fn compare(used: Use, shape: Shape, other: fn(&[Operation]) -> bool) {
    let (mut with, mut without) = (0, 0);
    for seed in 0..HISTORIES_PER_USE {
        let mut operations = made::good(seed, used, shape);
        let mut random = random_stream(seed, "spoil");
        // Two answers of three, so that many histories have no order and many still have one.
        for _ in 0..seed % 3 {
            made::spoil(&mut random, &mut operations);
        }
        let history = made::history(&operations);
        let verdict = verdict(&Reading::of(&history).expect("a whole history"));
        let expected = if other(&operations) { Outcome::Pass } else { Outcome::Fail };
        assert_eq!(verdict.outcome, expected, "seed {seed}, {used:?}: {operations:#?}");
        assert!(expected == Outcome::Pass || seed % 3 > 0, "a good history, seed {seed}");
        *(if expected == Outcome::Pass { &mut with } else { &mut without }) += 1;
    }
    assert!(with >= OF_EACH_KIND && without >= OF_EACH_KIND, "{used:?}: {with}, {without}");
}

#[test]
fn agrees_with_stateright() {
    for used in USES {
        // One operation of a client at a time is all that it knows, whole transactions it knows;
        // so with several things at once there is one key, on which they are whole here, too.
        let keys = if used == Use::Mixed { 1 } else { 2 };
        // Nor does it know of operations that one client calls in the same millisecond.
        let shape = Shape { clients: 3, keys, operations: 7, pause_ms: (1, 20) };
        compare(used, shape, stateright);
    }
}

#[test]
fn agrees_with_trying_every_order() {
    for used in USES {
        let shape = Shape { clients: 3, keys: 1, operations: 6, pause_ms: (0, 8) };
        compare(used, shape, every_order);
    }
}

/// The whole store as one object.
#[derive(Clone)]
struct Store(BTreeMap<String, String>);

impl SequentialSpec for Store {
    type Op = Vec<Intent>;
    type Ret = Option<Vec<Option<String>>>;

    fn invoke(&mut self, intents: &Self::Op) -> Self::Ret {
        made::perform(&mut self.0, intents)
    }
}

/// Whether there is an order, in `stateright`'s eyes.
fn stateright(operations: &[Operation]) -> bool {
    let mut moments = Vec::new();
    for (at, operation) in operations.iter().enumerate().filter(|(_, op)| op.end != End::Fail) {
        // Within a millisecond what one client does comes in its order, and between clients all
        // overlap.
        moments.push((operation.invoked_ms, 0, at));
        if operation.answers().is_some() {
            moments.push((operation.ended_ms, 1, at));
        }
    }
    moments.sort_unstable();
    let mut tester = LinearizabilityTester::new(Store(BTreeMap::new()));
    // A client that does not know how its operation ended goes on as another thread.
    let mut thread_of = BTreeMap::new();
    for (_, ends, at) in moments {
        let (operation, threads) = (&operations[at], thread_of.len());
        let told = if ends == 1 {
            let answers = operation.answers().map(<[_]>::to_vec);
            tester.on_return(thread_of[&at], answers)
        } else {
            let before = operations[..at].iter().rposition(|op| op.client == operation.client);
            let before = before.filter(|before| operations[*before].answers().is_some());
            let thread = before.map_or(threads, |before| thread_of[&before]);
            thread_of.insert(at, thread);
            tester.on_invoke(thread, operation.intents.clone())
        };
        assert!(told.is_ok());
    }
    tester.is_consistent()
}

/// Whether there is an order, by trying them all.
fn every_order(operations: &[Operation]) -> bool {
    let left = (0..operations.len()).filter(|at| operations[*at].end != End::Fail).collect();
    goes_on(operations, left, &BTreeMap::new())
}

fn goes_on(operations: &[Operation], left: Vec<usize>, store: &BTreeMap<String, String>) -> bool {
    if left.iter().all(|at| operations[*at].is_open()) {
        return true;
    }
    left.iter().enumerate().any(|(place, &at)| {
        let operation = &operations[at];
        let is_next = left.iter().all(|&other| !operations[other].is_before(operation, other < at));
        let mut store = store.clone();
        let answers = made::perform(&mut store, &operation.intents);
        let fits = match operation.answers() {
            Some(heard) => answers.as_deref() == Some(heard),
            None => true,
        };
        let mut left = left.clone();
        left.remove(place);
        is_next && fits && goes_on(operations, left, &store)
    })
}
