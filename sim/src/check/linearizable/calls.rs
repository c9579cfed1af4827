//! The calls on one key: what each operation asked of it and heard, and between which moments.
//!
//! An operation on several keys is one call on each: keys are judged apart, and whether a
//! transaction is whole is the question of `whole-transactions`. Of several things that one
//! operation does to one key, nobody comes between.

use std::collections::BTreeMap;
use std::iter::once;

use host::Role;
use indexmap::IndexMap;

use super::super::operations::{Answer, Operation};
use super::super::reading::Reading;
use super::super::windows::Moment;
use crate::history::{Intent, Phase};

/// One operation's part on one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call<'r> {
    /// Whose; a client calls one after another.
    pub(super) client: &'r str,
    first: Step<'r>,
    /// What it does at once with the first thing. Mostly it is one thing only.
    others: Vec<Step<'r>>,
    pub(super) invoked: Moment,
    /// None if it was not acknowledged: it may take effect at any time from its invocation on,
    /// or never.
    pub(super) ended: Option<Moment>,
}

/// One thing that a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step<'r> {
    Set(&'r str),
    Append(&'r str),
    /// With the new count, if it is known.
    Increment(Option<Answer<'r>>),
    Read(Answer<'r>),
}

impl<'r> Call<'r> {
    /// An operation's part on a key; none if nobody knows what it read and it wrote nothing.
    fn of(operation: &Operation<'r>, key: &str) -> Option<Self> {
        let intents = operation.intents().filter(|(intent, _)| intent.key() == key);
        let mut steps = intents.filter_map(|(intent, answer)| Step::of(intent, answer));
        Some(Self {
            client: &operation.asked.client,
            first: steps.next()?,
            others: steps.collect(),
            invoked: operation.invoked,
            ended: operation.acknowledged(),
        })
    }

    /// All that it does.
    pub(super) fn steps(&self) -> impl Iterator<Item = Step<'r>> {
        once(self.first).chain(self.others.iter().copied())
    }

    /// What it does, if that is one thing.
    pub(super) fn only(&self) -> Option<Step<'r>> {
        self.others.is_empty().then_some(self.first)
    }

    /// Whether an order of calls can be wrong for it.
    pub(super) fn has_answer(&self) -> bool {
        let answered = |step| matches!(step, Step::Read(_) | Step::Increment(Some(_)));
        self.ended.is_some() && self.steps().any(answered)
    }

    /// The same without its end and what it heard; none if it then does nothing.
    pub(super) fn unfinished(&self) -> Option<Self> {
        let mut writes = self.steps().filter_map(|step| match step {
            Step::Read(_) => None,
            Step::Increment(_) => Some(Step::Increment(None)),
            write => Some(write),
        });
        Some(Self { first: writes.next()?, others: writes.collect(), ended: None, ..*self })
    }

    /// Its events.
    pub(super) fn events(&self) -> impl Iterator<Item = u64> {
        once(self.invoked.event).chain(self.ended.map(|ended| ended.event))
    }
}

impl<'r> Step<'r> {
    fn of(intent: &'r Intent, answer: Option<Answer<'r>>) -> Option<Self> {
        match intent {
            Intent::Set { value, .. } | Intent::SetFresh { value, .. } => Some(Step::Set(value)),
            Intent::Append { token, .. } => Some(Step::Append(token)),
            Intent::Increment { .. } => Some(Step::Increment(answer)),
            Intent::Read { .. } => answer.map(Step::Read),
        }
    }
}

/// The calls on every key in the order of their invocations, without those that surely were not
/// done. What the last master holds in the end is a last read, if a client could have read it
/// and all operations on the key went to its shard.
pub(super) fn by_key<'r>(reading: &'r Reading) -> Vec<(&'r str, Vec<Call<'r>>)> {
    let mut keys: IndexMap<&str, OfKey> = IndexMap::new();
    // Each key's place, intent by intent.
    let mut places = Vec::new();
    for operation in possible(reading) {
        for intent in &operation.asked.intents {
            let place = keys.entry(intent.key());
            places.push(place.index());
            place.or_insert_with(|| OfKey::new(operation.asked.shard)).count(operation);
        }
    }
    let shards = reading.tenures.keys();
    let last_reads: BTreeMap<u32, LastRead> =
        shards.filter_map(|&shard| Some((shard, LastRead::of(reading, shard)?))).collect();
    let room = |(&key, of_key): (&&'r str, &OfKey)| (key, Vec::with_capacity(of_key.calls + 1));
    let mut calls: Vec<(&str, Vec<Call>)> = keys.iter().map(room).collect();
    let mut places = &places[..];
    for operation in possible(reading) {
        let (own, others) = places.split_at(operation.asked.intents.len());
        for (_, place) in own.iter().enumerate().filter(|(at, place)| !own[..*at].contains(place)) {
            let (key, calls) = &mut calls[*place];
            calls.extend(Call::of(operation, key));
        }
        places = others;
    }
    for ((key, calls), of_key) in calls.iter_mut().zip(keys.values()) {
        let last = of_key.shard.and_then(|shard| last_reads.get(&shard));
        calls.extend(last.map(|last| last.call(key)));
    }
    calls
}

/// The operations that may have been done.
fn possible<'r>(reading: &'r Reading) -> impl Iterator<Item = &'r Operation<'r>> {
    reading.operations.iter().filter(|operation| !operation.failed())
}

/// What is known of a key before its calls are put together.
struct OfKey {
    /// How many calls there are at most.
    calls: usize,
    /// Where its operations went, if they all went to one.
    shard: Option<u32>,
}

impl OfKey {
    fn new(shard: u32) -> Self {
        Self { calls: 0, shard: Some(shard) }
    }

    fn count(&mut self, operation: &Operation) {
        self.calls += 1;
        self.shard = self.shard.filter(|shard| *shard == operation.asked.shard);
    }
}

/// The final read of a shard's last master.
struct LastRead<'r> {
    values: &'r IndexMap<&'r str, &'r str>,
    invoked: Moment,
    ended: Moment,
}

impl<'r> LastRead<'r> {
    /// None if the content is not known, or was read of a node that was not master in its own
    /// eyes all the while: it would have sent a client away, so that this was no client's read.
    fn of(reading: &'r Reading, shard: u32) -> Option<Self> {
        let content = reading.last_content(shard).ok()?;
        let event = reading.history.events().get(content.event as usize)?;
        let ended = Moment { at_ms: event.at_ms, event: event.number };
        // Nobody knows when each key was read, but not before the final reads began.
        let began_ms = reading.phase_ms(Phase::FinalReads).min(event.at_ms);
        let invoked = Moment { at_ms: began_ms, ..ended };
        let standings = reading.standings_between(&event.on, 0, event.number).iter().rev();
        let mut during = standings.take_while(|standing| standing.until_ms >= began_ms);
        let values = reading.last_values(shard);
        during.all(|standing| standing.role() == Role::Master).then_some(Self {
            values,
            invoked,
            ended,
        })
    }

    fn call(&self, key: &str) -> Call<'r> {
        let (first, others) = (Step::Read(self.values.get(key).copied()), Vec::new());
        let (invoked, ended) = (self.invoked, Some(self.ended));
        Call { client: "", first, others, invoked, ended }
    }
}
