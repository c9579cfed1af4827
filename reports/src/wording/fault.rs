//! A fault in words: what it is, whom it hit, and the numbers that matter.
//!
//! What this is not: what it stands for in the world, which a fault tells of itself.

use std::collections::BTreeMap;

use host::Clock;
use sim::fault::{CutKind, DiskTrouble, Fault, Packets, Way};

/// A fault with the machines that its roles named when it was injected, by role.
pub fn fault(fault: &Fault, targets: &BTreeMap<String, Vec<String>>) -> String {
    let group = |roles: &[String]| group(roles, targets);
    let (what, details) = match fault {
        Fault::Partition { a, b, way, kind } => {
            return partition(&group(a), &group(b), *way, *kind);
        }
        Fault::Latency { a, b, one_way_ms } => {
            return format!("latency {} | {}, {one_way_ms} ms each way", group(a), group(b));
        }
        Fault::Nic { packets: which, kind, .. } => {
            ("nic", format!("{}, {}", packets(*which), cut(*kind)))
        }
        Fault::Flap { packets: which, kind, on_ms, off_ms, .. } => {
            let (which, kind) = (packets(*which), cut(*kind));
            ("flap", format!("{which}, {kind}, {on_ms} ms cut and {off_ms} ms open by turns"))
        }
        Fault::Stall { point, .. } => ("stall", format!("at {point}")),
        Fault::Clock { clock, step_ms, .. } => {
            ("clock", format!("{clock} steps by {step_ms:+} ms"))
        }
        Fault::Drift { clocks, ppm, .. } => ("drift", format!("{} by {ppm:+} ppm", names(clocks))),
        Fault::Disk { trouble, .. } => match trouble {
            DiskTrouble::SlowMs(ms) => ("disk", format!("writes and syncs take {ms} ms more")),
            DiskTrouble::Fails => ("disk", "writes and syncs fail".to_owned()),
        },
        Fault::Hang { .. }
        | Fault::Kill { .. }
        | Fault::PowerLoss { .. }
        | Fault::VmSuspend { .. }
        | Fault::VmFreeze { .. } => (fault.name(), String::new()),
    };
    let roles: Vec<String> = fault.roles().into_iter().cloned().collect();
    let comma = if details.is_empty() { "" } else { ", " };
    format!("{what} of {}{comma}{details}", group(&roles))
}

fn partition(a: &str, b: &str, way: Way, kind: CutKind) -> String {
    let kind = cut(kind);
    match way {
        Way::Both => format!("partition {a} | {b}, both ways, {kind}"),
        Way::AToB => format!("partition from {a} to {b}, {kind}"),
        Way::BToA => format!("partition from {b} to {a}, {kind}"),
    }
}

fn group(roles: &[String], targets: &BTreeMap<String, Vec<String>>) -> String {
    let named: Vec<String> = roles.iter().map(|role| resolve(role, targets)).collect();
    if named.is_empty() { "nobody".into() } else { named.join(", ") }
}

fn resolve(role: &str, targets: &BTreeMap<String, Vec<String>>) -> String {
    match targets.get(role) {
        None => role.into(),
        Some(machines) if machines.len() == 1 && machines[0] == role => role.into(),
        Some(machines) if machines.is_empty() => format!("{role} = nobody"),
        Some(machines) => format!("{role} = {}", machines.join(" + ")),
    }
}

fn packets(packets: Packets) -> &'static str {
    match packets {
        Packets::Both => "in and out",
        Packets::Out => "out only (mute)",
        Packets::In => "in only (deaf)",
    }
}

fn cut(kind: CutKind) -> &'static str {
    match kind {
        CutKind::Stall => "stall",
        CutKind::Drop => "drop",
    }
}

fn names(clocks: &[Clock]) -> String {
    let names: Vec<String> = clocks.iter().map(Clock::to_string).collect();
    names.join(" + ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(told: &Fault) -> String {
        let targets = BTreeMap::from([
            ("master".to_string(), vec!["node-1".to_string()]),
            ("replicas".to_string(), vec!["node-2".to_string(), "node-3".to_string()]),
            ("lb".to_string(), vec!["lb".to_string()]),
            ("minority".to_string(), vec![]),
        ]);
        fault(told, &targets)
    }

    #[test]
    fn faults_name_role_and_machine() {
        let hang = Fault::Hang { target: "master".into() };
        assert_eq!(told(&hang), "hang of master = node-1");
        let kill = Fault::Kill { target: "minority".into() };
        assert_eq!(told(&kill), "kill of minority = nobody");
        let nic = Fault::Nic { target: "lb".into(), packets: Packets::Out, kind: CutKind::Drop };
        assert_eq!(told(&nic), "nic of lb, out only (mute), drop");
        let partition = Fault::Partition {
            a: vec!["master".into(), "lb".into()],
            b: vec!["replicas".into()],
            way: Way::BToA,
            kind: CutKind::Stall,
        };
        assert_eq!(
            told(&partition),
            "partition from replicas = node-2 + node-3 to master = node-1, lb, stall"
        );
    }

    #[test]
    fn faults_tell_the_numbers_that_matter() {
        let target = || "master".to_owned();
        let clocks = vec![Clock::Wall, Clock::Boottime];
        let (packets, kind) = (Packets::Both, CutKind::Drop);
        let (a, b) = (vec![target()], vec!["replicas".to_owned()]);
        for (fault, expected) in [
            (Fault::VmSuspend { target: target() }, "vm-suspend of master = node-1"),
            (
                Fault::Stall { target: target(), point: "before-reply".into() },
                "stall of master = node-1, at before-reply",
            ),
            (
                Fault::Clock { target: target(), clock: Clock::Wall, step_ms: -3_000 },
                "clock of master = node-1, wall steps by -3000 ms",
            ),
            (
                Fault::Drift { target: target(), clocks, ppm: 200 },
                "drift of master = node-1, wall + boottime by +200 ppm",
            ),
            (
                Fault::Disk { target: target(), trouble: DiskTrouble::SlowMs(40) },
                "disk of master = node-1, writes and syncs take 40 ms more",
            ),
            (
                Fault::Disk { target: target(), trouble: DiskTrouble::Fails },
                "disk of master = node-1, writes and syncs fail",
            ),
            (
                Fault::Flap { target: target(), packets, kind, on_ms: 500, off_ms: 300 },
                "flap of master = node-1, in and out, drop, 500 ms cut and 300 ms open by turns",
            ),
            (
                Fault::Latency { a, b, one_way_ms: 80 },
                "latency master = node-1 | replicas = node-2 + node-3, 80 ms each way",
            ),
        ] {
            assert_eq!(told(&fault), expected);
        }
    }
}
