//! The successor crashes, too, while the deposed master takes its full copy.

use reports::record::Expectation;
use sim::fault::{CutKind, Fault, PlannedFault, Way};
use sim::goal::Goal;

use super::{Draw, NOTHING_ENDS_IT, PLAIN, Scenario, breaks};
use crate::profile::Profile;
use crate::rule::Rule;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "successor_dies_too",
    story: "The master is cut off and a replica is promoted; the cut heals, and just when the \
            deposed master begins to follow its successor, the successor crashes.",
    faults,
    expectation,
    goals: |_| vec![Goal::Promotion, Goal::TwoPromotions],
    ..PLAIN
};

fn faults(draw: &mut Draw) -> Vec<PlannedFault> {
    let at_ms = draw.beginning_ms();
    let cut = Fault::Partition {
        a: vec!["control-plane".into(), "replicas".into()],
        b: vec!["master".into()],
        way: Way::Both,
        kind: CutKind::Drop,
    };
    let heal_at_ms = at_ms + draw.long_ms();
    // A round is enough to hear of the new topology; the copy begins right after.
    let crash_ms = heal_at_ms + draw.up_to_a_round_ms();
    let crash = Fault::Kill { target: "master".into() };
    vec![
        PlannedFault { at_ms, heal_at_ms, after: None, fault: cut },
        PlannedFault {
            at_ms: crash_ms,
            heal_at_ms: crash_ms + draw.long_ms(),
            after: None,
            fault: crash,
        },
    ]
}

fn expectation(profile: &Profile) -> Expectation {
    match (profile.blocks_writes(), profile.has(Rule::ClosedStart)) {
        (true, true) => Expectation::Holds,
        (true, false) => {
            breaks("the successor comes back as the master that it was, without a lease")
        }
        (false, _) => breaks(NOTHING_ENDS_IT),
    }
}
