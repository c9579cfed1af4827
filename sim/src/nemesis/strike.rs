//! What each fault does to the machines that its roles named, and how that is undone.
//!
//! What this is not: when, and what several faults on one machine mean for each other, which is
//! the nemesis' business.

use crate::fault::{Bite, CutKind, Fault, Packets, Way};
use crate::world::{Roles, World, WorldError};

/// Lays a fault on the machines; what it did at once.
pub(super) fn inject(
    fault: &Fault,
    id: u64,
    targets: &Roles,
    world: &mut World,
) -> Result<Bite, WorldError> {
    let mut bite = Bite::default();
    for name in machines(fault, targets) {
        match fault {
            Fault::Hang { .. } => world.hang(&name, id)?,
            Fault::VmSuspend { .. } | Fault::VmFreeze { .. } => {
                world.hang(&name, id)?;
                for clock in fault.stops_clocks() {
                    world.freeze_clock(&name, *clock)?;
                }
            }
            Fault::Kill { .. } => world.kill(&name)?,
            Fault::PowerLoss { .. } => world.power_off(&name)?,
            Fault::Stall { point, .. } => world.stall(&name, id, point)?,
            Fault::Clock { clock, step_ms, .. } => {
                let clock_moved_ms = world.step_clock(&name, *clock, *step_ms)?;
                bite += Bite { clock_moved_ms, ..Bite::default() };
            }
            Fault::Drift { clocks, ppm, .. } => drift(world, &name, clocks, *ppm)?,
            Fault::Disk { trouble, .. } => world.trouble_disk(&name, id, *trouble)?,
            Fault::Latency { .. }
            | Fault::Nic { .. }
            | Fault::Flap { .. }
            | Fault::Partition { .. } => {}
        }
    }
    cut(fault, id, targets, world)?;
    if let Fault::Latency { a, b, one_way_ms } = fault {
        world.slow(id, &pairs(&group(a, targets), &group(b, targets)), *one_way_ms)?;
    }
    Ok(bite)
}

/// Lays the cut that comes with a fault on the links, if one does.
pub(super) fn cut(
    fault: &Fault,
    id: u64,
    targets: &Roles,
    world: &World,
) -> Result<(), WorldError> {
    let Some((there, back, ways, kind)) = cut_of(fault, targets, world) else {
        return Ok(());
    };
    let mut directions = Vec::new();
    for (from, to) in pairs(&there, &back) {
        if ways.0 {
            directions.push((from.clone(), to.clone()));
        }
        if ways.1 {
            directions.push((to, from));
        }
    }
    world.cut(id, &directions, kind)
}

/// Takes a fault that began then from the machines: what it did. What is down stays so.
pub(super) fn heal(
    fault: &Fault,
    id: u64,
    targets: &Roles,
    since_ms: u64,
    world: &World,
) -> Result<Bite, WorldError> {
    let mut bite = world.heal(id);
    let lasted_ms = world.now_ms() - since_ms;
    for name in machines(fault, targets) {
        bite += match fault {
            Fault::Hang { .. } => {
                Bite { bytes_waited: world.resume(&name, id)?, ..Bite::default() }
            }
            Fault::VmSuspend { .. } | Fault::VmFreeze { .. } => {
                for clock in fault.stops_clocks() {
                    world.thaw_clock(&name, *clock)?;
                }
                let bytes_waited = world.resume(&name, id)?;
                Bite { bytes_waited, clock_moved_ms: lasted_ms, ..Bite::default() }
            }
            Fault::Stall { .. } => {
                let held = world.unstall(&name, id)?;
                Bite { tasks_stalled: held.tasks, stalled_ms: held.stood_ms, ..Bite::default() }
            }
            Fault::Drift { clocks, ppm, .. } => {
                drift(world, &name, clocks, ppm.saturating_neg())?;
                let clock_moved_ms = lasted_ms.saturating_mul(ppm.unsigned_abs()) / 1_000_000;
                Bite { clock_moved_ms, ..Bite::default() }
            }
            Fault::Disk { .. } => {
                Bite { disk_operations: world.mend_disk(&name, id)?, ..Bite::default() }
            }
            Fault::Kill { .. }
            | Fault::PowerLoss { .. }
            | Fault::Clock { .. }
            | Fault::Latency { .. }
            | Fault::Nic { .. }
            | Fault::Flap { .. }
            | Fault::Partition { .. } => Bite::default(),
        };
    }
    Ok(bite)
}

/// The machines that the fault's roles named.
pub(super) fn machines(fault: &Fault, targets: &Roles) -> Vec<String> {
    fault.roles().into_iter().flat_map(|role| targets[role].clone()).collect()
}

fn group(roles: &[String], targets: &Roles) -> Vec<String> {
    roles.iter().flat_map(|role| targets[role].clone()).collect()
}

fn drift(world: &World, name: &str, clocks: &[host::Clock], by_ppm: i64) -> Result<(), WorldError> {
    clocks.iter().try_for_each(|clock| world.drift_clock(name, *clock, by_ppm))
}

/// Two groups, whether packets from the first to the second and back are affected, and how.
type Cut = (Vec<String>, Vec<String>, (bool, bool), CutKind);

/// The cut that comes with a fault.
fn cut_of(fault: &Fault, targets: &Roles, world: &World) -> Option<Cut> {
    // Each card fails for itself, so machines of one role do not reach each other either.
    let all = || world.machine_names().map(str::to_owned).collect();
    match fault {
        Fault::Nic { target, packets, kind } | Fault::Flap { target, packets, kind, .. } => {
            let ways = (*packets != Packets::In, *packets != Packets::Out);
            Some((targets[target].clone(), all(), ways, *kind))
        }
        // What it sent before goes on its way.
        Fault::VmSuspend { target } | Fault::VmFreeze { target } => {
            Some((targets[target].clone(), all(), (false, true), CutKind::Stall))
        }
        Fault::Partition { a, b, way, kind } => {
            let ways = (*way != Way::BToA, *way != Way::AToB);
            Some((group(a, targets), group(b, targets), ways, *kind))
        }
        _ => None,
    }
}

fn pairs(a: &[String], b: &[String]) -> Vec<(String, String)> {
    a.iter()
        .flat_map(|a| b.iter().map(move |b| (a.clone(), b.clone())))
        .filter(|(a, b)| a != b)
        .collect()
}
