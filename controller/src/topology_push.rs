//! Telling nodes their topology: SETNODEID, then SETNODES without force.
//!
//! The trap: there is no order between nodes. A new master may hear of its role before the old
//! one hears that it has lost it, and the old one may not hear at all.

use node::client::ClientError;
use node::resp::Frame;

use crate::cluster_record::{ClusterRecord, NodeRecord};
use crate::node_links::NodeLinks;

/// Why a node has not taken its topology.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PushError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("{request}: {reply}")]
    Refused { request: &'static str, reply: String },
}

/// Tells one node.
pub(crate) async fn push(
    links: &NodeLinks,
    record: &ClusterRecord,
    node: &NodeRecord,
) -> Result<(), PushError> {
    let nodes = record.to_topology().to_setnodes();
    let version = record.version.to_string();
    request(links, node, "SETNODEID", &[&node.id]).await?;
    request(links, node, "SETNODES", &[&nodes, &version]).await
}

async fn request(
    links: &NodeLinks,
    node: &NodeRecord,
    name: &'static str,
    args: &[&str],
) -> Result<(), PushError> {
    let words = [&["CLUSTERX", name], args].concat();
    match links.call(&node.host, node.port, &words).await? {
        Frame::Error(text) => Err(PushError::Refused { request: name, reply: text.to_string() }),
        _ => Ok(()),
    }
}
