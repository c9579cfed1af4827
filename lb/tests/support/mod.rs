//! A load balancer on the operating system's loopback, with targets that say who they are.
#![allow(dead_code, unused_imports, reason = "each test file uses its own part")]

mod altered;
mod scripted;

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use host::os::{self, OsConfig, OsMachine};
use host::{Clock, Host, Observation, Stream};
use lb::{LbConfig, ListenerConfig, OnRedirect, Target};
use node::client::{Client, Timeouts};
use node::resp::{self, Frame};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

pub use altered::{Altered, Gate};
pub use scripted::Scripted;

/// Each bench has a loopback address of its own, so that no other takes a port on which nobody
/// is to listen.
fn own_loopback_address() -> Ipv4Addr {
    static BENCHES: AtomicU8 = AtomicU8::new(0);
    let [low, high, ..] = std::process::id().to_le_bytes();
    Ipv4Addr::new(127, 128 | BENCHES.fetch_add(1, Ordering::Relaxed), high, low)
}

/// After this, what did not happen will not happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A machine, what was observed on it, and its directory.
pub struct Bench {
    pub host: Host,
    pub address: String,
    observed: Rc<RefCell<Vec<Observation>>>,
    _dir: TempDir,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let observed = Rc::new(RefCell::new(Vec::new()));
        let told = observed.clone();
        let address = own_loopback_address();
        let config = OsConfig {
            bind: IpAddr::V4(address),
            on_observe: Some(Rc::new(move |observation| told.borrow_mut().push(observation))),
            ..OsConfig::new("lb", dir.path())
        };
        let host = OsMachine::new(config).unwrap().host();
        Self { host, address: address.to_string(), observed, _dir: dir }
    }

    /// The routes that were told, as `shard target`, in order.
    pub fn routed(&self) -> Vec<String> {
        let routed = |observation: &Observation| match observation {
            Observation::Routed { shard, target, .. } => Some(format!("{shard} {target}")),
            _ => None,
        };
        self.observed.borrow().iter().filter_map(routed).collect()
    }

    /// A target: answers each line with its name and that line, and says goodbye at the end.
    pub async fn target(&self, name: &'static str) -> Target {
        let mut listener = self.host.bind(0).await.unwrap();
        let port = listener.port();
        let host = self.host.clone();
        self.host.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                host.spawn(answer_lines(stream, name));
            }
        });
        Target::new(&self.address, port)
    }

    /// A place where nobody listens.
    pub async fn nobody(&self) -> Target {
        Target::new(&self.address, self.host.bind(0).await.unwrap().port())
    }

    /// Starts a load balancer with a shard for each target.
    pub async fn lb(&self, targets: &[Option<&Target>]) -> Lb {
        self.lb_on(&self.host, config(targets)).await
    }

    /// Starts a load balancer on a machine that may differ from its clients'.
    pub async fn lb_on(&self, machine: &Host, config: LbConfig) -> Lb {
        let shards = config.listeners.len() as u32;
        let server = lb::start(machine.clone(), config).await.unwrap();
        let ports = (0..shards).map(|shard| server.port(shard).unwrap()).collect();
        let admin = server.admin_port();
        machine.spawn(server.run());
        Lb { host: self.host.clone(), address: self.address.clone(), ports, admin }
    }
}

/// Settings with a shard for each target, on ports that the machine picks.
pub fn config(targets: &[Option<&Target>]) -> LbConfig {
    let listener = |(shard, target): (u32, &Option<&Target>)| ListenerConfig {
        shard,
        port: 0,
        target: target.cloned(),
    };
    LbConfig {
        admin_port: 0,
        connect_timeout_ms: 5_000,
        idle_timeout_ms: None,
        on_redirect: OnRedirect::Keep,
        drain_limit_ms: None,
        refuse_older: false,
        flows_max: None,
        listeners: (0..).zip(targets).map(listener).collect(),
    }
}

async fn answer_lines(stream: Stream, name: &str) {
    let (reader, mut writer) = tokio::io::split(stream);
    let mut lines = BufReader::new(reader).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if line == "die" {
            return;
        }
        // A client that is gone reads no answer.
        let _ = writer.write_all(format!("{name} {line}\n").as_bytes()).await;
    }
    let _ = writer.write_all(format!("{name} bye\n").as_bytes()).await;
}

/// A load balancer as its clients and controllers see it.
pub struct Lb {
    host: Host,
    address: String,
    ports: Vec<u16>,
    admin: u16,
}

impl Lb {
    pub async fn client(&self, shard: usize) -> Line {
        let stream = self.host.connect(&self.address, self.ports[shard]).await.unwrap();
        Line(BufReader::new(stream))
    }

    /// Which target answers a new connection.
    pub async fn who_answers(&self, shard: usize) -> String {
        let answer = self.client(shard).await.ask("?").await;
        answer.trim_end_matches(" ?").to_owned()
    }

    pub async fn admin(&self) -> Client {
        let timeouts = Timeouts { connect: PATIENCE, request: PATIENCE };
        Client::connect(&self.host, &self.address, self.admin, timeouts).await.unwrap()
    }

    pub fn admin_port(&self) -> u16 {
        self.admin
    }

    /// One request on a connection of its own.
    pub async fn tell(&self, line: &str) -> Frame {
        let words: Vec<_> = line.split(' ').collect();
        self.admin().await.call(&words).await.unwrap()
    }

    pub async fn redirect(&self, shard: u32, target: &Target) -> Frame {
        self.tell(&format!("REDIRECT {shard} {} {}", target.host, target.port)).await
    }

    pub async fn redirect_of(&self, version: i64, shard: u32, target: &Target) -> Frame {
        self.tell(&format!("REDIRECT {shard} {} {} {version}", target.host, target.port)).await
    }
}

/// What ROUTE answers.
pub fn route(target: impl ToString, version: Option<i64>) -> Frame {
    let version = version.map_or(Frame::Null, Frame::Integer);
    resp::array(vec![resp::bulk(target.to_string()), version])
}

/// A client's connection, for lines.
pub struct Line(BufReader<Stream>);

impl Line {
    pub async fn ask(&mut self, line: &str) -> String {
        self.0.write_all(format!("{line}\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        self.0.read_line(&mut answer).await.unwrap();
        answer.trim_end().to_owned()
    }

    /// Says that no more comes.
    pub async fn finish(&mut self) {
        self.0.shutdown().await.unwrap();
    }

    /// Writes a line and does not wait.
    pub async fn say(&mut self, line: &str) {
        self.0.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    /// Writes a line; the other side may have closed.
    pub async fn say_if_open(&mut self, line: &str) {
        let _ = self.0.write_all(format!("{line}\n").as_bytes()).await;
    }

    /// All that comes until the other side closes, or resets because it was written to after.
    pub async fn rest_if_open(&mut self) -> String {
        let mut rest = String::new();
        let _ = self.0.read_to_string(&mut rest).await;
        rest
    }

    /// All that comes until the other side closes.
    pub async fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.0.read_to_string(&mut rest).await.unwrap();
        rest
    }
}

/// Runs a test on a bench of its own; one that hangs fails.
pub fn run<F: Future<Output = ()>>(test: impl FnOnce(Rc<Bench>) -> F) {
    let bench = Rc::new(Bench::new());
    let host = bench.host.clone();
    let limited =
        async { host.timeout(Clock::Monotonic, PATIENCE, test(bench)).await.expect("no hang") };
    os::run(limited).unwrap();
}
