//! The heartbeat of the rule `dated-heartbeat`: it echoes a stamp of the node, and the node counts
//! the lease from when it issued that stamp. What waits in a buffer then grants nothing new; what
//! remains is that no stamp is younger than the decision which deposed the node. The argument:
//!
//! **A stamp that was issued before a linearizable read of the store that still named the node
//! master was issued before the commit that deposed it.** Such a read sees every commit that came
//! before it began. The stamp had been issued, had arrived, and was put aside before the read
//! began, so it is older than the read; and the read found no commit that deposes the node, so
//! each such commit is younger than the beginning of the read.
//!
//! Hence the order of one grant, which is the whole rule:
//!
//! 1. the stamp is known, and none that arrives later takes its place (`Stamps::freeze`, `take`);
//! 2. the record is read from the store;
//! 3. the node answers CLUSTER INFO with the version of this very record: in the life in which it
//!    issued the stamp, it has the topology under which it takes the lease. (A node that missed
//!    its own demotion and is master again by now would else act, by a lease of today, under a
//!    topology of long ago. After a restart the stamp grants nothing, whatever the topology.)
//! 4. nothing has made the record void meanwhile, and with `leader-guard` the session is provably
//!    alive;
//! 5. the HEARTBEAT is handed over, to the node that the record calls master and to no other.
//!
//! What comes after 5 may be late at will: the deadline that it leads to is fixed by the stamp.
//!
//! A new master has no stamp that can grant. So as not to let it wait for two rounds, a heartbeat
//! without one (it raises the election version and fetches a stamp) is followed at once by the
//! same order from 1 on.
//!
//! The trap: a fresher stamp looks like a better one. The reply to a heartbeat that was sent
//! under one record may come after another commit, and its stamp needs another read.

use std::cell::RefCell;

use bytes::Bytes;

use crate::cluster_record::NodeRecord;
use crate::cluster_store::ReadRecord;
use crate::probe_outcome::{ProbeOutcome, info_field};
use crate::stamps::Stamps;
use crate::term::Term;

impl Term {
    /// A node answered CLUSTER INFO with this version, or has just taken it: if it is a master with
    /// the topology of the record, it gets HEARTBEAT with the stamp that was known before the
    /// record was read.
    pub(crate) async fn grant_dated(
        &self,
        read: &ReadRecord,
        stamps: &RefCell<Stamps>,
        shard: usize,
        node: &NodeRecord,
        version: i64,
    ) {
        if version == read.record.version && read.names_master(shard, &node.id) {
            let stamp = stamps.borrow_mut().take(&node.id, read.record.election_version);
            self.grant(read.clone(), shard, node, stamp).await;
        }
    }

    /// One heartbeat with a stamp; or one without, and another with the stamp that it fetched.
    async fn grant(
        &self,
        mut read: ReadRecord,
        shard: usize,
        node: &NodeRecord,
        mut stamp: Option<String>,
    ) {
        loop {
            let dated = stamp.is_some();
            if !self.send_dated(&read, shard, node, stamp).await || dated {
                return;
            }
            stamp = self.stamps.borrow_mut().take(&node.id, read.record.election_version);
            if stamp.is_none() {
                return;
            }
            read = match self.store.read().await {
                Ok(read) => read,
                Err(error) => {
                    return self.note(format!("heartbeat of {}: {error}", node.address()));
                }
            };
            let current = ProbeOutcome::Healthy { version: read.record.version };
            if !read.names_master(shard, &node.id) || self.ask_info(node).await != current {
                return;
            }
        }
    }

    /// Sends it and keeps the stamp of the reply; whether all went well.
    async fn send_dated(
        &self,
        read: &ReadRecord,
        shard: usize,
        node: &NodeRecord,
        stamp: Option<String>,
    ) -> bool {
        let Some(mut heartbeat) = self.heartbeat(&read.record, shard) else {
            return false;
        };
        heartbeat.extend(stamp.map(Bytes::from));
        let Some(reply) = self.send_heartbeat(read, shard, node, &heartbeat).await else {
            return false;
        };
        if let Some(word) = info_field(&reply, "lease_stamp") {
            self.stamps.borrow_mut().keep(&node.id, read.record.election_version, word);
        }
        true
    }
}
