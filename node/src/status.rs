//! How a node stands in its own eyes: what the probe answers, and what is told at every change.
//!
//! The trap: authority is what the node believes. That is the point of asking.

use std::rc::{Rc, Weak};

use host::{Lease, Observation, Role, Status};

use crate::cluster::Part;
use crate::node::Node;
use crate::pause::Paused;

impl Node {
    /// How it stands now.
    pub(crate) fn status(&self) -> Status {
        let cluster = self.cluster.borrow();
        let role = match cluster.part() {
            Part::Absent => Role::None,
            Part::Master(_) => Role::Master,
            Part::Replica(_) => Role::Replica,
        };
        let gate = self.storage.gate();
        let following = self.following.borrow();
        let waits = self.pause.now() != Paused::Nothing;
        Status {
            role,
            topology_version: cluster.version(),
            election_version: gate.election_version(),
            lease: gate.state(),
            authoritative: self.takes_writes() && !waits && gate.look().is_ok(),
            link: following.as_ref().map(|following| following.state.link.get()),
        }
    }

    /// Whether its role lets it write: it is master of slots, or alone, and not loading.
    pub(crate) fn takes_writes(&self) -> bool {
        let cluster = self.cluster.borrow();
        let serves_slots = matches!(cluster.part(), Part::Master(slots) if !slots.is_empty());
        let alone = !self.config.borrow().cluster_enabled && self.following.borrow().is_none();
        (serves_slots || alone) && !self.is_loading()
    }

    /// Tells how it stands, after anything that may have changed it.
    pub(crate) fn tell_status(&self) {
        self.host.observe(Observation::Status { status: self.status() });
    }

    /// Lets the machine ask at any time. The machine does not keep the node alive by it.
    pub(crate) fn answer_probes(self: &Rc<Self>) {
        let node = Rc::downgrade(self);
        self.host.probe(Rc::new(move || Weak::upgrade(&node).map_or(GONE, |node| node.status())));
    }
}

const GONE: Status = Status {
    role: Role::None,
    topology_version: -1,
    election_version: 0,
    lease: Lease::None,
    authoritative: false,
    link: None,
};
