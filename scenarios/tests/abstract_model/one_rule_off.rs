//! Each rule taken away: the shortest run that breaks a promise then, under the scenario's name.
//! Where other rules cover for it, that is shown, and a base in which it alone matters is named.

use crate::actions::Action;
use crate::model::{REFUSAL, STAMP, WINDOW};
use crate::rules::Rules;
use crate::search::{breaks, holds, holds_for};
use crate::setup::{Faults, Setup, Start};
use crate::state::Clock;

const A: u8 = 0;
const B: u8 = 1;

/// Faults strike A only: the counter-examples need no more.
const FAULTS: Faults = Faults { struck: &[A], ..Faults::NONE };
const ELECTIONS: Faults = Faults { elections: true, ..FAULTS };

#[test]
fn dated_heartbeat() {
    let rules = Rules { dated_heartbeat: false, ..Rules::HARDENED };
    let story = [Action::Grant(0), Action::Commit(0)];
    breaks(
        "heartbeat_waits_out_a_partition, hung_master_returns",
        Setup::new(rules, FAULTS),
        WINDOW,
        &story,
    );
}

#[test]
fn boottime_deadline() {
    let rules = Rules { boottime_deadline: false, ..Rules::HARDENED };
    let faults = Faults { wall_steps: 1, ..FAULTS };
    let story = [Action::StepWallBack(A)];
    breaks("wall_clock_steps_back", Setup::new(rules, faults), WINDOW, &story);
}

#[test]
fn closed_start() {
    let rules = Rules { closed_start: false, ..Rules::HARDENED };
    let faults = Faults { restarts: 1, ..FAULTS };
    let story = [Action::Restart(A)];
    breaks("restart_without_a_lease", Setup::new(rules, faults), WINDOW, &story);
    // B never gets a heartbeat, and never hears that A is master again.
    let faults = Faults { failovers: 2, ..FAULTS };
    let story = [Action::DeliverTopology(B, 1), Action::DeliverTopology(A, 2)];
    breaks("promoted_then_cut_off", Setup::new(rules, faults), WINDOW, &story);
}

#[test]
fn ack_recheck() {
    let rules = Rules { ack_recheck: false, ..Rules::HARDENED };
    let faults = Faults { writes: 1, ..FAULTS };
    let story = [Action::CheckWrite(A), Action::ApplyWrite(A), Action::AnswerWrite(A)];
    breaks("stall_between_check_and_write", Setup::new(rules, faults), WINDOW, &story);
}

#[test]
fn leader_guard() {
    let rules = Rules { leader_guard: false, ..Rules::HARDENED };
    let setup = Setup { ttl: 1, horizon: 4, ..Setup::new(rules, ELECTIONS) };
    let story = [Action::Elect(1)];
    breaks("two_controllers_lead", setup, WINDOW, &story);
    let faults = Faults { controller_1_cut_from_store: true, ..ELECTIONS };
    let setup = Setup::new(rules, faults);
    let story = [Action::Elect(1), Action::Commit(1), Action::Grant(0)];
    breaks("leader_cut_from_store", setup, WINDOW, &story);
}

/// Covered by `leader-guard`. It alone matters where a controller that no guard stops grants under
/// an election version of long ago.
#[test]
fn durable_version() {
    let faults = Faults { restarts: 1, controller_1_cut_from_store: true, ..FAULTS };
    let setup = |rules| Setup {
        start: Start::StaleController,
        ttl: 1,
        horizon: 3,
        ..Setup::new(rules, faults)
    };
    let base = Rules { leader_guard: false, ..Rules::HARDENED };
    holds("hardened without leader-guard, a stale controller", setup(base));
    let rules = Rules { durable_version: false, ..base };
    let story = [Action::Restart(A), Action::Grant(0), Action::Commit(1)];
    breaks("stale_controller_after_restart", setup(rules), WINDOW, &story);
    let rules = Rules { durable_version: false, ..Rules::HARDENED };
    let faults = Faults { restarts: 1, elections: true, ..Faults::NONE };
    let setup = Setup { ttl: 1, horizon: 4, ..Setup::new(rules, faults) };
    holds("hardened without durable-version", setup);
}

/// The holder of a lease, the one who waits for its end, and the holder of a session.
#[test]
fn drift_margin() {
    let rules = Rules { drift_margin: false, ..Rules::HARDENED };
    let faults = Faults { drift: &[(Clock::Node(A), -1)], ..FAULTS };
    let setup = Setup { ttl: 4, session: 3, ..Setup::new(rules, faults) };
    breaks("drifting_clocks: a lease", setup, WINDOW, &[Action::Tick(Some(0))]);

    const WAIT: &[(Clock, i8)] = &[(Clock::Node(A), -1), (Clock::Controller(0), 1)];
    let rules = Rules { drift_margin: false, ..Rules::ZERO_WINDOW };
    let faults = Faults { drift: WAIT, ..FAULTS };
    let setup = Setup { ttl: 4, session: 3, ..Setup::new(rules, faults) };
    breaks("drifting_clocks: a wait", setup, WINDOW, &[Action::Promote(0)]);

    const SESSION: &[(Clock, i8)] = &[(Clock::Controller(0), -1), (Clock::Store, 1)];
    let rules = Rules { drift_margin: false, ..Rules::HARDENED };
    let faults = Faults { drift: SESSION, ..ELECTIONS };
    let setup = Setup { ttl: 1, session: 3, horizon: 4, ..Setup::new(rules, faults) };
    breaks("drifting_clocks: a session", setup, STAMP, &[Action::Elect(1)]);
}

#[test]
fn promotion_wait() {
    let setup = Setup { zero_window: true, ..Setup::new(Rules::HARDENED, FAULTS) };
    breaks("any failover, planned or not", setup, WINDOW, &[Action::Promote(0)]);
}

/// Covered, as far as the window goes, by `leader-guard` and `durable-version`; what is left is an
/// outage, because the store's election version falls back to 0 and its master refuses it. It
/// alone matters where the node has forgotten its own version: adoption makes a deposed node
/// master again without any wait.
#[test]
fn store_is_truth() {
    let faults = Faults { set_slots: 1, ..FAULTS };
    let rules = Rules { store_is_truth: false, ..Rules::HARDENED };
    let story = [Action::SetSlot(A), Action::MeetHigherVersion(0, A)];
    breaks("node_topology_is_adopted", Setup::new(rules, faults), REFUSAL, &story);
    let faults = Faults { set_slots: 1, ..ELECTIONS };
    let setup = Setup { ttl: 1, horizon: 4, ..Setup::new(rules, faults) };
    holds_for("hardened without store-is-truth", setup, &[WINDOW, STAMP]);

    let faults = Faults { set_slots: 2, restarts: 1, ..FAULTS };
    let setup = |rules| Setup { ttl: 1, horizon: 3, ..Setup::new(rules, faults) };
    let rules = Rules { store_is_truth: false, ..Rules::ZERO_WINDOW };
    holds_for("zero-window without store-is-truth", setup(rules), &[WINDOW, STAMP]);
    let base = Rules { durable_version: false, ..Rules::ZERO_WINDOW };
    holds("zero-window without durable-version", setup(base));
    let rules = Rules { store_is_truth: false, ..base };
    let story = [Action::MeetHigherVersion(0, A), Action::Restart(A)];
    breaks("node_topology_is_adopted", setup(rules), WINDOW, &story);
}
