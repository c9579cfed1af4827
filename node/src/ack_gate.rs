//! The second look at the lease: after a write was applied and before it is acknowledged. Rule
//! `ack-recheck`.
//!
//! A process can stall anywhere between the check that let a write in and the reply. What it has
//! applied by then stays applied; the client is told just that.
//!
//! What this is not: a check of the topology, whose changes wait for the reply (see
//! [`Node::exclusivity`]). Nor is `WAIT` asked, which acknowledges no write.
//!
//! The trap: it holds for the poll in which it is asked and no longer. Nothing may be awaited
//! between it and the handing over of the reply.

use host::Observation;

use crate::error_reply::ErrorReply;
use crate::lease_gate::NoLease;
use crate::node::Node;

/// How the error begins that answers a write which was applied and not acknowledged, after the
/// prefix `ERR`. It may or may not be there in the end.
pub const NOT_ACKNOWLEDGED: &str = "Write applied but not acknowledged";

/// Why a write is not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum NotAcknowledged {
    #[error("{NOT_ACKNOWLEDGED}: {0}")]
    Lease(#[from] NoLease),
    #[error("{NOT_ACKNOWLEDGED}: this node is no master now")]
    Role,
}

/// Asked in the poll in which the reply is handed over.
///
/// # Errors
/// The reply instead, if the node may not write now.
pub(crate) fn check(node: &Node) -> Result<(), ErrorReply> {
    let gate = node.storage.gate();
    if !gate.rules().ack_recheck {
        return Ok(());
    }
    judge(node.takes_writes(), gate.look()).map_err(|error| {
        let text = error.to_string();
        node.host.observe(Observation::Note { text });
        ErrorReply::err(error)
    })
}

fn judge(takes_writes: bool, lease: Result<(), NoLease>) -> Result<(), NotAcknowledged> {
    if takes_writes { Ok(lease?) } else { Err(NotAcknowledged::Role) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_acknowledged() {
        let said = |takes_writes, lease| match judge(takes_writes, lease) {
            Ok(()) => "yes".to_owned(),
            Err(error) => error.to_string(),
        };
        let expired = Err(NoLease::Expired);
        assert_eq!(said(true, Ok(())), "yes");
        assert_eq!(
            said(true, expired),
            "Write applied but not acknowledged: master lease expired \
             (master_lease_mode=block-write)"
        );
        let role = "Write applied but not acknowledged: this node is no master now";
        assert_eq!((said(false, Ok(())), said(false, expired)), (role.into(), role.into()));
    }
}
