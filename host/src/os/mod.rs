//! The machine as the operating system has it: real sockets, clocks, files.
//!
//! Everything runs on one thread, as in the simulation: [`run`] gives the runtime for it. There
//! are no faults here, so no point ever stalls.
//!
//! The trap: several [`OsMachine`]s in one program are one machine with several names. They
//! share clocks and ports, and no partition stands between them.

mod clock;
mod disk;
mod network;
mod signals;

use std::cell::RefCell;
use std::fs::File;
use std::future::Future;
use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::LocalSet;

use crate::{
    Clock, Disk, Host, Listener, LocalBoxFuture, Machine, Observation, Probe, Random, Status,
    Stream, Task, random_stream,
};

pub use signals::{StopSignal, StopSignals};

/// Is told every observation, at the instant at which it is made.
pub type OnObserve = Rc<dyn Fn(Observation)>;

/// What a process on the operating system is given.
#[derive(Clone)]
pub struct OsConfig {
    /// The process's name, in logs and as part of its random streams.
    pub name: String,
    /// The address on which its ports are bound.
    pub bind: IpAddr,
    /// The directory of its files, created if need be.
    pub dir: PathBuf,
    /// Part of its random streams, beside the operating system's own randomness.
    pub seed: u64,
    /// Who is told its observations, beside the log.
    pub on_observe: Option<OnObserve>,
}

impl OsConfig {
    /// A process on the loopback address, seed 0, whose observations go to the log only.
    pub fn new(name: impl Into<String>, dir: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            dir: dir.into(),
            seed: 0,
            on_observe: None,
        }
    }
}

/// The operating system as the machine of one process.
pub struct OsMachine(Rc<Process>);

impl OsMachine {
    /// Prepares the directory and draws what tells this boot from others.
    ///
    /// # Errors
    /// If the directory cannot be made, or the operating system has no randomness.
    pub fn new(config: OsConfig) -> io::Result<Self> {
        std::fs::create_dir_all(&config.dir)?;
        Ok(Self(Rc::new(Process {
            boot: draw_boot()?,
            disk: disk::OsDisk::new(config.dir.clone()),
            ending: Rc::default(),
            probe: RefCell::new(None),
            config,
        })))
    }

    /// The handle for the process.
    pub fn host(&self) -> Host {
        Host::new(self.0.clone())
    }

    /// Asks the process how it stands, if it gave a way to.
    pub fn status(&self) -> Option<Status> {
        let probe = self.0.probe.borrow().clone();
        probe.map(|probe| probe())
    }

    /// The end of a server, after it was dropped and so accepts nothing more: the connections
    /// that it accepted get answers to what has arrived, and everything written is synced.
    /// Those that are not done within `limit` are left as they are.
    ///
    /// # Errors
    /// If something cannot be synced.
    pub async fn wind_up(&self, limit: Duration) -> io::Result<()> {
        let answered = self.host().timeout(Clock::Monotonic, limit, self.0.ending.begin()).await;
        if answered.is_err() {
            tracing::warn!("some connections are not done after {} ms", limit.as_millis());
        }
        self.0.disk.sync_written()
    }
}

/// Runs a process to its end: a runtime on this thread, and a `LocalSet` for its tasks, in which
/// a panic of any task is a panic of the whole. Tasks that still run at the end are dropped.
///
/// # Errors
/// If the operating system has no event queue left to give.
pub fn run<F: Future>(future: F) -> io::Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = task_set();
    Ok(tasks.block_on(&runtime, future))
}

#[cfg(tokio_unstable)]
fn task_set() -> LocalSet {
    let mut tasks = LocalSet::new();
    tasks.unhandled_panic(tokio::runtime::UnhandledPanic::ShutdownRuntime);
    tasks
}

#[cfg(not(tokio_unstable))]
fn task_set() -> LocalSet {
    LocalSet::new()
}

/// A number that no other boot has: what is random must not repeat itself after a restart.
fn draw_boot() -> io::Result<u128> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(u128::from_le_bytes(bytes))
}

struct Process {
    config: OsConfig,
    boot: u128,
    disk: disk::OsDisk,
    ending: Rc<network::Ending>,
    probe: RefCell<Option<Probe>>,
}

impl Machine for Process {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn connect(&self, host: &str, port: u16) -> LocalBoxFuture<'static, io::Result<Stream>> {
        Box::pin(network::connect(host.to_owned(), port))
    }

    fn bind(&self, port: u16) -> LocalBoxFuture<'static, io::Result<Box<dyn Listener>>> {
        Box::pin(network::bind(self.config.bind, port, self.ending.clone()))
    }

    fn now(&self, clock: Clock) -> Duration {
        clock::now(clock)
    }

    fn sleep_until(&self, clock: Clock, deadline: Duration) -> LocalBoxFuture<'static, ()> {
        Box::pin(clock::sleep_until(clock, deadline))
    }

    fn disk(&self) -> Rc<dyn Disk> {
        Rc::new(self.disk.clone())
    }

    fn random(&self, purpose: &str) -> Random {
        let Process { config, boot, .. } = self;
        let name = format!("{}/boot-{boot:032x}/{purpose}", config.name);
        random_stream(config.seed, &name)
    }

    #[expect(clippy::disallowed_methods, reason = "this is Host::spawn")]
    fn spawn(&self, future: LocalBoxFuture<'static, ()>) -> Task {
        Task::new(tokio::task::spawn_local(future))
    }

    fn point(&self, _name: &'static str) -> Option<LocalBoxFuture<'static, ()>> {
        None
    }

    fn observe(&self, observation: Observation) {
        tracing::debug!(process = self.config.name, ?observation);
        if let Some(on_observe) = &self.config.on_observe {
            on_observe(observation);
        }
    }

    fn probe(&self, probe: Probe) {
        *self.probe.borrow_mut() = Some(probe);
    }
}
