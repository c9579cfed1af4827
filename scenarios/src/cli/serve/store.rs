//! `splitbrain serve store`.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;
use controller::store::{StoreConfig, serve_store};

use super::{LOCALHOST, Place, loopback};
use crate::cli::CliError;

#[derive(Args, Debug)]
pub(super) struct ServeStore {
    /// The port on which it listens.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// How long after a restart it elects no leader: the session TTL of its controllers, if they
    /// follow the rule leader-guard.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    elect_after_restart_wait_ms: u64,
    /// Where its files go; created if need be.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// The address on which it listens; a loopback one, as it knows no password.
    #[arg(long, value_name = "ADDRESS", default_value_t = LOCALHOST)]
    bind: IpAddr,
}

impl ServeStore {
    pub(super) fn execute(self) -> Result<u8, CliError> {
        let Self { port, elect_after_restart_wait_ms, dir, bind } = self;
        let bind = loopback(bind, "the store")?;
        let at = dir.display().to_string();
        super::run(Place { name: "store".to_owned(), bind, dir }, async |host| {
            tracing::info!("store on {bind} port {port}, files in {at}");
            serve_store(host, StoreConfig { port, elect_after_restart_wait_ms }).await
        })
    }
}
