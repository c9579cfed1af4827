//! `splitbrain serve`: one process of a real cluster, on real sockets, clocks and files. The code
//! is that of the simulation; only the machine is another.
//!
//! The trap: it logs to standard error from the start, and ends on `SIGTERM` and `SIGINT` with
//! status 0 after it has answered what had arrived. Anything else that ends it is an error.

mod address;
mod controller;
mod lb;
mod logs;
mod node;
mod store;

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use clap::{Args, Subcommand};
use futures_util::future::{Either, select};
use host::os::{self, OsConfig, OsMachine, StopSignal, StopSignals};
use host::{Clock, Host};

use super::{AS_EXPECTED, CliError};

#[derive(Args, Debug)]
pub(super) struct Serve {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// A node: takes Kvrocks' option names.
    Node(node::ServeNode),
    /// The store that controllers trust.
    Store(store::ServeStore),
    /// A controller.
    Controller(controller::ServeController),
    /// The load balancer of one shard.
    Lb(lb::ServeLb),
}

impl Serve {
    pub(super) fn execute(self) -> Result<u8, CliError> {
        logs::start();
        match self.what {
            What::Node(node) => node.execute(),
            What::Store(store) => store.execute(),
            What::Controller(controller) => controller.execute(),
            What::Lb(lb) => lb.execute(),
        }
    }
}

/// Where a process lives.
struct Place {
    name: String,
    bind: IpAddr,
    dir: PathBuf,
}

/// Runs a process until it is told to end, or ends by an error of its own. What it serves with is
/// dropped then.
fn run<E: Display>(
    place: Place,
    serve: impl AsyncFnOnce(Host) -> Result<(), E>,
) -> Result<u8, CliError> {
    run_within(place, Duration::ZERO, async |host, _| serve(host).await)
}

/// As [`run`], for a server that has something to say at its end: it receives the signals too,
/// and is dropped only if it is not done within the limit.
fn run_within<E: Display>(
    place: Place,
    limit: Duration,
    serve: impl AsyncFnOnce(Host, StopSignals) -> Result<(), E>,
) -> Result<u8, CliError> {
    let Place { name, bind, dir } = place;
    let at = dir.display().to_string();
    let on_observe: os::OnObserve = Rc::new(|observation| logs::tell(&observation));
    let config = OsConfig { bind, on_observe: Some(on_observe), ..OsConfig::new(name, dir) };
    let machine =
        OsMachine::new(config).map_err(|error| CliError::Usage(format!("{at}: {error}")))?;
    let system = |error: std::io::Error| CliError::Harness(error.to_string());
    os::run(async {
        let listen = || StopSignals::listen().map_err(system);
        let (signals, host) = (listen()?, machine.host());
        let serving = serve(host.clone(), listen()?);
        let signal = until_stopped(&host, signals, limit, serving).await?;
        tracing::info!("{signal}: ending");
        machine.wind_up(WIND_UP_MAX).await.map_err(system)?;
        tracing::info!("ended");
        Ok(AS_EXPECTED)
    })
    .map_err(system)?
}

/// Returns once the server is done or dropped, with the signal that ended it.
async fn until_stopped<E: Display>(
    host: &Host,
    mut signals: StopSignals,
    limit: Duration,
    serve: impl Future<Output = Result<(), E>>,
) -> Result<StopSignal, CliError> {
    match select(pin!(signals.receive()), pin!(serve)).await {
        Either::Left((signal, _)) if limit.is_zero() => Ok(signal),
        Either::Left((signal, serve)) => {
            if host.timeout(Clock::Monotonic, limit, serve).await.is_err() {
                tracing::warn!("not done after {} ms", limit.as_millis());
            }
            Ok(signal)
        }
        Either::Right((Err(error), _)) => Err(CliError::Usage(error.to_string())),
        Either::Right((Ok(()), _)) => {
            Err(CliError::Harness("the server ended by itself, which none does".to_owned()))
        }
    }
}

/// An address to bind that needs no password: only this machine reaches it.
fn loopback(bind: IpAddr, what: &str) -> Result<IpAddr, CliError> {
    if bind.is_loopback() {
        return Ok(bind);
    }
    Err(CliError::Usage(format!(
        "--bind {bind}: {what} knows no password, so that it may be bound to loopback addresses \
         only (127.0.0.0/8, ::1)"
    )))
}

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// How long the server, and then its connections, may take to be done after the signal.
const WIND_UP_MAX: Duration = Duration::from_secs(5);
