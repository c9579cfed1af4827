//! What every machine must keep, whichever kind it is: one contract per seam, as functions that
//! are run against both kinds, so that code tested on one may be trusted on the other.
//!
//! Each takes the [`Host`] of a process and panics where the machine breaks its promise. The
//! network has two halves, which run in two processes. Behind the feature `contract`.
//!
//! What this is not: a test of faults. The machines must be healthy, and their clocks not be
//! stepped meanwhile. Nor of [`Host::probe`] and [`Host::observe`], whose other ends belong to
//! the machine.
//!
//! The trap: a half of the network contract that fails leaves the other one waiting, which is
//! why both give up after [`LIMIT`].

mod clocks;
mod connections;
mod files;
mod streams;
mod tasks;

use std::time::Duration;

use crate::{Clock, Host};

pub use connections::{NetworkPorts, network_client, network_server};

/// After how long on the monotonic clock a contract that hangs has failed.
pub const LIMIT: Duration = Duration::from_secs(20);

/// Clocks and timers: nothing goes back, no sleep is short, and a limit is kept.
pub async fn clock(host: Host) {
    within_limit(&host, "clock", clocks::contract(&host)).await;
}

/// Files: what is written is what is read, under the name that it bears, or `NotFound`.
/// Needs a disk without files of the names that begin with `contract`.
pub async fn disk(host: Host) {
    within_limit(&host, "disk", files::contract(&host)).await;
}

/// Randomness: a stream is told by its name.
pub fn random(host: &Host) {
    streams::contract(host);
}

/// Tasks: they run beside the one that started them, until they end or are ended.
pub async fn task(host: Host) {
    within_limit(&host, "task", tasks::contract(&host)).await;
}

async fn within_limit(host: &Host, seam: &str, contract: impl Future<Output = ()>) {
    if let Err(elapsed) = host.timeout(Clock::Monotonic, LIMIT, contract).await {
        panic!("the {seam} contract hangs: {elapsed}");
    }
}
