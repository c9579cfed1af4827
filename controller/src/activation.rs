//! An operator's override: make a node master by hand, without the store and whoever leads (the
//! switch that kvrocks issue 3380 asks for, for a side that is cut off from the rest).
//!
//! It tells every node that it reaches a topology with a version above all that it knows of. What
//! it does not reach goes on as before, so that there may be two masters from then on; no lease
//! and no guard stands against it. A controller that leads finds the higher version and does about
//! it what `higher_version` says.
//!
//! The trap: a node that takes no write without a lease (`master-lease-closed-start`) takes none
//! now either, since nobody grants it one. `UNLEASED` switches its lease off, and it stays so until
//! somebody switches it on again.

use futures_util::future::{join, join_all};
use host::{Host, Observation};
use node::client::{ClientError, Timeouts};
use node::resp::Frame;

use crate::cluster_record::{ClusterRecord, NodeRecord, RecordError};
use crate::node_links::NodeLinks;
use crate::probe_outcome::{ProbeOutcome, judge};

/// Which node to make master.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Activation {
    pub(crate) shard: usize,
    pub(crate) id: String,
    /// Whether its lease is switched off too.
    pub(crate) unleased: bool,
}

/// Why the node was not made master.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ActivationError {
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error("there is no higher version than the nodes have")]
    LastVersion,
    #[error("{request}: {error}")]
    Client { request: String, error: ClientError },
    #[error("{request}: {reply}")]
    Refused { request: String, reply: String },
}

impl Activation {
    /// Makes the node master of a cluster that was last known like this; its version then.
    pub(crate) async fn run(
        &self,
        host: &Host,
        timeouts: Timeouts,
        known: &ClusterRecord,
    ) -> Result<i64, ActivationError> {
        let links = NodeLinks::new(host, timeouts);
        let mut record = self.record(known)?;
        let told = join_all(record.nodes().map(|(_, _, node)| version(&links, node))).await;
        let highest = told.into_iter().flatten().fold(known.version, i64::max);
        record.version = highest.checked_add(1).ok_or(ActivationError::LastVersion)?;
        host.observe(Observation::Note {
            text: format!("activating {} under version {}", self.id, record.version),
        });
        let (meant, others): (Vec<_>, Vec<_>) =
            record.nodes().map(|(_, _, node)| node).partition(|node| node.id == self.id);
        let activate = async {
            for node in meant {
                tell(&links, &record, node).await?;
                if self.unleased {
                    let off = ["CONFIG", "SET", "master-lease-mode", "disabled"];
                    request(&links, node, &off).await?;
                }
            }
            Ok::<(), ActivationError>(())
        };
        let tell_others = join_all(others.into_iter().map(|node| tell(&links, &record, node)));
        let (activated, told) = join(activate, tell_others).await;
        for error in told.into_iter().filter_map(Result::err) {
            host.observe(Observation::Note { text: format!("activation: {error}") });
        }
        activated?;
        Ok(record.version)
    }

    fn record(&self, known: &ClusterRecord) -> Result<ClusterRecord, RecordError> {
        let shard = known.shards.get(self.shard);
        let is_master = shard.and_then(|of| of.master()).is_some_and(|node| node.id == self.id);
        if is_master { Ok(known.clone()) } else { known.promote(self.shard, &self.id, false) }
    }
}

/// The version that a node tells, if it does.
async fn version(links: &NodeLinks, node: &NodeRecord) -> Option<i64> {
    match judge(&links.call(&node.host, node.port, &["CLUSTER", "INFO"]).await) {
        ProbeOutcome::Healthy { version } => Some(version),
        ProbeOutcome::Loading | ProbeOutcome::Failed(_) => None,
    }
}

async fn tell(
    links: &NodeLinks,
    record: &ClusterRecord,
    node: &NodeRecord,
) -> Result<(), ActivationError> {
    let (nodes, version) = (record.to_topology().to_setnodes(), record.version.to_string());
    request(links, node, &["CLUSTERX", "SETNODEID", &node.id]).await?;
    request(links, node, &["CLUSTERX", "SETNODES", &nodes, &version]).await
}

async fn request(
    links: &NodeLinks,
    node: &NodeRecord,
    words: &[&str],
) -> Result<(), ActivationError> {
    let request = format!("{} of {}", words[1], node.address());
    match links.call(&node.host, node.port, words).await {
        Ok(Frame::Error(text)) => {
            Err(ActivationError::Refused { request, reply: text.to_string() })
        }
        Ok(_) => Ok(()),
        Err(error) => Err(ActivationError::Client { request, error }),
    }
}
