//! A heartbeat lies in the network while a replica is promoted.

use sim::check::SPAN_WITHIN_TTL;
use sim::fault::{CutKind, Fault, Way};

use super::{Draw, PLAIN, Scenario, Shows, holds_without_buffered_heartbeats, promotion_goals};
use crate::rule::Rule;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "heartbeat_waits_out_a_partition",
    story: "The path between the control plane and the master stalls, heartbeats wait in it, a \
            replica is promoted, and TCP delivers them after the heal.",
    faults: |draw: &mut Draw| {
        draw.long(Fault::Partition {
            a: vec!["control-plane".into()],
            b: vec!["master".into()],
            way: Way::Both,
            kind: CutKind::Stall,
        })
    },
    expectation: holds_without_buffered_heartbeats,
    goals: promotion_goals,
    shows: Some(Shows::alone(Rule::DatedHeartbeat, "lease", SPAN_WITHIN_TTL)),
    ..PLAIN
};
