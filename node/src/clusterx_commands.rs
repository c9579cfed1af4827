//! `CLUSTERX`: what a controller says to a node.

use std::rc::Rc;

use bytes::Bytes;

use crate::arguments;
use crate::cluster::Cluster;
use crate::command::Command;
use crate::error_reply::ErrorReply;
use crate::heartbeat::Heartbeat;
use crate::info;
use crate::node::Node;
use crate::reply::Reply;
use crate::slot::SlotRange;
use crate::topology::{self, ID_LENGTH};

/// A subcommand of CLUSTERX.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClusterxCommand {
    /// `SETNODES nodes version [force]`
    SetNodes {
        /// The topology's text.
        nodes: String,
        /// Its version.
        version: i64,
        /// Whether an older or equal version replaces the one that is here.
        force: bool,
    },
    /// `SETNODEID id`
    SetNodeId(String),
    /// `SETSLOT ranges node id version`
    SetSlot {
        /// The slots.
        ranges: Vec<SlotRange>,
        /// The id of the master that gets them.
        id: String,
        /// The version that the topology has then.
        version: i64,
    },
    /// `VERSION`
    Version,
    /// `MYID`
    MyId,
    /// `HEARTBEAT …`
    Heartbeat(Heartbeat),
}

/// Reads the arguments, `CLUSTERX` first.
pub(crate) fn parse(args: &[Bytes]) -> Result<Command, ErrorReply> {
    let name = arguments::text(&args[1]).to_ascii_lowercase();
    let command = match (name.as_str(), &args[2..]) {
        ("setnodes", rest) => set_nodes(rest)?,
        ("setnodeid", [id]) if topology::is_id(&arguments::text(id)) => {
            ClusterxCommand::SetNodeId(arguments::text(id))
        }
        ("setslot", [ranges, option, id, version]) => set_slot(ranges, option, id, version)?,
        ("version", []) => ClusterxCommand::Version,
        ("myid", []) => ClusterxCommand::MyId,
        ("heartbeat", rest) => ClusterxCommand::Heartbeat(Heartbeat::parse(rest)?),
        _ => return Err(usage()),
    };
    Ok(Command::Clusterx(command))
}

fn set_nodes(rest: &[Bytes]) -> Result<ClusterxCommand, ErrorReply> {
    let [nodes, version, options @ ..] = rest else {
        return Err(usage());
    };
    let version = arguments::number(version).ok_or_else(|| ErrorReply::err("Invalid version"))?;
    let force = match options {
        [] => false,
        [option] if arguments::is(option, "force") => true,
        _ => return Err(ErrorReply::err("Invalid setnodes options")),
    };
    Ok(ClusterxCommand::SetNodes { nodes: arguments::text(nodes), version, force })
}

/// Checked in upstream's order.
fn set_slot(
    ranges: &Bytes,
    option: &Bytes,
    id: &Bytes,
    version: &Bytes,
) -> Result<ClusterxCommand, ErrorReply> {
    let ranges = slot_ranges(&arguments::text(ranges))?;
    if !arguments::is(option, "node") {
        return Err(ErrorReply::err("Invalid setslot options"));
    }
    if id.len() != ID_LENGTH {
        return Err(ErrorReply::err("Invalid node id"));
    }
    let version: i64 = arguments::number(version).ok_or_else(ErrorReply::not_an_integer)?;
    if version < 0 {
        return Err(ErrorReply::err("Invalid version"));
    }
    Ok(ClusterxCommand::SetSlot { ranges, id: arguments::text(id), version })
}

fn slot_ranges(text: &str) -> Result<Vec<SlotRange>, ErrorReply> {
    let fields = text.split(' ').filter(|field| !field.is_empty());
    let range = |field: &str| {
        let what = if field.contains('-') { "range" } else { "id" };
        field.parse().map_err(|_| ErrorReply::err(format!("Invalid slot {what}: {field}")))
    };
    let ranges = fields.map(range).collect::<Result<Vec<SlotRange>, ErrorReply>>()?;
    if ranges.is_empty() { Err(ErrorReply::err("No slots to parse.")) } else { Ok(ranges) }
}

fn usage() -> ErrorReply {
    ErrorReply::err(
        "CLUSTERX command, CLUSTERX VERSION|MYID|SETNODEID|SETNODES|SETSLOT|MIGRATE|FLUSHSLOTS|\
         HEARTBEAT",
    )
}

impl ClusterxCommand {
    /// Executes it. The caller holds the lock that [`crate::command`] names.
    pub(crate) async fn run(self, node: &Rc<Node>) -> Result<Reply, ErrorReply> {
        match self {
            ClusterxCommand::SetNodes { nodes, version, force } => {
                let mut cluster = node.cluster.borrow().clone();
                let set = cluster.set_nodes(&nodes, version, force, &node.own_address());
                set.map_err(ErrorReply::err)?;
                adopt(node, cluster).await
            }
            ClusterxCommand::SetNodeId(id) => {
                let mut cluster = node.cluster.borrow().clone();
                cluster.set_id(id);
                adopt(node, cluster).await
            }
            ClusterxCommand::SetSlot { ranges, id, version } => {
                let done = node.cluster.borrow_mut().set_slot(&ranges, &id, version);
                done.map_err(ErrorReply::err)?;
                node.tell_status();
                node.persist_cluster().await?;
                Ok(Reply::ok())
            }
            ClusterxCommand::Version => {
                Ok(Reply::bulk(node.cluster.borrow().version().to_string()))
            }
            ClusterxCommand::MyId => Ok(Reply::bulk(node.cluster.borrow().my_id().to_owned())),
            ClusterxCommand::Heartbeat(heartbeat) => {
                heartbeat.run(node).await?;
                Ok(Reply::Verbatim(info::heartbeat_text(node)))
            }
        }
    }
}

async fn adopt(node: &Rc<Node>, cluster: Cluster) -> Result<Reply, ErrorReply> {
    let adopted = node.adopt(cluster).await;
    adopted.map_err(|error| ErrorReply::err(format!("cannot become a master: {error}")))?;
    node.persist_cluster().await?;
    Ok(Reply::ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &'static str) -> String {
        let args: Vec<Bytes> =
            text.split(' ').map(|word| Bytes::from_static(word.as_bytes())).collect();
        parse(&args).unwrap_err().to_string()
    }

    #[test]
    fn errors_are_upstreams() {
        let usage = usage().to_string();
        for (text, expected) in [
            ("clusterx nonsense", usage.as_str()),
            ("clusterx setnodes", &usage),
            ("clusterx setnodes a", &usage),
            ("clusterx setnodes a x", "ERR Invalid version"),
            ("clusterx setnodes a 9223372036854775808", "ERR Invalid version"),
            ("clusterx setnodes a 1 hard", "ERR Invalid setnodes options"),
            ("clusterx setnodes a 1 force force", "ERR Invalid setnodes options"),
            ("clusterx setnodeid short", &usage),
        ] {
            assert_eq!(error(text), expected, "{text}");
        }
    }

    #[test]
    fn the_order_of_setslots_checks() {
        let id = "a".repeat(40);
        let ask = |ranges: &str, option: &str, id: &str, version: &str| {
            let args = ["clusterx", "setslot", ranges, option, id, version];
            let args: Vec<Bytes> =
                args.iter().map(|arg| Bytes::copy_from_slice(arg.as_bytes())).collect();
            parse(&args).map_err(|error| error.to_string())
        };
        for (ranges, option, id, version, expected) in [
            (" ", "x", "x", "x", "No slots to parse."),
            ("1 5-4", "x", "x", "x", "Invalid slot range: 5-4"),
            ("1 16384", "x", "x", "x", "Invalid slot id: 16384"),
            ("1 x", "x", "x", "x", "Invalid slot id: x"),
            ("1 2-3", "x", "x", "x", "Invalid setslot options"),
            ("1 2-3", "node", "x", "x", "Invalid node id"),
            ("1 2-3", "NODE", id.as_str(), "x", "value is not an integer or out of range"),
            ("1 2-3", "node", &id, "-1", "Invalid version"),
        ] {
            let error = ask(ranges, option, id, version).unwrap_err();
            assert_eq!(error, format!("ERR {expected}"));
        }
        let range = |first, last| SlotRange { first, last };
        let ranges = vec![range(1, 1), range(2, 3)];
        let expected = ClusterxCommand::SetSlot { ranges, id: id.clone(), version: 7 };
        assert_eq!(ask("1  2-3", "node", &id, "7"), Ok(Command::Clusterx(expected)));
        assert_eq!(error("clusterx setslot 1 node"), usage().to_string());
    }

    #[test]
    fn ids_that_nodes_conf_could_not_keep_are_refused() {
        for bad in [" ", "\n", "\r", "\t", "\u{85}", "\0"] {
            let id = format!("{bad}{}", "a".repeat(40 - bad.len()));
            let args = ["clusterx", "setnodeid", &id];
            let args = args.map(|arg| Bytes::copy_from_slice(arg.as_bytes()));
            assert_eq!(parse(&args), Err(usage()), "{bad:?}");
        }
    }

    #[test]
    fn a_negative_version_is_left_to_the_execution() {
        let args = ["clusterx", "setnodes", "a", "-1", "FORCE"].map(Bytes::from);
        let expected =
            ClusterxCommand::SetNodes { nodes: "a".to_owned(), version: -1, force: true };
        assert_eq!(parse(&args), Ok(Command::Clusterx(expected)));
    }
}
