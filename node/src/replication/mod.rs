//! Replication by sequence number: a replica asks for what follows its own last number and gets
//! batches one after another, or takes a full copy if the master cannot continue there.
//!
//! Both ends give up a link on which nothing was heard for a while. A stream that lost a segment
//! is silent for ever, without an error.
//!
//! The trap, which is upstream's: a sequence number does not say who wrote it. A former master
//! with extra writes of its own is continued from them if the new master has got as far. Under
//! `use-rsid-psync` each term of a master has an id, every batch bears it, and such a former
//! master takes a full copy. Under `truncate-rejoin` every former master does (see
//! [`crate::former_master`]).

pub(crate) mod commands;
mod full_sync;
pub(crate) mod id;
mod link;
pub(crate) mod master;
mod psync;
mod replica;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use host::{Link, TaskGuard};
use tokio::sync::watch;

use crate::node::Node;

/// The master that this node replicates. Dropping it ends the replication.
pub(crate) struct Following {
    /// The master's own address.
    pub(crate) host: String,
    /// The master's own port.
    pub(crate) port: u16,
    /// How it goes.
    pub(crate) state: Rc<LinkState>,
    _task: TaskGuard,
}

/// How a replication goes. Each has its own, so that an old one that is still being dropped
/// cannot write into that of its successor.
pub(crate) struct LinkState {
    /// The state of the link.
    pub(crate) link: Cell<Link>,
    /// The node's data is being replaced.
    pub(crate) loading: Cell<bool>,
    /// The last full copy could not be put in the place of the data.
    pub(crate) unrecoverable: Cell<bool>,
    /// When the master was last heard, on the monotonic clock; before that, the start.
    pub(crate) heard_at: Cell<Duration>,
}

impl Following {
    /// Starts to replicate the node at this address.
    pub(crate) fn start(node: &Rc<Node>, host: String, port: u16) -> Following {
        let state = Rc::new(LinkState {
            link: Cell::new(Link::Connecting),
            loading: Cell::new(false),
            unrecoverable: Cell::new(false),
            heard_at: Cell::new(node.host.now(host::Clock::Monotonic)),
        });
        let task = replica::follow(node.clone(), state.clone(), host.clone(), port);
        Following { host, port, state, _task: node.host.spawn(task).guard() }
    }

    /// Where the master is.
    pub(crate) fn address(&self) -> (String, u16) {
        (self.host.clone(), self.port)
    }
}

impl LinkState {
    /// Changes the state and tells of it.
    fn set(&self, node: &Node, link: Link) {
        self.link.set(link);
        node.tell_status();
    }
}

/// A replica that follows this node, as INFO shows it.
#[derive(Clone, Debug)]
pub(crate) struct Replica {
    /// Where its connection comes from.
    pub(crate) ip: String,
    /// The port on which it says that it listens.
    pub(crate) port: u16,
    /// The sequence number that it acknowledged last.
    pub(crate) offset: u64,
    /// When it was last heard, on the monotonic clock.
    pub(crate) heard_at: Duration,
}

/// The replicas that follow this node, in the order in which they came.
#[derive(Default)]
pub(crate) struct Replicas {
    connected: RefCell<BTreeMap<u64, Replica>>,
    changed: watch::Sender<()>,
    asked: watch::Sender<()>,
}

impl Replicas {
    /// Every replica.
    pub(crate) fn all(&self) -> Vec<Replica> {
        self.connected.borrow().values().cloned().collect()
    }

    /// To wait until one comes, goes or acknowledges something.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Wakes whoever waits for a change, to look around again.
    pub(crate) fn tell(&self) {
        self.changed.send_replace(());
    }

    /// Asks every replica to acknowledge at once what it has.
    pub(crate) fn ask(&self) {
        self.asked.send_replace(());
    }

    /// To wait until that is asked.
    fn asked(&self) -> watch::Receiver<()> {
        self.asked.subscribe()
    }

    /// Enters a replica under the number of its connection, until the entry is dropped.
    fn enter(&self, connection: u64, replica: Replica) -> Entry<'_> {
        self.connected.borrow_mut().insert(connection, replica);
        self.tell();
        Entry { replicas: self, connection }
    }
}

/// A replica's place in the list.
struct Entry<'a> {
    replicas: &'a Replicas,
    connection: u64,
}

impl Entry<'_> {
    /// The replica acknowledged this sequence number.
    fn acknowledged(&self, offset: u64, at: Duration) {
        if let Some(replica) = self.replicas.connected.borrow_mut().get_mut(&self.connection) {
            replica.offset = offset;
            replica.heard_at = at;
        }
        self.replicas.tell();
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.replicas.connected.borrow_mut().remove(&self.connection);
        self.replicas.tell();
    }
}

/// An option in milliseconds.
fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}
