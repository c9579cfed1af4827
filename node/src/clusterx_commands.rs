//! `CLUSTERX`: what a controller says to a node.

use std::rc::Rc;

use bytes::Bytes;

use crate::arguments;
use crate::command::Command;
use crate::error_reply::ErrorReply;
use crate::heartbeat::Heartbeat;
use crate::info::{self, Section};
use crate::node::Node;
use crate::resp::{self, Frame};
use crate::topology::ID_LENGTH;

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
        ("setnodeid", [id]) if id.len() == ID_LENGTH => {
            ClusterxCommand::SetNodeId(arguments::text(id))
        }
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

fn usage() -> ErrorReply {
    ErrorReply::err(
        "CLUSTERX command, CLUSTERX VERSION|MYID|SETNODEID|SETNODES|SETSLOT|MIGRATE|FLUSHSLOTS|\
         HEARTBEAT",
    )
}

impl ClusterxCommand {
    /// Executes it. The caller holds the lock that [`crate::command`] names.
    pub(crate) async fn run(self, node: &Rc<Node>) -> Result<Frame, ErrorReply> {
        match self {
            ClusterxCommand::SetNodes { nodes, version, force } => {
                let own = node.own_address();
                let done = node.cluster.borrow_mut().set_nodes(&nodes, version, force, &own);
                done.map_err(|error| ErrorReply::err(error.to_string()))?;
                node.take_role().await;
                node.persist_cluster().await?;
                Ok(resp::ok())
            }
            ClusterxCommand::SetNodeId(id) => {
                node.cluster.borrow_mut().set_id(id);
                node.take_role().await;
                node.persist_cluster().await?;
                Ok(resp::ok())
            }
            ClusterxCommand::Version => Ok(resp::bulk(node.cluster.borrow().version().to_string())),
            ClusterxCommand::MyId => Ok(resp::bulk(node.cluster.borrow().my_id().to_owned())),
            ClusterxCommand::Heartbeat(heartbeat) => {
                heartbeat.run(node).map_err(|error| ErrorReply::err(error.to_string()))?;
                Ok(resp::bulk(info::text(node, &[Section::Replication, Section::Keyspace])))
            }
        }
    }
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
    fn a_negative_version_is_left_to_the_execution() {
        let args = ["clusterx", "setnodes", "a", "-1", "FORCE"].map(Bytes::from);
        let expected =
            ClusterxCommand::SetNodes { nodes: "a".to_owned(), version: -1, force: true };
        assert_eq!(parse(&args), Ok(Command::Clusterx(expected)));
    }
}
