//! What a fault of a plan may be: its times, its targets, and the numbers that it comes with.
//!
//! What this is not: whether it will bite. That is known after the run only.

use sim::fault::{DiskTrouble, Fault, PlannedFault};

use crate::plan::{Plan, PlanError};
use crate::points;
use crate::roles;

/// The most by which a clock may drift: at half or one and a half times its pace.
const PPM_MAX: u64 = 500_000;

/// Refuses the first fault that makes no sense.
///
/// # Errors
/// With its place, the field, and what is allowed.
pub(crate) fn check(plan: &Plan) -> Result<(), PlanError> {
    let roles = roles::roles(plan);
    for (at, planned) in plan.faults.iter().enumerate() {
        let refused = times(plan, planned).or_else(|| numbers(plan, &planned.fault));
        if let Some(Refused { field, value, allowed }) = refused {
            return Err(PlanError::Value {
                place: format!("faults[{at}].{field}"),
                value,
                allowed,
            });
        }
        if let Some(role) = planned.fault.roles().into_iter().find(|role| !roles.contains(role)) {
            return Err(PlanError::Role { fault: at, role: role.clone(), roles });
        }
        match &planned.fault {
            Fault::Stall { point, .. } if !points::exists(point) => {
                return Err(PlanError::Point { fault: at, point: point.clone() });
            }
            _ => {}
        }
    }
    Ok(())
}

/// A field whose value makes no sense.
struct Refused {
    field: &'static str,
    value: u64,
    allowed: String,
}

fn unless(sound: bool, field: &'static str, value: u64, allowed: String) -> Option<Refused> {
    (!sound).then_some(Refused { field, value, allowed })
}

fn times(plan: &Plan, planned: &PlannedFault) -> Option<Refused> {
    let PlannedFault { at_ms, heal_at_ms, after, .. } = planned;
    let settle_ms = plan.phases.settle_ms;
    let allowed = format!("phases.settle_ms ({settle_ms}) or later");
    unless(*at_ms >= settle_ms, "at_ms", *at_ms, allowed)
        .or_else(|| {
            let allowed = format!("later than at_ms ({at_ms})");
            unless(heal_at_ms > at_ms, "heal_at_ms", *heal_at_ms, allowed)
        })
        .or_else(|| {
            let never = after.is_some_and(|trigger| trigger.count == 0);
            unless(!never, "after.count", 0, "1 or more".into())
        })
}

fn numbers(plan: &Plan, fault: &Fault) -> Option<Refused> {
    let tick_ms = plan.world.tick_ms;
    let a_tick = |field, ms: u64| {
        unless(ms >= tick_ms, field, ms, format!("world.tick_ms ({tick_ms}) or more"))
    };
    match fault {
        Fault::Clock { step_ms, .. } => {
            unless(*step_ms != 0, "step_ms", 0, "anything but 0".into())
        }
        Fault::Drift { clocks, ppm, .. } => {
            unless(!clocks.is_empty(), "clocks", 0, "at least one clock".into()).or_else(|| {
                let ppm = ppm.unsigned_abs();
                let allowed = format!("1 to {PPM_MAX}, or as much below 0");
                unless((1..=PPM_MAX).contains(&ppm), "ppm", ppm, allowed)
            })
        }
        Fault::Latency { one_way_ms, .. } => {
            let most_ms = plan.world.latency_ms_max;
            let allowed = format!("world.latency_ms_max ({most_ms}) or more");
            unless(*one_way_ms >= most_ms, "one_way_ms", *one_way_ms, allowed)
        }
        Fault::Flap { on_ms, off_ms, .. } => {
            a_tick("on_ms", *on_ms).or_else(|| a_tick("off_ms", *off_ms))
        }
        Fault::Disk { trouble: DiskTrouble::SlowMs(ms), .. } => {
            unless(*ms > 0, "trouble.slow_ms", *ms, "1 or more".into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use host::Clock;
    use sim::fault::{CutKind, Packets, Trigger, TriggerEvent};

    use super::*;
    use crate::catalogue;
    use crate::profile::Profile;

    fn plan(fault: Fault) -> Plan {
        let profile = Profile::built_in("lease").expect("valid");
        let scenario = catalogue::find("hung_master_returns").expect("it exists");
        let mut plan = scenario.plan(&profile, 1);
        plan.faults[0].fault = fault;
        plan
    }

    fn target() -> String {
        "deposed".into()
    }

    fn flap(on_ms: u64, off_ms: u64) -> Fault {
        let (packets, kind) = (Packets::Both, CutKind::Drop);
        Fault::Flap { target: target(), packets, kind, on_ms, off_ms }
    }

    fn drift(clocks: &[Clock], ppm: i64) -> Fault {
        Fault::Drift { target: target(), clocks: clocks.to_vec(), ppm }
    }

    fn latency(one_way_ms: u64) -> Fault {
        Fault::Latency { a: vec![target()], b: vec!["lb-1".into(), "store".into()], one_way_ms }
    }

    fn stall(point: &str) -> Fault {
        Fault::Stall { target: target(), point: point.into() }
    }

    #[test]
    fn every_fault_reads_back_from_its_toml() {
        let clock = Clock::Boottime;
        let (a, b) = (vec!["deposed".to_owned()], vec!["store".to_owned()]);
        for fault in [
            Fault::VmSuspend { target: target() },
            Fault::VmFreeze { target: target() },
            stall("after-lease-check"),
            Fault::Clock { target: target(), clock, step_ms: -3_000 },
            drift(&[Clock::Wall, clock], -500_000),
            Fault::Latency { a, b, one_way_ms: 15 },
            flap(5, 5),
            Fault::Disk { target: target(), trouble: DiskTrouble::SlowMs(1) },
            Fault::Disk { target: target(), trouble: DiskTrouble::Fails },
        ] {
            let mut plan = plan(fault);
            let trigger = Trigger { event: TriggerEvent::FailoverBegun, count: 2, delay_ms: 9 };
            plan.faults[0].after = Some(trigger);
            let text = plan.to_toml();
            let read = Plan::from_toml(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
            assert_eq!(read, plan, "{text}");
        }
    }

    #[test]
    fn numbers_that_make_no_sense_are_refused_by_name() {
        let disk = Fault::Disk { target: target(), trouble: DiskTrouble::SlowMs(0) };
        let step = Fault::Clock { target: target(), clock: Clock::Wall, step_ms: 0 };
        for (fault, expected) in [
            (step, "faults[0].step_ms is 0; allowed is anything but 0"),
            (drift(&[], 1), "faults[0].clocks is 0; allowed is at least one clock"),
            (drift(&[Clock::Wall], 0), "faults[0].ppm is 0; allowed is 1 to 500000"),
            (drift(&[Clock::Wall], -500_001), "faults[0].ppm is 500001; allowed is 1 to"),
            (latency(14), "faults[0].one_way_ms is 14; allowed is world.latency_ms_max (15)"),
            (flap(4, 5), "faults[0].on_ms is 4; allowed is world.tick_ms (5) or more"),
            (flap(5, 4), "faults[0].off_ms is 4; allowed is world.tick_ms (5) or more"),
            (disk, "faults[0].trouble.slow_ms is 0; allowed is 1 or more"),
            (
                stall("before-replying"),
                "no process has a point `before-replying`; did you mean `be",
            ),
        ] {
            let error = Plan::from_toml(&plan(fault).to_toml()).expect_err("refused").to_string();
            assert!(error.contains(expected), "{error:?} does not say {expected:?}");
        }
    }

    #[test]
    fn a_trigger_is_counted_from_1() {
        let mut plan = plan(Fault::Kill { target: target() });
        plan.faults[0].after = Some(Trigger { event: TriggerEvent::Commit, count: 0, delay_ms: 0 });
        let error = Plan::from_toml(&plan.to_toml()).expect_err("refused").to_string();
        assert!(error.contains("faults[0].after.count is 0; allowed is 1 or more"), "{error}");
    }
}
