//! Load balancers in the cluster's record, and where each of them is to lead.
//!
//! There are two kinds. Those of a *shard* all stand in front of its master. The *own* one of a
//! node stands in front of that node, as in the picture of the proposal (kvrocks issue 3089), and
//! its address is shown for the node in topologies:
//! - it leads to its node as long as that is the master, or a replica that has not been deposed;
//! - once its node was deposed, in the same commit, it leads to the shard's master, so that
//!   requests never reach the old master, until its node is master again.
//!
//! What this is not: a sign of health. A replica that is down keeps its own load balancer.
//!
//! The trap: a deposed master comes back as a replica, with data that may differ from the new
//! master's until it has taken a copy, and no record says when it has. So nothing leads there
//! again by itself. Whoever has seen to it may clear `deposed` in the record.

use std::collections::BTreeSet;

use node::topology::LbAddress;
use serde::{Deserialize, Serialize};

use crate::cluster_record::{ClusterRecord, NodeRecord, NodeRole, RecordError, ShardRecord};

/// A load balancer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LbRecord {
    /// Its host name or address.
    pub host: String,
    /// The port on which it takes clients.
    pub port: u16,
    /// The port on which it takes redirects.
    pub admin_port: u16,
}

/// A load balancer that is to lead to a node.
pub(crate) struct Lead<'a> {
    /// The shard whose clients it takes.
    pub(crate) shard: usize,
    pub(crate) lb: &'a LbRecord,
    pub(crate) target: &'a NodeRecord,
}

impl ClusterRecord {
    /// Every load balancer with the node to which it is to lead, in the order of the record.
    pub(crate) fn leads(&self) -> impl Iterator<Item = Lead<'_>> {
        self.shards.iter().enumerate().flat_map(|(shard, of)| {
            of.lbs().filter_map(move |(lb, of_node)| {
                let target = match of_node {
                    Some(node) if node.role == NodeRole::Master || !node.deposed => node,
                    _ => of.master()?,
                };
                Some(Lead { shard, lb, target })
            })
        })
    }

    /// Checks that no load balancer is asked for two things: each address of clients stands there
    /// once, and each admin address once a shard.
    pub(crate) fn no_lb_stands_twice(&self) -> Result<(), RecordError> {
        let (mut clients, mut admins) = (BTreeSet::new(), BTreeSet::new());
        for (shard, of) in self.shards.iter().enumerate() {
            for (lb, _) in of.lbs() {
                let twice = !clients.insert((&lb.host, lb.port))
                    || !admins.insert((shard, &lb.host, lb.admin_port));
                if twice {
                    return Err(RecordError::LbTwice { shard, host: lb.host.clone() });
                }
            }
        }
        Ok(())
    }
}

impl ShardRecord {
    /// Its load balancers, and those of its nodes with the node.
    fn lbs(&self) -> impl Iterator<Item = (&LbRecord, Option<&NodeRecord>)> {
        let of_nodes = self.nodes.iter().filter_map(|node| Some((node.lb.as_ref()?, Some(node))));
        self.lbs.iter().map(|lb| (lb, None)).chain(of_nodes)
    }

    pub(crate) fn lbs_are_valid(&self, shard: usize) -> Result<(), RecordError> {
        let valid = |lb: &LbRecord| {
            lb.port != 0 && lb.admin_port != 0 && LbAddress::host_is_writable(&lb.host)
        };
        match self.lbs().find(|(lb, _)| !valid(lb)) {
            Some((lb, _)) => Err(RecordError::Lb { shard, host: lb.host.clone() }),
            None => Ok(()),
        }
    }

    /// The address that topologies show for one of its nodes: that of the node's own load
    /// balancer, else for the master that of the shard's first one.
    pub(crate) fn lb_shown_for(&self, node: &NodeRecord) -> Option<LbAddress> {
        let of_shard = self.lbs.first().filter(|_| node.role == NodeRole::Master);
        let lb = node.lb.as_ref().or(of_shard)?;
        Some(LbAddress { host: lb.host.clone(), port: lb.port })
    }
}

/// A shard as JSON has it: also in the form of before there could be several load balancers.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShardForm {
    slots: Vec<node::slot::SlotRange>,
    nodes: Vec<NodeRecord>,
    #[serde(default)]
    lbs: Vec<LbRecord>,
    #[serde(default)]
    lb: Option<LbRecord>,
}

impl TryFrom<ShardForm> for ShardRecord {
    type Error = &'static str;

    fn try_from(form: ShardForm) -> Result<Self, Self::Error> {
        let ShardForm { slots, nodes, mut lbs, lb } = form;
        if lb.is_some() && !lbs.is_empty() {
            return Err("a shard has both `lb` and `lbs`, allowed is one of them");
        }
        lbs.extend(lb);
        Ok(Self { slots, nodes, lbs })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster_record::tests::{id, lb, record};

    /// The record with another load balancer for the shard, and own ones for `a` and `b`.
    fn with_many() -> ClusterRecord {
        let mut record = record();
        let shard = &mut record.shards[0];
        shard.lbs.push(lb("lb-2"));
        shard.nodes[0].lb = Some(lb("lb-a"));
        shard.nodes[1].lb = Some(lb("lb-b"));
        record.validate().unwrap();
        record
    }

    fn leads(record: &ClusterRecord) -> Vec<String> {
        let told = |lead: Lead| format!("{} to {}", lead.lb.host, lead.target.host);
        record.leads().map(told).collect()
    }

    #[test]
    fn those_of_the_shard_lead_to_its_master_and_own_ones_to_their_node_until_it_is_deposed() {
        let before = with_many();
        let all = |lb, lb_2, lb_a, lb_b| {
            [("lb", lb), ("lb-2", lb_2), ("lb-a", lb_a), ("lb-b", lb_b)]
                .map(|(lb, node)| format!("{lb} to node-{node}"))
        };
        assert_eq!(leads(&before), all("a", "a", "a", "b"));
        let after = before.promote(0, &id('c'), false).unwrap();
        assert_eq!(leads(&after), all("c", "c", "c", "b"), "nothing leads to the old master");
        let twice = after.promote(0, &id('b'), false).unwrap();
        assert_eq!(leads(&twice), all("b", "b", "b", "b"));
        let back = twice.promote(0, &id('a'), false).unwrap();
        assert_eq!(leads(&back), all("a", "a", "a", "a"), "`b` was deposed");
    }

    #[test]
    fn each_node_is_shown_with_its_own_and_the_master_else_with_the_first_of_the_shard() {
        let shown = |record: &ClusterRecord| {
            let of = &record.shards[0];
            let host = |node| of.lb_shown_for(node).map(|lb| lb.host);
            of.nodes.iter().map(host).collect::<Vec<_>>()
        };
        let (own_a, own_b) = (Some("lb-a".to_owned()), Some("lb-b".to_owned()));
        assert_eq!(shown(&with_many()), [own_a.clone(), own_b.clone(), None]);
        let promoted = with_many().promote(0, &id('c'), false).unwrap();
        assert_eq!(shown(&promoted), [own_a, own_b, Some("lb".to_owned())]);
    }

    #[test]
    fn the_old_form_is_read_as_one_of_the_shard() {
        let json = record().to_json();
        let new = r#""lbs":[{"host":"lb","port":7000,"admin_port":7001}]"#;
        let old = r#""lb":{"host":"lb","port":7000,"admin_port":7001}"#;
        assert!(json.contains(new), "{json}");
        assert_eq!(ClusterRecord::from_json(&json.replace(new, old)), Ok(record()));
        let both = ClusterRecord::from_json(&json.replace(new, &format!("{new},{old}")));
        assert!(both.unwrap_err().to_string().contains("both `lb` and `lbs`"));
        let json = with_many().to_json();
        assert_eq!(ClusterRecord::from_json(&json), Ok(with_many()));
    }

    #[test]
    fn what_can_take_no_redirect_or_would_take_two_is_refused() {
        let refused = |change: fn(&mut LbRecord)| {
            let mut record = with_many();
            change(record.shards[0].nodes[1].lb.as_mut().unwrap());
            record.validate().unwrap_err()
        };
        let wrong = |host: &str| RecordError::Lb { shard: 0, host: host.into() };
        assert_eq!(refused(|lb| lb.port = 0), wrong("lb-b"));
        assert_eq!(refused(|lb| lb.admin_port = 0), wrong("lb-b"));
        assert_eq!(refused(|lb| lb.host = "1-2".into()), wrong("1-2"));
        assert_eq!(refused(|lb| lb.host = String::new()), wrong(""));
        let twice = |host: &str| RecordError::LbTwice { shard: 0, host: host.into() };
        assert_eq!(refused(|lb| lb.host = "lb-2".into()), twice("lb-2"));
        let same_admin = refused(|lb| (lb.host, lb.port) = ("lb-2".into(), 1));
        assert_eq!(same_admin, twice("lb-2"));
    }
}
