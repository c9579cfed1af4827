//! The shell: binds every port, accepts, and starts a task for each connection.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use host::{Clock, Host, Listener, Stream, TaskGuard};

use crate::admin;
use crate::balancer::Balancer;
use crate::config::{ConfigError, LbConfig};
use crate::kept::{Kept, KeptError};

/// Why a load balancer did not start.
#[derive(Debug, thiserror::Error)]
pub enum LbError {
    /// Its settings are not allowed.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The redirects that an earlier life kept are of no use.
    #[error(transparent)]
    Kept(#[from] KeptError),
    /// A port cannot be had.
    #[error("failed to listen on port {port}: {error}")]
    Listen {
        /// The port.
        port: u16,
        /// Why.
        #[source]
        error: io::Error,
    },
}

/// Starts a load balancer and runs it until the process ends.
///
/// # Errors
/// [`LbError`] if it does not start.
pub async fn serve(host: Host, config: LbConfig) -> Result<(), LbError> {
    start(host, config).await?.run().await;
    Ok(())
}

/// Starts a load balancer: all of its ports listen, or none.
///
/// # Errors
/// See [`LbError`].
pub async fn start(host: Host, config: LbConfig) -> Result<Server, LbError> {
    config.validate()?;
    let kept = if config.refuse_older { Kept::load(&host).await? } else { Kept::default() };
    let admin = bind(&host, config.admin_port).await?;
    let mut listeners = Vec::new();
    for listener in &config.listeners {
        listeners.push((listener.shard, bind(&host, listener.port).await?));
    }
    let balancer = Rc::new(Balancer::new(host, config, kept));
    balancer.observe_routes();
    Ok(Server { balancer, admin, listeners })
}

async fn bind(host: &Host, port: u16) -> Result<Box<dyn Listener>, LbError> {
    host.bind(port).await.map_err(|error| LbError::Listen { port, error })
}

/// A load balancer that was started and listens, but answers only once it [runs](Server::run).
pub struct Server {
    balancer: Rc<Balancer>,
    admin: Box<dyn Listener>,
    listeners: Vec<(u32, Box<dyn Listener>)>,
}

impl Server {
    /// The admin port.
    pub fn admin_port(&self) -> u16 {
        self.admin.port()
    }

    /// The port of a shard's clients; `None` if there is none for it.
    pub fn port(&self, shard: u32) -> Option<u16> {
        let found = self.listeners.iter().find(|(of, _)| *of == shard);
        found.map(|(_, listener)| listener.port())
    }

    /// Passes connections on until the process ends.
    pub async fn run(self) {
        let Server { balancer, mut admin, listeners } = self;
        let host = balancer.host();
        let start = |(shard, listener)| accept_clients(balancer.clone(), shard, listener);
        let _clients: Vec<TaskGuard> =
            listeners.into_iter().map(start).map(|task| host.spawn(task).guard()).collect();
        loop {
            let (stream, _) = accept(host, &mut *admin).await;
            host.spawn(admin::serve(balancer.clone(), stream));
        }
    }
}

/// Accepts the clients of a shard, each by a task of its own, in the order of their arrival.
async fn accept_clients(balancer: Rc<Balancer>, shard: u32, mut listener: Box<dyn Listener>) {
    let host = balancer.host();
    loop {
        let (client, peer) = accept(host, &mut *listener).await;
        let balancer = balancer.clone();
        host.spawn(async move { balancer.pass_on(shard, client, peer).await });
    }
}

async fn accept(host: &Host, listener: &mut dyn Listener) -> (Stream, String) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!("cannot accept a connection: {error}");
                host.sleep(Clock::Monotonic, ACCEPT_RETRY).await;
            }
        }
    }
}

/// What makes an accept fail (too many open files) does not pass at once.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
