//! What a controller does, and the store with it: sessions, reading and writing the record,
//! pushing it, and granting leases.
//!
//! A controller's requests to the store are one step here, but for the promotion: an answer that
//! comes later leaves a controller with less than it has in this model (its session counts from
//! when the keepalive was sent; an old record was the present one once). Which stamp it uses is
//! no choice either: the node's newest, as if it had been answered just now; an older one grants
//! less, and a heartbeat with an older one is a heartbeat that was sent earlier.

use crate::rules::Orderings;
use crate::setup::Setup;
use crate::state::{Heartbeat, Promotion, Record, State};

impl Setup {
    /// Whether a controller may act as leader now.
    pub(crate) fn may_lead(&self, state: &State, controller: u8) -> bool {
        let until = state.controller(controller).leads_until;
        match until {
            Some(until) if self.rules.leader_guard => state.controller_time(controller) <= until,
            until => until.is_some(),
        }
    }

    /// The store elects a controller, which hears of it.
    pub(crate) fn elect(&self, state: &mut State, controller: u8) -> Option<()> {
        let over = state.store_time() > state.store.session_until;
        if !over || !self.faults.elections || self.is_cut_off(controller) {
            return None;
        }
        self.begin_session(state, controller);
        let now = state.controller_time(controller);
        let of = state.controller_mut(controller);
        of.leads_until = Some(now + self.session_hold());
        if self.rules.leader_guard && self.orderings.record_of_this_session {
            of.record = None;
        }
        if self.rules.promotion_wait && self.orderings.wait_from_office {
            of.granted_at = now;
        }
        Some(())
    }

    fn begin_session(&self, state: &mut State, controller: u8) {
        state.store.leader = Some(controller);
        state.store.session_until = state.store_time() + self.session;
    }

    /// The leader's session is prolonged; it hears so, unless answers are what counts.
    pub(crate) fn keep_session(&self, state: &mut State, controller: u8) -> Option<()> {
        let over = state.store_time() > state.store.session_until;
        let leads = state.store.leader == Some(controller);
        if over || !leads || self.is_cut_off(controller) {
            return None;
        }
        self.begin_session(state, controller);
        let now = state.controller_time(controller);
        let of = state.controller_mut(controller);
        if self.orderings.keepalive_dated_when_sent {
            of.leads_until = Some(now + self.session_hold());
        } else {
            of.answer_waits = true;
        }
        Some(())
    }

    /// The answer to a keepalive arrives, and counts from now. Only without its ordering.
    pub(crate) fn hear_of_session(&self, state: &mut State, controller: u8) -> Option<()> {
        let now = state.controller_time(controller);
        let of = state.controller_mut(controller);
        of.answer_waits.then(|| {
            of.answer_waits = false;
            of.leads_until = Some(now + self.session_hold());
        })
    }

    /// A controller takes the record up. With `claim` it writes it too, unchanged, so that what
    /// is on the way to the store fails there.
    pub(crate) fn read_record(&self, state: &mut State, controller: u8) -> Option<()> {
        let claims = self.claims();
        let allowed = if claims {
            self.may_lead(state, controller)
        } else {
            state.controller(controller).leads_until.is_some()
        };
        if !allowed || self.is_cut_off(controller) {
            return None;
        }
        if claims {
            state.controllers.iter_mut().for_each(|any| any.promotion = None);
        }
        let last = state.store.last_index();
        state.controller_mut(controller).record = Some(last);
        Some(())
    }

    /// SETNODES to every node, now or later.
    pub(crate) fn push(&self, state: &mut State, controller: u8) -> Option<()> {
        let guarded = self.rules.leader_guard && self.orderings.guarded_push;
        if guarded && !self.may_lead(state, controller) {
            return None;
        }
        state.pushed |= 1 << state.controller(controller).record?;
        Some(())
    }

    /// A stalled controller has checked its guard. Only without the ordering of stamp and guard.
    pub(crate) fn check_guard(&self, state: &mut State, controller: u8) -> Option<()> {
        if self.checks_after_stamp() || !self.may_lead(state, controller) {
            return None;
        }
        state.controller_mut(controller).guard_checked = true;
        Some(())
    }

    /// A heartbeat to the master of the controller's record.
    pub(crate) fn grant(&self, state: &mut State, controller: u8) -> Option<()> {
        let of = state.controller(controller);
        let may = if self.checks_after_stamp() {
            self.may_lead(state, controller)
        } else {
            of.guard_checked
        };
        let record = state.store.record(of.record?);
        let applied = state.node(record.master).version >= record.version;
        let must_apply = self.rules.leader_guard && self.orderings.topology_before_lease;
        if !may || (must_apply && !applied) {
            return None;
        }
        let stamp = self.stamp(state, record.master);
        let heartbeat = Heartbeat { to: record.master, election: record.election, stamp };
        self.send(state, heartbeat)?;
        let now = state.controller_time(controller);
        let of = state.controller_mut(controller);
        of.guard_checked = false;
        if self.rules.promotion_wait {
            of.granted_at = now;
        }
        Some(())
    }

    fn send(&self, state: &mut State, heartbeat: Heartbeat) -> Option<()> {
        let waiting = state.in_flight.iter().flatten();
        if waiting.clone().count() >= self.faults.in_flight
            || waiting.clone().any(|other| *other == heartbeat)
        {
            return None;
        }
        *state.in_flight.iter_mut().find(|slot| slot.is_none())? = Some(heartbeat);
        state.in_flight.sort_unstable();
        Some(())
    }

    /// A promotion of the other node is sent to the store. Whatever becomes of it, the
    /// controller takes the record up again before it does anything else.
    pub(crate) fn promote(&self, state: &mut State, controller: u8) -> Option<()> {
        let of = *state.controller(controller);
        let made_from = of.record?;
        let waited = state.controller_time(controller) > of.granted_at + self.ttl;
        if !self.may_lead(state, controller)
            || self.is_cut_off(controller)
            || of.promotion.is_some()
            || state.spent.failovers >= self.faults.failovers
            || (self.rules.promotion_wait && !waited)
        {
            return None;
        }
        let from = state.store.record(made_from);
        // What upstream compares before it writes.
        if state.store.last().version > from.version {
            return None;
        }
        state.spent.failovers += 1;
        let of = state.controller_mut(controller);
        of.promotion = Some(Promotion {
            made_from,
            master: 1 - from.master,
            version: from.version + 1,
            election: from.election + 1,
        });
        if self.orderings.silent_while_promoting {
            of.record = None;
        }
        Some(())
    }

    /// A promotion arrives at the store.
    pub(crate) fn commit(&self, state: &mut State, controller: u8) -> Option<()> {
        let promotion = state.controller_mut(controller).promotion.take()?;
        let Promotion { made_from, master, version, election } = promotion;
        if self.rules.leader_guard && made_from != state.store.last_index() {
            return Some(());
        }
        let tenure = state.store.next_tenure(master);
        state.store.append(Record { tenure, master, version, election })?;
        Some(())
    }

    /// A controller sees a node with a higher version than its record's.
    pub(crate) fn meet_higher_version(
        &self,
        state: &mut State,
        controller: u8,
        node: u8,
    ) -> Option<()> {
        let made_from = state.controller(controller).record?;
        let seen = *state.node(node);
        let last = state.store.last();
        let current = made_from == state.store.last_index();
        if seen.version <= state.store.record(made_from).version
            || !self.may_lead(state, controller)
            || self.is_cut_off(controller)
            || (self.rules.leader_guard && !current)
            || last.version > seen.version
        {
            return None;
        }
        if self.rules.store_is_truth {
            state.store.append(Record { version: seen.version + 1, ..last })?;
        } else {
            self.adopt(state, node)?;
        }
        state.controller_mut(controller).record = None;
        Some(())
    }

    /// The node's topology becomes the record; no election version is in its text.
    fn adopt(&self, state: &mut State, node: u8) -> Option<()> {
        let (master, version) = (state.applied(node).master, state.node(node).version);
        let tenure = state.store.next_tenure(master);
        let index = state.store.append(Record { tenure, master, version, election: 0 })?;
        for any in 0..2 {
            if state.node(any).version == version && state.applied(any).master == master {
                state.node_mut(any).record = index;
            }
        }
        Some(())
    }

    /// The store's process ends and starts again; its records are on disk, its sessions are not.
    pub(crate) fn restart_store(&self, state: &mut State) {
        let waits = self.rules.leader_guard && self.orderings.store_waits_after_restart;
        let wait = if waits { self.session } else { -1 };
        state.store.leader = None;
        state.store.session_until = state.store_time() + wait;
    }

    /// A controller whose guard has run out can do nothing with what it knew, unless an ordering
    /// is missing that lets it.
    pub(crate) fn forget_session(&self, state: &mut State, controller: u8) {
        let Orderings { record_of_this_session, stamp_before_guard, .. } = self.orderings;
        let Orderings { keepalive_dated_when_sent, guarded_push, .. } = self.orderings;
        let useless = self.rules.leader_guard
            && record_of_this_session
            && stamp_before_guard
            && keepalive_dated_when_sent
            && guarded_push;
        if useless && !self.may_lead(state, controller) {
            let of = state.controller_mut(controller);
            of.leads_until = None;
            of.record = None;
        }
    }

    fn claims(&self) -> bool {
        self.rules.leader_guard && self.orderings.claim
    }

    fn checks_after_stamp(&self) -> bool {
        !self.rules.leader_guard || self.orderings.stamp_before_guard
    }

    fn is_cut_off(&self, controller: u8) -> bool {
        controller == 0 && self.faults.controller_1_cut_from_store
    }
}
