//! The master's virtual machine is suspended and resumed.

use sim::fault::{Fault, PlannedFault};
use sim::goal::Goal;

use super::{Draw, PLAIN, Scenario, holds_without_buffered_heartbeats, promotion_goals};
use crate::profile::Profile;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "vm_suspend_with_a_lease",
    story: "The master's virtual machine is suspended, a replica is promoted, and it is resumed: \
            its monotonic clock has stood still, and what was sent to it arrives now.",
    faults,
    expectation: holds_without_buffered_heartbeats,
    goals,
    ..PLAIN
};

fn faults(draw: &mut Draw) -> Vec<PlannedFault> {
    draw.long(Fault::VmSuspend { target: "master".into() })
}

fn goals(profile: &Profile) -> Vec<Goal> {
    promotion_goals(profile)
}
