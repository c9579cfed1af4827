//! The cluster's record: what the store keeps, as JSON, and what topologies are made from.
//!
//! What this is not: the topology of the nodes. The record also knows the election version and
//! where a load balancer takes its redirects, which no node is told.
//!
//! The trap: there is one version and one election version for the whole cluster, not one per
//! shard. Promoting raises the election version here; the version is raised where the record is
//! written to the store.

use std::collections::BTreeSet;

use host::MasterOf;
use indexmap::IndexMap;
use node::slot::SlotRange;
use node::topology::{Member, MemberRole, Topology, TopologyError};
use serde::{Deserialize, Serialize};

pub use crate::lb_record::LbRecord;
use crate::lb_record::ShardForm;

/// A cluster as the store has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterRecord {
    /// The version of the topology, 0 or more; every write to the store adds 1.
    pub version: i64,
    /// How many promotions there were while a lease was configured.
    #[serde(default)]
    pub election_version: u64,
    /// The shards; a shard's number is its place here, counted from 0.
    pub shards: Vec<ShardRecord>,
}

/// One shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ShardForm")]
pub struct ShardRecord {
    /// Its slots.
    pub slots: Vec<SlotRange>,
    /// Its nodes, one of them the master. Their order decides between equal candidates.
    pub nodes: Vec<NodeRecord>,
    /// The load balancers in front of its master, all of them; topologies show the first one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lbs: Vec<LbRecord>,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeRecord {
    /// Its id, 40 bytes.
    pub id: String,
    /// Its host name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Its role in the shard.
    pub role: NodeRole,
    /// Whether it was master and another has taken its place, and it has not been master since.
    #[serde(default, skip_serializing_if = "is_false")]
    pub deposed: bool,
    /// The load balancer of its own, if it has one, which topologies show in place of its
    /// address. It leads to this node, but to the shard's master when this node is deposed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lb: Option<LbRecord>,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

impl NodeRecord {
    /// Gives it a role. A master that becomes a replica is deposed by that.
    pub(crate) fn take_role(&mut self, role: NodeRole) {
        let was_master = self.deposed || self.role == NodeRole::Master;
        (self.role, self.deposed) = (role, role == NodeRole::Slave && was_master);
    }

    /// `host:port`, by which a line for people names it: several nodes may share a host.
    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// The role of a node in its shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeRole {
    /// Takes the writes.
    Master,
    /// Follows the master.
    Slave,
}

/// Why a record describes no cluster.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The text is not such JSON.
    #[error("not a cluster record: {0}")]
    Json(String),
    /// The version is negative.
    #[error("version is {0}, allowed are 0 and more")]
    Version(i64),
    /// No shard.
    #[error("there is no shard, at least one is needed")]
    NoShard,
    /// A shard has no master, or several.
    #[error("shard {shard} has {masters} masters, exactly one is needed")]
    Masters {
        /// The shard.
        shard: usize,
        /// How many it has.
        masters: usize,
    },
    /// A load balancer's host cannot stand in a topology's text, or a port of it is 0.
    #[error(
        "the load balancer {host:?} of shard {shard} needs a host that is written neither like \
         a slot nor like a node id, and ports from 1"
    )]
    Lb {
        /// The shard.
        shard: usize,
        /// The host.
        host: String,
    },
    /// Two load balancers have one address, or one is to lead clients of a shard to two nodes.
    #[error(
        "the load balancer {host:?} stands in shard {shard} again: each host and port may stand in \
         the record once, each host and admin port once a shard"
    )]
    LbTwice {
        /// The shard.
        shard: usize,
        /// The host.
        host: String,
    },
    /// An id or a host with blanks in it, or empty.
    #[error("the id or host of node {0:?} cannot stand in a topology: no blanks, not empty")]
    Node(String),
    /// Two nodes have one id.
    #[error("two nodes have the id {0}")]
    Duplicate(String),
    /// The nodes make no topology.
    #[error("the nodes make no topology: {0}")]
    Topology(#[from] TopologyError),
    /// A node that is to be promoted is no replica of the shard.
    #[error("{id} is no replica of shard {shard}")]
    NoReplica {
        /// The shard.
        shard: usize,
        /// The node.
        id: String,
    },
}

impl ClusterRecord {
    /// Reads the JSON that the store keeps.
    ///
    /// # Errors
    /// [`RecordError`], also of [`ClusterRecord::validate`].
    pub fn from_json(text: &str) -> Result<ClusterRecord, RecordError> {
        let record: ClusterRecord =
            serde_json::from_str(text).map_err(|error| RecordError::Json(error.to_string()))?;
        record.validate()?;
        Ok(record)
    }

    /// The JSON that the store keeps.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a record has string keys only, which JSON can write")
    }

    /// Checks that the record describes a cluster.
    ///
    /// # Errors
    /// [`RecordError`] for the first thing that is wrong.
    pub fn validate(&self) -> Result<(), RecordError> {
        if self.version < 0 {
            return Err(RecordError::Version(self.version));
        }
        if self.shards.is_empty() {
            return Err(RecordError::NoShard);
        }
        for (index, shard) in self.shards.iter().enumerate() {
            shard.validate(index)?;
        }
        let mut ids = BTreeSet::new();
        if let Some((_, _, node)) = self.nodes().find(|(_, _, node)| !ids.insert(&node.id)) {
            return Err(RecordError::Duplicate(node.id.clone()));
        }
        self.no_lb_stands_twice()?;
        Topology::parse(&self.to_topology().to_setnodes(), self.version)?;
        Ok(())
    }

    /// The topology to push. Each node's line has the node's own load balancer; without one, the
    /// line of the present master has the first of its shard.
    pub fn to_topology(&self) -> Topology {
        let members: IndexMap<String, Member> = self
            .shards
            .iter()
            .flat_map(|shard| shard.nodes.iter().map(|node| (node.id.clone(), shard.member(node))))
            .collect();
        Topology { version: self.version, members }
    }

    /// The record after a replica was promoted: the roles of the two nodes are swapped, and the
    /// old master is deposed. With a
    /// lease the election version rises by 1, as upstream's lease code does on promotion.
    ///
    /// ```
    /// use controller::ClusterRecord;
    /// let (a, b) = ("a".repeat(40), "b".repeat(40));
    /// let record = ClusterRecord::from_json(&format!(
    ///     r#"{{"version": 1, "shards": [{{"slots": ["0-16383"], "nodes": [
    ///         {{"id": "{a}", "host": "node-1", "port": 6666, "role": "master"}},
    ///         {{"id": "{b}", "host": "node-2", "port": 6666, "role": "slave"}}]}}]}}"#
    /// ))
    /// .unwrap();
    /// let next = record.promote(0, &b, true).unwrap();
    /// assert_eq!(next.masters()[0].member, b);
    /// assert_eq!((next.version, next.election_version), (1, 1));
    /// ```
    ///
    /// # Errors
    /// [`RecordError::NoReplica`].
    pub fn promote(
        &self,
        shard: usize,
        successor: &str,
        lease: bool,
    ) -> Result<ClusterRecord, RecordError> {
        let mut next = self.clone();
        let nodes = next.shards.get_mut(shard).map(|shard| shard.nodes.as_mut_slice());
        let nodes = nodes.unwrap_or_default();
        let no_replica = || RecordError::NoReplica { shard, id: successor.to_owned() };
        let place = nodes.iter().position(|n| n.id == successor && n.role == NodeRole::Slave);
        let place = place.ok_or_else(no_replica)?;
        nodes.iter_mut().for_each(|node| node.take_role(NodeRole::Slave));
        nodes[place].take_role(NodeRole::Master);
        next.election_version += u64::from(lease);
        Ok(next)
    }

    /// The master of every shard.
    pub fn masters(&self) -> Vec<MasterOf> {
        let named = |(index, shard): (usize, &ShardRecord)| {
            let shard_number = u32::try_from(index).ok()?;
            Some(MasterOf { shard: shard_number, member: shard.master()?.id.clone() })
        };
        self.shards.iter().enumerate().filter_map(named).collect()
    }

    /// Every node with the number of its shard and the shard.
    pub fn nodes(&self) -> impl Iterator<Item = (usize, &ShardRecord, &NodeRecord)> {
        self.shards
            .iter()
            .enumerate()
            .flat_map(|(index, shard)| shard.nodes.iter().map(move |node| (index, shard, node)))
    }
}

impl ShardRecord {
    /// The master; every shard of a valid record has one.
    pub fn master(&self) -> Option<&NodeRecord> {
        self.nodes.iter().find(|node| node.role == NodeRole::Master)
    }

    fn validate(&self, index: usize) -> Result<(), RecordError> {
        let masters = self.nodes.iter().filter(|node| node.role == NodeRole::Master).count();
        if masters != 1 {
            return Err(RecordError::Masters { shard: index, masters });
        }
        for node in &self.nodes {
            let bad = |text: &str| text.is_empty() || text.contains([' ', '\n', '\r']);
            if bad(&node.host) || bad(&node.id) {
                return Err(RecordError::Node(node.id.clone()));
            }
        }
        self.lbs_are_valid(index)
    }

    fn member(&self, node: &NodeRecord) -> Member {
        let master = || self.master().map(|master| master.id.clone()).unwrap_or_default();
        let role = match node.role {
            NodeRole::Master => MemberRole::Master { slots: self.slots.clone() },
            NodeRole::Slave => MemberRole::Replica { of: master() },
        };
        let lb = self.lb_shown_for(node);
        Member { id: node.id.clone(), host: node.host.clone(), port: node.port, role, lb }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An id that ends in the given letter.
    pub(crate) fn id(letter: char) -> String {
        format!("{letter:0>40}")
    }

    fn node(letter: char, role: NodeRole) -> NodeRecord {
        let host = format!("node-{letter}");
        NodeRecord { id: id(letter), host, port: 6666, role, deposed: false, lb: None }
    }

    pub(crate) fn lb(host: &str) -> LbRecord {
        LbRecord { host: host.into(), port: 7000, admin_port: 7001 }
    }

    /// One shard with an LB: `a` is the master, `b` and `c` follow it.
    pub(crate) fn record() -> ClusterRecord {
        let nodes = vec![
            node('a', NodeRole::Master),
            node('b', NodeRole::Slave),
            node('c', NodeRole::Slave),
        ];
        let shards = vec![ShardRecord { slots: vec![SlotRange::ALL], nodes, lbs: vec![lb("lb")] }];
        ClusterRecord { version: 1, election_version: 0, shards }
    }

    #[test]
    fn json_has_upstreams_names_and_reads_back() {
        let json = record().to_json();
        assert!(json.contains(r#""election_version":0"#), "{json}");
        assert!(json.contains(r#""slots":["0-16383"]"#), "{json}");
        assert!(json.contains(r#""role":"slave""#), "{json}");
        assert_eq!(ClusterRecord::from_json(&json), Ok(record()));
        assert!(matches!(ClusterRecord::from_json("{}"), Err(RecordError::Json(_))));
    }

    #[test]
    fn the_lb_stands_on_the_line_of_the_present_master_only() {
        let (a, b, c) = (id('a'), id('b'), id('c'));
        let before = record();
        assert_eq!(
            before.to_topology().to_setnodes(),
            format!(
                "{a} node-a 6666 master - 0-16383 lb 7000\n\
                 {b} node-b 6666 slave {a}\n{c} node-c 6666 slave {a}"
            )
        );
        let after = before.promote(0, &b, false).unwrap();
        assert_eq!(
            after.to_topology().to_setnodes(),
            format!(
                "{a} node-a 6666 slave {b}\n\
                 {b} node-b 6666 master - 0-16383 lb 7000\n{c} node-c 6666 slave {b}"
            )
        );
        assert_eq!((after.version, after.election_version), (1, 0));
        assert_eq!(after.masters(), [MasterOf { shard: 0, member: b }]);
    }

    #[test]
    fn promotion_raises_the_election_version_with_a_lease_only() {
        let promoted = |lease| record().promote(0, &id('c'), lease).unwrap().election_version;
        assert_eq!((promoted(false), promoted(true)), (0, 1));
        for (shard, letter) in [(0, 'a'), (0, 'x'), (1, 'b')] {
            let refused = record().promote(shard, &id(letter), true);
            assert_eq!(refused, Err(RecordError::NoReplica { shard, id: id(letter) }));
        }
    }

    #[test]
    fn what_describes_no_cluster_is_refused() {
        let refused = |change: fn(&mut ClusterRecord)| {
            let mut record = record();
            change(&mut record);
            record.validate().unwrap_err().to_string()
        };
        assert_eq!(refused(|r| r.version = -1), "version is -1, allowed are 0 and more");
        assert!(refused(|r| r.shards.clear()).contains("no shard"));
        assert!(refused(|r| r.shards[0].nodes[0].role = NodeRole::Slave).contains("0 masters"));
        assert!(refused(|r| r.shards[0].nodes[1].role = NodeRole::Master).contains("2 masters"));
        assert!(refused(|r| r.shards[0].nodes[0].host = "a b".into()).contains("no blanks"));
        assert!(refused(|r| r.shards[0].nodes[0].id = "short".into()).contains("node id"));
        assert!(refused(|r| r.shards.push(r.shards[0].clone())).contains("two nodes have the id"));
        assert!(refused(|r| r.shards[0].slots.push(SlotRange::ALL)).contains("Slot dist"));
    }
}
