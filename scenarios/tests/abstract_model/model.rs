//! The world as the model checker sees it: what it promises, and what a search must reach.

use stateright::{Model, Property};

use crate::actions::Action;
use crate::setup::Setup;
use crate::state::{State, Write};

/// No deposed node is authoritative, or acknowledges, later than p + TTL; or from p on at all
/// with `promotion-wait`.
pub(crate) const WINDOW: &str = "a deposed node stops in time";
/// The invariant that carries the proof: every grant that a deposed node processes carries a
/// stamp that it issued at or before p.
pub(crate) const STAMP: &str = "no deposed node takes a stamp younger than p";
/// The store's election version never falls below its master's. This one is availability: a
/// master that refuses the record has no lease.
pub(crate) const REFUSAL: &str = "no master refuses the record that names it";
/// All of them.
pub(crate) const PROMISES: [&str; 3] = [WINDOW, STAMP, REFUSAL];

impl Model for Setup {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![self.first()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.candidates(state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        self.step(state, action)
    }

    fn properties(&self) -> Vec<Property<Setup>> {
        let mut properties = vec![
            Property::always(WINDOW, in_time),
            Property::always(STAMP, |_, state: &State| !state.late_stamp),
            Property::always(REFUSAL, |_, state: &State| !state.refused_the_record),
            Property::sometimes("every promotion takes effect", |setup: &Setup, state: &State| {
                let tenure = setup.first_tenure() + setup.faults.failovers;
                state.effect[usize::from(tenure)].is_some()
            }),
            Property::sometimes("a lease expires", lease_expired),
            Property::sometimes("a heartbeat reaches a deposed node late", late_heartbeat),
        ];
        if self.faults.elections {
            properties
                .push(Property::sometimes("the other controller promotes", |_, state: &State| {
                    state.controller(1).promotion.is_some()
                }));
        }
        if self.faults.restarts > 0 || self.faults.power_losses > 0 {
            properties.push(Property::sometimes("a deposed master starts again", started_again));
        }
        if self.faults.writes > 0 {
            properties.push(Property::sometimes("an applied write is refused", write_refused));
        }
        properties
    }
}

fn in_time(setup: &Setup, state: &State) -> bool {
    let late = |node| setup.is_authoritative(state, node) && setup.is_too_late(state, node);
    !late(0) && !late(1) && !state.late_acknowledgement
}

fn lease_expired(setup: &Setup, state: &State) -> bool {
    (0..2).any(|node| {
        let had_one = state.node(node).deadline.is_some();
        had_one && state.is_master(node) && !setup.gate_open(state, node)
    })
}

fn started_again(setup: &Setup, state: &State) -> bool {
    (0..2).any(|node| state.node(node).life > 0 && setup.deposed_since(state, node).is_some())
}

/// One waits that a deposed node will take if it arrives next.
fn late_heartbeat(setup: &Setup, state: &State) -> bool {
    state.in_flight.iter().flatten().any(|heartbeat| {
        setup.deposed_since(state, heartbeat.to).is_some_and(|p| state.now > p)
            && setup.stamp_is_mine(state, *heartbeat)
    })
}

/// A write whose lease expired after it was checked; its answer will be an error.
fn write_refused(setup: &Setup, state: &State) -> bool {
    (0..2).any(|node| state.node(node).write == Write::Applied && !setup.gate_open(state, node))
}
