//! The simulated machine and process against DESIGN section 5: hung, killed, powered off.

mod support;

use std::cell::Cell;
use std::rc::Rc;

use host::{Clock, Lease, Observation, Role, Status};
use sim::WorldError;
use sim::history::{ProcessState, What};
use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A connect and a request over it: out, the machine's byte back, out, answer back.
const CALL_MS: u64 = 4 * LATENCY_MS;

#[test]
fn a_call_takes_two_round_trips() {
    let (log, mut world) = (Log::default(), world(&["server", "client"]));
    world.start("server", echo(&Log::default())).unwrap();
    world.start("client", caller(&log, vec![(100, "hello")], 1_000)).unwrap();
    run_to(&mut world, 500);
    let [(at, text)] = &log.borrow()[..] else { panic!("one call: {log:?}") };
    assert_eq!(text, "hello: HELLO");
    assert!((100 + CALL_MS..=100 + CALL_MS + 25).contains(at), "{at}");
}

#[test]
fn what_waited_during_a_hang_is_served_in_order_at_the_instant_of_resume() {
    let (served, called) = (Log::default(), Log::default());
    let mut world = world(&["server", "client"]);
    world.start("server", echo(&served)).unwrap();
    let calls = vec![(200, "first"), (400, "2ndth"), (600, "third")];
    world.start("client", caller(&called, calls, 100)).unwrap();
    run_to(&mut world, 100);
    world.hang("server", 1).unwrap();
    run_to(&mut world, 1_000);
    assert_eq!(texts(&called), ["first: timeout", "2ndth: timeout", "third: timeout"]);
    assert!(served.borrow().is_empty(), "nothing of a hung process runs");
    assert_eq!(world.status("server").unwrap().0, ProcessState::Hung);
    assert_eq!(world.resume("server", 1).unwrap(), 15, "three requests of five bytes waited");
    run_to(&mut world, 1_200);
    let order: Vec<_> = texts(&served).into_iter().filter(|text| text != "closed").collect();
    assert_eq!(order, ["served first", "served 2ndth", "served third"]);
    assert!(served.borrow().iter().all(|(at, _)| *at == 1_000), "{served:?}");
}

#[test]
fn timers_of_a_hung_process_fire_at_once_when_it_resumes() {
    let (log, mut world) = (Log::default(), world(&["server"]));
    let told = log.clone();
    let ticker = process(move |host| {
        let told = told.clone();
        async move {
            host.sleep_until(Clock::Monotonic, ms(300)).await;
            tell(&told, &host, "fired");
            std::future::pending().await
        }
    });
    world.start("server", ticker).unwrap();
    run_to(&mut world, 100);
    world.hang("server", 1).unwrap();
    world.hang("server", 2).unwrap();
    run_to(&mut world, 800);
    world.resume("server", 1).unwrap();
    run_to(&mut world, 900);
    assert!(log.borrow().is_empty(), "the second hang still lies on it");
    world.resume("server", 2).unwrap();
    run_to(&mut world, 1_000);
    assert_eq!(*log.borrow(), [(900, "fired".to_owned())]);
}

#[test]
fn a_killed_process_closes_its_connections_and_refuses_later_ones_after_a_round_trip() {
    let (log, mut world) = (Log::default(), world(&["server", "client"]));
    let told = log.clone();
    let client = process(move |host| {
        let told = told.clone();
        async move {
            let mut stream = host.connect("server", PORT).await.map_err(|e| e.to_string())?;
            let end = stream.read(&mut [0; 8]).await;
            tell(&told, &host, format!("end {:?}", end.map_err(|error| error.kind())));
            host.sleep_until(Clock::Monotonic, ms(600)).await;
            let refused = host.connect("server", PORT).await.map(drop);
            tell(&told, &host, format!("{:?}", refused.unwrap_err().kind()));
            std::future::pending().await
        }
    });
    world.start("server", echo(&Log::default())).unwrap();
    world.start("client", client).unwrap();
    run_to(&mut world, 300);
    world.kill("server").unwrap();
    run_to(&mut world, 1_000);
    let log = log.borrow();
    assert_eq!(log[0].1, "end Ok(0)");
    assert!((300..=330).contains(&log[0].0), "{log:?}");
    assert_eq!(log[1].1, "ConnectionRefused");
    assert!((600 + 2 * LATENCY_MS..=600 + 2 * LATENCY_MS + 10).contains(&log[1].0), "{log:?}");
    assert_eq!(world.status("server").unwrap(), (ProcessState::Down, None));
}

#[test]
fn a_kill_ends_a_hang_and_a_restart_serves_again() {
    let (served, called) = (Log::default(), Log::default());
    let mut world = world(&["server", "client"]);
    world.start("server", echo(&served)).unwrap();
    world.start("client", caller(&called, vec![(200, "early"), (700, "after")], 100)).unwrap();
    run_to(&mut world, 100);
    world.hang("server", 1).unwrap();
    run_to(&mut world, 400);
    world.kill("server").unwrap();
    world.restart("server").unwrap();
    run_to(&mut world, 500);
    assert_eq!(world.status("server").unwrap().0, ProcessState::Running);
    assert_eq!(world.resume("server", 1).unwrap(), 5, "until the kill, which ended the hang");
    assert_eq!(world.status("server").unwrap().0, ProcessState::Running);
    run_to(&mut world, 1_000);
    assert_eq!(texts(&called), ["early: timeout", "after: AFTER"]);
    assert!(!texts(&served).contains(&"served early".to_owned()), "its socket died with it");
}

#[test]
fn a_machine_without_power_is_silent_and_forgets_what_was_not_synced() {
    let (log, mut world) = (Log::default(), world(&["server", "client"]));
    let told = log.clone();
    let server = process(move |host| {
        let told = told.clone();
        async move {
            let disk = host.disk();
            for name in ["synced", "written"] {
                let content = disk.read(name).await.map(|c| c.len());
                tell(&told, &host, format!("{name} {:?}", content.map_err(|e| e.kind())));
            }
            disk.write("synced", vec![1; 3]).await.map_err(|e| e.to_string())?;
            disk.sync("synced").await.map_err(|e| e.to_string())?;
            disk.append("synced", vec![2; 4]).await.map_err(|e| e.to_string())?;
            disk.write("written", vec![1]).await.map_err(|e| e.to_string())?;
            let _port = host.bind(PORT).await.map_err(|e| e.to_string())?;
            std::future::pending().await
        }
    });
    let called = Log::default();
    world.start("server", server).unwrap();
    world.start("client", caller(&called, vec![(500, "quiet")], 300)).unwrap();
    run_to(&mut world, 300);
    world.power_off("server").unwrap();
    run_to(&mut world, 1_000);
    assert_eq!(texts(&called), ["quiet: timeout"], "not refused");
    world.power_on("server").unwrap();
    run_to(&mut world, 1_100);
    let log = log.borrow();
    assert_eq!(log[2], (0, "synced Ok(3)".to_owned()), "its clock starts again at 0");
    assert_eq!(log[3], (0, "written Err(NotFound)".to_owned()));
}

#[test]
fn a_disk_survives_a_kill_and_peers_of_a_powered_off_machine_hear_nothing() {
    let (log, mut world) = (Log::default(), world(&["server", "client"]));
    let told = log.clone();
    let client = process(move |host| {
        let told = told.clone();
        async move {
            let mut stream = host.connect("server", PORT).await.map_err(|e| e.to_string())?;
            let end = host.timeout(Clock::Monotonic, ms(2_000), stream.read(&mut [0; 8])).await;
            tell(&told, &host, format!("{}", end.is_err()));
            std::future::pending().await
        }
    });
    let lengths = Log::default();
    let seen = lengths.clone();
    let server = process(move |host| {
        let seen = seen.clone();
        async move {
            host.disk().append("log", vec![0; 2]).await.map_err(|e| e.to_string())?;
            let length = host.disk().read("log").await.map_err(|e| e.to_string())?.len();
            tell(&seen, &host, length.to_string());
            let mut listener = host.bind(PORT).await.map_err(|e| e.to_string())?;
            let _held = listener.accept().await;
            std::future::pending().await
        }
    });
    world.start("server", server).unwrap();
    run_to(&mut world, 50);
    world.kill("server").unwrap();
    run_to(&mut world, 70);
    world.restart("server").unwrap();
    run_to(&mut world, 100);
    world.start("client", client).unwrap();
    run_to(&mut world, 300);
    world.power_off("server").unwrap();
    run_to(&mut world, 3_000);
    assert_eq!(texts(&log), ["true"], "a peer that only reads hears nothing for ever");
    assert_eq!(texts(&lengths), ["2", "4"], "the second life appends to what the first wrote");
}

#[test]
fn a_process_that_ends_says_why_and_its_port_is_free() {
    let mut world = world(&["server"]);
    let failing = process(|host| async move {
        let _port = host.bind(PORT).await.map_err(|e| e.to_string())?;
        host.sleep(Clock::Monotonic, ms(50)).await;
        Err("nodes.conf is bad".to_owned())
    });
    world.start("server", failing.clone()).unwrap();
    run_to(&mut world, 100);
    world.restart("server").unwrap();
    run_to(&mut world, 200);
    let history = world.finish();
    let ends: Vec<_> = history
        .events()
        .iter()
        .filter_map(|event| match &event.what {
            What::Exit { life, error } => Some((event.at_ms, *life, error.clone())),
            _ => None,
        })
        .collect();
    let why = Some("nodes.conf is bad".to_owned());
    assert_eq!(ends, [(50, 1, why.clone()), (150, 2, why)]);
}

#[test]
fn a_panicking_task_fails_the_run() {
    let mut world = world(&["server", "client"]);
    let spawning = process(|host| async move {
        let inner = host.clone();
        host.spawn(async move {
            inner.sleep(Clock::Monotonic, ms(70)).await;
            panic!("a bug in a spawned task");
        });
        std::future::pending().await
    });
    world.start("server", spawning).unwrap();
    let error = (0..100).find_map(|_| world.step().err()).expect("the panic fails the run");
    assert!(matches!(error, WorldError::Panic { at_ms: 65..=75, .. }), "{error}");
}

#[test]
fn the_probe_is_asked_at_every_tick_and_only_changes_are_written() {
    let mut world = world(&["server"]);
    let probed = process(|host| async move {
        let version = Rc::new(Cell::new(1));
        let seen = version.clone();
        host.probe(Rc::new(move || status(seen.get())));
        host.sleep(Clock::Monotonic, ms(102)).await;
        version.set(2);
        host.observe(Observation::Note { text: "changed".into() });
        std::future::pending().await
    });
    world.start("server", probed).unwrap();
    run_to(&mut world, 300);
    world.kill("server").unwrap();
    world.sample();
    let history = world.finish();
    let samples: Vec<_> = history
        .events()
        .iter()
        .filter_map(|event| match &event.what {
            What::Sample { status, .. } => {
                Some((event.at_ms, status.as_ref().map(|status| status.topology_version)))
            }
            _ => None,
        })
        .collect();
    assert_eq!(samples, [(5, Some(1)), (105, Some(2)), (300, None)]);
}

#[test]
fn a_stalled_point_holds_up_one_task_and_costs_nothing_when_unused() {
    let (log, mut world) = (Log::default(), world(&["server"]));
    let told = log.clone();
    let stalling = process(move |host| {
        let told = told.clone();
        async move {
            assert!(host.point("unused").is_none());
            host.sleep(Clock::Monotonic, ms(50)).await;
            if let Some(stall) = host.point("before-reply") {
                stall.await;
            }
            tell(&told, &host, "replied");
            std::future::pending().await
        }
    });
    world.start("server", stalling).unwrap();
    world.stall("server", 1, "before-reply").unwrap();
    run_to(&mut world, 400);
    assert!(log.borrow().is_empty());
    let held = world.unstall("server", 1).unwrap();
    assert_eq!(held, sim::Held { tasks: 1, stood_ms: 350 });
    run_to(&mut world, 500);
    assert_eq!(*log.borrow(), [(400, "replied".to_owned())]);
}

#[test]
fn a_request_written_after_its_client_closed_is_served_all_the_same() {
    let (served, mut world) = (Log::default(), world(&["server", "client"]));
    world.start("server", echo(&served)).unwrap();
    let hasty = process(|host| async move {
        let mut stream = host.connect("server", PORT).await.map_err(|e| e.to_string())?;
        stream.write_all(b"hasty").await.map_err(|e| e.to_string())?;
        drop(stream);
        std::future::pending().await
    });
    world.start("client", hasty).unwrap();
    run_to(&mut world, 500);
    assert_eq!(texts(&served), ["served hasty", "closed"]);
}

fn status(topology_version: i64) -> Status {
    Status {
        role: Role::Master,
        topology_version,
        election_version: 0,
        lease: Lease::None,
        authoritative: true,
        link: None,
    }
}
