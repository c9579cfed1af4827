//! A flow that a load balancer had established leads to the old master after the redirect.

use reports::record::Expectation;
use sim::check::LB_SEPARATES;
use sim::fault::{CutKind, Fault, Way};
use sim::goal::Goal;
use sim::promise::Promise;

use super::{Draw, NOTHING_ENDS_IT, PLAIN, Scenario, Shows, breaks_with, promotion_goals};
use crate::profile::Profile;
use crate::rule::Rule;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "established_flow_outlives_redirect",
    story: "The control plane is cut from the master and promotes a replica; the load balancer \
            is redirected, and goes on passing requests to the old master on connections that \
            it had.",
    faults: |draw: &mut Draw| {
        draw.long(Fault::Partition {
            a: vec!["control-plane".into()],
            b: vec!["master".into()],
            way: Way::Both,
            kind: CutKind::Drop,
        })
    },
    promises: &[Promise::LbSeparates],
    expectation,
    goals,
    shows: Some(Shows::alone(Rule::LbSever, "lease-lb", LB_SEPARATES)),
    ..PLAIN
};

fn expectation(profile: &Profile) -> Expectation {
    if !profile.blocks_writes() {
        return breaks_with(&[LB_SEPARATES], NOTHING_ENDS_IT);
    }
    if !profile.lb || profile.has(Rule::LbSever) {
        return Expectation::Holds;
    }
    Expectation::Breaks {
        check: LB_SEPARATES.to_owned(),
        also: vec![],
        reason: "a redirect changes where new connections go, and leaves the old ones alone"
            .to_owned(),
    }
}

fn goals(profile: &Profile) -> Vec<Goal> {
    let mut goals = promotion_goals(profile);
    goals.extend((profile.lb && !profile.has(Rule::LbSever)).then_some(Goal::StaleLbWrite));
    goals
}
