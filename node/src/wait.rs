//! `WAIT`: how many replicas have the last write of this connection, once there are enough or
//! time is up.
//!
//! What this is not: a promise. Those replicas may be gone when a new master is chosen.
//!
//! The trap: it may last for ever, so it waits without the lock that a topology change needs, and
//! ends when the client goes.

use std::time::Duration;

use bytes::Bytes;
use host::Clock;

use crate::arguments;
use crate::command::Command;
use crate::error_reply::ErrorReply;
use crate::node::Node;
use crate::reply::Reply;

/// A `WAIT numreplicas timeout_ms` that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    /// How many replicas must have it.
    replicas: usize,
    /// How long to wait at most; for ever if there is no limit.
    limit: Option<Duration>,
    /// What they must have: a sequence number.
    sequence: u64,
}

/// The parser. The table has checked the number of arguments.
pub(crate) fn parse(args: &[Bytes]) -> Result<Command, ErrorReply> {
    let replicas: Option<i64> = arguments::number(&args[1]);
    let replicas = replicas.and_then(|number| usize::try_from(number).ok()).filter(|n| *n > 0);
    let replicas =
        replicas.ok_or_else(|| ErrorReply::err("numreplicas should be a positive integer"))?;
    let timeout: Option<i64> = arguments::number(&args[2]);
    let timeout_ms = timeout.and_then(|timeout| u64::try_from(timeout).ok());
    let timeout_ms =
        timeout_ms.ok_or_else(|| ErrorReply::err("timeout should be a non-negative integer"))?;
    let limit = (timeout_ms > 0).then(|| Duration::from_millis(timeout_ms));
    Ok(Command::Wait(Wait { replicas, limit, sequence: 0 }))
}

/// What a node answers that follows another.
pub(crate) fn not_a_master() -> ErrorReply {
    ErrorReply::err("WAIT command can only be executed on master")
}

impl Wait {
    /// What they must have.
    pub(crate) fn for_sequence(self, sequence: u64) -> Self {
        Self { sequence, ..self }
    }

    /// Waits, and answers how many replicas have it.
    pub(crate) async fn reply(&self, node: &Node) -> Reply {
        let mut changes = node.replicas.changes();
        let start = node.host.now(Clock::Monotonic);
        if self.count(node) < self.replicas {
            node.replicas.ask();
        }
        loop {
            if node.following.borrow().is_some() {
                return not_a_master().into();
            }
            let have_it = self.count(node);
            if have_it >= self.replicas {
                return Reply::count(have_it);
            }
            let timeout = async {
                match self.limit {
                    Some(limit) => {
                        let deadline = start.saturating_add(limit);
                        node.host.sleep_until(Clock::Monotonic, deadline).await;
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                changed = changes.changed() => {
                    changed.expect("the replicas live as long as their node");
                }
                () = timeout => return Reply::count(self.count(node)),
            }
        }
    }

    fn count(&self, node: &Node) -> usize {
        let replicas = node.replicas.all();
        replicas.iter().filter(|replica| replica.offset >= self.sequence).count()
    }
}
