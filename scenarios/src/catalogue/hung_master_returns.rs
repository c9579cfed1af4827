//! The master's process hangs and comes back.

use sim::fault::{Fault, PlannedFault};
use sim::goal::Goal;

use super::{Draw, PLAIN, Scenario, holds_without_buffered_heartbeats, promotion_goals};
use crate::profile::Profile;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "hung_master_returns",
    story: "The master's process hangs (SIGSTOP, a stuck disk), a replica is promoted, and the \
            process comes back to what waited in its sockets.",
    faults,
    expectation: holds_without_buffered_heartbeats,
    goals,
    ..PLAIN
};

pub(super) fn faults(draw: &mut Draw) -> Vec<PlannedFault> {
    draw.long(Fault::Hang { target: "master".into() })
}

pub(super) fn goals(profile: &Profile) -> Vec<Goal> {
    let mut goals = promotion_goals(profile);
    goals.push(Goal::Hang);
    goals
}
