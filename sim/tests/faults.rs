//! The nemesis where faults meet on one machine: overlapping kills, hangs and power losses, and
//! faults on what is down already; what each bit.

mod support;

use sim::World;
use sim::fault::{CutKind, Fault, Packets, PlannedFault};
use sim::history::{ProcessState, What};
use sim::nemesis::Nemesis;
use support::*;

fn kill(at_ms: u64, heal_at_ms: u64) -> PlannedFault {
    PlannedFault::between(at_ms, heal_at_ms, Fault::Kill { target: "server".into() })
}

fn hang(at_ms: u64, heal_at_ms: u64) -> PlannedFault {
    PlannedFault::between(at_ms, heal_at_ms, Fault::Hang { target: "server".into() })
}

fn power_loss(at_ms: u64, heal_at_ms: u64) -> PlannedFault {
    PlannedFault::between(at_ms, heal_at_ms, Fault::PowerLoss { target: "server".into() })
}

/// A server and a client that calls it at these times, under a plan.
struct Bench {
    world: World,
    nemesis: Nemesis,
    called: Log,
}

impl Bench {
    fn new(plan: &[PlannedFault], calls: Vec<(u64, &'static str)>) -> Self {
        let called = Log::default();
        let world = world(&["server", "client"]);
        world.start("server", echo(&Log::default())).unwrap();
        world.start("client", caller(&called, calls, 50)).unwrap();
        Self { world, nemesis: Nemesis::new(plan, 0), called }
    }

    fn run_to(&mut self, until_ms: u64) -> &mut Self {
        let resolve = |_: &World, role: &str| vec![role.to_owned()];
        while self.world.now_ms() < until_ms {
            self.nemesis.act(&mut self.world, &resolve).unwrap();
            self.world.step().expect("nothing panics");
        }
        self
    }

    fn state(&self) -> ProcessState {
        self.world.status("server").unwrap().0
    }

    fn stopped_ms(&self) -> Vec<u64> {
        self.nemesis.bites().iter().map(|(_, bite)| bite.stopped_ms).collect()
    }

    fn bytes_waited(&self) -> Vec<u64> {
        self.nemesis.bites().iter().map(|(_, bite)| bite.bytes_waited).collect()
    }

    fn lives(self) -> u32 {
        let history = self.world.finish();
        let starts = history.events().iter().filter(|event| event.on == "server");
        starts.filter(|event| matches!(event.what, What::Start { .. })).count() as u32
    }
}

#[test]
fn a_process_stays_down_until_the_last_of_overlapping_kills_is_healed() {
    let calls = vec![(350, "inner"), (600, "after")];
    let mut bench = Bench::new(&[kill(100, 300), kill(200, 500)], calls);
    bench.run_to(400);
    assert_eq!(bench.state(), ProcessState::Down, "the second kill still lies on it");
    bench.run_to(800);
    assert_eq!(texts(&bench.called), ["inner: ConnectionRefused", "after: AFTER"]);
    assert_eq!(bench.stopped_ms(), [200, 300]);
    assert_eq!(bench.lives(), 2);
}

#[test]
fn power_comes_back_when_the_last_of_overlapping_losses_is_healed() {
    let calls = vec![(450, "inner"), (800, "after")];
    let mut bench = Bench::new(&[power_loss(100, 400), power_loss(200, 600)], calls);
    bench.run_to(500);
    assert_eq!(bench.state(), ProcessState::Down);
    bench.run_to(1_000);
    assert_eq!(texts(&bench.called), ["inner: timeout", "after: AFTER"]);
    assert_eq!(bench.stopped_ms(), [300, 400]);
    assert_eq!(bench.lives(), 2);
}

#[test]
fn nothing_starts_on_a_machine_without_power() {
    // The kill is healed while the power is off, however they began.
    for plan in [[kill(100, 300), power_loss(200, 600)], [kill(200, 300), power_loss(100, 600)]] {
        let mut bench = Bench::new(&plan, vec![(450, "inner"), (800, "after")]);
        bench.run_to(500);
        assert_eq!(bench.state(), ProcessState::Down, "{plan:?}");
        bench.run_to(1_000);
        assert_eq!(texts(&bench.called), ["inner: timeout", "after: AFTER"], "{plan:?}");
        assert_eq!(bench.lives(), 2, "{plan:?}");
    }
}

#[test]
fn a_kill_outlasts_the_power_loss_that_it_meets() {
    let mut bench = Bench::new(&[power_loss(100, 300), kill(200, 600)], vec![(450, "inner")]);
    bench.run_to(500);
    assert_eq!(bench.state(), ProcessState::Down);
    assert_eq!(texts(&bench.called), ["inner: ConnectionRefused"], "the machine is up");
    bench.run_to(700);
    assert_eq!(bench.state(), ProcessState::Running);
    assert_eq!(bench.lives(), 2);
}

#[test]
fn the_driver_cannot_start_a_process_without_power_either() {
    let mut world = world(&["server", "client"]);
    let called = Log::default();
    world.start("server", echo(&Log::default())).unwrap();
    world.start("client", caller(&called, vec![(500, "after")], 100)).unwrap();
    run_to(&mut world, 100);
    world.power_off("server").unwrap();
    world.restart("server").unwrap();
    run_to(&mut world, 200);
    assert_eq!(world.status("server").unwrap().0, ProcessState::Down);
    world.power_on("server").unwrap();
    run_to(&mut world, 300);
    world.power_on("server").unwrap();
    run_to(&mut world, 700);
    assert_eq!(world.status("server").unwrap().0, ProcessState::Running);
    assert_eq!(texts(&called), ["after: AFTER"], "power for what has power changes nothing");
}

#[test]
fn a_fault_on_a_process_that_has_ended_by_itself_bites_nothing() {
    for fault in [hang(200, 400), kill(200, 400)] {
        let mut bench = Bench::new(std::slice::from_ref(&fault), vec![]);
        let ending = process(|_| async { Ok(()) });
        bench.world.kill("server").unwrap();
        bench.world.start("server", ending).unwrap();
        bench.run_to(600);
        assert_eq!(bench.stopped_ms(), [0], "{fault:?}");
    }
}

#[test]
fn each_of_overlapping_hangs_counts_what_waited_while_it_lasted() {
    let calls = vec![(150, "first"), (250, "2ndth"), (350, "third")];
    let mut bench = Bench::new(&[hang(100, 300), hang(200, 500)], calls);
    bench.run_to(600);
    assert_eq!(bench.bytes_waited(), [10, 10]);
    assert_eq!(bench.stopped_ms(), [200, 300]);
}

#[test]
fn what_waited_counts_for_a_hang_that_a_kill_ends() {
    let mut bench = Bench::new(&[hang(100, 500), kill(200, 300)], vec![(150, "first")]);
    bench.run_to(600);
    assert_eq!(bench.bytes_waited(), [5, 0]);
    assert_eq!(bench.stopped_ms(), [200, 100], "it ran again from 300 ms on");
}

#[test]
fn network_cards_of_several_machines_fail_towards_each_other_too() {
    let called = Log::default();
    let mut world = world(&["server", "client", "else"]);
    world.start("server", echo(&Log::default())).unwrap();
    world.start("client", caller(&called, vec![(200, "inner"), (600, "after")], 100)).unwrap();
    let nic = Fault::Nic { target: "both".into(), packets: Packets::Both, kind: CutKind::Drop };
    let mut nemesis = Nemesis::new(&[PlannedFault::between(100, 500, nic)], 0);
    let resolve = |_: &World, _: &str| vec!["server".to_owned(), "client".to_owned()];
    while world.now_ms() < 800 {
        nemesis.act(&mut world, &resolve).unwrap();
        world.step().unwrap();
    }
    assert_eq!(texts(&called), ["inner: timeout", "after: AFTER"]);
    assert!(nemesis.bites()[0].1.packets_dropped > 0);
}

#[test]
fn a_connect_whose_request_was_lost_during_its_own_hang_stays_silent() {
    let called = Log::default();
    let mut world = world(&["server", "client"]);
    world.start("server", echo(&Log::default())).unwrap();
    world.start("client", caller(&called, vec![(200, "hello")], 1_000)).unwrap();
    run_to(&mut world, 205);
    world.hang("client", 1).unwrap();
    let there = [("client".to_owned(), "server".to_owned())];
    world.cut(2, &there, CutKind::Drop).unwrap();
    run_to(&mut world, 300);
    world.heal(2);
    run_to(&mut world, 400);
    world.resume("client", 1).unwrap();
    run_to(&mut world, 1_500);
    assert_eq!(texts(&called), ["hello: timeout"], "a cut refuses nothing");
}
