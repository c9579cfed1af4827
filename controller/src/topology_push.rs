//! Telling nodes their topology: SETNODEID, then SETNODES without force.
//!
//! The trap: there is no order between nodes. A new master may hear of its role before the old
//! one hears that it has lost it, and the old one may not hear at all.

use node::client::ClientError;
use node::resp::Frame;

use crate::cluster_record::{ClusterRecord, NodeRecord};
use crate::leader_guard::NotProvablyLeading;
use crate::term::Term;

/// Why a node has not taken its topology.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PushError {
    #[error(transparent)]
    NotProvablyLeading(#[from] NotProvablyLeading),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("{request}: {reply}")]
    Refused { request: &'static str, reply: String },
}

impl Term {
    /// Tells one node.
    pub(crate) async fn push(
        &self,
        record: &ClusterRecord,
        node: &NodeRecord,
    ) -> Result<(), PushError> {
        let nodes = record.to_topology().to_setnodes();
        let version = record.version.to_string();
        self.request(node, "SETNODEID", &[&node.id]).await?;
        self.request(node, "SETNODES", &[&nodes, &version]).await
    }

    async fn request(
        &self,
        node: &NodeRecord,
        name: &'static str,
        args: &[&str],
    ) -> Result<(), PushError> {
        let words = [&["CLUSTERX", name], args].concat();
        self.guard.check()?;
        if let Some(stall) = self.host.point("after-push-check") {
            stall.await;
        }
        match self.links.call(&node.host, node.port, &words).await? {
            Frame::Error(text) => {
                Err(PushError::Refused { request: name, reply: text.to_string() })
            }
            _ => Ok(()),
        }
    }
}
