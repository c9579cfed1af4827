//! Machines that stand still as a whole, clocks and kernel too: suspended ones and those that a
//! hypervisor stops.

mod support;

use std::cell::RefCell;
use std::rc::Rc;

use host::Clock;
use sim::Process;
use sim::fault::{Bite, Fault, PlannedFault};
use sim::history::ProcessState;
use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const EPOCH_MS: u64 = 1_700_000_000_000;

fn suspend(at_ms: u64, heal_at_ms: u64) -> PlannedFault {
    PlannedFault::between(at_ms, heal_at_ms, Fault::VmSuspend { target: "server".into() })
}

fn freeze(at_ms: u64, heal_at_ms: u64) -> PlannedFault {
    PlannedFault::between(at_ms, heal_at_ms, Fault::VmFreeze { target: "server".into() })
}

/// What the clocks read, in milliseconds: monotonic, boottime, wall since the epoch.
type Readings = Rc<RefCell<Vec<[u64; 3]>>>;

/// Reads its clocks every 50 ms of monotonic time.
fn reader(readings: &Readings) -> Process {
    let readings = readings.clone();
    process(move |host| {
        let readings = readings.clone();
        async move {
            loop {
                host.sleep(Clock::Monotonic, ms(50)).await;
                let [monotonic, boottime, wall] = [Clock::Monotonic, Clock::Boottime, Clock::Wall]
                    .map(|clock| host.now(clock).as_millis() as u64);
                readings.borrow_mut().push([monotonic, boottime, wall - EPOCH_MS]);
            }
        }
    })
}

/// The readings of a server that runs under a plan for 1,500 ms, and what each fault did.
fn read_under(plan: &[PlannedFault]) -> (Vec<[u64; 3]>, Vec<Bite>) {
    let (readings, mut world) = (Readings::default(), world(&["server"]));
    world.start("server", reader(&readings)).unwrap();
    let bites = play(&mut world, plan, 1_500);
    (readings.take(), bites)
}

#[test]
fn only_monotonic_stands_still_while_a_machine_is_suspended() {
    let (readings, bites) = read_under(&[suspend(210, 1_000)]);
    assert_eq!(readings[3], [200, 200, 200]);
    assert_eq!(readings[4], [250, 1_040, 1_040], "the sleep lasts as long as its clock says");
    assert_eq!(readings[5], [300, 1_090, 1_090]);
    let bite = Bite { stopped_ms: 790, clock_moved_ms: 790, ..Bite::default() };
    assert_eq!(bites, [bite]);
}

#[test]
fn every_clock_but_wall_stands_still_while_a_hypervisor_stops_a_machine() {
    let (readings, bites) = read_under(&[freeze(210, 1_000)]);
    assert_eq!(readings[3], [200, 200, 200]);
    assert_eq!(readings[4], [250, 250, 1_040]);
    assert_eq!(readings[5], [300, 300, 1_090]);
    let bite = Bite { stopped_ms: 790, clock_moved_ms: 790, ..Bite::default() };
    assert_eq!(bites, [bite]);
}

#[test]
fn clocks_run_on_when_the_last_of_overlapping_faults_is_healed() {
    for plan in [[suspend(210, 600), freeze(310, 1_000)], [freeze(310, 1_000), suspend(210, 600)]] {
        let (readings, _) = read_under(&plan);
        assert_eq!(readings[4], [250, 350, 1_040], "{plan:?}");
    }
}

/// Connects once, and asks over that stream at 300 ms.
fn keeper(heard: &Log) -> Process {
    let heard = heard.clone();
    process(move |host| {
        let heard = heard.clone();
        async move {
            let mut stream = host.connect("server", PORT).await.map_err(|e| e.to_string())?;
            host.sleep_until(Clock::Monotonic, ms(300)).await;
            stream.write_all(b"kept1").await.map_err(|e| e.to_string())?;
            let mut answer = [0; 5];
            stream.read_exact(&mut answer).await.map_err(|e| e.to_string())?;
            tell(&heard, &host, String::from_utf8_lossy(&answer));
            std::future::pending().await
        }
    })
}

#[test]
fn a_suspended_machine_takes_no_connection_and_hears_established_ones_when_it_resumes() {
    for fault in [suspend(200, 1_000), freeze(200, 1_000)] {
        let (served, heard, called) = (Log::default(), Log::default(), Log::default());
        let mut world = world(&["server", "client", "caller"]);
        world.start("server", echo(&served)).unwrap();
        world.start("client", keeper(&heard)).unwrap();
        let calls = vec![(300, "inner"), (1_200, "after")];
        world.start("caller", caller(&called, calls, 400)).unwrap();
        let bites = play(&mut world, std::slice::from_ref(&fault), 1_600);
        assert_eq!(texts(&called), ["inner: timeout", "after: AFTER"]);
        assert!(!texts(&served).contains(&"served inner".to_owned()), "no backlog took it");
        let heard = heard.take();
        assert!((1_000..=1_060).contains(&heard[0].0), "{heard:?}");
        assert_eq!(bites[0].packets_held, 2, "a segment, and a connect");
    }
}

#[test]
fn what_was_sent_before_goes_on_its_way() {
    let (served, called) = (Log::default(), Log::default());
    let mut world = world(&["server", "client"]);
    world.start("server", echo(&served)).unwrap();
    world.start("client", caller(&called, vec![(100, "hello")], 200)).unwrap();
    // The request is served at about 130 ms, and the answer is under way for 10 ms.
    while served.borrow().is_empty() {
        world.step().unwrap();
    }
    let now_ms = world.now_ms();
    play(&mut world, &[suspend(now_ms, now_ms + 500)], now_ms + 505);
    let called = called.take();
    assert_eq!(called[0].1, "hello: HELLO");
    assert!(called[0].0 <= now_ms + 2 * LATENCY_MS, "{called:?}");
}

#[test]
fn a_process_that_is_restarted_on_a_suspended_machine_waits_for_it() {
    let kill = |at_ms, heal_at_ms| {
        PlannedFault::between(at_ms, heal_at_ms, Fault::Kill { target: "server".into() })
    };
    for plan in [[suspend(100, 600), kill(200, 300)], [kill(100, 300), suspend(200, 600)]] {
        let readings = Readings::default();
        let mut world = world(&["server"]);
        world.start("server", reader(&readings)).unwrap();
        let mut nemesis = sim::nemesis::Nemesis::new(&plan, 0);
        let resolve = |_: &sim::World, role: &str| vec![role.to_owned()];
        let mut states = Vec::new();
        while world.now_ms() < 700 {
            nemesis.act(&mut world, &resolve).unwrap();
            world.step().unwrap();
            states.push((world.now_ms(), world.status("server").unwrap().0));
        }
        let at = |at_ms| states.iter().find(|(now_ms, _)| *now_ms == at_ms).unwrap().1;
        assert_eq!(at(250), ProcessState::Down, "{plan:?}");
        assert_eq!(at(400), ProcessState::Hung, "{plan:?}");
        assert_eq!(at(650), ProcessState::Running, "{plan:?}");
        let stopped: Vec<u64> = nemesis.bites().iter().map(|(_, bite)| bite.stopped_ms).collect();
        let expected =
            if plan[0].at_ms == 100 && plan[0].heal_at_ms == 600 { [500, 100] } else { [200, 400] };
        assert_eq!(stopped, expected, "{plan:?}");
    }
}
