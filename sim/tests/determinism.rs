//! The same seed gives the same history to the byte: again, and on another thread beside others.

mod support;

use host::{Clock, Host, Observation};
use rand::Rng;
use sim::fault::{CutKind, Fault, PlannedFault, Way};
use sim::history::{Intent, Invocation, OpResult, Return, Via};
use sim::nemesis::Nemesis;
use sim::{ClockPlan, OperationLog, Process, World, WorldConfig};
use support::{Log, PORT, echo, ms, process};
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

fn plan() -> Vec<PlannedFault> {
    let server = || "server".to_owned();
    let cut = Fault::Partition {
        a: vec![server()],
        b: vec!["client-1".to_owned()],
        way: Way::AToB,
        kind: CutKind::Stall,
    };
    vec![
        PlannedFault { at_ms: 300, heal_at_ms: 700, fault: Fault::Hang { target: server() } },
        PlannedFault { at_ms: 500, heal_at_ms: 1_200, fault: cut },
        PlannedFault { at_ms: 1_500, heal_at_ms: 1_800, fault: Fault::Kill { target: server() } },
        PlannedFault {
            at_ms: 2_100,
            heal_at_ms: 2_300,
            fault: Fault::PowerLoss { target: server() },
        },
    ]
}

/// Runs a little world under every fault: its history as text.
fn history(seed: u64) -> String {
    let mut world = World::new(seed, &WorldConfig::default()).unwrap();
    for name in ["server", "client-1", "client-2", "client-3"] {
        world.add_machine(name, ClockPlan { wall_offset_ms: 3, drift_ppm: 150 });
    }
    world.start("server", echo(&Log::default())).unwrap();
    for name in ["client-1", "client-2", "client-3"] {
        let log = world.operation_log(name).unwrap();
        world.start(name, client(log)).unwrap();
    }
    let mut nemesis = Nemesis::new(&plan());
    let resolve = |_: &World, role: &str| vec![role.to_owned()];
    while world.now_ms() < 3_000 {
        nemesis.act(&mut world, &resolve).unwrap();
        world.step().unwrap();
    }
    assert!(nemesis.is_over());
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
