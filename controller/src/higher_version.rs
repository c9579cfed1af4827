//! A node whose topology is newer than the store's record.
//!
//! Upstream takes the node's word: the text of the highest such node becomes the record as it
//! stands, with the version that it shows, and nobody is told; it is refused only if the store
//! has a still higher version by then. With the rule `store-is-truth` nothing of the node is
//! taken but the number: the record gets a version above it, and is pushed back.
//!
//! How it comes about: a store that lost writes or was overwritten by a controller with an older
//! record, a node that an operator told (`CLUSTERX SETNODES`, `SETSLOT`, or this controller's
//! `ACTIVATE`), and, without a fault, a leader that probes under a record that the next leader has
//! already replaced.
//!
//! The trap is the last of these, and upstream's: the older leader writes the new topology back
//! with the same version and without its election version. Masters that were granted leases under
//! a higher one refuse every heartbeat from then on.

use std::cell::RefCell;

use node::resp::Frame;

use crate::cluster_nodes;
use crate::cluster_record::NodeRecord;
use crate::cluster_store::ReadRecord;
use crate::probe_loop::ProbeLoop;

/// The highest version above the record's that a node has told in a round.
#[derive(Default)]
pub(crate) struct Higher(RefCell<Option<Found>>);

struct Found {
    version: i64,
    address: String,
    /// Its CLUSTER NODES; none if nobody is going to read it.
    text: String,
}

impl Higher {
    fn is_beaten_by(&self, version: i64) -> bool {
        self.0.borrow().as_ref().is_none_or(|found| found.version < version)
    }
}

impl ProbeLoop {
    /// A node has a version above the record's.
    pub(crate) async fn found_higher(&self, higher: &Higher, node: &NodeRecord, version: i64) {
        if !higher.is_beaten_by(version) {
            return;
        }
        let text = if self.term.config.rules.store_is_truth {
            String::new()
        } else {
            match self.term.links.call(&node.host, node.port, &["CLUSTER", "NODES"]).await {
                Ok(Frame::BulkString(text)) => String::from_utf8_lossy(&text).into_owned(),
                reply => {
                    let address = node.address();
                    return self.term.note(format!("CLUSTER NODES of {address}: {reply:?}"));
                }
            }
        };
        if higher.is_beaten_by(version) {
            let found = Found { version, address: node.address(), text };
            higher.0.replace(Some(found));
        }
    }

    /// The round is over: does about the highest one what the rule says.
    pub(crate) async fn settle_higher(&self, higher: Higher, read: &ReadRecord) {
        let Some(Found { version, address, text }) = higher.0.into_inner() else {
            return;
        };
        // Written beside the round, by this controller: the nodes have it from here.
        if !self.committed.get() && !self.term.store.is_current(read) {
            return;
        }
        let stored = read.record.version;
        let settled = if self.term.config.rules.store_is_truth {
            self.raise_above(version).await
        } else {
            self.adopt(&text, read).await
        };
        let what = settled.unwrap_or_else(|error| format!("not settled: {error}"));
        self.term.note(format!("{address} has version {version}, the store {stored}: {what}"));
    }

    async fn adopt(&self, text: &str, read: &ReadRecord) -> Result<String, String> {
        let record = cluster_nodes::read(text, &read.record).map_err(|error| error.to_string())?;
        self.term.store.adopt(&record).await.map_err(|error| error.to_string())?;
        Ok("adopted".to_owned())
    }

    async fn raise_above(&self, version: i64) -> Result<String, String> {
        match self.term.store.raise_above(version).await {
            Ok(Some(raised)) => {
                self.committed.set(true);
                Ok(format!("raised to {raised}"))
            }
            Ok(None) => Ok("not less any more".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}
