//! What a search need not try, by what is done with the key. No rule changes what is found: each
//! leaves out only orders that cannot explain the answers, or for which another one does as well.
//!
//! **Register** (set and read, no value set twice): a value that somebody read must be read right
//! after it was set, because no later write brings it back; so its write helps only if a read of
//! it is under way. A value that nobody read can be written right before any other write, where
//! nobody sees it; so its write needs no place of its own before it ends, and none at all if it
//! never does.
//!
//! **List** (appended to and read): what a list is now, every later read begins with; so what is
//! appended must be what the next read has there.
//!
//! **Counter** (incremented and read): every number is reached once; so an increment whose answer
//! nobody heard helps only up to a number that no other one was answered. Of several such it is
//! the first one that counts: they do the same, and it has the most time for it.

use std::collections::{BTreeMap, BTreeSet};

use super::super::operations::Answer;
use super::calls::{Call, Step};
use super::search::{Search, State};

/// What is done with a key.
pub(super) enum Kind<'r> {
    Register {
        /// Who sets a value.
        writers: BTreeMap<&'r str, usize>,
        /// By call: whether it sets a value that nobody read.
        unseen: Vec<bool>,
    },
    List {
        /// Who appends a token.
        writers: BTreeMap<&'r str, Vec<usize>>,
        /// The length of the longest token in bytes.
        longest: usize,
    },
    Counter {
        /// The numbers that increments were answered.
        counted: BTreeSet<i64>,
    },
    /// Anything, or several things in one call.
    Mixed,
}

impl<'r> Kind<'r> {
    pub(super) fn of(calls: &[Call<'r>]) -> Self {
        let (mut sets, mut appends, mut counts) = (false, false, false);
        for call in calls {
            match call.only() {
                Some(Step::Set(_)) => sets = true,
                Some(Step::Append(_)) => appends = true,
                Some(Step::Increment(_)) => counts = true,
                Some(Step::Read(_)) => {}
                None => return Kind::Mixed,
            }
        }
        match (sets, appends, counts) {
            (_, false, false) => register(calls).unwrap_or(Kind::Mixed),
            (false, true, false) => list(calls),
            (false, false, true) => Kind::Counter { counted: counted(calls) },
            _ => Kind::Mixed,
        }
    }

    /// Whether a call may be left out: one without an end that nobody saw.
    pub(super) fn is_needless(&self, at: usize, call: &Call) -> bool {
        matches!(self, Kind::Register { unseen, .. } if unseen[at] && call.ended.is_none())
    }
}

/// None if a value was set twice.
fn register<'r>(calls: &[Call<'r>]) -> Option<Kind<'r>> {
    let (mut writers, mut read) = (BTreeMap::new(), BTreeSet::new());
    for (at, call) in calls.iter().enumerate() {
        match call.only() {
            Some(Step::Set(text)) if writers.insert(text, at).is_some() => return None,
            Some(Step::Read(heard)) => read.extend(heard),
            _ => {}
        }
    }
    let mut unseen = vec![false; calls.len()];
    for (_, &at) in writers.iter().filter(|(text, _)| !read.contains(*text)) {
        unseen[at] = true;
    }
    Some(Kind::Register { writers, unseen })
}

fn list<'r>(calls: &[Call<'r>]) -> Kind<'r> {
    let mut writers: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, call) in calls.iter().enumerate() {
        if let Some(Step::Append(token)) = call.only() {
            writers.entry(token).or_default().push(at);
        }
    }
    let longest = writers.keys().map(|token| token.len()).max().unwrap_or(0);
    Kind::List { writers, longest }
}

fn counted(calls: &[Call]) -> BTreeSet<i64> {
    let counted = calls.iter().filter_map(|call| match call.only() {
        Some(Step::Increment(heard)) => number(heard?),
        _ => None,
    });
    counted.collect()
}

fn number(answer: Answer) -> Option<i64> {
    answer?.parse().ok()
}

impl<'r> Search<'_, 'r> {
    /// The calls that may have to take effect before the one that ends; the likeliest last.
    pub(super) fn helpers(&self, state: &State, ending: usize) -> Vec<usize> {
        let under_way = self.order.under_way(state.place).iter().copied();
        let may = |call: &usize| {
            *call != ending
                && self.order.is_under_way(*call, state.place)
                && !state.has(self.order.bit(*call))
        };
        match &self.kind {
            Kind::Register { writers, .. } => {
                let wanted = under_way.filter_map(|read| match self.calls[read].only() {
                    Some(Step::Read(Some(text))) if !state.has(self.order.bit(read)) => {
                        writers.get(text).copied()
                    }
                    _ => None,
                });
                wanted.filter(may).collect()
            }
            Kind::List { writers, longest } => {
                let next = self.next_read(state);
                let Some(rest) = next.and_then(|(_, heard)| self.values.rest(state.value, heard))
                else {
                    return Vec::new();
                };
                let beginnings = (0..=*longest).filter_map(|length| rest.get(..length));
                beginnings
                    .filter_map(|token| writers.get(token))
                    .flatten()
                    .copied()
                    .filter(may)
                    .collect()
            }
            Kind::Counter { counted } => {
                let next = self.values.number(state.value).map_or(0, |now| now + 1);
                let wanted = next <= self.reached_before(ending) && !counted.contains(&next);
                let mut endless = self.order.endless(state.place).iter().copied();
                let free = |call: &usize| may(call) && !self.waits(state, *call);
                let endless = if wanted { endless.find(free) } else { None };
                endless.into_iter().chain(under_way.filter(may)).collect()
            }
            Kind::Mixed => {
                let endless = self.order.endless(state.place).iter().copied();
                endless.chain(under_way).filter(may).collect()
            }
        }
    }

    /// Of a counter: the number that must be reached before a call takes effect.
    fn reached_before(&self, call: usize) -> i64 {
        match self.calls[call].only() {
            Some(Step::Increment(Some(heard))) => number(heard).map_or(0, |count| count - 1),
            Some(Step::Read(heard)) => number(heard).unwrap_or(0),
            _ => 0,
        }
    }

    /// Of a register: right before anything is set, what nobody reads can have been set.
    pub(super) fn hide_unseen(&self, state: &mut State, call: usize) {
        let Kind::Register { unseen, .. } = &self.kind else {
            return;
        };
        if !matches!(self.calls[call].only(), Some(Step::Set(_))) {
            return;
        }
        for &other in self.order.under_way(state.place) {
            if other != call && unseen[other] && !self.waits(state, other) {
                state.mark(self.order.bit(other));
            }
        }
    }

    /// Of a list: whether what a call appends is what the next read has there.
    pub(super) fn leads_on(&self, state: &State, call: usize) -> bool {
        match (self.next_read(state), self.calls[call].only()) {
            (Some((_, heard)), Some(Step::Append(token))) => {
                self.values.rest(state.value, heard).is_some_and(|rest| rest.starts_with(token))
            }
            _ => true,
        }
    }

    /// Of a list: whether the next read begins with what it is now. It does if it is the same
    /// read as before.
    pub(super) fn is_hopeful(&self, before: &State, state: &State) -> bool {
        let call_of = |next: Option<(usize, Answer)>| next.map(|(call, _)| call);
        match self.next_read(state) {
            Some((call, heard)) if call_of(self.next_read(before)) != Some(call) => {
                self.values.begins(state.value, heard)
            }
            _ => true,
        }
    }

    /// Of a list: the first read to end that has not taken effect.
    fn next_read(&self, state: &State) -> Option<(usize, Answer<'r>)> {
        let Kind::List { .. } = self.kind else {
            return None;
        };
        let mut place = self.next_read[state.place];
        loop {
            let call = *self.order.ends.get(place)?;
            let done = self.order.has_begun(call, state.place) && state.has(self.order.bit(call));
            match self.calls[call].only() {
                Some(Step::Read(heard)) if !done => return Some((call, heard)),
                _ => place = self.next_read[place + 1],
            }
        }
    }
}
