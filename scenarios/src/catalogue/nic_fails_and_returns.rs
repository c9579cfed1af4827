//! The master's network card fails and comes back.

use sim::fault::{CutKind, Fault, Packets};

use super::{
    Draw, PLAIN, Scenario, holds_with_a_lease, holds_without_buffered_heartbeats, promotion_goals,
};

pub(super) const DROP: Scenario = Scenario {
    name: "nic_fails_and_returns_drop",
    story: "The master's network card fails, a replica is promoted, and the card comes back; \
            what was sent meanwhile is lost.",
    faults: |draw| faults(draw, CutKind::Drop),
    expectation: holds_with_a_lease,
    goals: promotion_goals,
    ..PLAIN
};

pub(super) const STALL: Scenario = Scenario {
    name: "nic_fails_and_returns_stall",
    story: "The master's network card fails, a replica is promoted, and the card comes back; \
            what was sent meanwhile arrives then, as TCP retransmits it.",
    faults: |draw| faults(draw, CutKind::Stall),
    expectation: holds_without_buffered_heartbeats,
    goals: promotion_goals,
    ..PLAIN
};

fn faults(draw: &mut Draw, kind: CutKind) -> Vec<sim::fault::PlannedFault> {
    draw.long(Fault::Nic { target: "master".into(), packets: Packets::Both, kind })
}
