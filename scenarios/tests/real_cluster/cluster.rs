//! A little cluster of real processes: a store, nodes and a controller.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::TempDir;

use crate::process::{Process, eventually};
use crate::raw;

/// What a cluster is like.
#[derive(Clone, Copy)]
pub struct Settings {
    pub shards: usize,
    pub nodes_per_shard: usize,
    pub lease_mode: &'static str,
    /// The heartbeat that carries the lease, if there is one.
    pub heartbeat: Option<&'static str>,
}

/// Short timing: a silent master is replaced after about a second.
pub const TTL_MS: u64 = 2_000;
pub const PROBE_INTERVAL_MS: u64 = 200;
pub const TIMEOUT_MS: u64 = 200;
pub const FAILURES: u32 = 3;
pub const SESSION_TTL_MS: u64 = 6_000;

/// A running cluster.
pub struct Cluster {
    settings: Settings,
    nodes: Vec<Node>,
    _store: Process,
    _controller: Process,
    _dir: TempDir,
    _alone: MutexGuard<'static, ()>,
}

/// One of its nodes.
pub struct Node {
    pub address: SocketAddr,
    pub process: Process,
}

impl Cluster {
    /// Starts a cluster and waits until it has come up. It is the only one while it lives.
    pub fn start(settings: Settings) -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = tempfile::tempdir().unwrap();
        let host = own_address();
        let count = settings.shards * settings.nodes_per_shard;
        let ports = (7001..).take(count);
        let nodes: Vec<Node> = ports.map(|port| node(dir.path(), host, port, settings)).collect();
        let store = store(dir.path(), host);
        let listening = |address| raw::ask(address, "PING").is_ok();
        for address in nodes.iter().map(|node| node.address).chain([(host, STORE_PORT).into()]) {
            eventually("it listens", || listening(address).then_some(()));
        }
        let controller = controller(dir.path(), host, &nodes, settings);
        let cluster = Self {
            settings,
            nodes,
            _store: store,
            _controller: controller,
            _dir: dir,
            _alone: alone,
        };
        cluster.wait_until_up();
        cluster
    }

    /// The nodes, shard by shard, the first master of each first.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Waits until every node has its role, every replica follows, and every lease was granted.
    fn wait_until_up(&self) {
        let Settings { nodes_per_shard, heartbeat, .. } = self.settings;
        for (at, Node { address, process }) in self.nodes.iter().enumerate() {
            let is_master = at % nodes_per_shard == 0;
            let role = if is_master {
                format!("connected_slaves:{}\r", nodes_per_shard - 1)
            } else {
                "master_link_status:up\r".to_owned()
            };
            let known = format!("cluster_known_nodes:{}\r", self.nodes.len());
            eventually(&format!("{address} has its role"), || {
                let info = raw::ask(*address, "INFO replication").ok()?;
                let cluster = raw::ask(*address, "CLUSTER INFO").ok()?;
                (info.contains(&role) && cluster.contains(&known)).then_some(())
            });
            if is_master && heartbeat.is_some() {
                eventually("it holds a lease", || {
                    process.log().contains("LeaseRenewed").then_some(())
                });
            }
        }
    }
}

fn node(dir: &Path, host: IpAddr, port: u16, settings: Settings) -> Node {
    let name = format!("node-{port}");
    let (port_text, host_text) = (port.to_string(), host.to_string());
    let mut arguments = vec!["node", "--port", &port_text, "--bind", &host_text, "--dir", &name];
    arguments.extend(["--cluster-enabled", "yes", "--master-lease-mode", settings.lease_mode]);
    Node { address: (host, port).into(), process: Process::serve(dir, &name, &arguments) }
}

fn store(dir: &Path, host: IpAddr) -> Process {
    let (port, host) = (STORE_PORT.to_string(), host.to_string());
    let arguments = ["store", "--port", &port, "--bind", &host, "--dir", "store"];
    Process::serve(dir, "store", &arguments)
}

fn controller(dir: &Path, host: IpAddr, nodes: &[Node], settings: Settings) -> Process {
    let mut arguments: Vec<String> = Vec::new();
    let mut flag = |name: &str, value: String| {
        arguments.extend([format!("--{name}"), value]);
    };
    flag("store", format!("{host}:{STORE_PORT}"));
    for shard in nodes.chunks(settings.nodes_per_shard) {
        let addresses: Vec<String> = shard.iter().map(|node| node.address.to_string()).collect();
        flag("nodes", addresses.join(","));
    }
    flag("probe-interval-ms", PROBE_INTERVAL_MS.to_string());
    flag("connect-timeout-ms", TIMEOUT_MS.to_string());
    flag("request-timeout-ms", TIMEOUT_MS.to_string());
    flag("failures", FAILURES.to_string());
    flag("session-ttl-ms", SESSION_TTL_MS.to_string());
    if let Some(heartbeat) = settings.heartbeat {
        flag("ttl-ms", TTL_MS.to_string());
        flag("heartbeat", heartbeat.to_owned());
    }
    arguments.insert(0, "controller".to_owned());
    Process::serve(dir, "controller", &arguments)
}

/// A loopback address that no other program and no other cluster uses, so that its ports are
/// free.
pub fn own_address() -> IpAddr {
    static NEXT: AtomicU8 = AtomicU8::new(64);
    let [low, high, ..] = std::process::id().to_le_bytes();
    Ipv4Addr::new(127, NEXT.fetch_add(1, Ordering::Relaxed), high, low).into()
}

const STORE_PORT: u16 = 2379;
static ALONE: Mutex<()> = Mutex::new(());
