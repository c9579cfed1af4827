//! Tasks that are held up at a named point, and clocks that step and drift.

mod support;

use std::cell::RefCell;
use std::rc::Rc;

use host::{Clock, Host};
use sim::fault::{Bite, Fault, PlannedFault};
use sim::{ClockPlan, Process};
use support::*;

fn stall(at_ms: u64, heal_at_ms: u64, point: &str) -> PlannedFault {
    let fault = Fault::Stall { target: "server".into(), point: point.into() };
    PlannedFault::between(at_ms, heal_at_ms, fault)
}

/// In each life: a task for each of these times after its start that comes to the point then.
fn comer(log: &Log, times_ms: &'static [u64]) -> Process {
    let log = log.clone();
    process(move |host| {
        let log = log.clone();
        async move {
            let begin = host.now(Clock::Monotonic);
            for &at_ms in times_ms {
                let (host, log) = (host.clone(), log.clone());
                host.clone().spawn(async move {
                    host.sleep_until(Clock::Monotonic, begin + ms(at_ms)).await;
                    pass(&host).await;
                    tell(&log, &host, format!("task of {at_ms} ms"));
                });
            }
            std::future::pending().await
        }
    })
}

async fn pass(host: &Host) {
    if let Some(stall) = host.point("before-reply") {
        stall.await;
    }
}

#[test]
fn tasks_that_come_to_a_stalled_point_go_on_when_it_is_healed() {
    let (log, mut world) = (Log::default(), world(&["server"]));
    world.start("server", comer(&log, &[50, 150, 250, 450])).unwrap();
    let bites = play(&mut world, &[stall(100, 400, "before-reply")], 600);
    let told = |at_ms, task| (at_ms, format!("task of {task} ms"));
    assert_eq!(*log.borrow(), [told(50, 50), told(400, 150), told(400, 250), told(450, 450)]);
    assert_eq!(bites, [Bite { tasks_stalled: 2, stalled_ms: 250, ..Bite::default() }]);
}

#[test]
fn a_stall_at_a_point_that_nobody_comes_to_bites_nothing() {
    let (log, mut world) = (Log::default(), world(&["server"]));
    world.start("server", comer(&log, &[50, 150])).unwrap();
    let bites = play(&mut world, &[stall(10, 400, "elsewhere")], 600);
    assert_eq!(log.borrow().len(), 2);
    assert!(!bites[0].bit(), "{bites:?}");
}

#[test]
fn a_point_is_free_when_the_last_of_overlapping_stalls_is_healed() {
    for plan in [
        [stall(100, 300, "before-reply"), stall(200, 500, "before-reply")],
        [stall(100, 500, "before-reply"), stall(200, 300, "before-reply")],
    ] {
        let (log, mut world) = (Log::default(), world(&["server"]));
        world.start("server", comer(&log, &[150])).unwrap();
        let bites = play(&mut world, &plan, 600);
        assert_eq!(*log.borrow(), [(500, "task of 150 ms".to_owned())], "{plan:?}");
        // It stands at the first for as long as that lasts, and at the second for the rest.
        let stood = [plan[0].heal_at_ms - 150, plan[1].heal_at_ms.saturating_sub(300)];
        assert_eq!([bites[0].stalled_ms, bites[1].stalled_ms], stood, "{plan:?}");
    }
}

#[test]
fn a_stall_belongs_to_a_life() {
    let kill = PlannedFault::between(300, 400, Fault::Kill { target: "server".into() });
    let (log, mut world) = (Log::default(), world(&["server"]));
    world.start("server", comer(&log, &[150])).unwrap();
    let bites = play(&mut world, &[stall(100, 900, "before-reply"), kill], 1_000);
    assert_eq!(*log.borrow(), [(550, "task of 150 ms".to_owned())], "in its second life only");
    assert_eq!(bites[0], Bite { tasks_stalled: 1, stalled_ms: 150, ..Bite::default() });
}

#[test]
fn a_task_that_is_given_up_at_the_point_stood_there_until_then() {
    let (log, mut world) = (Log::default(), world(&["server"]));
    let told = log.clone();
    let impatient = process(move |host| {
        let told = told.clone();
        async move {
            host.sleep(Clock::Monotonic, ms(200)).await;
            let passed = host.timeout(Clock::Monotonic, ms(100), pass(&host)).await;
            tell(&told, &host, format!("passed: {}", passed.is_ok()));
            std::future::pending().await
        }
    });
    world.start("server", impatient).unwrap();
    let bites = play(&mut world, &[stall(100, 900, "before-reply")], 1_000);
    assert_eq!(*log.borrow(), [(300, "passed: false".to_owned())]);
    assert_eq!(bites, [Bite { tasks_stalled: 1, stalled_ms: 100, ..Bite::default() }]);
}

/// What a clock read, in milliseconds.
type Readings = Rc<RefCell<Vec<u64>>>;

/// Reads a clock every 100 ms of another one.
fn reader(readings: &Readings, clock: Clock, every_100_ms_of: Clock) -> Process {
    let readings = readings.clone();
    process(move |host| {
        let readings = readings.clone();
        async move {
            loop {
                host.sleep(every_100_ms_of, ms(100)).await;
                readings.borrow_mut().push(host.now(clock).as_millis() as u64);
            }
        }
    })
}

fn readings(
    fault: Fault,
    drift_ppm: i64,
    clock: Clock,
    every_100_ms_of: Clock,
) -> (Vec<u64>, Bite) {
    let (readings, mut world) = (Readings::default(), world(&[]));
    world.add_machine("server", ClockPlan { drift_ppm, ..ClockPlan::default() });
    world.start("server", reader(&readings, clock, every_100_ms_of)).unwrap();
    let bites = play(&mut world, &[PlannedFault::between(250, 650, fault)], 1_005);
    (readings.take(), bites[0])
}

fn step(clock: Clock, step_ms: i64) -> Fault {
    Fault::Clock { target: "server".into(), clock, step_ms }
}

#[test]
fn a_clock_steps_at_the_injection_and_stays_where_it_is_at_the_heal() {
    let (wall, bite) = readings(step(Clock::Wall, -3_000), 0, Clock::Wall, Clock::Monotonic);
    let since_epoch: Vec<i64> = wall.iter().map(|&at| at as i64 - 1_700_000_000_000).collect();
    assert_eq!(since_epoch[..4], [100, 200, -2_700, -2_600]);
    assert_eq!(since_epoch[9], -2_000, "after the heal, too");
    assert_eq!(bite, Bite { clock_moved_ms: 3_000, ..Bite::default() });
    let (other, _) = readings(step(Clock::Wall, -3_000), 0, Clock::Boottime, Clock::Monotonic);
    assert_eq!(other[9], 1_000, "no other clock moves");
}

#[test]
fn a_step_moves_what_sleeps_on_the_clock() {
    let (boottime, _) = readings(step(Clock::Wall, -200), 0, Clock::Boottime, Clock::Wall);
    assert_eq!(boottime[..4], [100, 200, 500, 600]);
    let (boottime, _) = readings(step(Clock::Wall, 90), 0, Clock::Boottime, Clock::Wall);
    assert_eq!(boottime[..4], [100, 200, 250, 350]);
}

#[test]
fn clocks_drift_until_the_heal_and_keep_their_own_pace_after_it() {
    let clocks = vec![Clock::Boottime, Clock::Wall];
    let fault = Fault::Drift { target: "server".into(), clocks, ppm: 250_000 };
    // Planned to run a quarter too fast; half too fast from 250 ms to 650 ms.
    let (boottime, bite) = readings(fault, 250_000, Clock::Boottime, Clock::Monotonic);
    // Every 80 ms of simulated time: at 240 ms, 320 ms, …
    assert_eq!(boottime[..4], [100, 200, 300, 417]);
    assert_eq!(boottime[8], 1_000, "at 720 ms: 312.5, 600 and 87.5");
    assert_eq!(boottime[9], 1_100, "at its own pace again");
    assert_eq!(bite, Bite { clock_moved_ms: 100, ..Bite::default() });
}

#[test]
fn a_drift_too_small_for_a_millisecond_bites_nothing() {
    let clocks = vec![Clock::Wall];
    let fault = Fault::Drift { target: "server".into(), clocks, ppm: 200 };
    assert!(!readings(fault, 0, Clock::Wall, Clock::Monotonic).1.bit());
}
