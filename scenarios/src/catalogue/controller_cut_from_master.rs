//! Only the controller cannot reach the master; clients and the load balancer can
//! (kvrocks-controller issue 329).

use sim::check::NO_SPAN;
use sim::fault::{CutKind, Fault, Way};

use super::{
    Draw, PLAIN, Scenario, Shows, holds_with_a_lease, holds_without_buffered_heartbeats,
    promotion_goals_with_reachable_master,
};
use crate::rule::Rule;

pub(super) const DROP: Scenario = Scenario {
    name: "controller_cut_from_master_drop",
    story: "The link between controller and master fails and loses what is sent; clients still \
            reach both masters.",
    faults: |draw| faults(draw, CutKind::Drop),
    expectation: holds_with_a_lease,
    goals: promotion_goals_with_reachable_master,
    shows: Some(Shows::alone(Rule::PromotionWait, "hardened", NO_SPAN)),
    ..PLAIN
};

pub(super) const STALL: Scenario = Scenario {
    name: "controller_cut_from_master_stall",
    story: "The link between controller and master fails, and what was sent arrives when it is \
            back, as TCP retransmits it; clients still reach both masters.",
    faults: |draw| faults(draw, CutKind::Stall),
    expectation: holds_without_buffered_heartbeats,
    goals: promotion_goals_with_reachable_master,
    ..PLAIN
};

fn faults(draw: &mut Draw, kind: CutKind) -> Vec<sim::fault::PlannedFault> {
    draw.long(Fault::Partition {
        a: vec!["control-plane".into()],
        b: vec!["master".into()],
        way: Way::Both,
        kind,
    })
}
