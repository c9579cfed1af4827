//! `splitbrain serve lb`: in front of the first shard.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;
use lb::{LbConfig, LbError, ListenerConfig, OnRedirect, Target};

use super::address::Address;
use super::{LOCALHOST, Place, loopback};
use crate::cli::CliError;
use crate::cluster::SHARD;

#[derive(Args, Debug)]
pub(super) struct ServeLb {
    /// The port for clients.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    listen: u16,
    /// The port for redirects.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    admin_port: u16,
    /// Where connections go until the first redirect; without it they are closed.
    #[arg(long, value_name = "HOST:PORT")]
    target: Option<Address>,
    /// The address on which it listens; a loopback one, as redirects need no password.
    #[arg(long, value_name = "ADDRESS", default_value_t = LOCALHOST)]
    bind: IpAddr,
    /// How long a connection to a target may take.
    #[arg(long, value_name = "MS", default_value_t = 1_000)]
    connect_timeout_ms: u64,
    /// How long nothing may move in a connection before it is closed.
    #[arg(long, value_name = "MS", default_value_t = 30_000)]
    idle_timeout_ms: u64,
}

impl ServeLb {
    pub(super) fn execute(self) -> Result<u8, CliError> {
        let bind = loopback(self.bind, "the admin port")?;
        let target = self.target.map(|Address { host, port }| Target { host, port });
        let config = LbConfig {
            admin_port: self.admin_port,
            connect_timeout_ms: self.connect_timeout_ms,
            idle_timeout_ms: Some(self.idle_timeout_ms),
            on_redirect: OnRedirect::Keep,
            drain_limit_ms: None,
            refuse_older: false,
            listeners: vec![ListenerConfig { shard: SHARD, port: self.listen, target }],
        };
        // It keeps nothing, so any folder does.
        let place = Place { name: "lb".to_owned(), bind, dir: PathBuf::from(".") };
        super::run(place, async |host| {
            let server = lb::start(host, config).await?;
            let admin_port = server.admin_port();
            tracing::info!("lb on {bind} port {}, redirects on {admin_port}", self.listen);
            server.run().await;
            Ok::<(), LbError>(())
        })
    }
}
