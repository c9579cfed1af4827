//! The window as the simulation's checkers define it (DESIGN section 6), followed from outside:
//! p of every tenure, who is deposed, and the three things that must never happen.

use crate::setup::Setup;
use crate::state::{Heartbeat, State};

impl Setup {
    /// A write that reached this node now would be acknowledged.
    pub(crate) fn is_authoritative(&self, state: &State, node: u8) -> bool {
        state.is_master(node) && self.gate_open(state, node)
    }

    /// p of the commit that a deposed node's authority counts for: the first one after the one
    /// it acts under, or the one in force if it acts under none. None if it is not deposed, or if
    /// that commit has not taken effect.
    pub(crate) fn deposed_since(&self, state: &State, node: u8) -> Option<i8> {
        let last = state.store.last();
        if !state.is_master(node) || last.master == node {
            return None;
        }
        let commit = state.acting_under(node).map_or(last.tenure, |tenure| tenure + 1);
        *state.effect.get(usize::from(commit))?
    }

    /// Whether authority of a node at this instant breaks the promise.
    pub(crate) fn is_too_late(&self, state: &State, node: u8) -> bool {
        self.deposed_since(state, node).is_some_and(|p| {
            // Span 0: the successor must find nobody left.
            self.zero_window || state.now > p + self.ttl
        })
    }

    /// Looks at who is authoritative after something has happened.
    pub(crate) fn watch_effect(&self, state: &mut State) {
        let in_force = state.store.last().tenure;
        for node in 0..2 {
            let acts_under = state.acting_under(node).unwrap_or(0).min(in_force);
            if self.is_authoritative(state, node) {
                let now = state.now;
                let effects = &mut state.effect[1..=usize::from(acts_under)];
                effects.iter_mut().for_each(|p| *p = p.or(Some(now)));
            }
        }
    }

    /// A write is acknowledged now.
    pub(crate) fn watch_acknowledgement(&self, state: &mut State, node: u8) {
        state.late_acknowledgement |= self.is_too_late(state, node);
    }

    /// A grant takes effect now.
    pub(crate) fn watch_grant(&self, state: &mut State, heartbeat: Heartbeat) {
        let since = self.deposed_since(state, heartbeat.to);
        state.late_stamp |= since.is_some_and(|p| heartbeat.stamp.issued_at > p);
    }

    /// A heartbeat is refused for its election version now.
    pub(crate) fn watch_refusal(&self, state: &mut State, heartbeat: Heartbeat) {
        let last = state.store.last();
        state.refused_the_record |=
            last.master == heartbeat.to && last.election == heartbeat.election;
    }
}
