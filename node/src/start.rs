//! The start of a node, in upstream's order: the log is recovered, `nodes.conf` is loaded and
//! its role taken, and only then does anybody get through.
//!
//! The trap: the role takes effect before any controller was heard.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use host::{Clock, Host, Listener};

use crate::cluster::Cluster;
use crate::config::NodeConfig;
use crate::connection;
use crate::election_file::ElectionFileError;
use crate::gatekeeper::{AsGranted, Gatekeeper};
use crate::log_keeper;
use crate::node::Node;
use crate::nodes_conf::{self, NodesConf, NodesConfError};

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The data cannot be read.
    #[error("failed to open the data: {0}")]
    Data(#[source] io::Error),
    /// The election version that was kept cannot be told.
    #[error("failed to load the election version: {0}")]
    Election(#[from] ElectionFileError),
    /// `nodes.conf` cannot be read.
    #[error("failed to load cluster nodes info: {0}")]
    ReadNodesConf(#[source] io::Error),
    /// `nodes.conf` says something that it should not.
    #[error("failed to load cluster nodes info: {0}")]
    NodesConf(#[from] NodesConfError),
    /// Whether the data was a master's cannot be read, or not be written down.
    #[error("failed to tell whether this node was a master: {0}")]
    Mark(#[source] io::Error),
    /// The port cannot be had.
    #[error("failed to listen on port {port}: {error}")]
    Listen {
        /// The port.
        port: u16,
        /// Why.
        #[source]
        error: io::Error,
    },
}

/// A node that was started and listens, but answers only once it [runs](Server::run).
pub struct Server {
    node: Rc<Node>,
    listener: Box<dyn Listener>,
}

/// Starts a node and runs it until the process ends.
///
/// # Errors
/// [`NodeError`] if it does not start.
pub async fn serve(host: Host, config: NodeConfig) -> Result<(), NodeError> {
    start(host, config).await?.run().await;
    Ok(())
}

/// Starts a node: loads what an earlier life left, takes its role, listens.
///
/// # Errors
/// See [`NodeError`].
pub async fn start(host: Host, config: NodeConfig) -> Result<Server, NodeError> {
    start_with(host, config, Rc::new(AsGranted)).await
}

/// The same with a lease of one's own: whatever heartbeats say, writes pass as this keeper has
/// it.
///
/// # Errors
/// See [`NodeError`].
pub async fn start_with(
    host: Host,
    config: NodeConfig,
    keeper: Rc<dyn Gatekeeper>,
) -> Result<Server, NodeError> {
    let node = Rc::new(Node::new(host, config, keeper));
    node.answer_probes();
    node.storage.recover().await.map_err(NodeError::Data)?;
    log_keeper::start(&node.host, &node.storage, node.config.borrow().wal_sync);
    node.storage.gate().recover().await?;
    node.former.recover().await.map_err(NodeError::Mark)?;
    load_cluster(&node).await?;
    // Upstream does so before it knows its role, and costs every replica a full sync by it.
    if node.following.borrow().is_none() {
        node.begin_term().await;
    }

    let port = node.config.borrow().port;
    let listener = node.host.bind(port).await;
    let listener = listener.map_err(|error| NodeError::Listen { port, error })?;
    node.set_port(listener.port());
    node.starting.set(false);
    node.tell_status();
    Ok(Server { node, listener })
}

async fn load_cluster(node: &Rc<Node>) -> Result<(), NodeError> {
    let wanted = {
        let config = node.config.borrow();
        config.cluster_enabled && config.persist_cluster_nodes_enabled
    };
    if !wanted {
        return Ok(());
    }
    let Some(bytes) = nodes_conf::load(&node.host).await.map_err(NodeError::ReadNodesConf)? else {
        return Ok(());
    };
    let text = String::from_utf8(bytes).map_err(|_| NodesConfError::NotText)?;
    let NodesConf { my_id, topology } = NodesConf::parse(&text)?;
    let cluster = Cluster::loaded(my_id, topology, &node.own_address());
    node.adopt(cluster).await.map_err(NodeError::Mark)
}

impl Server {
    /// The port on which it listens.
    pub fn port(&self) -> u16 {
        self.listener.port()
    }

    /// Serves connections in the order of their arrival, each by a task of its own, until the
    /// process ends.
    pub async fn run(mut self) {
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    let node = self.node.clone();
                    self.node.host.spawn(connection::serve(node, stream, peer));
                }
                Err(error) => {
                    tracing::warn!("cannot accept a connection: {error}");
                    self.node.host.sleep(Clock::Monotonic, ACCEPT_RETRY).await;
                }
            }
        }
    }
}

/// What makes an accept fail (too many open files) does not pass at once.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
