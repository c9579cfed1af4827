//! The master's network card works one way only.

use sim::fault::{CutKind, Fault, Packets, PlannedFault};

use super::{Draw, PLAIN, Scenario, holds_with_a_lease, promotion_goals};

pub(super) const DEAF: Scenario = Scenario {
    name: "one_way_master_deaf",
    story: "The master's network card stops receiving and goes on sending, then comes back.",
    faults: |draw| faults(draw, Packets::In),
    expectation: holds_with_a_lease,
    goals: promotion_goals,
    ..PLAIN
};

pub(super) const MUTE: Scenario = Scenario {
    name: "one_way_master_mute",
    story: "The master's network card stops sending and goes on receiving, heartbeats too, then \
            comes back.",
    faults: |draw| faults(draw, Packets::Out),
    expectation: holds_with_a_lease,
    goals: promotion_goals,
    ..PLAIN
};

fn faults(draw: &mut Draw, packets: Packets) -> Vec<PlannedFault> {
    draw.long(Fault::Nic { target: "master".into(), packets, kind: CutKind::Drop })
}
