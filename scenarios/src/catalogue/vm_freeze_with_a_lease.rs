//! The hypervisor stops the master's virtual machine with all its clocks: outside the model.

use reports::record::Expectation;
use sim::check::NO_SPAN;
use sim::fault::{CutKind, Fault, PlannedFault, Way};
use sim::goal::Goal;

use super::{Draw, NOTHING_ENDS_IT, PLAIN, Scenario, breaks, breaks_with};
use crate::profile::Profile;
use crate::rule::Rule;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "vm_freeze_with_a_lease",
    story: "The master is cut from the control plane, and its virtual machine stops with every \
            clock but the wall's, as in a live migration; resumed, its boottime does not know \
            that time has passed. Outside what the rules assume: a deadline on the wall clock \
            bears it, and bears no step instead.",
    faults,
    expectation,
    goals: |_| vec![Goal::Promotion],
    ..PLAIN
};

fn faults(draw: &mut Draw) -> Vec<PlannedFault> {
    let at_ms = draw.beginning_ms();
    let frozen_ms = draw.long_ms() + draw.profile.ttl_ms;
    let thawed_ms = at_ms + 500 + frozen_ms;
    let cut = Fault::Partition {
        a: vec!["control-plane".into()],
        b: vec!["master".into()],
        way: Way::Both,
        kind: CutKind::Drop,
    };
    let freeze = Fault::VmFreeze { target: "master".into() };
    let heal_at_ms = thawed_ms + 2 * draw.round_ms();
    vec![
        PlannedFault { at_ms, heal_at_ms, after: None, fault: cut },
        PlannedFault { at_ms: at_ms + 500, heal_at_ms: thawed_ms, after: None, fault: freeze },
    ]
}

fn expectation(profile: &Profile) -> Expectation {
    match (profile.blocks_writes(), profile.has(Rule::BoottimeDeadline)) {
        (true, true) => breaks_with(&[NO_SPAN], FROZEN),
        (true, false) => Expectation::Holds,
        (false, _) => breaks(NOTHING_ENDS_IT),
    }
}

const FROZEN: &str = "a node whose boottime stood still resumes with the lease that it had";
