//! The node: what its connections and its replication share, and how a role takes effect.
//!
//! What this is not: the order in which a request is checked (see [`crate::dispatch`]), nor the
//! start (see [`mod@crate::start`]).
//!
//! The trap: everything lives on one thread, in cells. A borrow ends before the next await.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;

use host::Host;
use tokio::sync::RwLock;

use crate::clients::Clients;
use crate::cluster::{Cluster, OwnAddress, Part};
use crate::config::NodeConfig;
use crate::error_reply::ErrorReply;
use crate::former_master::FormerMaster;
use crate::gatekeeper::Gatekeeper;
use crate::lease_gate::{LeaseGate, wall_ms};
use crate::lease_rules::LeaseRules;
use crate::nodes_conf;
use crate::pause::Pause;
use crate::replication::{Following, Replicas};
use crate::reply::Reply;
use crate::scan::Cursors;
use crate::storage::{Storage, StorageOptions};
use crate::view::View;

/// One node.
pub(crate) struct Node {
    /// Its machine.
    pub(crate) host: Host,
    /// Its options.
    pub(crate) config: RefCell<NodeConfig>,
    /// Held shared while a command is checked and executed until its reply is handed over, and
    /// alone by the few that change what the others are checked against. So once a topology
    /// was taken, no write that was admitted under the one before can still be applied.
    pub(crate) exclusivity: RwLock<()>,
    /// What it believes of the cluster.
    pub(crate) cluster: RefCell<Cluster>,
    /// Its data, and the lease before it.
    pub(crate) storage: Rc<Storage>,
    /// The master that it replicates, if it does.
    pub(crate) following: RefCell<Option<Following>>,
    /// Whether its data was a master's.
    pub(crate) former: FormerMaster,
    /// The replicas that follow it.
    pub(crate) replicas: Replicas,
    /// Who is connected.
    pub(crate) clients: Clients,
    /// The cursors of SCAN.
    pub(crate) cursors: Cursors,
    /// What waits for the end of a pause.
    pub(crate) pause: Pause,
    port: Cell<u16>,
    /// Not yet started: neither data nor topology can be relied on.
    pub(crate) starting: Cell<bool>,
    connections: Cell<u64>,
}

impl Node {
    /// A node that has not been started: no data, no topology.
    pub(crate) fn new(host: Host, config: NodeConfig, keeper: Rc<dyn Gatekeeper>) -> Self {
        let (mode, rules) = (config.master_lease_mode, LeaseRules::of(&config));
        let gate = LeaseGate::new(host.clone(), mode, rules, keeper);
        Self {
            exclusivity: RwLock::new(()),
            cluster: RefCell::default(),
            storage: Rc::new(Storage::new(host.clone(), gate, StorageOptions::of(&config))),
            following: RefCell::default(),
            former: FormerMaster::new(host.clone(), config.truncate_rejoin),
            replicas: Replicas::default(),
            clients: Clients::default(),
            cursors: Cursors::default(),
            pause: Pause::default(),
            port: Cell::new(config.port),
            starting: Cell::new(true),
            connections: Cell::new(0),
            config: RefCell::new(config),
            host,
        }
    }

    /// The port on which it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port.get()
    }

    /// The port is known now, if any free one was asked for.
    pub(crate) fn set_port(&self, port: u16) {
        self.port.set(port);
    }

    /// The number of the next connection, from 1.
    pub(crate) fn next_connection(&self) -> u64 {
        self.connections.set(self.connections.get() + 1);
        self.connections.get()
    }

    /// By what it finds itself in a topology.
    pub(crate) fn own_address(&self) -> OwnAddress {
        let mut hosts = self.config.borrow().bind.clone();
        hosts.push(self.host.name().to_owned());
        OwnAddress { hosts, port: self.port() }
    }

    /// Whether commands on data are refused for now.
    pub(crate) fn is_loading(&self) -> bool {
        self.is_swapping() || self.owes_full_copy()
    }

    /// Whether there is nothing that could be relied on: it starts, or its data is replaced.
    pub(crate) fn is_swapping(&self) -> bool {
        let following = self.following.borrow();
        self.starting.get()
            || following.as_ref().is_some_and(|following| following.state.loading.get())
    }

    /// Whether it has to take a full copy of the master that it follows.
    pub(crate) fn owes_full_copy(&self) -> bool {
        self.former.was_master() && self.following.borrow().is_some()
    }

    /// Whether it is master by its topology and replicates nobody.
    pub(crate) fn is_cluster_master(&self) -> bool {
        matches!(self.cluster.borrow().part(), Part::Master(_)) && self.following.borrow().is_none()
    }

    /// Believes this of the cluster from now on, and takes the role that it has in it.
    ///
    /// # Errors
    /// If it should be a master and the disk does not take the mark of one. Nothing has changed
    /// then.
    pub(crate) async fn adopt(self: &Rc<Self>, cluster: Cluster) -> io::Result<()> {
        if matches!(cluster.part(), Part::Master(_)) {
            self.former.mark().await?;
        }
        *self.cluster.borrow_mut() = cluster;
        self.take_role().await;
        Ok(())
    }

    /// Makes the role of the current topology effective. No data is removed.
    ///
    /// A replica whose master the topology does not have keeps replicating as it did, and so
    /// does a node that the topology does not have.
    async fn take_role(self: &Rc<Self>) {
        let (replica, follow) = match self.cluster.borrow().part() {
            Part::Absent => (false, None),
            Part::Master(_) => (false, Some(None)),
            Part::Replica(master) => {
                (true, master.map(|master| Some((master.host.clone(), master.port))))
            }
        };
        if replica {
            self.storage.gate().end();
        }
        if let Some(master) = follow {
            self.follow(master).await;
        }
        self.tell_status();
    }

    /// Replicates this master from now on, or none. The same one as before goes on undisturbed.
    async fn follow(self: &Rc<Self>, master: Option<(String, u16)>) {
        let current = self.following.borrow().as_ref().map(Following::address);
        if current == master {
            return;
        }
        // Dropping the old link ends its task, but for a batch that is being written.
        drop(self.following.take());
        self.storage.settled().await;
        if master.is_none() {
            self.begin_term().await;
        }
        let following = master.map(|(host, port)| Following::start(self, host, port));
        *self.following.borrow_mut() = following;
        self.replicas.tell();
    }

    /// `CLUSTER RESET`: no topology, no id, nobody's replica.
    pub(crate) async fn reset_cluster(self: &Rc<Self>) -> Result<Reply, ErrorReply> {
        let empty = {
            let data = self.storage.data();
            View::new(&data, wall_ms(&self.host)).live().next().is_none()
        };
        if !empty {
            return Err(ErrorReply::err("Can't reset cluster while database is not empty"));
        }
        *self.cluster.borrow_mut() = Cluster::default();
        self.follow(None).await;
        self.tell_status();
        self.forget_cluster().await?;
        Ok(Reply::ok())
    }

    /// `SLAVEOF`, which is for nodes outside of clusters.
    pub(crate) async fn replica_of(
        self: &Rc<Self>,
        master: Option<(String, u16)>,
    ) -> Result<Reply, ErrorReply> {
        if self.config.borrow().cluster_enabled {
            return Err(ErrorReply::err("can't change to slave in cluster mode"));
        }
        if master.is_some() {
            self.storage.gate().end();
        }
        self.follow(master).await;
        self.tell_status();
        Ok(Reply::ok())
    }

    async fn forget_cluster(&self) -> Result<(), ErrorReply> {
        let removed = nodes_conf::remove(&self.host).await;
        removed.map_err(|error| ErrorReply::err(format!("cannot remove nodes.conf: {error}")))
    }

    /// From now on what is written here is this node's own: under a new replication id, if there
    /// are any.
    pub(crate) async fn begin_term(&self) {
        let ids = self.config.borrow().use_rsid_psync;
        if ids && let Err(error) = self.storage.begin_term().await {
            tracing::error!("the new replication id is not written down: {error}");
        }
    }

    /// Keeps the topology on disk, if the options say so.
    pub(crate) async fn persist_cluster(&self) -> Result<(), ErrorReply> {
        if !self.config.borrow().persist_cluster_nodes_enabled {
            return Ok(());
        }
        let text = {
            let cluster = self.cluster.borrow();
            nodes_conf::text(cluster.my_id(), cluster.topology())
        };
        nodes_conf::store(&self.host, text)
            .await
            .map_err(|error| ErrorReply::err(format!("rename file encounter error: {error}")))
    }

    /// `CONFIG SET`: an option of a node that runs, with what follows from it.
    pub(crate) async fn set_option(&self, name: &str, value: &str) -> Result<(), ErrorReply> {
        let before = self.config.borrow().clone();
        let set = self.config.borrow_mut().set_at_runtime(name, value);
        set.map_err(ErrorReply::err)?;
        let after = self.config.borrow().clone();
        if before.master_lease_mode != after.master_lease_mode {
            self.storage.gate().set_mode(after.master_lease_mode);
            self.tell_status();
        }
        match (before.persist_cluster_nodes_enabled, after.persist_cluster_nodes_enabled) {
            (false, true) => self.persist_cluster().await,
            (true, false) => self.forget_cluster().await,
            _ => Ok(()),
        }
    }
}
