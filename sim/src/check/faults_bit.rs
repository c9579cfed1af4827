//! Every fault did something. One that bit nothing makes its run's pass an empty one.

use std::collections::{BTreeMap, BTreeSet};

use super::FAULTS_BIT;
use super::reading::Reading;
use crate::fault::{Bite, CutKind, Fault};
use crate::history::{Event, What};
use crate::verdict::Verdict;

/// Fails on a fault that was not injected, not healed, or that bit nothing.
pub(super) fn verdict(reading: &Reading) -> Verdict {
    let history = reading.history;
    let injected = history.events().iter().filter_map(|event| match &event.what {
        What::Inject { fault, planned, .. } => Some((event.number, *fault, planned)),
        _ => None,
    });
    let heals = heals(history.events());
    let all = reading.setup.faults;
    let mut missing: BTreeSet<usize> = (0..all).collect();
    for (event, at, planned) in injected {
        missing.remove(&at);
        let name = planned.name();
        let Some(&(healed, bite)) = heals.get(&at) else {
            let reason = format!("fault {at} ({name}) was never healed");
            return Verdict::fail(FAULTS_BIT, reason, vec![event]);
        };
        if !did_bite(planned, &bite) {
            let reason = format!("fault {at} ({name}) did nothing: {bite}");
            return Verdict::fail(FAULTS_BIT, reason, vec![event, healed]);
        }
    }
    if !missing.is_empty() {
        let missing: Vec<String> = missing.iter().map(usize::to_string).collect();
        let reason = format!("of {all} faults never injected: {}", missing.join(", "));
        return Verdict::fail(FAULTS_BIT, reason, vec![]);
    }
    Verdict::pass(FAULTS_BIT, format!("{all} faults injected, and each did something"))
}

/// The first heal of each fault, with its event.
fn heals(events: &[Event]) -> BTreeMap<usize, (u64, Bite)> {
    let mut heals = BTreeMap::new();
    for event in events {
        if let What::Heal { fault, bite } = event.what {
            heals.entry(fault).or_insert((event.number, bite));
        }
    }
    heals
}

/// What a fault must have done to count: a hang that nobody noticed is none.
fn did_bite(fault: &Fault, bite: &Bite) -> bool {
    match fault {
        Fault::Hang { .. } => bite.stopped_ms > 0 && bite.bytes_waited > 0,
        Fault::Kill { .. } | Fault::PowerLoss { .. } => bite.stopped_ms > 0,
        // Its clocks stand still whether or not anybody notices.
        Fault::VmSuspend { .. } | Fault::VmFreeze { .. } => {
            bite.stopped_ms > 0 && bite.clock_moved_ms > 0
        }
        Fault::Stall { .. } => bite.tasks_stalled > 0 && bite.stalled_ms > 0,
        Fault::Clock { .. } | Fault::Drift { .. } => bite.clock_moved_ms > 0,
        Fault::Latency { .. } => bite.packets_slowed > 0,
        Fault::Disk { .. } => bite.disk_operations > 0,
        Fault::Nic { kind, .. } | Fault::Flap { kind, .. } | Fault::Partition { kind, .. } => {
            match kind {
                CutKind::Stall => bite.packets_held > 0,
                CutKind::Drop => bite.packets_dropped > 0,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Story;
    use super::*;
    use crate::fault::{DiskTrouble, Packets};
    use crate::verdict::Outcome;

    fn outcome(planned: Fault, bite: Option<Bite>) -> Outcome {
        let targets = BTreeMap::new();
        let mut story =
            Story::new().event(5, "nemesis", What::Inject { fault: 0, planned, targets });
        if let Some(bite) = bite {
            story = story.event(9, "nemesis", What::Heal { fault: 0, bite });
        }
        judged(&story)
    }

    fn judged(story: &Story) -> Outcome {
        let history = story.history();
        verdict(&Reading::of(&history).expect("a whole history")).outcome
    }

    #[test]
    fn each_fault_must_do_what_it_is_for() {
        let target = || "master".to_owned();
        let none = Bite::default();
        let stopped = Bite { stopped_ms: 4, ..none };
        let moved = Bite { clock_moved_ms: 9, ..none };
        let stood = Bite { stalled_ms: 7, tasks_stalled: 2, ..none };
        let held = Bite { packets_held: 3, ..none };
        let both = Bite { stopped_ms: 4, ..moved };
        let flap = Fault::Flap {
            target: target(),
            packets: Packets::In,
            kind: CutKind::Stall,
            on_ms: 50,
            off_ms: 50,
        };
        let (a, b) = (vec![target()], vec!["replicas".to_owned()]);
        let clock = host::Clock::Wall;
        for (fault, enough, too_little) in [
            (Fault::VmSuspend { target: target() }, both, stopped),
            (Fault::VmFreeze { target: target() }, both, moved),
            (Fault::Stall { target: target(), point: "here".into() }, stood, stopped),
            (Fault::Clock { target: target(), clock, step_ms: -9 }, moved, stopped),
            (Fault::Drift { target: target(), clocks: vec![clock], ppm: 9 }, moved, none),
            (Fault::Latency { a, b, one_way_ms: 50 }, Bite { packets_slowed: 1, ..none }, held),
            (
                Fault::Disk { target: target(), trouble: DiskTrouble::Fails },
                Bite { disk_operations: 1, ..none },
                stopped,
            ),
            (flap, held, Bite { packets_dropped: 1, ..none }),
        ] {
            assert_eq!(outcome(fault.clone(), Some(enough)), Outcome::Pass, "{fault:?}");
            assert_eq!(outcome(fault.clone(), Some(too_little)), Outcome::Fail, "{fault:?}");
        }
    }

    #[test]
    fn a_nemesis_that_was_switched_off_fails() {
        assert_eq!(judged(&Story::new().faults(1)), Outcome::Fail);
        assert_eq!(judged(&Story::new().faults(0)), Outcome::Pass, "none was planned");
        let bite = Bite { stopped_ms: 4, ..Bite::default() };
        let inject = || {
            let (planned, targets) = (Fault::Kill { target: "master".into() }, BTreeMap::new());
            What::Inject { fault: 0, planned, targets }
        };
        let twice = Story::new().faults(2).event(5, "nemesis", inject());
        let twice = twice.event(6, "nemesis", inject());
        let twice = twice.event(9, "nemesis", What::Heal { fault: 0, bite });
        assert_eq!(judged(&twice), Outcome::Fail, "one of two, and twice");
    }

    #[test]
    fn a_fault_that_did_something_passes_and_another_fails() {
        let hang = Fault::Hang { target: "master".into() };
        let mute =
            Fault::Nic { target: "master".into(), packets: Packets::Out, kind: CutKind::Drop };
        let stopped = Bite { stopped_ms: 4, ..Bite::default() };
        let waited = Bite { bytes_waited: 10, ..stopped };
        let held = Bite { packets_held: 3, ..Bite::default() };
        let dropped = Bite { packets_dropped: 3, ..Bite::default() };
        assert_eq!(outcome(hang.clone(), Some(waited)), Outcome::Pass);
        assert_eq!(outcome(hang.clone(), Some(stopped)), Outcome::Fail, "nobody noticed");
        assert_eq!(outcome(hang, None), Outcome::Fail, "never healed");
        assert_eq!(outcome(mute.clone(), Some(dropped)), Outcome::Pass);
        assert_eq!(outcome(mute, Some(held)), Outcome::Fail, "not what it was to do");
        let kill = Fault::Kill { target: "master".into() };
        assert_eq!(outcome(kill.clone(), Some(stopped)), Outcome::Pass);
        assert_eq!(outcome(kill, Some(Bite::default())), Outcome::Fail);
    }
}
