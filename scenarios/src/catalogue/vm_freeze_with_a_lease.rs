//! The hypervisor stops the master's virtual machine with all its clocks: outside the model.

use reports::record::Expectation;
use sim::fault::{CutKind, Fault, PlannedFault, Way};
use sim::goal::Goal;

use super::{Draw, PLAIN, Scenario, breaks};
use crate::profile::Profile;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "vm_freeze_with_a_lease",
    story: "The master is cut from the control plane, and its virtual machine stops with every \
            clock but the wall's, as in a live migration; resumed, it does not know that time \
            has passed. No lease can bear that: every profile breaks.",
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
    let _ = profile;
    breaks(FROZEN)
}

const FROZEN: &str = "a node whose clocks stood still resumes with the lease that it had";
