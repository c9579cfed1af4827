//! The order in real time of the calls on a key: which of them had ended when another one was
//! invoked.
//!
//! A call that ended in the millisecond in which another one was invoked has not ended before
//! it, unless both are one client's: the order within a millisecond says nothing across machines.

use super::calls::Call;

/// The calls between their ends. A *place* is how many of them have ended.
pub(super) struct Order {
    /// The acknowledged calls in the order of their ends.
    pub(super) ends: Vec<usize>,
    /// For each call the place at which it is invoked.
    begins: Vec<usize>,
    /// For each call its own place among the ends; none if it never has to take effect.
    place: Vec<Option<usize>>,
    /// For each call one that is before it though it ended in the same millisecond.
    after: Vec<Option<usize>>,
    /// For each call its bit; calls that are under way at once have different ones.
    bit: Vec<usize>,
    bits: usize,
    /// The acknowledged calls that are under way at each place, one place after another, in the
    /// order of their invocations; and where each place begins.
    under_way: Vec<usize>,
    under_way_from: Vec<usize>,
    /// The calls without an end, in the order of their invocations, and how many of them have
    /// begun at each place.
    endless: Vec<usize>,
    endless_until: Vec<usize>,
}

impl Order {
    /// Of calls in the order of their invocations, without those that are needless.
    pub(super) fn of(calls: &[Call], needless: impl Fn(usize) -> bool) -> Self {
        let mut order = Self {
            ends: Vec::new(),
            begins: vec![0; calls.len()],
            place: vec![None; calls.len()],
            after: vec![None; calls.len()],
            bit: vec![0; calls.len()],
            bits: 0,
            under_way: Vec::new(),
            under_way_from: vec![0],
            endless: Vec::new(),
            endless_until: Vec::new(),
        };
        // Bits of calls that ended are given to others; those of endless ones never.
        let (mut now, mut free) = (Vec::new(), Vec::new());
        for (ends, call) in moments(calls).filter(|(_, call)| !needless(*call)) {
            if ends {
                order.end(call, &mut now);
                order.hold_back(calls, call, &now);
                free.push(order.bit[call]);
                continue;
            }
            order.begins[call] = order.ends.len();
            if calls[call].ended.is_some() {
                now.push(call);
            } else {
                order.endless.push(call);
            }
            order.bit[call] = free.pop().unwrap_or_else(|| {
                order.bits += 1;
                order.bits - 1
            });
        }
        order
    }

    fn end(&mut self, call: usize, now: &mut Vec<usize>) {
        self.place[call] = Some(self.ends.len());
        self.ends.push(call);
        self.under_way.extend(&*now);
        self.under_way_from.push(self.under_way.len());
        self.endless_until.push(self.endless.len());
        now.retain(|other| *other != call);
    }

    /// What a client called after a call that has just ended, in the same millisecond, comes after
    /// it.
    fn hold_back(&mut self, calls: &[Call], ended: usize, now: &[usize]) {
        let Call { client, ended: Some(end), .. } = &calls[ended] else {
            return;
        };
        let begun = |call: &&usize| calls[**call].invoked.at_ms == end.at_ms;
        let endless = self.endless.iter().rev().take_while(begun);
        let next = now.iter().filter(begun).chain(endless).filter(|call| {
            let next = &calls[**call];
            next.client == *client && next.invoked.event > end.event
        });
        for call in next {
            self.after[*call] = Some(ended);
        }
    }

    /// The acknowledged calls that are under way at a place.
    pub(super) fn under_way(&self, place: usize) -> &[usize] {
        &self.under_way[self.under_way_from[place]..self.under_way_from[place + 1]]
    }

    /// The calls without an end that have begun at a place.
    pub(super) fn endless(&self, place: usize) -> &[usize] {
        &self.endless[..self.endless_until[place]]
    }

    /// A call as it stands when the call at a place has just ended.
    pub(super) fn until<'r>(&self, place: usize, at: usize, call: &Call<'r>) -> Option<Call<'r>> {
        match self.place[at] {
            Some(own) if own <= place => Some(call.clone()),
            _ if self.has_begun(at, place) => call.unfinished(),
            _ => None,
        }
    }

    /// Whether a call has begun at a place.
    pub(super) fn has_begun(&self, call: usize, place: usize) -> bool {
        self.begins[call] <= place
    }

    /// Whether a call has begun at a place and not ended before.
    pub(super) fn is_under_way(&self, call: usize, place: usize) -> bool {
        self.has_begun(call, place) && self.place[call].is_none_or(|own| own >= place)
    }

    /// The call that a call comes after, if that may not have ended yet at a place.
    pub(super) fn waits_for(&self, call: usize, place: usize) -> Option<usize> {
        self.after[call].filter(|before| self.place[*before] >= Some(place))
    }

    /// A call's bit.
    pub(super) fn bit(&self, call: usize) -> usize {
        self.bit[call]
    }

    /// How many bits there are.
    pub(super) fn bits(&self) -> usize {
        self.bits
    }
}

/// All invocations and ends in the order of time; within a millisecond invocations come first.
fn moments(calls: &[Call]) -> impl Iterator<Item = (bool, usize)> {
    let mut moments = Vec::with_capacity(2 * calls.len());
    for (at, call) in calls.iter().enumerate() {
        moments.push((call.invoked.at_ms, false, call.invoked.event, at));
        moments.extend(call.ended.map(|ended| (ended.at_ms, true, ended.event, at)));
    }
    moments.sort_unstable();
    moments.into_iter().map(|(_, ends, _, at)| (ends, at))
}
