//! The master's clocks run slow.

use host::Clock;
use reports::record::Expectation;
use sim::check::SPAN_WITHIN_TTL;
use sim::fault::{CutKind, Fault, Packets, PlannedFault};
use sim::goal::Goal;

use super::{Draw, NOTHING_ENDS_IT, PLAIN, Scenario, Shows, breaks};
use crate::profile::Profile;
use crate::rule::Rule;

/// How slow the clocks are; assumed by the profile, too.
const DRIFT_PPM: u64 = 60_000;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "drifting_clocks",
    story: "The master's clocks run slow by six per cent, within what is assumed; its network \
            card stops sending, so that it takes heartbeats until the very moment at which it \
            is replaced. TTL and probes are such that the drift of one TTL is longer than the \
            time from the last heartbeat to the promotion.",
    adjust,
    faults,
    expectation,
    goals: |_| vec![Goal::Promotion],
    shows: Some(Shows {
        rule: Rule::DriftMargin,
        base: "lease",
        check: SPAN_WITHIN_TTL,
        covered_by: &[Rule::DatedHeartbeat],
        kept: "a dated lease ends before the promotion only because detection is slow, not because \
               of the rule",
    }),
    ..PLAIN
};

fn adjust(profile: &mut Profile) {
    profile.ttl_ms = 60_000;
    profile.drift_ppm = DRIFT_PPM;
    profile.lease_ms_max = profile.lease_ms_max.map(|_| profile.ttl_ms);
    profile.probe.connect_timeout_ms = 100;
    profile.probe.request_timeout_ms = 100;
}

fn faults(draw: &mut Draw) -> Vec<PlannedFault> {
    let at_ms = draw.beginning_ms();
    let heal_at_ms = at_ms + draw.long_ms() + draw.profile.ttl_ms / 10;
    let drift = Fault::Drift {
        target: "master".into(),
        clocks: vec![Clock::Wall, Clock::Monotonic, Clock::Boottime],
        ppm: -i64::try_from(DRIFT_PPM).expect("a small number"),
    };
    let mute = Fault::Nic { target: "master".into(), packets: Packets::Out, kind: CutKind::Drop };
    vec![
        PlannedFault { at_ms, heal_at_ms, after: None, fault: drift },
        PlannedFault { at_ms: at_ms + 100, heal_at_ms, after: None, fault: mute },
    ]
}

fn expectation(profile: &Profile) -> Expectation {
    // A dated lease ends with the last answer that came through, well before the promotion.
    let early = profile.has(Rule::DriftMargin) || profile.has(Rule::DatedHeartbeat);
    match (profile.blocks_writes(), early) {
        (true, true) => Expectation::Holds,
        (true, false) => breaks("a TTL on a slow clock is longer than a TTL"),
        (false, _) => breaks(NOTHING_ENDS_IT),
    }
}
