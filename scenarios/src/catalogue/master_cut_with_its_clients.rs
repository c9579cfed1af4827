//! A partition takes the master and some clients to the wrong side.

use sim::fault::{CutKind, Fault, Way};

use super::{
    Draw, PLAIN, Scenario, holds_with_a_lease, holds_without_buffered_heartbeats,
    promotion_goals_with_reachable_master,
};

pub(super) const DROP: Scenario = Scenario {
    name: "master_cut_with_its_clients_drop",
    story: "A partition takes the master and some of its clients to the wrong side; what is sent \
            across is lost.",
    faults: |draw| faults(draw, CutKind::Drop),
    expectation: holds_with_a_lease,
    goals: promotion_goals_with_reachable_master,
    ..PLAIN
};

pub(super) const STALL: Scenario = Scenario {
    name: "master_cut_with_its_clients_stall",
    story: "A partition takes the master and some of its clients to the wrong side; what is sent \
            across arrives after the heal, as TCP retransmits it.",
    faults: |draw| faults(draw, CutKind::Stall),
    expectation: holds_without_buffered_heartbeats,
    goals: promotion_goals_with_reachable_master,
    ..PLAIN
};

fn faults(draw: &mut Draw, kind: CutKind) -> Vec<sim::fault::PlannedFault> {
    draw.long(Fault::Partition {
        a: vec!["master".into(), "near-clients".into()],
        b: vec!["others".into()],
        way: Way::Both,
        kind,
    })
}
