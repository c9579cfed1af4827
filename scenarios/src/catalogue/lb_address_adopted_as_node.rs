//! A node with a version above the store's makes the controller adopt what it shows to clients.

use reports::record::Expectation;

use super::{Draw, PLAIN, Scenario};
use crate::operator::{Order, PlannedOrder};
use crate::profile::Profile;
use crate::rule::Rule;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "lb_address_adopted_as_node",
    story: "An operator repairs a node by hand, with the same topology under a higher version. \
            The controller takes what CLUSTER NODES shows there for the truth: where a load \
            balancer's address stands for a node's, it is stored as the node's.",
    orders: |draw: &mut Draw| {
        let order = Order::SetNodes { node: "node-1".into(), version: 50 };
        vec![PlannedOrder { at_ms: draw.beginning_ms(), order }]
    },
    expectation,
    ..PLAIN
};

fn expectation(profile: &Profile) -> Expectation {
    let _ = profile.has(Rule::StoreIsTruth);
    Expectation::Holds
}
