//! `splitbrain serve lb`: in front of one shard.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
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
    /// The shard whose clients it takes, counted from 0.
    #[arg(long, value_name = "N", default_value_t = SHARD)]
    shard: u32,
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
    /// What becomes of established connections when the shard is redirected elsewhere.
    #[arg(long, value_enum, default_value = "keep")]
    on_redirect: OnRedirectArgument,
    /// How long a request may keep a connection open that is drained.
    #[arg(long, value_name = "MS", default_value_t = 5_000)]
    drain_limit_ms: u64,
    /// How many flows there may be at once; connections beyond them are closed at once. By
    /// default 2000.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    flows_max: Option<u32>,
    /// Refuse redirects that are older than the last one, also after a restart.
    #[arg(long, requires = "dir")]
    refuse_older: bool,
    /// Where the last redirect is kept if older ones are refused; created if need be.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum OnRedirectArgument {
    /// They live on with the old target.
    Keep,
    /// Each is closed once none of its requests is under way.
    Drain,
    /// They are closed at once, and the redirect is acknowledged after that.
    Sever,
}

impl ServeLb {
    pub(super) fn execute(self) -> Result<u8, CliError> {
        let bind = loopback(self.bind, "the admin port")?;
        let target = self.target.map(|Address { host, port }| Target { host, port });
        let config = LbConfig {
            admin_port: self.admin_port,
            connect_timeout_ms: self.connect_timeout_ms,
            idle_timeout_ms: Some(self.idle_timeout_ms),
            on_redirect: match self.on_redirect {
                OnRedirectArgument::Keep => OnRedirect::Keep,
                OnRedirectArgument::Drain => OnRedirect::Drain,
                OnRedirectArgument::Sever => OnRedirect::Sever,
            },
            drain_limit_ms: Some(self.drain_limit_ms),
            refuse_older: self.refuse_older,
            flows_max: self.flows_max,
            listeners: vec![ListenerConfig { shard: self.shard, port: self.listen, target }],
        };
        // Without one it keeps nothing, so any folder does.
        let dir = self.dir.unwrap_or_else(|| PathBuf::from("."));
        let place = Place { name: "lb".to_owned(), bind, dir };
        super::run(place, async |host| {
            let server = lb::start(host, config).await?;
            let admin_port = server.admin_port();
            tracing::info!("lb on {bind} port {}, redirects on {admin_port}", self.listen);
            server.run().await;
            Ok::<(), LbError>(())
        })
    }
}
