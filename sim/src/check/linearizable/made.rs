//! Made-up histories for the checker's tests: clients that call at random, one store that does
//! what it is asked at an instant between invocation and end, and an answer that is then made
//! wrong. Every operation here has its place in real time, so that other checkers can judge it.

#![cfg(test)]

use std::collections::BTreeMap;

use host::{Random, random_stream};
use rand::Rng;

use super::super::fixture::Story;
use crate::history::{History, Intent, Invocation, OpResult, Return, Via, What};

/// What is done with the keys of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Use {
    Register,
    List,
    Counter,
    /// Everything with every key, values repeated, several things at once.
    Mixed,
}

/// How a history is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) clients: usize,
    pub(super) keys: usize,
    pub(super) operations: usize,
    /// What a client waits from one operation to the next, in milliseconds.
    pub(super) pause_ms: (u64, u64),
}

#[derive(Clone, Debug)]
pub(super) struct Operation {
    pub(super) client: usize,
    pub(super) intents: Vec<Intent>,
    pub(super) invoked_ms: u64,
    pub(super) ended_ms: u64,
    pub(super) end: End,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With an answer for each intent.
    Ok(Vec<Option<String>>),
    Fail,
    Info,
    Never,
}

impl Operation {
    pub(super) fn answers(&self) -> Option<&[Option<String>]> {
        match &self.end {
            End::Ok(answers) => Some(answers),
            _ => None,
        }
    }

    /// Whether it may have been done, and nobody knows.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.end, End::Info | End::Never)
    }

    /// Whether it had ended before another one was invoked.
    pub(super) fn is_before(&self, other: &Operation, in_turn: bool) -> bool {
        let at_once = self.ended_ms == other.invoked_ms && self.client == other.client && in_turn;
        self.answers().is_some() && (self.ended_ms < other.invoked_ms || at_once)
    }
}

/// Operations in the order of their invocations; of one client's in the order in which it calls.
pub(super) fn good(seed: u64, used: Use, shape: Shape) -> Vec<Operation> {
    let mut random = random_stream(seed, "made");
    let mut now_ms = vec![0; shape.clients];
    let mut operations = Vec::new();
    for number in 0..shape.operations {
        let client = random.random_range(0..shape.clients);
        let (least_ms, most_ms) = shape.pause_ms;
        let invoked_ms = now_ms[client] + random.random_range(least_ms..=most_ms);
        let ended_ms = invoked_ms + random.random_range(0..=20);
        now_ms[client] = ended_ms;
        let intents = intents(&mut random, used, shape.keys, number);
        let end = match random.random_range(0..20) {
            0 => End::Fail,
            1..=2 => End::Info,
            3 => End::Never,
            _ => End::Ok(Vec::new()),
        };
        operations.push(Operation { client, intents, invoked_ms, ended_ms, end });
    }
    operations.sort_by_key(|operation| operation.invoked_ms);
    answer(&mut random, &mut operations);
    operations
}

fn intents(random: &mut Random, used: Use, keys: usize, number: usize) -> Vec<Intent> {
    let length = if used == Use::Mixed { random.random_range(1..=2) } else { 1 };
    let each = (0..length).map(|part| {
        let key = format!("k{}", random.random_range(0..keys));
        let (value, token) = (format!("v{number}"), format!("t{number}.{part},"));
        match (used, random.random_range(0..5)) {
            (_, 0..=1) => Intent::Read { key },
            (Use::Register, _) => Intent::Set { key, value },
            (Use::List, _) => Intent::Append { key, token },
            (Use::Counter, _) | (Use::Mixed, 2) => Intent::Increment { key },
            (Use::Mixed, 3) => Intent::Append { key, token: format!("{}", number % 2) },
            (Use::Mixed, _) => Intent::Set { key, value: format!("{}", number % 3) },
        }
    });
    each.collect()
}

/// Does everything at an instant of its own, and answers it.
fn answer(random: &mut Random, operations: &mut [Operation]) {
    let mut instants = Vec::new();
    for (at, operation) in operations.iter().enumerate() {
        let until_ms = match operation.end {
            End::Fail => continue,
            End::Ok(_) => operation.ended_ms,
            End::Info | End::Never if random.random() => continue,
            End::Info | End::Never => operation.ended_ms + 50,
        };
        instants.push((random.random_range(operation.invoked_ms..=until_ms), at));
    }
    instants.sort_unstable();
    let mut store = BTreeMap::new();
    for (_, at) in instants {
        let operation = &mut operations[at];
        let done = perform(&mut store, &operation.intents);
        if let End::Ok(_) = operation.end {
            operation.end = done.map_or(End::Fail, End::Ok);
        }
    }
}

/// What a store does: all, or nothing if something cannot be done.
pub(super) fn perform(
    store: &mut BTreeMap<String, String>,
    intents: &[Intent],
) -> Option<Vec<Option<String>>> {
    let mut after = store.clone();
    let mut answers = Vec::new();
    for intent in intents {
        let key = intent.key().to_owned();
        answers.push(match intent {
            Intent::Read { .. } => after.get(&key).cloned(),
            Intent::Set { value, .. } | Intent::SetFresh { value, .. } => {
                after.insert(key, value.clone());
                None
            }
            Intent::Append { token, .. } => {
                after.entry(key).or_default().push_str(token);
                None
            }
            Intent::Increment { .. } => {
                let before = after.get(&key).map_or(Some(0), |value| value.parse::<i64>().ok());
                let count = before?.checked_add(1)?.to_string();
                after.insert(key, count.clone());
                Some(count)
            }
        });
    }
    *store = after;
    Some(answers)
}

/// Changes one answer, if there is one; an order may be found for it all the same.
pub(super) fn spoil(random: &mut Random, operations: &mut [Operation]) {
    let mut pool = vec![None, Some("never".to_owned())];
    let mut spots = Vec::new();
    for (at, operation) in operations.iter().enumerate() {
        for (part, answer) in operation.answers().unwrap_or_default().iter().enumerate() {
            if operation.intents[part].has_answer() {
                pool.push(answer.clone());
                spots.push((at, part));
            }
        }
    }
    if spots.is_empty() {
        return;
    }
    let (at, part) = spots[random.random_range(0..spots.len())];
    if let End::Ok(answers) = &mut operations[at].end {
        answers[part] = pool[random.random_range(0..pool.len())].clone();
    }
}

/// As a run would have written it.
pub(super) fn history(operations: &[Operation]) -> History {
    let mut events: Vec<(u64, usize, What)> = Vec::new();
    for (op, operation) in operations.iter().enumerate() {
        let (client, via) = (operation.client.to_string(), Via::Direct);
        let intents = operation.intents.clone();
        let (shard, number) = (0, op as u64);
        let asked = Invocation { client, op: number, shard, via, intents };
        events.push((operation.invoked_ms, operation.client, What::Invoke(asked)));
        let error = || "some error".to_owned();
        let result = match &operation.end {
            End::Ok(_) => OpResult::Ok,
            End::Fail => OpResult::Fail { error: error() },
            End::Info => OpResult::Info { error: error() },
            End::Never => continue,
        };
        let answered = operation.intents.iter().any(Intent::has_answer);
        let answers = operation.answers().filter(|_| answered).unwrap_or_default().to_vec();
        let end = Return { answers, ..Return::of(number, result) };
        events.push((operation.ended_ms, operation.client, What::Return(end)));
    }
    // Machines one after another, and what happens on one in its order.
    events.sort_by_key(|(at_ms, client, _)| (*at_ms, *client));
    let told = events.into_iter();
    told.fold(Story::new(), |story, (at_ms, client, what)| {
        story.event(at_ms, &format!("clients-{client}"), what)
    })
    .history()
}
