//! Faults that wait for something that happens in the run, and what becomes of them if it never
//! does.

mod support;

use host::{Clock, Lease, MasterOf, Observation, Role, Status};
use sim::World;
use sim::fault::{Fault, PlannedFault, Trigger, TriggerEvent};
use sim::history::{Member, Setup, What};
use sim::nemesis::Nemesis;
use support::*;

fn hang(at_ms: u64, heal_at_ms: u64, after: Option<Trigger>) -> PlannedFault {
    PlannedFault { after, ..PlannedFault::between(at_ms, heal_at_ms, target("server")) }
}

fn target(name: &str) -> Fault {
    Fault::Hang { target: name.into() }
}

fn nth(event: TriggerEvent, count: u32, delay_ms: u64) -> Option<Trigger> {
    Some(Trigger { event, count, delay_ms })
}

fn committed(version: i64, member: &str) -> Observation {
    let masters = vec![MasterOf { shard: 0, member: member.into() }];
    Observation::Committed { version, masters }
}

fn master(topology_version: i64) -> Observation {
    let status = Status {
        role: Role::Master,
        topology_version,
        election_version: 0,
        lease: Lease::None,
        authoritative: true,
        link: None,
    };
    Observation::Status { status }
}

/// A world in which `server` tells a failover: begun at 200 ms, committed at 300 ms and applied at
/// 400 ms; and another one back 400 ms later.
fn failovers() -> World {
    let world = world(&["store", "server", "client"]);
    let members = ["server", "client"].map(|machine| Member {
        machine: machine.into(),
        id: format!("id-{machine}"),
        shard: 0,
    });
    world.record("driver", What::Setup(Setup::of(8_000, 5, members.to_vec())));
    let store = process(|host| async move {
        let words = [
            (100, committed(1, "id-client")),
            (200, Observation::FailoverBegun { shard: 0 }),
            (300, committed(2, "id-server")),
            (600, Observation::FailoverBegun { shard: 0 }),
            (700, committed(3, "id-client")),
        ];
        for (at_ms, word) in words {
            host.sleep_until(Clock::Monotonic, ms(at_ms)).await;
            host.observe(word);
        }
        std::future::pending().await
    });
    let node = |at_ms, version| {
        process(move |host| async move {
            host.sleep_until(Clock::Monotonic, ms(at_ms)).await;
            host.observe(master(version));
            std::future::pending().await
        })
    };
    world.start("store", store).unwrap();
    world.start("server", node(400, 2)).unwrap();
    world.start("client", node(800, 3)).unwrap();
    world
}

/// Plays a plan until it is over: when each fault was injected and healed, and when it was over.
fn times(plan: &[PlannedFault], deadline_ms: u64) -> (Vec<Option<(u64, u64)>>, u64) {
    let mut world = failovers();
    let mut nemesis = Nemesis::new(plan, deadline_ms);
    let resolve = |_: &World, role: &str| vec![role.to_owned()];
    while !nemesis.is_over() {
        assert!(world.now_ms() < 5_000, "it is over some time");
        nemesis.act(&mut world, &resolve).unwrap();
        world.step().unwrap();
    }
    let over_ms = world.now_ms();
    let history = world.finish();
    let found = |sought: &dyn Fn(&What) -> bool| {
        history.events().iter().find(|event| sought(&event.what)).map(|event| event.at_ms)
    };
    let of = |at| {
        let begin = found(&|what| matches!(what, What::Inject { fault, .. } if *fault == at))?;
        Some((begin, found(&|what| matches!(what, What::Heal { fault, .. } if *fault == at))?))
    };
    ((0..plan.len()).map(of).collect(), over_ms)
}

#[test]
fn a_fault_strikes_so_long_after_its_trigger_and_lasts_as_long_as_planned() {
    use TriggerEvent::{Applied, Commit, FailoverBegun};
    for (trigger, expected) in [
        (nth(FailoverBegun, 1, 0), (205, 355)),
        (nth(FailoverBegun, 2, 45), (645, 795)),
        (nth(Commit, 1, 0), (305, 455)),
        (nth(Commit, 2, 100), (800, 950)),
        (nth(Applied, 1, 0), (405, 555)),
        (nth(Applied, 2, 20), (820, 970)),
    ] {
        let (times, _) = times(&[hang(50, 200, trigger)], 2_000);
        // A step's events are known at its end, so at the earliest the step after strikes.
        let [Some((begin, heal))] = times[..] else { panic!("{trigger:?}: {times:?}") };
        assert!((expected.0 - 5..=expected.0).contains(&begin), "{trigger:?}: {begin}");
        assert!((expected.1 - 5..=expected.1).contains(&heal), "{trigger:?}: {heal}");
    }
}

#[test]
fn a_trigger_that_comes_early_waits_for_the_planned_time() {
    let (times, _) = times(&[hang(600, 700, nth(TriggerEvent::Commit, 1, 50))], 2_000);
    assert_eq!(times, [Some((600, 700))]);
}

#[test]
fn a_trigger_that_never_comes_is_given_up_at_the_deadline() {
    let plan = [hang(50, 200, nth(TriggerEvent::Commit, 3, 0)), hang(100, 150, None)];
    let (times, over_ms) = times(&plan, 1_000);
    assert_eq!(times, [None, Some((100, 150))]);
    assert_eq!(over_ms, 1_005);
}

#[test]
fn after_the_deadline_triggers_are_waited_for_while_another_fault_lasts_or_is_to_come() {
    let waits = hang(50, 100, nth(TriggerEvent::Commit, 2, 0));
    // The commit comes at 700 ms, the deadline is at 100 ms.
    let (lasting, _) = times(&[waits.clone(), hang(90, 705, None)], 100);
    assert!(lasting[0].is_some(), "{lasting:?}");
    let (to_come, _) = times(&[waits.clone(), hang(900, 950, None)], 100);
    assert!(to_come[0].is_some(), "{to_come:?}");
    let (over, _) = times(&[waits, hang(90, 600, None)], 100);
    assert!(over[0].is_none(), "{over:?}");
    let chain = [
        hang(50, 460, nth(TriggerEvent::Commit, 1, 0)),
        hang(50, 60, nth(TriggerEvent::Commit, 2, 0)),
    ];
    let (chained, _) = times(&chain, 310);
    assert!(chained[1].is_some(), "the first lasts until the second is due: {chained:?}");
}

#[test]
fn a_fault_that_was_never_injected_bit_nothing() {
    let mut world = failovers();
    let mut nemesis = Nemesis::new(&[hang(50, 200, nth(TriggerEvent::Applied, 9, 0))], 60);
    while world.now_ms() < 100 {
        nemesis.act(&mut world, &|_, role| vec![role.to_owned()]).unwrap();
        world.step().unwrap();
    }
    assert!(nemesis.is_over());
    let bites = nemesis.bites();
    assert_eq!(bites.len(), 1);
    assert!(!bites[0].1.bit());
}
