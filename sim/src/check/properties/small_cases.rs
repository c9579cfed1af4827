//! All small cases of the checkers that are one line each, against tables: kept topologies,
//! faults that bite, and goals.

use std::collections::BTreeMap;

use host::{Clock, Observation};

use crate::check::fixture::Story;
use crate::check::{FAULTS_BIT, KEPT_TOPOLOGY, Reading, goals, judge, measure};
use crate::fault::{Bite, CutKind, DiskTrouble, Fault, Packets, Way};
use crate::goal::Goal;
use crate::history::{Content, Phase, Via, What};
use crate::verdict::Outcome;

fn passes(story: &Story, check: &str) -> bool {
    let (verdicts, _) = judge(&story.history());
    let verdict = verdicts.iter().find(|verdict| verdict.check == check).expect("it was judged");
    assert_ne!(verdict.outcome, Outcome::Unknown, "{}", verdict.reason);
    verdict.outcome == Outcome::Pass
}

#[test]
fn of_two_nodes_each_keeps_what_it_shows() {
    const TOLD: [Option<&str>; 3] = [None, Some("one"), Some("another")];
    let pairs = || TOLD.iter().flat_map(|kept| TOLD.iter().map(move |shown| (*kept, *shown)));
    let content = |(kept, shown): (Option<&str>, Option<&str>)| Content {
        topology_kept: kept.map(str::to_owned),
        topology_shown: shown.map(str::to_owned),
        ..Content::default()
    };
    let differ = |(kept, shown): (Option<&str>, Option<&str>)| {
        kept.is_some() && shown.is_some() && kept != shown
    };
    for (a, b) in pairs().flat_map(|a| pairs().map(move |b| (a, b))) {
        let story = Story::new().holds(9, "a", content(a)).holds(9, "b", content(b));
        assert_eq!(passes(&story, KEPT_TOPOLOGY), !differ(a) && !differ(b), "{a:?} {b:?}");
    }
}

/// The fields of a bite, as bits.
const STOPPED: u16 = 1;
const DROPPED: u16 = 2;
const HELD: u16 = 4;
const SLOWED: u16 = 8;
const WAITED: u16 = 16;
const TASKS: u16 = 32;
const STALLED_MS: u16 = 64;
const CLOCK: u16 = 128;
const DISK: u16 = 256;
const EVERYTHING: u16 = 511;

fn bite(did: u16) -> Bite {
    let amount = |field: u16| u64::from(did & field);
    Bite {
        stopped_ms: amount(STOPPED),
        packets_dropped: amount(DROPPED),
        packets_held: amount(HELD),
        packets_slowed: amount(SLOWED),
        bytes_waited: amount(WAITED),
        tasks_stalled: amount(TASKS),
        stalled_ms: amount(STALLED_MS),
        clock_moved_ms: amount(CLOCK),
        disk_operations: amount(DISK),
    }
}

/// Every fault, with what must not be zero of its bite.
fn faults() -> Vec<(Fault, u16)> {
    let target = || "master".to_owned();
    let groups = || (vec![target()], vec!["replicas".to_owned()]);
    let mut all = vec![
        (Fault::Hang { target: target() }, STOPPED | WAITED),
        (Fault::Kill { target: target() }, STOPPED),
        (Fault::PowerLoss { target: target() }, STOPPED),
        (Fault::VmSuspend { target: target() }, STOPPED | CLOCK),
        (Fault::VmFreeze { target: target() }, STOPPED | CLOCK),
        (Fault::Stall { target: target(), point: "p".into() }, TASKS | STALLED_MS),
        (Fault::Clock { target: target(), clock: Clock::Wall, step_ms: 9 }, CLOCK),
        (Fault::Drift { target: target(), clocks: vec![Clock::Wall], ppm: 9 }, CLOCK),
        (Fault::Disk { target: target(), trouble: DiskTrouble::Fails }, DISK),
    ];
    let (a, b) = groups();
    all.push((Fault::Latency { a, b, one_way_ms: 9 }, SLOWED));
    for (kind, needed) in [(CutKind::Stall, HELD), (CutKind::Drop, DROPPED)] {
        let (packets, (a, b)) = (Packets::Both, groups());
        let (on_ms, off_ms) = (9, 9);
        all.push((Fault::Nic { target: target(), packets, kind }, needed));
        all.push((Fault::Flap { target: target(), packets, kind, on_ms, off_ms }, needed));
        all.push((Fault::Partition { a, b, way: Way::Both, kind }, needed));
    }
    all
}

/// A run with so many planned faults, of which the first may have been injected and healed.
fn bites(faults: usize, injected: Option<&Fault>, healed: Option<Bite>) -> bool {
    let mut story = Story::new().faults(faults);
    if let Some(planned) = injected.cloned() {
        let inject = What::Inject { fault: 0, planned, targets: BTreeMap::new() };
        story = story.event(5, "nemesis", inject);
    }
    if let Some(bite) = healed {
        story = story.event(9, "nemesis", What::Heal { fault: 0, bite });
    }
    passes(&story, FAULTS_BIT)
}

#[test]
fn every_fault_must_do_what_it_is_to_do() {
    assert!(bites(0, None, None));
    assert!(!bites(1, None, None), "never injected");
    for (planned, needed) in faults() {
        let name = planned.name();
        assert!(!bites(1, Some(&planned), None), "{name} was never healed");
        assert!(!bites(2, Some(&planned), Some(bite(EVERYTHING))), "the other one never came");
        for did in 0..=EVERYTHING {
            let bit = bites(1, Some(&planned), Some(bite(did)));
            assert_eq!(bit, did & needed == needed, "{name}: {}", bite(did));
        }
    }
}

/// What may happen in a run, all in all, as bits.
const WRITE_BEFORE: u16 = 1;
const WRITE_AFTER: u16 = 2;
const LB_WRITE_AFTER: u16 = 4;
const FAILOVER: u16 = 8;
const FAILOVER_AGAIN: u16 = 16;
const STALE_WRITE: u16 = 32;
const STALE_LB_WRITE: u16 = 64;
const LEASE_ENDS: u16 = 128;
const RESTART: u16 = 256;
const HANG: u16 = 512;
const STALL: u16 = 1024;
const CLOCK_MOVES: u16 = 2048;
const ANOTHER_LEADS: u16 = 4096;
const ALL_HAPPENS: u16 = 8191;

/// A step, and what it is a part of; zero if it comes in every run.
type Step = (u16, fn(Story) -> Story);

const STEPS: [Step; 15] = [
    (WRITE_BEFORE, |story| story.write(500, "a", "early", "v")),
    (0, |story| story.phase(1_000, Phase::Disturb)),
    (RESTART, |story| story.event(1_100, "c", What::Start { life: 2 })),
    (HANG, |story| story.hang(1_200, "c")),
    (STALL, |story| healed(story, 0, bite(TASKS))),
    (CLOCK_MOVES, |story| healed(story, 1, bite(CLOCK))),
    (ANOTHER_LEADS, |story| leads(story, "controller-2")),
    (FAILOVER, |story| story.commit(2_000, 2, "b").authority(2_100, "b", 2)),
    (STALE_WRITE, |story| story.write(2_200, "a", "stale", "v")),
    (STALE_LB_WRITE, |story| story.write_via(2_300, "a", "stale lb", Via::Lb)),
    (LEASE_ENDS, |story| story.no_authority(2_400, "a", 1)),
    (FAILOVER_AGAIN, |story| story.commit(2_500, 3, "c").authority(2_600, "c", 3)),
    (0, |story| story.phase(3_000, Phase::Heal)),
    (WRITE_AFTER, |story| rules_in_the_end(story, 3_100, "late", Via::Sticky)),
    (LB_WRITE_AFTER, |story| rules_in_the_end(story, 3_200, "lb", Via::Lb)),
];

fn healed(story: Story, fault: usize, bite: Bite) -> Story {
    story.event(1_300, "nemesis", What::Heal { fault, bite })
}

fn leads(story: Story, controller: &str) -> Story {
    story.observe(1_400, controller, Observation::Leading { leads: true })
}

/// A write by the master that was named last.
fn rules_in_the_end(story: Story, at_ms: u64, key: &str, via: Via) -> Story {
    let history = story.history();
    let masters = history.events().iter().rev().find_map(|event| match &event.what {
        What::Observe { observation: Observation::Committed { masters, .. }, .. } => {
            Some(masters[0].member.trim_start_matches("id-").to_owned())
        }
        _ => None,
    });
    story.write_via(at_ms, &masters.expect("a master"), key, via)
}

fn reached_by(happens: u16) -> [(Goal, bool); 13] {
    let does = |what: u16| happens & what != 0;
    [
        (Goal::Writes, does(WRITE_BEFORE) && does(WRITE_AFTER | LB_WRITE_AFTER)),
        (Goal::LbWrites, does(LB_WRITE_AFTER)),
        (Goal::Promotion, does(FAILOVER)),
        (Goal::TwoPromotions, does(FAILOVER_AGAIN)),
        (Goal::NoPromotion, !does(FAILOVER)),
        (Goal::StaleWrite, does(STALE_WRITE | STALE_LB_WRITE)),
        (Goal::StaleLbWrite, does(STALE_LB_WRITE)),
        (Goal::LeaderChange, does(ANOTHER_LEADS)),
        (Goal::LeaseEndedAfterP, does(LEASE_ENDS)),
        (Goal::Restart, does(RESTART)),
        (Goal::Hang, does(HANG)),
        (Goal::Stalled, does(STALL)),
        (Goal::ClockMoved, does(CLOCK_MOVES)),
    ]
}

#[test]
fn a_goal_is_reached_by_what_it_says_and_by_nothing_else() {
    for happens in 0..=ALL_HAPPENS {
        let after_failover = FAILOVER_AGAIN | STALE_WRITE | STALE_LB_WRITE | LEASE_ENDS;
        if happens & FAILOVER == 0 && happens & after_failover != 0 {
            continue;
        }
        let first = Story::new().commit(0, 1, "a").authority(100, "a", 1);
        let first = first.observe(200, "controller-1", Observation::Leading { leads: true });
        let steps = STEPS.iter().filter(|(of, _)| *of == 0 || happens & of != 0);
        let story = steps.fold(first, |story, (_, step)| step(story));
        let reached = reached_by(happens);
        let history = story.goals(&reached.map(|(goal, _)| goal)).history();
        let reading = Reading::of(&history).expect("a whole history");
        let verdict = goals::verdict(&reading, &measure(&reading));
        let missed = reached.iter().filter(|(_, reached)| !reached).map(|(goal, _)| goal.words());
        let missed = missed.collect::<Vec<_>>().join("; ");
        // Some promotion or none: one of them is missed always.
        assert_eq!(verdict.reason, format!("not reached: {missed}"), "{happens:013b}");
    }
}
