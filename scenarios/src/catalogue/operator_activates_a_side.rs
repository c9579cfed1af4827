//! An operator activates the side that is left, by hand and past the store (kvrocks issue 3380).

use reports::record::Expectation;
use sim::check::{
    CONVERGED, EQUAL_REPLICAS, LEASE_DISCIPLINE, LINEARIZABLE, RECOVERS, SPAN_WITHIN_TTL,
    TOPOLOGY_VERSIONS,
};
use sim::fault::{CutKind, Fault, PlannedFault, Way};
use sim::promise::Promise;

use super::{Draw, PLAIN, Scenario};
use crate::operator::{Order, PlannedOrder};
use crate::plan::Cluster;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "operator_activates_a_side",
    story: "Two sites lose each other. The store, the leading controller and the master are on \
            one, the replicas, another controller and an operator on the other; the operator \
            takes the first site for dead and makes a replica master by hand. Both sites take \
            writes until they find each other again.",
    cluster: Cluster { controllers: 2, ..PLAIN.cluster },
    orders: |draw| {
        let at_ms = draw.later_ms(2 * draw.round_ms());
        vec![PlannedOrder { at_ms, order: Order::Activate { node: "node-2".into() } }]
    },
    faults,
    promises: &[Promise::Linearizability],
    expectation: |_| Expectation::Breaks {
        // There is no commit, and so no promotion from which a span could be counted.
        check: LINEARIZABLE.to_owned(),
        also: [
            SPAN_WITHIN_TTL,
            CONVERGED,
            EQUAL_REPLICAS,
            LEASE_DISCIPLINE,
            RECOVERS,
            TOPOLOGY_VERSIONS,
        ]
        .map(str::to_owned)
        .to_vec(),
        reason: "operator-override: whoever makes a second master by hand has two".to_owned(),
    },
    ..PLAIN
};

fn faults(draw: &mut Draw) -> Vec<PlannedFault> {
    let mut there = vec!["store", "controller-1", "node-1", "near-clients"];
    there.extend(draw.profile.lb.then_some("lbs"));
    let here = ["controller-2", "node-2", "node-3", "far-clients", "operator"];
    draw.long(Fault::Partition {
        a: there.into_iter().map(str::to_owned).collect(),
        b: here.map(str::to_owned).to_vec(),
        way: Way::Both,
        kind: CutKind::Drop,
    })
}
