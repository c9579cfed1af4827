//! A little world to test the simulated machine with: an echo server and scripted clients.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use host::{Clock, Host, Stream};
use sim::fault::{Bite, PlannedFault};
use sim::nemesis::Nemesis;
use sim::{ClockPlan, Process, World, WorldConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What happened, and when, in milliseconds.
pub type Log = Rc<RefCell<Vec<(u64, String)>>>;

pub const PORT: u16 = 7000;
/// Fixed latency, so that times can be told exactly.
pub const LATENCY_MS: u64 = 10;

pub fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A world with these machines and a fixed latency.
pub fn world(names: &[&str]) -> World {
    let config = WorldConfig {
        latency_ms_min: LATENCY_MS,
        latency_ms_max: LATENCY_MS,
        ..WorldConfig::default()
    };
    let mut world = World::new(7, &config).expect("a valid configuration");
    for name in names {
        world.add_machine(name, ClockPlan::default());
    }
    world
}

/// Steps until this time.
pub fn run_to(world: &mut World, until_ms: u64) {
    while world.now_ms() < until_ms {
        world.step().expect("nothing panics");
    }
}

/// Plays a plan whose roles are names of machines until this time: what each fault did.
pub fn play(world: &mut World, plan: &[PlannedFault], until_ms: u64) -> Vec<Bite> {
    let mut nemesis = Nemesis::new(plan, 0);
    let resolve = |_: &World, role: &str| vec![role.to_owned()];
    while world.now_ms() < until_ms {
        nemesis.act(world, &resolve).expect("every role has a machine");
        world.step().expect("nothing panics");
    }
    assert!(nemesis.is_over(), "every fault is healed by {until_ms} ms");
    nemesis.bites().into_iter().map(|(_, bite)| bite).collect()
}

/// A process from an async function.
pub fn process<F, Fut>(main: F) -> Process
where
    F: Fn(Host) -> Fut + 'static,
    Fut: Future<Output = Result<(), String>> + 'static,
{
    Rc::new(move |host| Box::pin(main(host)))
}

/// Logs with the machine's own monotonic time, which is simulated time here.
pub fn tell(log: &Log, host: &Host, text: impl Into<String>) {
    let now = host.now(Clock::Monotonic).as_millis() as u64;
    log.borrow_mut().push((now, text.into()));
}

pub fn texts(log: &Log) -> Vec<String> {
    log.borrow().iter().map(|(_, text)| text.clone()).collect()
}

/// Serves lines of five bytes: logs each one, answers it in upper case.
pub fn echo(log: &Log) -> Process {
    let log = log.clone();
    process(move |host| {
        let log = log.clone();
        async move {
            let mut listener = host.bind(PORT).await.map_err(|error| error.to_string())?;
            loop {
                let (stream, _) = listener.accept().await.map_err(|error| error.to_string())?;
                host.spawn(echo_one(host.clone(), stream, log.clone()));
            }
        }
    })
}

async fn echo_one(host: Host, mut stream: Stream, log: Log) {
    let mut line = [0; 5];
    while stream.read_exact(&mut line).await.is_ok() {
        let text = String::from_utf8_lossy(&line).into_owned();
        tell(&log, &host, format!("served {text}"));
        if stream.write_all(text.to_uppercase().as_bytes()).await.is_err() {
            break;
        }
    }
    tell(&log, &host, "closed");
}

/// At each of these times: connects anew, sends the line, waits so long for the answer, closes.
pub fn caller(log: &Log, calls: Vec<(u64, &'static str)>, patience_ms: u64) -> Process {
    let log = log.clone();
    process(move |host| {
        let (log, calls) = (log.clone(), calls.clone());
        async move {
            for (at_ms, line) in calls {
                host.sleep_until(Clock::Monotonic, ms(at_ms)).await;
                let call = host.timeout(Clock::Monotonic, ms(patience_ms), call(&host, line)).await;
                let text = match call {
                    Err(_) => format!("{line}: timeout"),
                    Ok(Err(error)) => format!("{line}: {:?}", error.kind()),
                    Ok(Ok(answer)) => format!("{line}: {answer}"),
                };
                tell(&log, &host, text);
            }
            std::future::pending().await
        }
    })
}

async fn call(host: &Host, line: &str) -> std::io::Result<String> {
    let mut stream = host.connect("server", PORT).await?;
    stream.write_all(line.as_bytes()).await?;
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
