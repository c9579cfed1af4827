//! Nothing happens, for very long.

use sim::WorldConfig;
use sim::goal::Goal;
use sim::promise::Promise;

use super::{PLAIN, Scenario};
use crate::plan::Plan;

/// How long, in simulated milliseconds.
const LASTS_MS: u64 = 1_000_000;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "healthy_for_long",
    story: "Nothing happens for a thousand seconds, with slower links and a coarser tick than \
            elsewhere; the lease must never run out.",
    shape,
    promises: &[Promise::NoOutage],
    goals: |_| vec![Goal::NoPromotion],
    by_default: false,
    ..PLAIN
};

fn shape(plan: &mut Plan) {
    plan.phases.disturb_ms_min = LASTS_MS;
    plan.world = WorldConfig {
        tick_ms: 25,
        latency_ms_min: 25,
        latency_ms_max: 50,
        limit_ms: 2 * LASTS_MS,
        ..plan.world
    };
    plan.workload.pause_ms_min = 500;
    plan.workload.pause_ms_max = 2_500;
}
