//! Every fault on every machine of a whole cluster: the run comes to its end, and the same plan
//! gives the same history.

use host::Clock;
use scenarios::catalogue;
use scenarios::plan::Plan;
use scenarios::points::POINTS;
use scenarios::profile::Profile;
use scenarios::run;
use sim::fault::{CutKind, DiskTrouble, Fault, Packets, PlannedFault, Way};
use sim::history::{History, ProcessState, What};

/// How long each fault lasts; the next one begins as long after it.
const LASTS_MS: u64 = 700;

/// Every fault, on one target, in the order of the enum; a stall at each point.
fn every_fault(role: &str) -> Vec<Fault> {
    let target = || role.to_owned();
    let (a, b) = (vec![target()], vec!["others".to_owned()]);
    let clocks = vec![Clock::Wall, Clock::Monotonic, Clock::Boottime];
    let (packets, kind) = (Packets::Both, CutKind::Stall);
    let mut faults = vec![
        Fault::Hang { target: target() },
        Fault::Kill { target: target() },
        Fault::PowerLoss { target: target() },
        Fault::VmSuspend { target: target() },
        Fault::VmFreeze { target: target() },
        Fault::Clock { target: target(), clock: Clock::Wall, step_ms: -2_500 },
        Fault::Clock { target: target(), clock: Clock::Wall, step_ms: 2_500 },
        Fault::Drift { target: target(), clocks, ppm: -100_000 },
        Fault::Latency { a: a.clone(), b: b.clone(), one_way_ms: 120 },
        Fault::Disk { target: target(), trouble: DiskTrouble::SlowMs(80) },
        Fault::Disk { target: target(), trouble: DiskTrouble::Fails },
        Fault::Nic { target: target(), packets, kind },
        Fault::Flap { target: target(), packets, kind: CutKind::Drop, on_ms: 60, off_ms: 90 },
        Fault::Partition { a, b, way: Way::Both, kind },
    ];
    let stall = |point: &str| Fault::Stall { target: target(), point: point.to_owned() };
    faults.extend(POINTS.map(|(point, _, _)| stall(point)));
    faults
}

fn plan(role: &str) -> Plan {
    let profile = Profile::built_in("lease-lb").unwrap();
    let mut plan = catalogue::find("no_fault").unwrap().plan(&profile, 11);
    let begin_ms = plan.phases.settle_ms;
    plan.faults = (0..)
        .zip(every_fault(role))
        .map(|(at, fault)| {
            let at_ms = begin_ms + at * 2 * LASTS_MS;
            PlannedFault::between(at_ms, at_ms + LASTS_MS, fault)
        })
        .collect();
    Plan::from_toml(&plan.to_toml()).unwrap()
}

#[test]
fn every_fault_may_strike_every_machine() {
    for role in ["master", "replicas", "store", "leader", "lb", "near-clients"] {
        let plan = plan(role);
        let first = run::run(&plan).unwrap_or_else(|error| panic!("{role}: {error}"));
        let second = run::run(&plan).unwrap();
        if let Some((first, second)) = first.history.first_difference(&second.history) {
            panic!("{role}: the first event that differs:\n{first:?}\n{second:?}");
        }
        let healed =
            first.history.events().iter().filter(|event| matches!(event.what, What::Heal { .. }));
        assert_eq!(healed.count(), plan.faults.len(), "{role}");
        for machine in ["node-1", "node-2", "node-3", "store", "controller-1", "lb-1"] {
            let state = last_state(&first.history, machine);
            assert_eq!(state, Some(ProcessState::Running), "{machine} after faults on {role}");
        }
    }
}

fn last_state(history: &History, machine: &str) -> Option<ProcessState> {
    let of_machine = history.events().iter().rev().filter(|event| event.on == machine);
    of_machine.into_iter().find_map(|event| match event.what {
        What::Sample { state, .. } => Some(state),
        _ => None,
    })
}

#[test]
fn what_strikes_a_master_under_load_bites() {
    let plan = plan("master");
    let bites = run::run(&plan).unwrap().bites;
    let foreign = |fault: &Fault| {
        let of_a_node =
            |name: &str| POINTS.iter().any(|(point, of, _)| *point == name && *of == "node");
        matches!(fault, Fault::Stall { point, .. } if !of_a_node(point))
    };
    for (planned, (_, bite)) in plan.faults.iter().zip(&bites) {
        assert_eq!(bite.bit(), !foreign(&planned.fault), "{:?} did {bite}", planned.fault);
    }
}
