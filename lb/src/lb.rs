//! The shell: binds every port, accepts, and starts a task for each connection.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use host::{Clock, Host, Listener, Observation, Stream, TaskGuard};

use crate::admin;
use crate::config::{ConfigError, LbConfig};
use crate::flow::{self, Limits};
use crate::route::Routes;

/// Why a load balancer did not start.
#[derive(Debug, thiserror::Error)]
pub enum LbError {
    /// Its settings are not allowed.
    #[error(transparent)]
    Config(#[from] ConfigError),
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
    let admin = bind(&host, config.admin_port).await?;
    let mut listeners = Vec::new();
    for listener in &config.listeners {
        listeners.push((listener.shard, bind(&host, listener.port).await?));
    }
    let routes = Routes::new(&config.listeners);
    for (shard, target) in routes.iter() {
        host.observe(Observation::Routed { shard, target: target.to_string() });
    }
    let limits = Limits { connect: config.connect_timeout(), idle: config.idle_timeout() };
    let proxy = Proxy { host, routes: Rc::new(RefCell::new(routes)), limits };
    Ok(Server { proxy, admin, listeners })
}

async fn bind(host: &Host, port: u16) -> Result<Box<dyn Listener>, LbError> {
    host.bind(port).await.map_err(|error| LbError::Listen { port, error })
}

/// A load balancer that was started and listens, but answers only once it [runs](Server::run).
pub struct Server {
    proxy: Proxy,
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
        let Server { proxy, mut admin, listeners } = self;
        let start = |(shard, listener)| proxy.clone().accept_clients(shard, listener);
        let _clients: Vec<TaskGuard> =
            listeners.into_iter().map(start).map(|task| proxy.host.spawn(task).guard()).collect();
        loop {
            let (stream, _) = accept(&proxy.host, &mut *admin).await;
            let Proxy { host, routes, limits } = proxy.clone();
            proxy.host.spawn(admin::serve(host, routes, stream, limits.idle));
        }
    }
}

/// What every connection's task is given.
#[derive(Clone)]
struct Proxy {
    host: Host,
    routes: Rc<RefCell<Routes>>,
    limits: Limits,
}

impl Proxy {
    /// Accepts the clients of a shard, each by a task of its own, in the order of their arrival.
    async fn accept_clients(self, shard: u32, mut listener: Box<dyn Listener>) {
        loop {
            let (client, peer) = accept(&self.host, &mut *listener).await;
            self.host.spawn(self.clone().pass_on(shard, client, peer));
        }
    }

    async fn pass_on(self, shard: u32, client: Stream, peer: String) {
        let target = self.routes.borrow().target(shard).ok().flatten().cloned();
        let Some(target) = target else {
            tracing::debug!(shard, peer, "no target yet: closed");
            return;
        };
        if let Err(error) = flow::run(&self.host, client, target, self.limits).await {
            tracing::debug!(shard, peer, "flow closed: {error}");
        }
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
