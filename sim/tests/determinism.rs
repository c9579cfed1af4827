//! The same seed gives the same history to the byte: again, and on another thread beside others.

mod support;

use host::{Clock, Host, Observation, Stream};
use rand::Rng;
use sim::fault::{CutKind, DiskTrouble, Fault, Packets, PlannedFault, Trigger, TriggerEvent, Way};
use sim::history::{Intent, Invocation, OpResult, Return, Via};
use sim::nemesis::Nemesis;
use sim::{ClockPlan, OperationLog, Process, World, WorldConfig};
use support::{PORT, ms, process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Calls the server every few milliseconds, and records each call.
fn client(log: OperationLog) -> Process {
    process(move |host| {
        let log = log.clone();
        async move {
            let mut random = host.random("calls");
            loop {
                host.sleep(Clock::Monotonic, ms(random.random_range(1..60))).await;
                let op = log.next_op();
                let key = format!("{}:{op}", host.name());
                let intents = vec![Intent::SetFresh { key: key.clone(), value: key }];
                let client = host.name().to_owned();
                log.invoke(Invocation { client, op, shard: 0, via: Via::Direct, intents });
                let end = host.timeout(Clock::Monotonic, ms(200), call(&host)).await;
                let result = match end {
                    Ok(Ok(())) => OpResult::Ok,
                    Ok(Err(error)) => OpResult::Fail { error: error.to_string() },
                    Err(_) => OpResult::Info { error: "timeout".into() },
                };
                log.end(Return::of(op, result));
            }
        }
    })
}

/// Without `biased`, so that the choice among what is ready is the runtime's.
async fn call(host: &Host) -> std::io::Result<()> {
    let mut stream = host.connect("server", PORT).await?;
    stream.write_all(b"hello").await?;
    let mut answer = [0; 5];
    let (first, second) = (std::future::ready(1), std::future::ready(2));
    let chosen = tokio::select! { chosen = first => chosen, chosen = second => chosen };
    host.observe(Observation::Note { text: format!("chose {chosen}") });
    stream.read_exact(&mut answer).await.map(drop)
}

/// Every fault there is, one that waits for a trigger, and one whose trigger never comes.
fn plan() -> Vec<PlannedFault> {
    let target = || "server".to_owned();
    let (a, b) = (vec![target()], vec!["client-1".to_owned()]);
    let cut = Fault::Partition { a: a.clone(), b: b.clone(), way: Way::AToB, kind: CutKind::Stall };
    let flap = |kind| Fault::Flap {
        target: target(),
        packets: Packets::Both,
        kind,
        on_ms: 70,
        off_ms: 40,
    };
    let nic = Fault::Nic { target: "client-2".into(), packets: Packets::In, kind: CutKind::Drop };
    let disk = |trouble| Fault::Disk { target: target(), trouble };
    let clocks = vec![Clock::Monotonic, Clock::Boottime];
    let begun = |count| Trigger { event: TriggerEvent::FailoverBegun, count, delay_ms: 30 };
    let waits = |count, fault| PlannedFault {
        after: Some(begun(count)),
        ..PlannedFault::between(0, 200, fault)
    };
    let at = PlannedFault::between;
    vec![
        at(300, 700, Fault::Hang { target: target() }),
        at(500, 1_200, cut),
        at(1_500, 1_800, Fault::Kill { target: target() }),
        at(2_100, 2_300, Fault::PowerLoss { target: target() }),
        at(2_500, 2_800, Fault::VmSuspend { target: target() }),
        at(2_700, 2_900, Fault::VmFreeze { target: "client-1".into() }),
        at(3_000, 3_300, Fault::Stall { target: target(), point: "before-reply".into() }),
        at(3_100, 3_200, Fault::Clock { target: target(), clock: Clock::Wall, step_ms: -70 }),
        at(3_100, 3_400, Fault::Drift { target: "client-3".into(), clocks, ppm: 200_000 }),
        at(3_500, 4_000, Fault::Latency { a, b, one_way_ms: 60 }),
        at(3_600, 3_900, disk(DiskTrouble::SlowMs(35))),
        at(4_000, 4_200, disk(DiskTrouble::Fails)),
        at(4_300, 4_700, flap(CutKind::Drop)),
        at(4_600, 5_000, flap(CutKind::Stall)),
        at(4_100, 4_400, nic),
        waits(2, Fault::Hang { target: "client-3".into() }),
        waits(99, Fault::Hang { target: "client-3".into() }),
    ]
}

/// Answers every five bytes, and keeps a log of what it was asked; tells of a failover now and then.
fn server() -> Process {
    process(|host| async move {
        let mut listener = host.bind(PORT).await.map_err(|error| error.to_string())?;
        let teller = host.clone();
        host.spawn(async move {
            loop {
                teller.sleep(Clock::Monotonic, ms(1_300)).await;
                teller.observe(Observation::FailoverBegun { shard: 0 });
            }
        });
        loop {
            let (stream, _) = listener.accept().await.map_err(|error| error.to_string())?;
            host.spawn(answer(host.clone(), stream));
        }
    })
}

async fn answer(host: Host, mut stream: Stream) {
    let mut asked = [0; 5];
    while stream.read_exact(&mut asked).await.is_ok() {
        let kept = host.disk().append("log", asked.to_vec()).await;
        if let Some(stall) = host.point("before-reply") {
            stall.await;
        }
        let wall = host.now(Clock::Wall).as_millis();
        host.observe(Observation::Note { text: format!("kept {} at {wall}", kept.is_ok()) });
        if stream.write_all(b"HELLO").await.is_err() {
            break;
        }
    }
}

/// Runs a little world under every fault: its history as text.
fn history(seed: u64) -> String {
    let mut world = World::new(seed, &WorldConfig::default()).unwrap();
    for name in ["server", "client-1", "client-2", "client-3"] {
        world.add_machine(name, ClockPlan { wall_offset_ms: 3, drift_ppm: 150 });
    }
    world.start("server", server()).unwrap();
    for name in ["client-1", "client-2", "client-3"] {
        let log = world.operation_log(name).unwrap();
        world.start(name, client(log)).unwrap();
    }
    let mut nemesis = Nemesis::new(&plan(), 5_100);
    let resolve = |_: &World, role: &str| vec![role.to_owned()];
    while world.now_ms() < 5_500 {
        nemesis.act(&mut world, &resolve).unwrap();
        world.step().unwrap();
    }
    assert!(nemesis.is_over());
    let bites = nemesis.bites();
    let (missed, struck) = bites.split_last().expect("there are faults");
    assert!(struck.iter().all(|(_, bite)| bite.bit()), "{struck:?}");
    assert!(!missed.1.bit(), "its trigger never came");
    world.finish().to_json_lines()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "whole runs beside each other, as batches have them")]
fn a_seed_gives_one_history_wherever_it_runs() {
    let first = history(7);
    assert!(first.contains("chose 1") && first.contains("chose 2"), "there was a choice");
    assert_eq!(first, history(7), "again, in the same thread");
    let beside: Vec<_> =
        (5..9).map(|seed| (seed, std::thread::spawn(move || history(seed)))).collect();
    for (seed, run) in beside {
        let other = run.join().expect("the run ends");
        assert_eq!(other == first, seed == 7, "seed {seed} beside other runs");
    }
}
