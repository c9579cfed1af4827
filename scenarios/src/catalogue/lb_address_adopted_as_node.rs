//! A load balancer's address gets into the store as a node's (kvrocks issue 3089, and what
//! upstream's adoption of a newer topology makes of it).

use reports::record::Expectation;
use sim::check::{CONVERGED, EQUAL_REPLICAS, RECOVERS, SPAN_WITHIN_TTL, TOPOLOGY_VERSIONS};

use super::{PLAIN, Scenario, Shows};
use crate::operator::{Order, PlannedOrder};
use crate::profile::Profile;
use crate::rule::Rule;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "lb_address_adopted_as_node",
    story: "An operator sends one node the topology again, by hand and under a higher version. \
            The controller takes the node's word for the whole cluster, and a node behind a load \
            balancer shows the address of that.",
    orders: |draw| {
        let order = Order::SetNodes { node: "node-1".into(), version: BY_HAND };
        vec![PlannedOrder { at_ms: draw.later_ms(0), order }]
    },
    expectation,
    shows: Some(Shows::alone(Rule::StoreIsTruth, "lease-lb", CONVERGED)),
    ..PLAIN
};

/// Above all that a run comes to by itself.
const BY_HAND: i64 = 50;

fn expectation(profile: &Profile) -> Expectation {
    if !profile.lb || profile.has(Rule::StoreIsTruth) {
        return Expectation::Holds;
    }
    Expectation::Breaks {
        check: CONVERGED.to_owned(),
        also: [EQUAL_REPLICAS, RECOVERS, SPAN_WITHIN_TTL, TOPOLOGY_VERSIONS]
            .map(str::to_owned)
            .to_vec(),
        reason: "the controller probes and tells the load balancer instead of the node".to_owned(),
    }
}
