//! All small cases of the checkers that are one line each, against tables: kept topologies,
//! faults that bite, and goals.

use std::collections::BTreeMap;

use crate::check::fixture::Story;
use crate::check::{FAULTS_BIT, GOALS, KEPT_TOPOLOGY, judge};
use crate::fault::{Bite, CutKind, Fault, Packets, Way};
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

/// What must not be zero of a bite, in the order of its fields.
const STOPPED: u8 = 1;
const DROPPED: u8 = 2;
const HELD: u8 = 4;
const WAITED: u8 = 8;

fn faults() -> Vec<(Fault, u8)> {
    let target = || "master".to_owned();
    let nic = |kind| Fault::Nic { target: target(), packets: Packets::Both, kind };
    let partition = |kind| {
        let (a, b) = (vec![target()], vec!["replicas".to_owned()]);
        Fault::Partition { a, b, way: Way::Both, kind }
    };
    vec![
        (Fault::Hang { target: target() }, STOPPED | WAITED),
        (Fault::Kill { target: target() }, STOPPED),
        (Fault::PowerLoss { target: target() }, STOPPED),
        (nic(CutKind::Stall), HELD),
        (nic(CutKind::Drop), DROPPED),
        (partition(CutKind::Stall), HELD),
        (partition(CutKind::Drop), DROPPED),
    ]
}

#[test]
fn every_fault_must_do_what_it_is_to_do() {
    for (planned, needed) in faults() {
        for did in 0..16_u8 {
            for (faults, injected, healed) in [
                (1, true, true),
                (1, true, false),
                (1, false, false),
                (2, true, true),
                (0, false, false),
            ] {
                let amount = |field: u8| u64::from(did & field);
                let bite = Bite {
                    stopped_ms: amount(STOPPED),
                    packets_dropped: amount(DROPPED),
                    packets_held: amount(HELD),
                    bytes_waited: amount(WAITED),
                    ..Bite::default()
                };
                let (planned, targets) = (planned.clone(), BTreeMap::new());
                let name = planned.name();
                let mut story = Story::new().faults(faults);
                if injected {
                    let inject = What::Inject { fault: 0, planned, targets };
                    story = story.event(5, "nemesis", inject);
                }
                if healed {
                    story = story.event(9, "nemesis", What::Heal { fault: 0, bite });
                }
                let bit = injected && healed && did & needed == needed;
                let expected = faults == 0 || (faults == 1 && bit);
                let case = format!("{name} {bite}, {faults} planned, {injected}, {healed}");
                assert_eq!(passes(&story, FAULTS_BIT), expected, "{case}");
            }
        }
    }
}

/// What may happen in a run, all in all, as bits.
const WRITE_BEFORE: u8 = 1;
const WRITE_AFTER: u8 = 2;
const LB_WRITE_AFTER: u8 = 4;
const FAILOVER: u8 = 8;
const STALE_WRITE: u8 = 16;
const LEASE_ENDS: u8 = 32;
const RESTART: u8 = 64;
const HANG: u8 = 128;

fn run_with(happens: u8) -> Story {
    let does = |what: u8| happens & what != 0;
    let master = if does(FAILOVER) { "b" } else { "a" };
    let steps: [(bool, &dyn Fn(Story) -> Story); 9] = [
        (does(WRITE_BEFORE), &|story| story.write(500, "a", "early", "v")),
        (true, &|story| story.phase(1_000, Phase::Disturb)),
        (does(RESTART), &|story| story.event(1_500, "c", What::Start { life: 2 })),
        (does(HANG), &|story| story.hang(1_600, "c")),
        (does(FAILOVER), &|story| story.commit(2_000, 2, "b").authority(2_100, "b", 2)),
        (does(STALE_WRITE), &|story| story.write(2_200, "a", "stale", "v")),
        (does(LEASE_ENDS), &|story| story.no_authority(2_300, "a", 1)),
        (does(WRITE_AFTER), &|story| story.write(3_100, master, "late", "v")),
        (does(LB_WRITE_AFTER), &|story| story.write_via(3_200, master, "lb", Via::Lb)),
    ];
    let story = Story::new().commit(0, 1, "a").authority(100, "a", 1);
    let (before, after) = steps.split_at(7);
    let happen = |story: Story, steps: &[(bool, &dyn Fn(Story) -> Story)]| {
        let steps = steps.iter().filter(|(happens, _)| *happens);
        steps.fold(story, |story, (_, step)| step(story))
    };
    happen(happen(story, before).phase(3_000, Phase::Heal), after)
}

#[test]
fn a_goal_is_reached_by_what_it_says_and_by_nothing_else() {
    for happens in 0..=u8::MAX {
        let does = |what: u8| happens & what != 0;
        if !does(FAILOVER) && does(STALE_WRITE | LEASE_ENDS) {
            continue;
        }
        let goals = [
            (Goal::Writes, does(WRITE_BEFORE) && does(WRITE_AFTER | LB_WRITE_AFTER)),
            (Goal::LbWrites, does(LB_WRITE_AFTER)),
            (Goal::Promotion, does(FAILOVER)),
            (Goal::NoPromotion, !does(FAILOVER)),
            (Goal::StaleWrite, does(STALE_WRITE)),
            (Goal::LeaseEndedAfterP, does(LEASE_ENDS)),
            (Goal::Restart, does(RESTART)),
            (Goal::Hang, does(HANG)),
        ];
        for (goal, reached) in goals {
            let story = run_with(happens).goals(&[goal]);
            assert_eq!(passes(&story, GOALS), reached, "{goal:?} by {happens:08b}");
        }
    }
}
