//! Partitions between groups of machines: who reaches whom in each form that a plan can give them.

mod support;

use std::collections::BTreeSet;

use host::Clock;
use sim::fault::{Bite, CutKind, Fault, PlannedFault, Way};
use sim::{Process, World};
use support::*;
use tokio::io::AsyncReadExt;

const NAMES: [&str; 5] = ["one", "two", "three", "four", "five"];

/// Connects to every other machine at these times, and tells which answer within 100 ms.
fn prober(reached: &Log, times_ms: [u64; 2]) -> Process {
    let reached = reached.clone();
    process(move |host| {
        let reached = reached.clone();
        async move {
            let mut listener = host.bind(PORT).await.map_err(|error| error.to_string())?;
            for peer in NAMES.into_iter().filter(|peer| *peer != host.name()) {
                let (host, reached) = (host.clone(), reached.clone());
                host.clone().spawn(async move {
                    for at_ms in times_ms {
                        host.sleep_until(Clock::Monotonic, ms(at_ms)).await;
                        if host.connect_within(peer, PORT, ms(100)).await.is_ok() {
                            reached.borrow_mut().push((at_ms, format!("{}>{peer}", host.name())));
                        }
                    }
                });
            }
            loop {
                let (mut stream, _) = listener.accept().await.map_err(|error| error.to_string())?;
                host.spawn(async move { while stream.read_u8().await.is_ok() {} });
            }
        }
    })
}

/// The pairs that are out of reach during partitions from 200 ms to 500 ms, written `a>b`; all
/// are in reach afterwards.
fn cut_off(partitions: &[(&[&str], &[&str], Way)]) -> (BTreeSet<String>, Vec<Bite>) {
    let reached = Log::default();
    let mut world: World = world(&NAMES);
    for name in NAMES {
        world.start(name, prober(&reached, [300, 700])).unwrap();
    }
    let group = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let plan: Vec<PlannedFault> = partitions
        .iter()
        .map(|(a, b, way)| {
            let kind = CutKind::Drop;
            let fault = Fault::Partition { a: group(a), b: group(b), way: *way, kind };
            PlannedFault::between(200, 500, fault)
        })
        .collect();
    let bites = play(&mut world, &plan, 1_000);
    let all: BTreeSet<String> = NAMES
        .iter()
        .flat_map(|a| NAMES.iter().filter(move |b| a != *b).map(move |b| format!("{a}>{b}")))
        .collect();
    let reached = reached.take();
    let at = |time_ms| -> BTreeSet<String> {
        reached
            .iter()
            .filter(|(at_ms, _)| *at_ms == time_ms)
            .map(|(_, pair)| pair.clone())
            .collect()
    };
    assert_eq!(at(700), all, "after the heal");
    (all.difference(&at(300)).cloned().collect(), bites)
}

/// A connect needs both ways, so a cut of one way is a cut of both for it.
fn both_ways(pairs: &[(&str, &str)]) -> BTreeSet<String> {
    pairs.iter().flat_map(|(a, b)| [format!("{a}>{b}"), format!("{b}>{a}")]).collect()
}

#[test]
fn an_isolated_pair_does_not_reach_each_other_and_all_others_do() {
    let (cut, bites) = cut_off(&[(&["one"], &["two"], Way::Both)]);
    assert_eq!(cut, both_ways(&[("one", "two")]));
    assert_eq!(bites, [Bite { packets_dropped: 2, ..Bite::default() }]);
}

#[test]
fn a_bridge_reaches_both_halves_and_the_halves_not_each_other() {
    let (cut, _) = cut_off(&[(&["one", "two"], &["four", "five"], Way::Both)]);
    let halves = [("one", "four"), ("one", "five"), ("two", "four"), ("two", "five")];
    assert_eq!(cut, both_ways(&halves));
}

#[test]
fn a_group_that_overlaps_with_itself_cuts_everybody_from_everybody() {
    let three: &[&str] = &["one", "two", "three"];
    let (cut, _) = cut_off(&[(three, three, Way::Both)]);
    assert_eq!(cut, both_ways(&[("one", "two"), ("one", "three"), ("two", "three")]));
}

#[test]
fn partitions_at_the_same_time_add_up() {
    let ring: [(&[&str], &[&str], Way); 3] = [
        (&["one"], &["three", "four"], Way::Both),
        (&["two"], &["four", "five"], Way::AToB),
        (&["three"], &["five"], Way::BToA),
    ];
    let (cut, _) = cut_off(&ring);
    let far =
        [("one", "three"), ("one", "four"), ("two", "four"), ("two", "five"), ("three", "five")];
    assert_eq!(cut, both_ways(&far), "everybody reaches only its neighbours in the ring");
}
