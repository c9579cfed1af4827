//! Of two load balancers one hears of the failover.

use sim::check::LB_SEPARATES;
use sim::fault::{CutKind, Fault, PlannedFault, Way};
use sim::goal::Goal;

use reports::record::Expectation;

use super::{Draw, NOTHING_ENDS_IT, PLAIN, Scenario, breaks_with, promotion_goals};
use crate::plan::Cluster;
use crate::profile::Profile;
use crate::rule::Rule;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "redirect_reaches_one_lb_of_two",
    story: "The control plane is cut from the master and from one of two load balancers; it \
            promotes a replica and redirects the other one, so that half of the clients are led \
            to the old master until the heal.",
    cluster: Cluster { lbs: 2, ..PLAIN.cluster },
    faults,
    expectation,
    goals,
    ..PLAIN
};

fn faults(draw: &mut Draw) -> Vec<PlannedFault> {
    let mut cut_off = vec!["master"];
    cut_off.extend(draw.profile.lb.then_some("lb-2"));
    draw.long(Fault::Partition {
        a: vec!["control-plane".into()],
        b: cut_off.into_iter().map(str::to_owned).collect(),
        way: Way::Both,
        kind: CutKind::Drop,
    })
}

fn expectation(profile: &Profile) -> Expectation {
    if profile.blocks_writes() {
        Expectation::Holds
    } else {
        breaks_with(&[LB_SEPARATES], NOTHING_ENDS_IT)
    }
}

fn goals(profile: &Profile) -> Vec<Goal> {
    let mut goals = promotion_goals(profile);
    goals.extend((profile.lb && !profile.has(Rule::PromotionWait)).then_some(Goal::StaleLbWrite));
    goals
}
