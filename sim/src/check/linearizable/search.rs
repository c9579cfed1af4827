//! The search for an order of a key's calls that explains every answer.
//!
//! Wing and Gong ("Testing and verifying concurrent objects", 1993) try one call after another
//! among those that may come next, and go back where an answer does not fit. From Lowe ("Testing
//! for linearizability", 2017) come two betterments: what has been tried is remembered, and a
//! call takes effect *just in time*, which is when it ends or when one that ends needs it.
//! A state is then how many calls have ended, what the key is, and which of the calls under way
//! have taken effect.
//!
//! Depth first, the call that ends before any that might help it, so that a good history is
//! mostly walked straight through. What need not be tried stands in `rules`.

use indexmap::IndexSet;

use super::calls::{Call, Step};
use super::order::Order;
use super::rules::Kind;
use super::values::{ABSENT, ValueId, Values};

/// What a search found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// An order that explains every answer.
    Order,
    /// That there is none.
    NoOrder,
    /// Nothing within the steps that it had.
    Nothing,
}

/// Searches among calls in the order of their invocations, and takes what it needs from `steps`.
pub(super) fn search(calls: &[Call], steps: &mut u64) -> Found {
    let any = !calls.iter().any(Call::has_answer);
    if any || is_in_order(calls) { Found::Order } else { Search::new(calls).run(steps) }
}

/// Whether the order of the invocations will do; not all that it could explain is tried. Most
/// keys are written once and read by nobody at that moment.
fn is_in_order(calls: &[Call]) -> bool {
    let mut value = None;
    let acknowledged = calls.iter().filter(|call| call.ended.is_some());
    acknowledged.flat_map(Call::steps).all(|step| match step {
        Step::Set(text) => {
            value = Some(text);
            true
        }
        Step::Read(heard) => value == heard,
        Step::Append(_) | Step::Increment(_) => false,
    })
}

pub(super) struct Search<'s, 'r> {
    pub(super) calls: &'s [Call<'r>],
    pub(super) order: Order,
    pub(super) values: Values<'r>,
    pub(super) kind: Kind<'r>,
    /// For each place the next one at which a read ends; one beyond the last if none does.
    pub(super) next_read: Vec<usize>,
    tried: IndexSet<State>,
    /// The place at which the last answer has been heard: whatever comes then can be done.
    until: usize,
}

/// How far a search is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct State {
    /// How many calls have ended.
    pub(super) place: usize,
    pub(super) value: ValueId,
    /// By bit: which of the calls under way have taken effect.
    done: Box<[u64]>,
}

impl State {
    pub(super) fn has(&self, bit: usize) -> bool {
        self.done[bit / 64] & (1 << (bit % 64)) != 0
    }

    pub(super) fn mark(&mut self, bit: usize) {
        self.done[bit / 64] |= 1 << (bit % 64);
    }

    fn clear(&mut self, bit: usize) {
        self.done[bit / 64] &= !(1 << (bit % 64));
    }
}

impl<'s, 'r> Search<'s, 'r> {
    fn new(calls: &'s [Call<'r>]) -> Self {
        let kind = Kind::of(calls);
        let order = Order::of(calls, |at| kind.is_needless(at, &calls[at]));
        let last = order.ends.iter().rposition(|call| calls[*call].has_answer());
        Self {
            calls,
            kind,
            next_read: next_reads(calls, &order.ends),
            until: last.map_or(0, |last| last + 1),
            order,
            values: Values::new(),
            tried: IndexSet::new(),
        }
    }

    fn run(&mut self, steps: &mut u64) -> Found {
        let done = vec![0; self.order.bits().div_ceil(64)].into();
        let mut start = State { place: 0, value: ABSENT, done };
        self.settle(&mut start);
        let mut open = vec![start];
        while let Some(state) = open.pop() {
            if state.place == self.until {
                return Found::Order;
            }
            if !self.tried.insert(state.clone()) {
                continue;
            }
            let ending = self.order.ends[state.place];
            let mut cost = state.done.len() as u64;
            for call in self.helpers(&state, ending).into_iter().chain([ending]) {
                cost += 1;
                open.extend(self.take(&state, call));
            }
            let Some(left) = steps.checked_sub(cost) else {
                return Found::Nothing;
            };
            *steps = left;
        }
        Found::NoOrder
    }

    /// The state after a call took effect, if it can and an order may still be found.
    fn take(&mut self, state: &State, call: usize) -> Option<State> {
        let mut next = state.clone();
        self.hide_unseen(&mut next, call);
        if self.waits(&next, call) || !self.leads_on(state, call) {
            return None;
        }
        for step in self.calls[call].steps() {
            next.value = self.apply(next.value, step)?;
        }
        next.mark(self.order.bit(call));
        self.settle(&mut next);
        self.is_hopeful(state, &next).then_some(next)
    }

    fn apply(&mut self, value: ValueId, step: Step<'r>) -> Option<ValueId> {
        let (value, heard) = match step {
            Step::Set(text) => (self.values.set(text), None),
            Step::Append(token) => (self.values.append(value, token), None),
            Step::Increment(heard) => (self.values.increment(value)?, heard),
            Step::Read(heard) => (value, Some(heard)),
        };
        heard.is_none_or(|heard| self.values.equals(value, heard)).then_some(value)
    }

    /// Reads that see what they were answered take effect at once, which can harm nobody; then
    /// time goes on as long as the calls that end have taken effect.
    fn settle(&self, state: &mut State) {
        while state.place < self.until {
            for &call in self.order.under_way(state.place) {
                if let Some(Step::Read(heard)) = self.calls[call].only()
                    && self.values.equals(state.value, heard)
                    && !self.waits(state, call)
                {
                    state.mark(self.order.bit(call));
                }
            }
            let ending = self.order.bit(self.order.ends[state.place]);
            if !state.has(ending) {
                return;
            }
            state.clear(ending);
            state.place += 1;
        }
    }

    /// Whether a call must not take effect yet.
    pub(super) fn waits(&self, state: &State, call: usize) -> bool {
        let before = self.order.waits_for(call, state.place);
        before.is_some_and(|before| !state.has(self.order.bit(before)))
    }
}

fn next_reads(calls: &[Call], ends: &[usize]) -> Vec<usize> {
    let mut next_read = vec![ends.len(); ends.len() + 1];
    for place in (0..ends.len()).rev() {
        let reads = matches!(calls[ends[place]].only(), Some(Step::Read(_)));
        next_read[place] = if reads { place } else { next_read[place + 1] };
    }
    next_read
}
