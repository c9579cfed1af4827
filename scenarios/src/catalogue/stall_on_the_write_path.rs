//! A write stalls on its way, past the end of the lease that let it pass.

use reports::record::Expectation;
use sim::check::{ACKNOWLEDGEMENT_AUTHORITY, LEASE_DISCIPLINE, SPAN_WITHIN_TTL};
use sim::fault::{CutKind, Fault, PlannedFault, Way};

use super::{Draw, NOTHING_ENDS_IT, PLAIN, Scenario, Shows, breaks_with, promotion_goals};
use crate::profile::Profile;
use crate::rule::Rule;

pub(super) const BEFORE_WRITE: Scenario = Scenario {
    name: "stall_between_check_and_write",
    story: "The master is cut off, and writes that have passed the lease stall before they are \
            applied: a write stall, a stuck disk. They go on after another was promoted and the \
            lease has ended.",
    faults: |draw| faults(draw, "after-lease-check"),
    expectation,
    goals: promotion_goals,
    shows: Some(Shows::alone(Rule::AckRecheck, "lease", SPAN_WITHIN_TTL)),
    ..PLAIN
};

pub(super) const BEFORE_REPLY: Scenario = Scenario {
    name: "stall_between_write_and_reply",
    story: "The same after writes were applied and before they are acknowledged.",
    faults: |draw| faults(draw, "before-reply"),
    expectation,
    goals: promotion_goals,
    shows: Some(Shows::alone(Rule::AckRecheck, "lease", SPAN_WITHIN_TTL)),
    ..PLAIN
};

fn faults(draw: &mut Draw, point: &str) -> Vec<PlannedFault> {
    let at_ms = draw.beginning_ms();
    let cut = Fault::Partition {
        a: vec!["control-plane".into()],
        b: vec!["master".into()],
        way: Way::Both,
        kind: CutKind::Drop,
    };
    let stall = Fault::Stall { target: "master".into(), point: point.into() };
    // The stall ends while the cut lasts, so that nothing but the lease can stop the write.
    let over_ms = at_ms + draw.long_ms() + draw.profile.ttl_ms;
    let heal_at_ms = over_ms + 2 * draw.round_ms();
    vec![
        PlannedFault { at_ms, heal_at_ms, after: None, fault: cut },
        PlannedFault { at_ms: at_ms + 500, heal_at_ms: over_ms, after: None, fault: stall },
    ]
}

fn expectation(profile: &Profile) -> Expectation {
    match (profile.blocks_writes(), profile.has(Rule::AckRecheck)) {
        (true, true) => Expectation::Holds,
        (true, false) => breaks_with(
            &[ACKNOWLEDGEMENT_AUTHORITY, LEASE_DISCIPLINE],
            "the lease is asked once, before the write, and never again",
        ),
        (false, _) => breaks_with(&[LEASE_DISCIPLINE], NOTHING_ENDS_IT),
    }
}
