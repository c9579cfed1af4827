//! A flow that a load balancer had established leads to the old master after the redirect.

use sim::check::LB_SEPARATES;
use sim::fault::{CutKind, Fault, Way};
use sim::goal::Goal;
use sim::promise::Promise;

use super::{Draw, PLAIN, Scenario, Shows, promotion_goals, separates_with_lb_sever};
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
    expectation: |profile| {
        separates_with_lb_sever(
            profile,
            "a redirect changes where new connections go, and leaves the old ones alone",
        )
    },
    goals,
    shows: Some(Shows::alone(Rule::LbSever, "lease-lb", LB_SEPARATES)),
    ..PLAIN
};

fn goals(profile: &Profile) -> Vec<Goal> {
    let mut goals = promotion_goals(profile);
    goals.extend((profile.lb && !profile.has(Rule::LbSever)).then_some(Goal::StaleLbWrite));
    goals
}
