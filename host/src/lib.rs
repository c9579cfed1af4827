//! The machine as a process sees it: connect and bind, clocks and timers, disk, randomness,
//! tasks, points at which a fault may stall it, and what it tells about itself.
//!
//! Everything that a node, a controller or a load balancer needs of the world goes through one
//! cloneable [`Host`]. There are two kinds of machine behind it: [`os::OsMachine`] here, on real
//! sockets, and the simulated one in the crate `sim`. The systems under test have no type
//! parameter for it and compile once.
//!
//! What this is not: an async runtime. Tasks run on whichever tokio `LocalSet` the machine
//! polls; code behind a `Host` never calls `tokio::spawn`, `tokio::time`, `tokio::net` or
//! `tokio::fs` itself (`clippy.toml` names the replacements).
//!
//! The trap: a future that came from one `Host` belongs to that machine. Passing it to another
//! one lets it run while its own machine is hung.

mod clock;
#[cfg(feature = "contract")]
pub mod contract;
mod disk;
mod machine;
mod network;
mod observe;
pub mod os;
mod random;
mod task;

use std::future::Future;
use std::io;
use std::rc::Rc;
use std::time::Duration;

pub use futures_util::future::LocalBoxFuture;

pub use clock::{Clock, Elapsed};
pub use disk::{Disk, check_name};
pub use machine::Machine;
pub use network::{ByteStream, Listener, Stream};
pub use observe::{Lease, Link, MasterOf, Observation, Probe, Role, Status, Write};
pub use random::{Random, random_stream};
pub use task::{Task, TaskGuard};

/// The handle by which a process uses its machine. Clones are the same machine.
#[derive(Clone)]
pub struct Host(Rc<dyn Machine>);

impl Host {
    /// Wraps a machine.
    pub fn new(machine: Rc<dyn Machine>) -> Self {
        Self(machine)
    }

    /// The machine's name, as others reach it.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// Opens a connection.
    ///
    /// Without a limit of its own: across a cut the machine keeps trying in silence, as Linux
    /// does, so nearly every caller wants [`Host::connect_within`].
    ///
    /// # Errors
    /// `ConnectionRefused` if the peer's machine says that nobody listens there.
    pub async fn connect(&self, host: &str, port: u16) -> io::Result<Stream> {
        self.0.connect(host, port).await
    }

    /// Opens a connection within `limit` of the monotonic clock.
    ///
    /// # Errors
    /// As [`Host::connect`], and `TimedOut` after `limit`.
    pub async fn connect_within(
        &self,
        host: &str,
        port: u16,
        limit: Duration,
    ) -> io::Result<Stream> {
        self.timeout(Clock::Monotonic, limit, self.0.connect(host, port)).await?
    }

    /// Listens on a port of this machine. The machine accepts and queues connections from now
    /// on, whether or not the process runs (the kernel's backlog).
    ///
    /// # Errors
    /// `AddrInUse` if the port is taken.
    pub async fn bind(&self, port: u16) -> io::Result<Box<dyn Listener>> {
        self.0.bind(port).await
    }

    /// Reads a clock: since the Unix epoch for [`Clock::Wall`], since some fixed moment of this
    /// boot for the others.
    pub fn now(&self, clock: Clock) -> Duration {
        self.0.now(clock)
    }

    /// Sleeps until `clock` reads `deadline` or more.
    pub async fn sleep_until(&self, clock: Clock, deadline: Duration) {
        self.0.sleep_until(clock, deadline).await;
    }

    /// Sleeps for `length` as counted by `clock`.
    pub async fn sleep(&self, clock: Clock, length: Duration) {
        let deadline = self.0.now(clock).saturating_add(length);
        self.0.sleep_until(clock, deadline).await;
    }

    /// Runs `future` until it is done or `limit` has passed on `clock`. A future that is ready
    /// at the very moment of the deadline wins.
    ///
    /// # Errors
    /// [`Elapsed`] if the limit came first; the future is dropped then.
    pub async fn timeout<T>(
        &self,
        clock: Clock,
        limit: Duration,
        future: impl Future<Output = T>,
    ) -> Result<T, Elapsed> {
        tokio::select! {
            biased;
            done = future => Ok(done),
            () = self.sleep(clock, limit) => Err(Elapsed { clock, limit }),
        }
    }

    /// The files of this process.
    pub fn disk(&self) -> Rc<dyn Disk> {
        self.0.disk()
    }

    /// A stream of random numbers of its own for one purpose of this process. The same name
    /// gives the same stream within a boot, and another one after a restart.
    pub fn random(&self, purpose: &str) -> Random {
        self.0.random(purpose)
    }

    /// Starts a task of this process. It stops when the process is hung and ends with it.
    /// Dropping the returned [`Task`] leaves it running.
    pub fn spawn(&self, future: impl Future<Output = ()> + 'static) -> Task {
        self.0.spawn(Box::pin(future))
    }

    /// A named point at which a fault may stall this process. `None`, the usual answer, costs
    /// no await:
    /// `if let Some(stall) = host.point("after-lease-check") { stall.await }`.
    pub fn point(&self, name: &'static str) -> Option<LocalBoxFuture<'static, ()>> {
        self.0.point(name)
    }

    /// Tells something about this process to whoever keeps the history.
    pub fn observe(&self, observation: Observation) {
        self.0.observe(observation);
    }

    /// Gives the machine a way to ask this process how it stands, at any moment and without
    /// running it. The last call wins; the answer is gone with the process.
    pub fn probe(&self, probe: Probe) {
        self.0.probe(probe);
    }
}
