//! Slow links, cards that flap, slow and failing disks.

mod support;

use std::cell::RefCell;
use std::rc::Rc;

use host::Clock;
use sim::fault::{Bite, CutKind, DiskTrouble, Fault, Packets, PlannedFault};
use sim::{Process, WorldError};
use support::*;

/// A connect and a request over it take four times a packet's way.
const CALL: u64 = 4;

fn slow(at_ms: u64, heal_at_ms: u64, one_way_ms: u64) -> PlannedFault {
    let (a, b) = (vec!["server".into()], vec!["client".into()]);
    PlannedFault::between(at_ms, heal_at_ms, Fault::Latency { a, b, one_way_ms })
}

/// Calls at these times under a plan: when each ended and how; and what each fault did.
fn called(
    plan: &[PlannedFault],
    calls: Vec<(u64, &'static str)>,
    patience_ms: u64,
) -> (Vec<(u64, String)>, Vec<Bite>) {
    let (called, mut world) = (Log::default(), world(&["server", "client"]));
    world.start("server", echo(&Log::default())).unwrap();
    world.start("client", caller(&called, calls, patience_ms)).unwrap();
    let bites = play(&mut world, plan, 3_000);
    (called.take(), bites)
}

fn took(called: &(u64, String), begun_ms: u64, packet_ms: u64) -> bool {
    // Each packet may arrive up to a tick later than it could.
    let least_ms = begun_ms + CALL * packet_ms;
    (least_ms..=least_ms + 5 * CALL).contains(&called.0)
}

#[test]
fn a_slow_link_takes_its_time_both_ways_until_the_heal() {
    let calls = vec![(100, "early"), (400, "inner"), (1_500, "after")];
    let (called, bites) = called(&[slow(300, 1_200, 150)], calls, 1_000);
    assert!(took(&called[0], 100, LATENCY_MS), "{called:?}");
    assert!(took(&called[1], 400, 150), "{called:?}");
    assert!(took(&called[2], 1_500, LATENCY_MS), "{called:?}");
    assert_eq!(called[1].1, "inner: INNER");
    // A connect, the machine's own byte that completes it, the request and its answer.
    assert_eq!(bites, [Bite { packets_slowed: CALL, ..Bite::default() }]);
}

#[test]
fn the_slowest_of_overlapping_slownesses_counts() {
    for plan in [
        [slow(300, 2_500, 50), slow(350, 1_200, 150)],
        [slow(300, 1_200, 150), slow(350, 2_500, 50)],
    ] {
        let (called, _) = called(&plan, vec![(400, "inner"), (1_500, "later")], 1_000);
        assert!(took(&called[0], 400, 150), "{plan:?} {called:?}");
        assert!(took(&called[1], 1_500, 50), "{plan:?} {called:?}");
    }
}

#[test]
fn a_refusal_on_a_slow_link_takes_a_slow_round_trip() {
    let (called, mut world) = (Log::default(), world(&["server", "client"]));
    world.start("client", caller(&called, vec![(400, "hello")], 1_000)).unwrap();
    play(&mut world, &[slow(300, 1_200, 150)], 1_500);
    let called = called.take();
    assert_eq!(called[0].1, "hello: ConnectionRefused");
    assert!((700..=720).contains(&called[0].0), "{called:?}");
}

#[test]
fn what_is_cut_off_is_not_slowed_too() {
    let (a, b) = (vec!["server".into()], vec!["client".into()]);
    let way = sim::fault::Way::Both;
    let cut = Fault::Partition { a, b, way, kind: CutKind::Drop };
    let plan = [slow(300, 1_200, 150), PlannedFault::between(310, 1_100, cut)];
    let (called, bites) = called(&plan, vec![(400, "inner"), (1_500, "after")], 500);
    assert_eq!(called[0].1, "inner: timeout");
    assert!(took(&called[1], 1_500, LATENCY_MS), "{called:?}");
    assert!(!bites[0].bit() && bites[1].packets_dropped > 0, "{bites:?}");
}

#[test]
fn a_latency_below_the_tick_is_refused() {
    let mut world = world(&["server", "client"]);
    let pair = ("server".to_owned(), "client".to_owned());
    let error = world.slow(1, std::slice::from_ref(&pair), 4).unwrap_err();
    assert!(matches!(error, WorldError::LatencyBelowTick { one_way_ms: 4, tick_ms: 5 }));
    world.slow(1, &[pair], 5).unwrap();
    world.step().unwrap();
}

#[test]
fn a_card_that_flaps_fails_and_works_by_turns_until_the_heal() {
    for kind in [CutKind::Drop, CutKind::Stall] {
        let target = "server".into();
        let packets = Packets::Both;
        let fault = Fault::Flap { target, packets, kind, on_ms: 200, off_ms: 300 };
        let plan = [PlannedFault::between(1_000, 1_600, fault)];
        let calls = [(800, "early"), (1_050, "1fail"), (1_250, "1work"), (1_510, "2fail")];
        let calls = calls.into_iter().chain([(1_650, "after")]).collect();
        let (called, bites) = called(&plan, calls, 85);
        let called: Vec<_> = called.into_iter().map(|(_, text)| text).collect();
        let expected =
            ["early: EARLY", "1fail: timeout", "1work: 1WORK", "2fail: timeout", "after: AFTER"];
        assert_eq!(called, expected, "{kind:?}");
        let bitten = match kind {
            CutKind::Drop => bites[0].packets_dropped,
            CutKind::Stall => bites[0].packets_held,
        };
        assert_eq!(bitten, 2, "a connect in each failure, {bites:?}");
    }
}

#[test]
fn a_card_may_flap_one_way_only() {
    let fault = Fault::Flap {
        target: "server".into(),
        packets: Packets::Out,
        kind: CutKind::Drop,
        on_ms: 200,
        off_ms: 300,
    };
    let served = Log::default();
    let mut world = world(&["server", "client"]);
    world.start("server", echo(&served)).unwrap();
    world.start("client", caller(&Log::default(), vec![(1_050, "hello")], 100)).unwrap();
    let bites = play(&mut world, &[PlannedFault::between(1_000, 1_600, fault)], 2_000);
    assert_eq!(bites[0].packets_dropped, 1, "the byte that would have completed the connect");
    assert!(!texts(&served).contains(&"served hello".to_owned()), "so it was not completed");
}

/// What a disk was asked to do, when it was done, and how it ended.
type Done = Rc<RefCell<Vec<(u64, &'static str, bool)>>>;

/// Appends to and syncs a file at these times, each in a task of its own.
fn writer(done: &Done, work: &'static [(u64, &'static str)]) -> Process {
    let done = done.clone();
    process(move |host| {
        let done = done.clone();
        async move {
            for &(at_ms, what) in work {
                let (host, done) = (host.clone(), done.clone());
                host.clone().spawn(async move {
                    host.sleep_until(Clock::Monotonic, ms(at_ms)).await;
                    let disk = host.disk();
                    let end = match what {
                        "sync" => disk.sync("log").await,
                        "read" => disk.read("log").await.map(drop),
                        text => disk.append("log", text.as_bytes().to_vec()).await,
                    };
                    let now_ms = host.now(Clock::Monotonic).as_millis() as u64;
                    done.borrow_mut().push((now_ms, what, end.is_ok()));
                });
            }
            std::future::pending().await
        }
    })
}

fn disk(at_ms: u64, heal_at_ms: u64, trouble: DiskTrouble) -> PlannedFault {
    PlannedFault::between(at_ms, heal_at_ms, Fault::Disk { target: "server".into(), trouble })
}

#[test]
fn a_slow_disk_takes_longer_for_what_writes_and_keeps_its_order() {
    let (done, mut world) = (Done::default(), world(&["server"]));
    let work = &[(50, "a"), (200, "b"), (250, "read"), (300, "c"), (450, "d"), (900, "sync")];
    world.start("server", writer(&done, work)).unwrap();
    let bites = play(&mut world, &[disk(100, 400, DiskTrouble::SlowMs(300))], 1_000);
    let expected = [
        (50, "a", true),
        (250, "read", true),
        (500, "b", true),
        (600, "c", true),
        // It began after the heal, and still waits for what began before it.
        (600, "d", true),
        (900, "sync", true),
    ];
    assert_eq!(*done.borrow(), expected);
    assert_eq!(world.file("server", "log").unwrap().unwrap(), b"abcd");
    assert_eq!(bites, [Bite { disk_operations: 2, ..Bite::default() }]);
}

#[test]
fn a_failing_disk_writes_nothing_and_reads_as_ever() {
    let (done, mut world) = (Done::default(), world(&["server"]));
    let work = &[(50, "a"), (200, "b"), (250, "read"), (300, "sync"), (450, "c"), (500, "sync")];
    world.start("server", writer(&done, work)).unwrap();
    let bites = play(&mut world, &[disk(100, 400, DiskTrouble::Fails)], 1_000);
    let expected = [
        (50, "a", true),
        (200, "b", false),
        (250, "read", true),
        (300, "sync", false),
        (450, "c", true),
        (500, "sync", true),
    ];
    assert_eq!(*done.borrow(), expected);
    assert_eq!(world.file("server", "log").unwrap().unwrap(), b"ac");
    assert_eq!(bites, [Bite { disk_operations: 2, ..Bite::default() }]);
}

#[test]
fn a_disk_that_is_slow_and_fails_fails_slowly() {
    let (done, mut world) = (Done::default(), world(&["server"]));
    world.start("server", writer(&done, &[(200, "a")])).unwrap();
    let plan = [disk(100, 400, DiskTrouble::SlowMs(100)), disk(150, 250, DiskTrouble::Fails)];
    play(&mut world, &plan, 500);
    assert_eq!(*done.borrow(), [(300, "a", false)]);
}

#[test]
fn power_takes_what_a_slow_sync_has_not_done_yet() {
    let (done, mut world) = (Done::default(), world(&["server"]));
    world
        .start("server", writer(&done, &[(50, "a"), (60, "sync"), (70, "b"), (200, "sync")]))
        .unwrap();
    let loss = Fault::PowerLoss { target: "server".into() };
    let plan = [disk(100, 350, DiskTrouble::SlowMs(300)), PlannedFault::between(400, 500, loss)];
    play(&mut world, &plan, 505);
    assert_eq!(world.file("server", "log").unwrap().unwrap(), b"a");
}
