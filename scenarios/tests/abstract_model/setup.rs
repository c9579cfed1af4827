//! What one search explores: the rules, the faults that may happen and how often, the lengths of
//! time, and the state that it starts from.
//!
//! The trap: a fault that is left out proves nothing about it. Every search says which it has.

use crate::rules::{Orderings, Rules};
use crate::state::{Clock, Controller, Heartbeat, Node, Record, State, Store, Tally};

/// A bounded world under some rules.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) rules: Rules,
    pub(crate) orderings: Orderings,
    pub(crate) faults: Faults,
    pub(crate) start: Start,
    /// The TTL of the lease, in ticks.
    pub(crate) ttl: i8,
    /// The TTL of a controller's session, in ticks.
    pub(crate) session: i8,
    /// What a holder counts less under `drift-margin`: TTL − TTL·(1−ρ)/(1+ρ), rounded up.
    pub(crate) margin: i8,
    /// The tick after which time stands still.
    pub(crate) horizon: i8,
    /// Whether span must be 0, and not the TTL at most.
    pub(crate) zero_window: bool,
}

/// How often each thing may happen in a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Faults {
    /// Promotions sent to the store.
    pub(crate) failovers: u8,
    /// Heartbeats that wait somewhere at one time.
    pub(crate) in_flight: usize,
    /// The nodes that the following four strike.
    pub(crate) struck: &'static [u8],
    /// A node's process ends and is started again.
    pub(crate) restarts: u8,
    /// A node's machine loses power.
    pub(crate) power_losses: u8,
    /// A node's wall clock is set back by two ticks.
    pub(crate) wall_steps: u8,
    /// An operator moves a slot on a node, which raises its topology version by 1.
    pub(crate) set_slots: u8,
    /// The store restarts and forgets its sessions.
    pub(crate) store_restarts: u8,
    /// Writes by clients that pass the first check.
    pub(crate) writes: u8,
    /// Clocks that may lose or gain one tick, each once.
    pub(crate) drift: &'static [(Clock, i8)],
    /// Controller 1 never reaches the store.
    pub(crate) controller_1_cut_from_store: bool,
    /// The store elects a controller when a session has ended.
    pub(crate) elections: bool,
}

impl Faults {
    /// A promotion, and messages that wait; nothing else goes wrong.
    pub(crate) const NONE: Faults = Faults {
        failovers: 1,
        in_flight: 2,
        struck: &[0, 1],
        restarts: 0,
        power_losses: 0,
        wall_steps: 0,
        set_slots: 0,
        store_restarts: 0,
        writes: 0,
        drift: &[],
        controller_1_cut_from_store: false,
        elections: false,
    };
}

/// What was before the first tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// A is master and has a lease; controller 1 leads.
    Settled,
    /// A was deposed and promoted again by controller 2, which leads; controller 1 has slept
    /// through both and has the first record.
    StaleController,
}

impl Setup {
    /// Under these rules; a TTL of 2 ticks, a session of 1, perfect clocks.
    pub(crate) const fn new(rules: Rules, faults: Faults) -> Setup {
        Setup {
            rules,
            orderings: Orderings::KEPT,
            faults,
            start: Start::Settled,
            ttl: 2,
            session: 1,
            margin: 0,
            horizon: 6,
            zero_window: rules.promotion_wait,
        }
    }

    /// How long a node counts a lease.
    pub(crate) fn hold(&self) -> i8 {
        self.ttl - self.margin_kept()
    }

    /// How long a controller counts its session.
    pub(crate) fn session_hold(&self) -> i8 {
        self.session - self.margin_kept()
    }

    /// The number of the commit in force at the start.
    pub(crate) fn first_tenure(&self) -> u8 {
        match self.start {
            Start::Settled => 0,
            Start::StaleController => 2,
        }
    }

    fn margin_kept(&self) -> i8 {
        if self.rules.drift_margin { self.margin } else { 0 }
    }

    /// The first state.
    pub(crate) fn first(&self) -> State {
        let a_leads = Record { tenure: 0, master: 0, version: 1, election: 1 };
        let mut state = State {
            now: 0,
            nodes: [
                Node { election: 1, deadline: Some(self.hold()), ..Node::new(a_leads) },
                Node::new(a_leads),
            ],
            controllers: [Controller::IDLE; 2],
            store: Store::new(a_leads),
            in_flight: [None::<Heartbeat>; 3],
            pushed: 1,
            spent: Tally::default(),
            effect: [None; 5],
            late_acknowledgement: false,
            late_stamp: false,
            refused_the_record: false,
        };
        let leader = match self.start {
            Start::Settled => 0,
            Start::StaleController => {
                self.sleep_through_two_failovers(&mut state);
                1
            }
        };
        state.store.leader = Some(leader);
        state.store.session_until = self.session;
        let controller = &mut state.controllers[usize::from(leader)];
        controller.leads_until = Some(self.session_hold());
        controller.record = Some(state.store.last_index());
        state
    }

    fn sleep_through_two_failovers(&self, state: &mut State) {
        state.controllers[0].leads_until = Some(-1);
        state.controllers[0].record = Some(0);
        for (tenure, master) in [(1, 1), (2, 0)] {
            let record = Record { tenure, master, version: tenure + 1, election: tenure + 1 };
            state.store.append(record);
            state.effect[usize::from(tenure)] = Some(0);
        }
        for node in &mut state.nodes {
            node.record = state.store.last_index();
            node.version = state.store.last().version;
        }
        state.nodes[0].election = 3;
        state.nodes[1].election = 2;
        state.pushed = 0b111;
    }
}
