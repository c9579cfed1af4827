//! A node under test: on real sockets of the loopback, on a machine whose points, disk and
//! clocks the test holds in its hand.

use std::cell::{Cell, RefCell};
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use host::os::{OsConfig, OsMachine};
use host::{
    Clock, Disk, Host, Listener, LocalBoxFuture, Machine, Observation, Probe, Random, Status,
    Stream, Task,
};
use node::NodeConfig;
use node::client::{Client, Timeouts};
use node::resp::Frame;
use tokio::sync::watch;

/// The operating system, with a hand on it.
pub struct TestMachine {
    os: Host,
    probe: RefCell<Option<Probe>>,
    /// What the node told.
    pub observations: RefCell<Vec<Observation>>,
    /// Added to the wall clock.
    pub wall_ahead: Cell<Duration>,
    /// Added to the time since boot.
    pub boot_ahead: Cell<Duration>,
    /// The point at which the node stalls while the gate is shut.
    pub stall_at: Cell<Option<&'static str>>,
    /// The file whose writing stalls while the gate is shut.
    pub slow_file: Cell<Option<&'static str>>,
    /// The file that cannot be synced.
    pub unsyncable_file: Cell<Option<&'static str>>,
    /// Appends fail after half of their bytes.
    pub torn_appends: Cell<bool>,
    /// How often something stalled.
    pub stalled: Cell<u32>,
    gate_open: watch::Sender<bool>,
}

impl TestMachine {
    fn new(dir: &Path) -> Rc<Self> {
        let os = OsMachine::new(OsConfig::new("127.0.0.1", dir)).expect("the directory is there");
        Rc::new(Self {
            os: os.host(),
            probe: RefCell::default(),
            observations: RefCell::default(),
            wall_ahead: Cell::default(),
            boot_ahead: Cell::default(),
            stall_at: Cell::default(),
            slow_file: Cell::default(),
            unsyncable_file: Cell::default(),
            torn_appends: Cell::default(),
            stalled: Cell::default(),
            gate_open: watch::Sender::new(false),
        })
    }

    /// Opens the gate for good.
    pub fn open_gate(&self) {
        self.gate_open.send_replace(true);
    }

    /// How the node says that it stands.
    pub fn status(&self) -> Status {
        let probe = self.probe.borrow().clone();
        probe.expect("the node registers a probe")()
    }

    /// The operating system, without a hand on it: for peers of the node.
    pub fn os(&self) -> Host {
        self.os.clone()
    }

    fn stall(&self) -> LocalBoxFuture<'static, ()> {
        self.stalled.set(self.stalled.get() + 1);
        let mut open = self.gate_open.subscribe();
        Box::pin(async move {
            open.wait_for(|open| *open).await.expect("the machine lives as long as the test");
        })
    }
}

struct Seam(Rc<TestMachine>);

impl Machine for Seam {
    fn name(&self) -> &str {
        self.0.os.name()
    }
    fn connect(&self, host: &str, port: u16) -> LocalBoxFuture<'static, io::Result<Stream>> {
        let (os, host) = (self.0.os.clone(), host.to_owned());
        Box::pin(async move { os.connect(&host, port).await })
    }
    fn bind(&self, port: u16) -> LocalBoxFuture<'static, io::Result<Box<dyn Listener>>> {
        let os = self.0.os.clone();
        Box::pin(async move { os.bind(port).await })
    }
    fn now(&self, clock: Clock) -> Duration {
        let ahead = match clock {
            Clock::Wall => self.0.wall_ahead.get(),
            Clock::Boottime => self.0.boot_ahead.get(),
            Clock::Monotonic => Duration::ZERO,
        };
        self.0.os.now(clock) + ahead
    }
    fn sleep_until(&self, clock: Clock, deadline: Duration) -> LocalBoxFuture<'static, ()> {
        let os = self.0.os.clone();
        Box::pin(async move { os.sleep_until(clock, deadline).await })
    }
    fn disk(&self) -> Rc<dyn Disk> {
        Rc::new(TestDisk(self.0.clone()))
    }
    fn random(&self, purpose: &str) -> Random {
        self.0.os.random(purpose)
    }
    fn spawn(&self, future: LocalBoxFuture<'static, ()>) -> Task {
        self.0.os.spawn(future)
    }
    fn point(&self, name: &'static str) -> Option<LocalBoxFuture<'static, ()>> {
        (self.0.stall_at.get() == Some(name)).then(|| self.0.stall())
    }
    fn observe(&self, observation: Observation) {
        self.0.observations.borrow_mut().push(observation);
    }
    fn probe(&self, probe: Probe) {
        *self.0.probe.borrow_mut() = Some(probe);
    }
}

struct TestDisk(Rc<TestMachine>);

impl Disk for TestDisk {
    fn read(&self, name: &str) -> LocalBoxFuture<'static, io::Result<Vec<u8>>> {
        self.0.os.disk().read(name)
    }
    fn write(&self, name: &str, content: Vec<u8>) -> LocalBoxFuture<'static, io::Result<()>> {
        let writing = self.0.os.disk().write(name, content);
        if self.0.slow_file.get() != Some(name) {
            return writing;
        }
        let stall = self.0.stall();
        Box::pin(async move {
            stall.await;
            writing.await
        })
    }
    fn append(&self, name: &str, mut content: Vec<u8>) -> LocalBoxFuture<'static, io::Result<()>> {
        let torn = self.0.torn_appends.get();
        if torn {
            content.truncate(content.len() / 2);
        }
        let appending = self.0.os.disk().append(name, content);
        Box::pin(async move {
            appending.await?;
            if torn { Err(io::Error::other("the disk tore")) } else { Ok(()) }
        })
    }
    fn rename(&self, from: &str, to: &str) -> LocalBoxFuture<'static, io::Result<()>> {
        self.0.os.disk().rename(from, to)
    }
    fn remove(&self, name: &str) -> LocalBoxFuture<'static, io::Result<()>> {
        self.0.os.disk().remove(name)
    }
    fn sync(&self, name: &str) -> LocalBoxFuture<'static, io::Result<()>> {
        if self.0.unsyncable_file.get() == Some(name) {
            return Box::pin(async { Err(io::Error::other("the disk failed")) });
        }
        self.0.os.disk().sync(name)
    }
}

/// A node that runs.
pub struct Node {
    /// Where it listens on the loopback.
    pub port: u16,
    /// Its machine.
    pub machine: Rc<TestMachine>,
    client: Client,
}

/// Settings with which replication shows itself quickly.
pub fn quick() -> NodeConfig {
    NodeConfig {
        port: 0,
        replication_ping_interval_ms: 50,
        replication_ack_interval_ms: 10,
        replication_connection_retry_ms: 20,
        replication_error_retry_ms: 40,
        ..NodeConfig::default()
    }
}

/// Starts a node in a directory.
pub async fn start(dir: &Path, config: NodeConfig) -> Node {
    let machine = TestMachine::new(dir);
    let host = Host::new(Rc::new(Seam(machine.clone())));
    let server = node::start(host.clone(), config).await.expect("the node starts");
    let port = server.port();
    host.spawn(server.run());
    Node { port, client: connect(&machine.os, port).await, machine }
}

/// What a start that fails says.
pub async fn start_error(dir: &Path, config: NodeConfig) -> String {
    let host = Host::new(Rc::new(Seam(TestMachine::new(dir))));
    match node::start(host, config).await {
        Ok(_) => panic!("the node started"),
        Err(error) => error.to_string(),
    }
}

async fn connect(host: &Host, port: u16) -> Client {
    let limit = Duration::from_secs(10);
    let timeouts = Timeouts { connect: limit, request: limit };
    Client::connect(host, "127.0.0.1", port, timeouts).await.expect("the node listens")
}

impl Node {
    /// Another connection.
    pub async fn connect(&self) -> Client {
        connect(&self.machine.os, self.port).await
    }

    /// Sends a request given as words, and shows the reply as text.
    pub async fn say(&mut self, request: &str) -> String {
        self.ask(&request.split(' ').collect::<Vec<_>>()).await
    }

    /// Sends a request and shows the reply as text.
    pub async fn ask(&mut self, args: &[&str]) -> String {
        show(&self.client.call(args).await.expect("the node replies"))
    }

    /// Sets a topology in which every line stands for itself.
    pub async fn set_nodes(&mut self, text: &str, version: i64) {
        let version = version.to_string();
        assert_eq!(self.ask(&["CLUSTERX", "SETNODES", text, &version]).await, "OK");
    }

    /// Waits until a condition on the machine holds.
    pub async fn until(&self, condition: impl Fn(&TestMachine) -> bool) {
        for _ in 0..2000 {
            if condition(&self.machine) {
                return;
            }
            self.pause().await;
        }
        panic!("waited in vain; status {:?}", self.machine.status());
    }

    /// Repeats a request until it is answered so.
    pub async fn until_said(&mut self, request: &str, reply: &str) {
        let mut last = String::new();
        for _ in 0..2000 {
            last = self.say(request).await;
            if last == reply {
                return;
            }
            self.pause().await;
        }
        panic!("{request} was answered with {last}, never with {reply}");
    }

    /// Lets other tasks run for a moment of real time.
    pub async fn pause(&self) {
        self.machine.os.sleep(Clock::Monotonic, Duration::from_millis(5)).await;
    }

    /// The writes of every acknowledgement so far, as `key=token` words.
    pub fn acknowledged(&self) -> Vec<String> {
        let observations = self.machine.observations.borrow();
        let words = observations.iter().filter_map(|observation| match observation {
            Observation::Acknowledged { writes } => {
                let words = writes.iter().map(|write| format!("{}={}", write.key, write.token));
                Some(words.collect::<Vec<_>>().join(" "))
            }
            _ => None,
        });
        words.collect()
    }

    /// How often this was observed.
    pub fn observed(&self, wanted: &Observation) -> usize {
        let observations = self.machine.observations.borrow();
        observations.iter().filter(|observation| *observation == wanted).count()
    }
}

/// A reply as text: arrays in brackets, errors with a leading `-`, null as `nil`.
pub fn show(frame: &Frame) -> String {
    match frame {
        Frame::SimpleString(text) | Frame::BulkString(text) => {
            String::from_utf8_lossy(text).into_owned()
        }
        Frame::Error(text) => format!("-{text}"),
        Frame::Integer(number) => number.to_string(),
        Frame::Array(elements) => {
            format!("[{}]", elements.iter().map(show).collect::<Vec<_>>().join(" "))
        }
        Frame::Null => "nil".to_owned(),
    }
}

/// Runs a test on this thread.
pub fn run(test: impl Future<Output = ()>) {
    host::os::run(test).expect("there is an event queue");
}
