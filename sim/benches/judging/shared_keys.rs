//! A history of operations on keys that all clients share: registers, lists and counters.

use std::collections::BTreeMap;

use host::{Random, random_stream};
use rand::Rng;
use sim::history::{History, Intent, Invocation, Member, OpResult, Return, Setup, Via, What};
use sim::promise::Promise;

/// Clients, each with one operation under way half of its time.
const CLIENTS: usize = 50;
/// One operation of so many ends without an answer.
const UNANSWERED: u32 = 50;

struct Operation {
    client: usize,
    intent: Intent,
    invoked_ms: u64,
    done_ms: u64,
    ended_ms: u64,
    answer: Option<String>,
    answered: bool,
}

/// A history in which each operation takes effect at an instant of its own; with one answer that
/// is older than it may be, on request.
pub fn history(operations: usize, keys: usize, wrong: bool) -> History {
    let mut random = random_stream(1, "shared keys");
    let mut now_ms = [0; CLIENTS];
    let each = (0..operations).map(|number| {
        let client = number % CLIENTS;
        let invoked_ms = now_ms[client] + random.random_range(1..=30);
        let ended_ms = invoked_ms + random.random_range(5..=30);
        now_ms[client] = ended_ms;
        let done_ms = random.random_range(invoked_ms..=ended_ms);
        let intent = intent(&mut random, keys, number);
        let answered = random.random_range(0..UNANSWERED) > 0;
        Operation { client, intent, invoked_ms, done_ms, ended_ms, answer: None, answered }
    });
    let mut operations: Vec<Operation> = each.collect();
    operations.sort_by_key(|operation| operation.done_ms);
    let mut store = BTreeMap::new();
    for operation in &mut operations {
        operation.answer = perform(&mut store, &operation.intent);
    }
    if wrong {
        turn_back(&mut operations);
    }
    events(operations)
}

fn intent(random: &mut Random, keys: usize, number: usize) -> Intent {
    let at = random.random_range(0..keys);
    let key = format!("key-{at}");
    if random.random_range(0..2) == 0 {
        return Intent::Read { key };
    }
    match at % 3 {
        0 => Intent::Set { key, value: format!("v{number}") },
        1 => Intent::Append { key, token: format!("t{number};") },
        _ => Intent::Increment { key },
    }
}

fn perform(store: &mut BTreeMap<String, String>, intent: &Intent) -> Option<String> {
    match intent {
        Intent::Set { key, value } | Intent::SetFresh { key, value } => {
            store.insert(key.clone(), value.clone());
            None
        }
        Intent::Append { key, token } => {
            store.entry(key.clone()).or_default().push_str(token);
            None
        }
        Intent::Increment { key } => {
            let count = store.get(key).and_then(|count| count.parse().ok()).unwrap_or(0_u64) + 1;
            store.insert(key.clone(), count.to_string());
            Some(count.to_string())
        }
        Intent::Read { key } => store.get(key).cloned(),
    }
}

/// The last read of the first key is answered what the first one was.
fn turn_back(operations: &mut [Operation]) {
    let reads = |operation: &&mut Operation| {
        matches!(&operation.intent, Intent::Read { key } if key == "key-0") && operation.answered
    };
    let mut reads: Vec<&mut Operation> = operations.iter_mut().filter(reads).collect();
    let first = reads[0].answer.clone();
    if let Some(last) = reads.last_mut() {
        last.answer = first;
    }
}

fn events(operations: Vec<Operation>) -> History {
    let member = Member { machine: "a".into(), id: "a".into(), shard: 0 };
    let setup = Setup::of(8_000, 5, vec![member]);
    let setup = Setup { promises: Promise::ALL.to_vec(), ..setup };
    let mut events = vec![(0, "driver".to_owned(), What::Setup(setup))];
    for (op, operation) in (0..).zip(operations) {
        let client = format!("client-{}", operation.client);
        let (via, intents) = (Via::Direct, vec![operation.intent]);
        let has_answer = intents[0].has_answer();
        let asked = Invocation { client: client.clone(), op, shard: 0, via, intents };
        events.push((operation.invoked_ms, client.clone(), What::Invoke(asked)));
        let end = match operation.answered {
            true if has_answer => {
                Return { answers: vec![operation.answer], ..Return::of(op, OpResult::Ok) }
            }
            true => Return::of(op, OpResult::Ok),
            false => Return::of(op, OpResult::Info { error: "timeout".into() }),
        };
        events.push((operation.ended_ms, client, What::Return(end)));
    }
    events.sort_by_key(|(at_ms, ..)| *at_ms);
    History::from_events(events)
}
