//! The wall clock of a master that was cut off is set back.

use reports::record::Expectation;
use sim::check::SPAN_WITHIN_TTL;
use sim::fault::{CutKind, Fault, PlannedFault, Way};

use host::Clock;

use super::{Draw, NOTHING_ENDS_IT, PLAIN, Scenario, Shows, breaks, promotion_goals};
use crate::profile::Profile;
use crate::rule::Rule;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "wall_clock_steps_back",
    story: "The master is cut from the control plane, and then its wall clock is set back by \
            more than a TTL: NTP after a long outage, or a virtual machine that was moved.",
    faults,
    expectation,
    goals: promotion_goals,
    shows: Some(Shows::alone(Rule::BoottimeDeadline, "lease", SPAN_WITHIN_TTL)),
    ..PLAIN
};

fn faults(draw: &mut Draw) -> Vec<PlannedFault> {
    let step_ms = draw.profile.ttl_ms + 2 * draw.round_ms();
    let at_ms = draw.beginning_ms();
    let heal_at_ms = at_ms + draw.long_ms() + step_ms;
    let cut = Fault::Partition {
        a: vec!["control-plane".into()],
        b: vec!["master".into()],
        way: Way::Both,
        kind: CutKind::Drop,
    };
    let step = Fault::Clock {
        target: "master".into(),
        clock: Clock::Wall,
        step_ms: -i64::try_from(step_ms).expect("at most some days"),
    };
    vec![
        PlannedFault { at_ms, heal_at_ms, after: None, fault: cut },
        PlannedFault { at_ms: at_ms + 500, heal_at_ms, after: None, fault: step },
    ]
}

fn expectation(profile: &Profile) -> Expectation {
    match (profile.blocks_writes(), profile.has(Rule::BoottimeDeadline)) {
        (true, true) => Expectation::Holds,
        (true, false) => breaks("the deadline is kept on the wall clock, and moves with its step"),
        (false, _) => breaks(NOTHING_ENDS_IT),
    }
}
