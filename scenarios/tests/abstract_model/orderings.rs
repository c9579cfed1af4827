//! Each ordering taken away while every rule is on: why the rules need it.

use crate::actions::Action;
use crate::model::{STAMP, WINDOW};
use crate::rules::{Orderings, Rules};
use crate::search::{breaks, holds};
use crate::setup::{Faults, Setup};

const KEPT: Orderings = Orderings::KEPT;
const ELECTIONS: Faults = Faults { elections: true, ..Faults::NONE };

fn hardened(orderings: Orderings, faults: Faults) -> Setup {
    Setup { orderings, ttl: 1, horizon: 4, ..Setup::new(Rules::HARDENED, faults) }
}

fn zero_window(orderings: Orderings, faults: Faults) -> Setup {
    Setup { orderings, horizon: 4, ..Setup::new(Rules::ZERO_WINDOW, faults) }
}

#[test]
fn the_stamp_is_picked_before_the_guard_is_checked() {
    let orderings = Orderings { stamp_before_guard: false, ..KEPT };
    let setup = hardened(orderings, ELECTIONS);
    breaks("guard, stall, stamp", setup, WINDOW, &[Action::CheckGuard(0), Action::Grant(0)]);
}

#[test]
fn the_record_was_read_in_the_present_session() {
    let orderings = Orderings { record_of_this_session: false, ..KEPT };
    let story = [Action::Elect(1), Action::Commit(1), Action::Elect(0), Action::Grant(0)];
    let setup = Setup { horizon: 6, ..hardened(orderings, ELECTIONS) };
    breaks("a leader is elected again", setup, WINDOW, &story);
}

#[test]
fn a_session_is_proven_from_when_its_keepalive_was_sent() {
    let orderings = Orderings { keepalive_dated_when_sent: false, ..KEPT };
    let story = [Action::HearOfSession(0), Action::Elect(1)];
    breaks("a late answer", hardened(orderings, ELECTIONS), WINDOW, &story);
}

#[test]
fn the_store_elects_nobody_for_a_while_after_its_restart() {
    let orderings = Orderings { store_waits_after_restart: false, ..KEPT };
    let faults = Faults { store_restarts: 1, ..ELECTIONS };
    let story = [Action::RestartStore, Action::Elect(1)];
    breaks("the store forgets its sessions", hardened(orderings, faults), WINDOW, &story);
}

/// Without guard and claim a promotion that lands late is pushed by whoever sent it, a node with
/// a lease left from an earlier tenure has authority at once, and the leader does not know.
#[test]
fn a_push_is_guarded_or_the_record_claimed() {
    let faults = Faults { failovers: 2, ..ELECTIONS };
    let setup = |orderings| Setup { ttl: 2, horizon: 3, ..hardened(orderings, faults) };
    let neither = Orderings { guarded_push: false, claim: false, ..KEPT };
    let story = [Action::Elect(1), Action::Commit(0), Action::Push(0), Action::Grant(1)];
    breaks("a promotion lands late", setup(neither), STAMP, &story);
    holds("guarded pushes, no claim", setup(Orderings { claim: false, ..KEPT }));
    holds("claims, no guarded pushes", setup(Orderings { guarded_push: false, ..KEPT }));
}

/// A never hears that it was deposed and promoted again, but gets the lease of its second tenure:
/// it acts under the first still, long after the commit that ended that one took effect.
#[test]
fn a_lease_is_granted_to_who_has_applied_the_topology() {
    let faults = Faults { failovers: 3, ..Faults::NONE };
    let orderings = Orderings { topology_before_lease: false, ..KEPT };
    let setup = |orderings| Setup { horizon: 2, ..hardened(orderings, faults) };
    let story = [Action::DeliverTopology(1, 1), Action::Commit(0), Action::Grant(0)];
    breaks("a lease without its topology", setup(orderings), WINDOW, &story);
    holds("three failovers", setup(KEPT));
}

#[test]
fn a_stamp_names_the_life_that_issued_it() {
    let orderings = Orderings { life_in_stamp: false, ..KEPT };
    let faults = Faults { power_losses: 1, struck: &[0], ..Faults::NONE };
    let story = [Action::LosePower(0)];
    breaks("boottime starts again", hardened(orderings, faults), WINDOW, &story);
}

/// It costs a new master one more heartbeat before its first lease, and the proof does not use it.
#[test]
fn the_election_version_of_a_stamp_is_not_what_bounds_the_window() {
    let orderings = Orderings { election_in_stamp: false, ..KEPT };
    holds("stamps without an election version", Setup { ttl: 2, ..hardened(orderings, ELECTIONS) });
}

#[test]
fn the_record_is_claimed_after_a_promotion_that_may_still_land() {
    let orderings = Orderings { claim: false, ..KEPT };
    let story = [Action::Promote(0), Action::Grant(0), Action::Commit(0)];
    let setup = zero_window(orderings, Faults::NONE);
    breaks("a promotion without an answer", setup, WINDOW, &story);
}

#[test]
fn nothing_is_granted_while_a_promotion_is_on_its_way() {
    let orderings = Orderings { silent_while_promoting: false, ..KEPT };
    let story = [Action::Promote(0), Action::Grant(0), Action::Commit(0)];
    let setup = zero_window(orderings, Faults::NONE);
    breaks("a grant beside a promotion", setup, WINDOW, &story);
}

#[test]
fn the_wait_starts_anew_with_the_office() {
    let orderings = Orderings { wait_from_office: false, ..KEPT };
    let story = [Action::Grant(0), Action::Elect(1), Action::Promote(1)];
    let setup = zero_window(orderings, ELECTIONS);
    breaks("a new leader promotes at once", setup, WINDOW, &story);
}
