//! A deposed master comes back with writes of its own and follows its successor.

use reports::record::Expectation;
use sim::check::EQUAL_REPLICAS;
use sim::fault::{CutKind, Fault, PlannedFault, Way};
use sim::goal::Goal;
use sim::promise::Promise;

use super::{Draw, PLAIN, Scenario, Shows};
use crate::profile::Profile;
use crate::rule::Rule;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "deposed_master_rejoins",
    story: "The master is cut from the rest for a moment and takes a few writes while a replica \
            is promoted; when it comes back the successor has written more, and takes it in by \
            partial synchronisation.",
    faults,
    promises: &[Promise::EqualReplicas],
    expectation,
    goals: |_| vec![Goal::Promotion, Goal::StaleWrite],
    shows: Some(Shows::alone(Rule::TruncateRejoin, "lease", EQUAL_REPLICAS)),
    ..PLAIN
};

fn faults(draw: &mut Draw) -> Vec<PlannedFault> {
    let at_ms = draw.beginning_ms();
    // Back while its lease still runs, so that the span holds under every profile: what breaks is
    // the data alone.
    let heal_at_ms = at_ms + draw.detection_ms() + draw.round_ms();
    let cut = Fault::Partition {
        a: vec!["control-plane".into(), "replicas".into()],
        b: vec!["master".into()],
        way: Way::Both,
        kind: CutKind::Drop,
    };
    vec![PlannedFault { at_ms, heal_at_ms, after: None, fault: cut }]
}

fn expectation(profile: &Profile) -> Expectation {
    if profile.has(Rule::TruncateRejoin) {
        return Expectation::Holds;
    }
    Expectation::Breaks {
        check: EQUAL_REPLICAS.to_owned(),
        reason: "the deposed master's sequence is the successor's past, so it goes on from there \
                 and keeps what it alone has"
            .to_owned(),
    }
}
