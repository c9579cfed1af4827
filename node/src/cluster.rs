//! What a node believes of the cluster: the topology that was pushed to it, its own id in it,
//! and so its role. Pure.
//!
//! What this is not: how a role takes effect (see [`crate::node`]), nor how it is kept (see
//! [`crate::nodes_conf`]).
//!
//! The trap: the id survives a topology that does not contain it; the node is in no role then.

use crate::slot::SlotRange;
use crate::topology::{Member, MemberRole, Topology, TopologyError};

/// The cluster as one node believes it to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cluster {
    my_id: String,
    topology: Option<Topology>,
}

/// By what a node finds itself in a topology when nobody told it its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnAddress {
    /// The host names and addresses that are its own.
    pub(crate) hosts: Vec<String>,
    /// The port on which it listens.
    pub(crate) port: u16,
}

/// Why a topology was refused; nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SetNodesError {
    /// The version is negative, or older than the one that is here.
    #[error("Invalid cluster version")]
    Version,
    /// The text is no topology.
    #[error(transparent)]
    Topology(#[from] TopologyError),
}

/// Why slots were not given to a member; nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SetSlotError {
    /// The version is not the one after that which is here.
    #[error("Invalid cluster version")]
    Version,
    /// The topology has no such member.
    #[error("No this node in the cluster")]
    UnknownNode,
    /// It is a replica.
    #[error("The node isn't a master")]
    NotAMaster,
}

/// A node's part in its topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// It is in none.
    Absent,
    /// Master of these slots.
    Master(&'a [SlotRange]),
    /// Replica of this master, if the topology has it.
    Replica(Option<&'a Member>),
}

impl Cluster {
    /// As `nodes.conf` has it. If that has no id, the node looks for itself.
    pub(crate) fn loaded(my_id: String, topology: Option<Topology>, own: &OwnAddress) -> Self {
        let mut cluster = Self { my_id, topology };
        if cluster.my_id.is_empty() {
            cluster.find_myself(own);
        }
        cluster
    }

    /// `CLUSTERX SETNODES`. The version that is here already changes nothing, and its text is
    /// not even read.
    ///
    /// # Errors
    /// [`SetNodesError`], in upstream's order.
    pub(crate) fn set_nodes(
        &mut self,
        text: &str,
        version: i64,
        force: bool,
        own: &OwnAddress,
    ) -> Result<(), SetNodesError> {
        if version < 0 || (!force && self.version() > version) {
            return Err(SetNodesError::Version);
        }
        if !force && self.version() == version {
            return Ok(());
        }
        self.topology = Some(Topology::parse(text, version)?);
        if self.my_id.is_empty() || force {
            self.find_myself(own);
        }
        Ok(())
    }

    /// `CLUSTERX SETSLOT`: these slots belong to this master from now on, whoever had them.
    ///
    /// # Errors
    /// [`SetSlotError`], in upstream's order.
    pub(crate) fn set_slot(
        &mut self,
        ranges: &[SlotRange],
        id: &str,
        version: i64,
    ) -> Result<(), SetSlotError> {
        let next = self.version().checked_add(1);
        let topology = match &mut self.topology {
            Some(topology) if version > 0 && next == Some(version) => topology,
            _ => return Err(SetSlotError::Version),
        };
        let member = topology.members.get(id).ok_or(SetSlotError::UnknownNode)?;
        if !member.is_master() {
            return Err(SetSlotError::NotAMaster);
        }
        topology.give_slots(ranges, id);
        topology.version = version;
        Ok(())
    }

    fn find_myself(&mut self, own: &OwnAddress) {
        let mut members = self.topology.iter().flat_map(|topology| topology.members.values());
        if let Some(member) = members.find(|member| own.is(member)) {
            self.my_id = member.id.clone();
        }
    }

    /// `CLUSTERX SETNODEID`.
    pub(crate) fn set_id(&mut self, id: String) {
        self.my_id = id;
    }

    /// The node's own id; empty if it has none.
    pub(crate) fn my_id(&self) -> &str {
        &self.my_id
    }

    /// The version of the topology; −1 before any.
    pub(crate) fn version(&self) -> i64 {
        self.topology.as_ref().map_or(-1, |topology| topology.version)
    }

    /// The topology.
    pub(crate) fn topology(&self) -> Option<&Topology> {
        self.topology.as_ref()
    }

    /// The node's part in it.
    pub(crate) fn part(&self) -> Part<'_> {
        let Some(topology) = &self.topology else {
            return Part::Absent;
        };
        match topology.members.get(&self.my_id).map(|member| &member.role) {
            None => Part::Absent,
            Some(MemberRole::Master { slots }) => Part::Master(slots),
            Some(MemberRole::Replica { of }) => Part::Replica(topology.members.get(of)),
        }
    }
}

impl OwnAddress {
    fn is(&self, member: &Member) -> bool {
        member.port == self.port && self.hosts.contains(&member.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    const C: &str = "cccccccccccccccccccccccccccccccccccccccc";

    fn own() -> OwnAddress {
        OwnAddress { hosts: vec!["node-1".to_owned()], port: 1 }
    }

    fn text() -> String {
        format!("{A} node-1 1 master - 0-5\n{B} node-2 1 slave {A}")
    }

    #[test]
    fn versions_must_rise_unless_forced() {
        let mut cluster = Cluster::default();
        let mut set = |version, force| cluster.set_nodes(&text(), version, force, &own()).is_ok();
        let table = [
            (-1, false, false),
            (-1, true, false),
            (0, false, true),
            (5, false, true),
            (5, false, true),
            (4, false, false),
            (4, true, true),
            (5, false, true),
        ];
        for (version, force, accepted) in table {
            assert_eq!(set(version, force), accepted, "{version} {force}");
        }
        assert_eq!(cluster.version(), 5);
    }

    #[test]
    fn the_same_version_is_not_read() {
        let mut cluster = Cluster::default();
        cluster.set_nodes(&text(), 3, false, &own()).unwrap();
        let before = cluster.clone();
        assert_eq!(cluster.set_nodes("nonsense", 3, false, &own()), Ok(()));
        assert_eq!(cluster, before);
        let refused = cluster.set_nodes("nonsense", 3, true, &own());
        assert_eq!(refused, Err(SetNodesError::Topology(TopologyError::Info)));
        assert_eq!(cluster, before);
    }

    #[test]
    fn a_node_finds_itself_only_without_an_id_or_by_force() {
        let mut cluster = Cluster::default();
        cluster.set_nodes(&text(), 1, false, &own()).unwrap();
        assert_eq!(cluster.my_id(), A);

        cluster.set_id(B.to_owned());
        cluster.set_nodes(&text(), 2, false, &own()).unwrap();
        assert_eq!(cluster.my_id(), B);
        assert!(matches!(cluster.part(), Part::Replica(Some(master)) if master.id == A));

        cluster.set_nodes(&text(), 2, true, &own()).unwrap();
        assert!(matches!(cluster.part(), Part::Master([SlotRange { first: 0, last: 5 }])));
    }

    #[test]
    fn a_load_balancer_is_nobodys_own_address() {
        let text = format!("{A} other 9 master - 0-5 node-1 1\n{B} node-1 1 slave {A} lb 70");
        let mut cluster = Cluster::default();
        cluster.set_nodes(&text, 1, true, &own()).unwrap();
        assert_eq!(cluster.my_id(), B);
        // Its master is followed at its own address.
        let Part::Replica(Some(master)) = cluster.part() else { panic!("{:?}", cluster.part()) };
        assert_eq!((master.host.as_str(), master.port), ("other", 9));
    }

    #[test]
    fn slots_are_given_one_version_at_a_time() {
        let mut cluster = Cluster::default();
        let ranges = [SlotRange { first: 3, last: 7 }];
        assert_eq!(cluster.set_slot(&ranges, A, 0), Err(SetSlotError::Version));
        let text = format!("{A} node-1 1 master - 0-5\n{B} h 2 slave {A}\n{C} h 3 master - 6-9");
        cluster.set_nodes(&text, 4, false, &own()).unwrap();
        for (id, version, error) in [
            (A, -1, SetSlotError::Version),
            (A, 4, SetSlotError::Version),
            (A, 6, SetSlotError::Version),
            ("none", 6, SetSlotError::Version),
            ("none", 5, SetSlotError::UnknownNode),
            (B, 5, SetSlotError::NotAMaster),
        ] {
            assert_eq!(cluster.set_slot(&ranges, id, version), Err(error), "{id} {version}");
        }
        assert_eq!(cluster.topology().unwrap().to_setnodes(), text);
        cluster.set_slot(&ranges, C, 5).unwrap();
        let expected =
            format!("{A} node-1 1 master - 0-2\n{B} h 2 slave {A}\n{C} h 3 master - 3-9");
        assert_eq!(cluster.topology().unwrap().to_setnodes(), expected);
        assert_eq!(cluster.version(), 5);
        cluster.topology.as_mut().unwrap().version = i64::MAX;
        assert_eq!(cluster.set_slot(&ranges, C, i64::MAX), Err(SetSlotError::Version));
    }

    #[test]
    fn parts() {
        let mut cluster = Cluster::default();
        assert_eq!(cluster.part(), Part::Absent);
        cluster.set_id(B.to_owned());
        cluster.set_nodes(&format!("{A} h 9 master -"), 1, false, &own()).unwrap();
        assert_eq!((cluster.part(), cluster.my_id()), (Part::Absent, B));
        cluster.set_nodes(&format!("{B} h 9 slave {A}"), 2, false, &own()).unwrap();
        assert_eq!(cluster.part(), Part::Replica(None));
    }
}
