//! What all machines of a world share: who is who on the network, and the state of the links.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::time::Duration;

use crate::fault::{Bite, CutKind};
use crate::links::{Change, CutId, LinkState, Links};
use crate::slow_links::{Pair, SlowLinks};

/// The network that the machines of a world share. Machines are known by their number, in the
/// order of registration.
pub(crate) struct Fabric {
    /// The least latency of a link that is not slow.
    latency: Duration,
    ports: RefCell<Vec<Port>>,
    links: RefCell<Links>,
    slow_links: RefCell<SlowLinks>,
}

/// Where a machine is plugged in.
struct Port {
    name: String,
    address: IpAddr,
    /// Whether the machine's process is hung, so that what arrives waits.
    hung: Cell<bool>,
    waiting_bytes: Cell<u64>,
}

impl Fabric {
    pub(crate) fn new(latency: Duration) -> Self {
        let (ports, links, slow_links) = Default::default();
        Self { latency, ports, links, slow_links }
    }

    pub(crate) fn plug_in(&self, name: &str, address: IpAddr) {
        let (hung, waiting_bytes) = (Cell::new(false), Cell::new(0));
        self.ports.borrow_mut().push(Port { name: name.to_owned(), address, hung, waiting_bytes });
    }

    pub(crate) fn number_of(&self, name: &str) -> Option<usize> {
        self.ports.borrow().iter().position(|port| port.name == name)
    }

    pub(crate) fn number_of_address(&self, address: IpAddr) -> Option<usize> {
        self.ports.borrow().iter().position(|port| port.address == address)
    }

    pub(crate) fn name_of(&self, number: usize) -> String {
        self.ports.borrow()[number].name.clone()
    }

    pub(crate) fn addresses(&self) -> Vec<IpAddr> {
        self.ports.borrow().iter().map(|port| port.address).collect()
    }

    /// Whether packets between two machines are affected in either direction.
    pub(crate) fn is_cut(&self, a: usize, b: usize) -> bool {
        self.links.borrow().is_cut(a, b)
    }

    /// How often packets between two machines began to be lost in either direction.
    pub(crate) fn drops(&self, a: usize, b: usize) -> u64 {
        self.links.borrow().drops(a, b)
    }

    /// A packet with so many bytes of data is sent: counts for what lies on its way.
    pub(crate) fn on_send(&self, from: usize, to: usize, bytes: u64) {
        let mut links = self.links.borrow_mut();
        links.on_send(from, to);
        if links.state(from, to) != LinkState::Open {
            return;
        }
        self.slow_links.borrow_mut().on_send(from, to);
        let port = &self.ports.borrow()[to];
        if port.hung.get() {
            port.waiting_bytes.set(port.waiting_bytes.get() + bytes);
        }
    }

    /// The process behind a port stops running: what arrives from now on waits.
    pub(crate) fn hang(&self, number: usize) {
        let port = &self.ports.borrow()[number];
        port.hung.set(true);
        port.waiting_bytes.set(0);
    }

    /// How many bytes wait for the process behind a port, if it is hung.
    pub(crate) fn waiting(&self, number: usize) -> u64 {
        self.ports.borrow()[number].waiting_bytes.get()
    }

    /// The process behind a port runs on, or is gone: how many bytes had waited.
    pub(crate) fn resume(&self, number: usize) -> u64 {
        let port = &self.ports.borrow()[number];
        port.hung.set(false);
        port.waiting_bytes.replace(0)
    }

    pub(crate) fn cut(&self, id: CutId, ways: &[(usize, usize)], kind: CutKind) -> Vec<Change> {
        self.links.borrow_mut().cut(id, ways, kind)
    }

    pub(crate) fn heal(&self, id: CutId) -> (Vec<Change>, Bite) {
        self.links.borrow_mut().heal(id)
    }

    /// The least that a packet takes from one machine to the other now: what the way back of a
    /// refusal takes.
    pub(crate) fn latency(&self, a: usize, b: usize) -> Duration {
        self.slow_links.borrow().one_way_ms(a, b).map_or(self.latency, Duration::from_millis)
    }

    /// How long packets take between two machines, in milliseconds, if their link is slow.
    pub(crate) fn one_way_ms(&self, pair: Pair) -> Option<u64> {
        self.slow_links.borrow().one_way_ms(pair.0, pair.1)
    }

    pub(crate) fn slow(&self, id: CutId, pairs: &[Pair], one_way_ms: u64) -> Vec<Pair> {
        self.slow_links.borrow_mut().lay(id, pairs, one_way_ms)
    }

    /// Takes a slowness away: the links that change, and how many packets it slowed.
    pub(crate) fn hasten(&self, id: CutId) -> (Vec<Pair>, u64) {
        self.slow_links.borrow_mut().lift(id)
    }

    /// So many packets were under way when a cut came down.
    pub(crate) fn count_under_way(&self, from: usize, to: usize, packets: u64) {
        self.links.borrow_mut().count(from, to, packets);
    }
}
