//! Every rule on: every state is looked at, and no promise is broken. Faults are combined as far
//! as the number of states allows; what each search has stands in it.

use crate::rules::Rules;
use crate::search::holds;
use crate::setup::{Faults, Setup};
use crate::state::Clock;

const ELECTIONS: Faults = Faults { elections: true, ..Faults::NONE };

fn hardened(faults: Faults) -> Setup {
    Setup::new(Rules::HARDENED, faults)
}

fn zero_window(faults: Faults) -> Setup {
    Setup::new(Rules::ZERO_WINDOW, faults)
}

#[test]
fn controllers_and_messages() {
    holds("hardened: elections", Setup { horizon: 7, ..hardened(ELECTIONS) });
    let faults = Faults { store_restarts: 1, ..ELECTIONS };
    holds("hardened: elections, the store restarts", hardened(faults));
    let faults = Faults { in_flight: 3, ..ELECTIONS };
    holds("hardened: elections, three heartbeats wait", hardened(faults));
}

#[test]
fn two_failovers() {
    let faults = Faults { failovers: 2, ..ELECTIONS };
    let setup = Setup { ttl: 1, horizon: 4, ..hardened(faults) };
    holds("hardened: two failovers, elections", setup);
    holds("zero-window: two failovers, elections", zero_window(faults));
}

#[test]
fn nodes_and_writes() {
    let short = |faults| Setup { ttl: 1, horizon: 4, ..hardened(faults) };
    let faults = Faults { restarts: 1, writes: 1, ..ELECTIONS };
    holds("hardened: elections, a restart, a write", short(faults));
    let faults = Faults { power_losses: 1, ..ELECTIONS };
    holds("hardened: elections, a power loss", short(faults));
    let faults = Faults { writes: 1, wall_steps: 1, struck: &[0], ..Faults::NONE };
    holds("hardened: a write, a wall clock steps back", hardened(faults));
    let faults = Faults { restarts: 1, ..ELECTIONS };
    holds("zero-window: elections, a restart", zero_window(faults));
}

#[test]
fn versions_raised_on_a_node() {
    let faults = Faults { set_slots: 1, ..ELECTIONS };
    let setup = Setup { ttl: 1, horizon: 4, ..hardened(faults) };
    holds("hardened: elections, an operator moves a slot", setup);
}

#[test]
fn drifting_clocks() {
    const NODES: &[(Clock, i8)] = &[(Clock::Node(0), -1), (Clock::Node(1), -1)];
    // ρ = 1/3: of 4 ticks the holder counts 2, of 3 it counts 1.
    let drifting = |setup| Setup { ttl: 4, session: 3, margin: 2, ..setup };
    let faults = Faults { drift: NODES, ..Faults::NONE };
    holds("hardened: slow nodes", drifting(hardened(faults)));
    // With elections p comes late: it is the stamp that this horizon shows, not the window.
    const SESSION: &[(Clock, i8)] = &[(Clock::Controller(0), -1), (Clock::Store, 1)];
    let faults = Faults { drift: SESSION, ..ELECTIONS };
    holds("hardened: elections, a slow controller, a fast store", drifting(hardened(faults)));
    const WAIT: &[(Clock, i8)] = &[(Clock::Node(0), -1), (Clock::Controller(0), 1)];
    let faults = Faults { drift: WAIT, ..Faults::NONE };
    let setup = Setup { horizon: 7, ..drifting(zero_window(faults)) };
    holds("zero-window: a slow node, a fast controller", setup);
}
