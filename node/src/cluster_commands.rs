//! `CLUSTER`: how a node shows the topology to clients and controllers. Load balancers stand in
//! place of the nodes that they belong to.
//!
//! The trap: a controller that rebuilds its topology from `CLUSTER NODES` takes those for the
//! nodes' own addresses.

use std::fmt::Write as _;

use bytes::Bytes;

use crate::arguments;
use crate::cluster::Cluster;
use crate::command::Command;
use crate::error_reply::ErrorReply;
use crate::reply::Reply;
use crate::slot::{self, SlotRange, key_slot};
use crate::topology::{Member, MemberRole, Topology};

/// A subcommand of CLUSTER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClusterCommand {
    /// `NODES`
    Nodes,
    /// `SLOTS`
    Slots,
    /// `INFO`
    Info,
    /// `KEYSLOT key`
    KeySlot(Bytes),
    /// `REPLICAS id`
    Replicas(String),
    /// `RESET [hard|soft]`, which are the same; executed by [`crate::node::Node`]
    Reset,
}

/// Reads the arguments, `CLUSTER` first.
pub(crate) fn parse(args: &[Bytes]) -> Result<Command, ErrorReply> {
    let name = arguments::text(&args[1]).to_ascii_lowercase();
    let command = match (name.as_str(), &args[2..]) {
        ("nodes", []) => ClusterCommand::Nodes,
        ("slots", []) => ClusterCommand::Slots,
        ("info", []) => ClusterCommand::Info,
        ("keyslot", [key]) => ClusterCommand::KeySlot(key.clone()),
        ("reset", []) => ClusterCommand::Reset,
        ("reset", [how]) if arguments::is(how, "hard") || arguments::is(how, "soft") => {
            ClusterCommand::Reset
        }
        ("replicas", [id]) => ClusterCommand::Replicas(arguments::text(id)),
        _ => {
            let usage = "CLUSTER command, CLUSTER INFO|NODES|SLOTS|KEYSLOT|RESET|REPLICAS";
            return Err(ErrorReply::err(usage));
        }
    };
    Ok(Command::Cluster(command))
}

impl ClusterCommand {
    /// Executes it. `now_ms` is the wall clock.
    pub(crate) fn run(&self, cluster: &Cluster, now_ms: u64) -> Result<Reply, ErrorReply> {
        if let ClusterCommand::KeySlot(key) = self {
            return Ok(Reply::Integer(key_slot(key).into()));
        }
        let topology = cluster.topology().ok_or_else(|| {
            ErrorReply::with_prefix("CLUSTERDOWN", "The cluster is not initialized")
        })?;
        match self {
            ClusterCommand::Nodes => {
                let members = topology.members.values();
                Ok(Reply::Verbatim(lines(topology, cluster.my_id(), now_ms, members)))
            }
            ClusterCommand::Slots => Ok(slots(topology)),
            ClusterCommand::Info => Ok(Reply::Verbatim(info(topology))),
            ClusterCommand::KeySlot(_) => unreachable!("answered above"),
            ClusterCommand::Reset => unreachable!("no command that is answered at once"),
            ClusterCommand::Replicas(id) => match topology.members.get(id) {
                None => Err(ErrorReply::err("Invalid cluster node id")),
                Some(member) if !member.is_master() => {
                    Err(ErrorReply::err("The node isn't a master"))
                }
                Some(_) => Ok(Reply::bulk(lines(topology, "", now_ms, topology.replicas_of(id)))),
            },
        }
    }
}

fn lines<'a>(
    topology: &Topology,
    my_id: &str,
    now_ms: u64,
    members: impl Iterator<Item = &'a Member>,
) -> String {
    let mut text = String::new();
    for member in members {
        node_line(&mut text, member, member.id == my_id, topology.version, now_ms)
            .expect("writing to a String cannot fail");
    }
    text
}

fn node_line(
    text: &mut String,
    member: &Member,
    myself: bool,
    version: i64,
    now_ms: u64,
) -> std::fmt::Result {
    let (host, port) = shown_address(member);
    let (id, cport) = (&member.id, u32::from(port) + CPORT_OFFSET);
    let myself = if myself { "myself," } else { "" };
    let (role, master) = match &member.role {
        MemberRole::Master { .. } => ("master", "-"),
        MemberRole::Replica { of } => ("slave", of.as_str()),
    };
    let ping_ms = now_ms.saturating_sub(1);
    write!(text, "{id} {host}:{port}@{cport} {myself}{role} {master} ")?;
    write!(text, "{ping_ms} {now_ms} {version} connected")?;
    for range in merged_slots(member) {
        write!(text, " {range}")?;
    }
    text.push('\n');
    Ok(())
}

/// The load balancer's address where the member has one.
fn shown_address(member: &Member) -> (&str, u16) {
    match &member.lb {
        Some(lb) => (&lb.host, lb.port),
        None => (&member.host, member.port),
    }
}

/// The slots of a member in ascending order, neighbouring ranges as one.
fn merged_slots(member: &Member) -> Vec<SlotRange> {
    let MemberRole::Master { slots } = &member.role else {
        return Vec::new();
    };
    slot::union(slots, &[])
}

fn slots(topology: &Topology) -> Reply {
    let mut rows = Vec::new();
    for master in topology.members.values() {
        for range in merged_slots(master) {
            let bounds = [range.first, range.last].map(|slot| Reply::Integer(slot.into()));
            let members = std::iter::once(master).chain(topology.replicas_of(&master.id));
            rows.push(Reply::Array(bounds.into_iter().chain(members.map(address_row)).collect()));
        }
    }
    Reply::Array(rows)
}

fn address_row(member: &Member) -> Reply {
    let (host, port) = shown_address(member);
    Reply::Array(vec![
        Reply::bulk(host.to_owned()),
        Reply::Integer(port.into()),
        Reply::bulk(member.id.clone()),
    ])
}

fn info(topology: &Topology) -> String {
    let slots_of = |member: &Member| -> usize {
        merged_slots(member).iter().map(|range| range.slots().count()).sum()
    };
    let counts: Vec<usize> = topology.members.values().map(slots_of).collect();
    let assigned: usize = counts.iter().sum();
    let size = counts.iter().filter(|count| **count > 0).count();
    let (known, version) = (counts.len(), topology.version);
    format!(
        "cluster_state:ok\r\ncluster_slots_assigned:{assigned}\r\ncluster_slots_ok:{assigned}\r\n\
         cluster_slots_pfail:0\r\ncluster_slots_fail:0\r\ncluster_known_nodes:{known}\r\n\
         cluster_size:{size}\r\ncluster_current_epoch:{version}\r\ncluster_my_epoch:{version}\r\n"
    )
}

/// What Redis adds to a port for its cluster bus; shown, never used.
const CPORT_OFFSET: u32 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::OwnAddress;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn cluster() -> Cluster {
        let text =
            format!("{A} node-1 1 master - 1-2 0 4-8193 10000\n{B} node-2 2 slave {A} lb 60000");
        let mut cluster = Cluster::default();
        cluster.set_id(A.to_owned());
        let own = OwnAddress { hosts: vec![], port: 0 };
        cluster.set_nodes(&text, 7, false, &own).unwrap();
        cluster
    }

    fn bulk(command: &ClusterCommand) -> String {
        match command.run(&cluster(), 100).unwrap() {
            Reply::Verbatim(text) => text,
            Reply::Bulk(text) => arguments::text(&text),
            other => panic!("{other:?} is no bulk string"),
        }
    }

    #[test]
    fn nodes_are_shown_with_merged_slots_and_load_balancers() {
        let expected = format!(
            "{A} node-1:1@10001 myself,master - 99 100 7 connected 0-2 4-8193 10000\n\
             {B} lb:60000@70000 slave {A} 99 100 7 connected\n"
        );
        assert_eq!(bulk(&ClusterCommand::Nodes), expected);
        assert_eq!(
            bulk(&ClusterCommand::Replicas(A.to_owned())),
            format!("{B} lb:60000@70000 slave {A} 99 100 7 connected\n")
        );
    }

    #[test]
    fn slots_are_shown_with_replicas() {
        let Ok(Reply::Array(rows)) = ClusterCommand::Slots.run(&cluster(), 0) else {
            panic!("no array");
        };
        assert_eq!(rows.len(), 3);
        let member = |host: &'static str, port, id: &'static str| {
            Reply::Array(vec![Reply::bulk(host), Reply::Integer(port), Reply::bulk(id)])
        };
        let first =
            [Reply::Integer(0), Reply::Integer(2), member("node-1", 1, A), member("lb", 60000, B)];
        assert_eq!(rows[0], Reply::Array(first.into()));
    }

    #[test]
    fn info_counts_slots() {
        let text = bulk(&ClusterCommand::Info);
        for line in [
            "cluster_state:ok",
            "cluster_slots_assigned:8194",
            "cluster_known_nodes:2",
            "cluster_size:1",
            "cluster_current_epoch:7",
            "cluster_my_epoch:7",
        ] {
            assert!(text.contains(&format!("{line}\r\n")), "{line}");
        }
    }

    #[test]
    fn what_is_not_understood_gets_the_usage() {
        let usage = "ERR CLUSTER command, CLUSTER INFO|NODES|SLOTS|KEYSLOT|RESET|REPLICAS";
        for text in ["nonsense", "nodes x", "keyslot", "replicas", "reset softly", "reset hard x"] {
            let words = format!("cluster {text}");
            let args: Vec<Bytes> =
                words.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
            assert_eq!(parse(&args).unwrap_err().to_string(), usage, "{text}");
        }
        let args = ["CLUSTER", "RESET", "HARD"].map(Bytes::from);
        assert_eq!(parse(&args), Ok(Command::Cluster(ClusterCommand::Reset)));
    }

    #[test]
    fn without_a_topology_only_keyslot_answers() {
        let empty = Cluster::default();
        let down = "CLUSTERDOWN The cluster is not initialized";
        for command in [ClusterCommand::Nodes, ClusterCommand::Slots, ClusterCommand::Info] {
            assert_eq!(command.run(&empty, 0).unwrap_err().to_string(), down);
        }
        let keyslot = ClusterCommand::KeySlot(Bytes::from_static(b"foo"));
        assert_eq!(keyslot.run(&empty, 0), Ok(Reply::Integer(12182)));
    }

    #[test]
    fn replicas_of_what_is_no_master() {
        let error = |id: &str| {
            ClusterCommand::Replicas(id.to_owned()).run(&cluster(), 0).unwrap_err().to_string()
        };
        assert_eq!(error("x"), "ERR Invalid cluster node id");
        assert_eq!(error(B), "ERR The node isn't a master");
    }
}
