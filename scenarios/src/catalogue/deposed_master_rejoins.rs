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
    goals: |_| vec![Goal::Promotion],
    shows: Some(Shows::alone(Rule::TruncateRejoin, "lease", EQUAL_REPLICAS)),
    ..PLAIN
};

fn faults(draw: &mut Draw) -> Vec<PlannedFault> {
    let at_ms = draw.beginning_ms();
    // Back before a TTL has passed since the promotion, so that the span holds under every
    // profile: what breaks is the data alone.
    let heal_at_ms = at_ms + draw.detection_ms() + 4 * draw.round_ms();
    let cut = |a: &[&str]| Fault::Partition {
        a: a.iter().map(|role| (*role).to_owned()).collect(),
        b: vec!["master".into()],
        way: Way::Both,
        kind: CutKind::Drop,
    };
    // Its clients reach it for a moment only, so that the successor soon has written more.
    let few_ms = at_ms + draw.round_ms() / 2;
    let rest = ["control-plane", "replicas"];
    let mut clients = vec!["near-clients", "far-clients"];
    clients.extend(draw.profile.lb.then_some("lb"));
    vec![
        PlannedFault { at_ms, heal_at_ms, after: None, fault: cut(&rest) },
        PlannedFault { at_ms: few_ms, heal_at_ms, after: None, fault: cut(&clients) },
    ]
}

fn expectation(profile: &Profile) -> Expectation {
    if profile.has(Rule::TruncateRejoin) {
        return Expectation::Holds;
    }
    Expectation::Breaks {
        check: EQUAL_REPLICAS.to_owned(),
        also: vec![],
        reason: "the deposed master's sequence is the successor's past, so it goes on from there \
                 and keeps what it alone has"
            .to_owned(),
    }
}
