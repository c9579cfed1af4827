//! Whether a node serves the keys of a command, by its own topology only. Pure.
//!
//! What this is not: a check of the lease. A deposed master that was not told keeps routing
//! its slots to itself.

use bytes::Bytes;

use crate::cluster::{Cluster, Part};
use crate::config::MovedAddress;
use crate::error_reply::ErrorReply;
use crate::slot::key_slot;
use crate::topology::Member;

/// Why the keys are not served here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// They hash to different slots.
    CrossSlot,
    /// Nobody has the slot.
    NotServed,
    /// Somebody else has it.
    Moved {
        /// The slot.
        slot: u16,
        /// Where to ask.
        host: String,
        /// Where to ask.
        port: u16,
    },
}

/// How a command asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access {
    /// It may write.
    pub(crate) write: bool,
    /// The connection said READONLY.
    pub(crate) readonly_connection: bool,
}

/// Checks the keys of one command. No keys are served everywhere.
///
/// # Errors
/// [`Refusal`], in upstream's order.
pub(crate) fn route(
    cluster: &Cluster,
    keys: &[Bytes],
    access: Access,
    moved: MovedAddress,
) -> Result<(), Refusal> {
    let Some((first, others)) = keys.split_first() else {
        return Ok(());
    };
    let slot = key_slot(first);
    if others.iter().any(|key| key_slot(key) != slot) {
        return Err(Refusal::CrossSlot);
    }
    let owner = cluster.topology().and_then(|topology| topology.owner(slot));
    let Some(owner) = owner else {
        return Err(Refusal::NotServed);
    };
    let mine = owner.id == cluster.my_id();
    if mine || serves_reads_of(cluster, owner, access) {
        return Ok(());
    }
    let (host, port) = match (&owner.lb, moved) {
        (Some(lb), MovedAddress::Lb) => (lb.host.clone(), lb.port),
        _ => (owner.host.clone(), owner.port),
    };
    Err(Refusal::Moved { slot, host, port })
}

fn serves_reads_of(cluster: &Cluster, owner: &Member, access: Access) -> bool {
    let follows = matches!(cluster.part(), Part::Replica(Some(master)) if master.id == owner.id);
    follows && access.readonly_connection && !access.write
}

impl From<Refusal> for ErrorReply {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::CrossSlot => ErrorReply::with_prefix(
                "CROSSSLOT",
                "Attempted to access keys that don't hash to the same slot",
            ),
            Refusal::NotServed => ErrorReply::with_prefix("CLUSTERDOWN", "Hash slot not served"),
            Refusal::Moved { slot, host, port } => {
                ErrorReply::with_prefix("MOVED", format!("{slot} {host}:{port}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::OwnAddress;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    const C: &str = "cccccccccccccccccccccccccccccccccccccccc";

    /// `foo` hashes to slot 12182; A has it, B follows A, C has what is left but slot 0.
    fn seen_by(id: &str) -> Cluster {
        let text =
            format!("{A} a 1 master - 12182 lb-a 70\n{B} b 1 slave {A}\n{C} c 1 master - 1-12181");
        let mut cluster = Cluster::default();
        cluster.set_id(id.to_owned());
        let own = OwnAddress { hosts: vec![], port: 0 };
        cluster.set_nodes(&text, 1, false, &own).unwrap();
        cluster
    }

    fn answer(cluster: &Cluster, keys: &[&'static str], write: bool, readonly: bool) -> String {
        let keys: Vec<Bytes> = keys.iter().map(|key| Bytes::from_static(key.as_bytes())).collect();
        let access = Access { write, readonly_connection: readonly };
        match route(cluster, &keys, access, MovedAddress::Node) {
            Ok(()) => "serve".to_owned(),
            Err(refusal) => ErrorReply::from(refusal).to_string(),
        }
    }

    #[test]
    fn who_serves_what() {
        let moved = "MOVED 12182 a:1";
        let down = "CLUSTERDOWN Hash slot not served";
        for (me, write, readonly, expected) in [
            (A, true, false, "serve"),
            (A, false, true, "serve"),
            (B, false, true, "serve"),
            (B, false, false, moved),
            (B, true, true, moved),
            (C, false, true, moved),
            ("", false, false, moved),
        ] {
            assert_eq!(answer(&seen_by(me), &["foo"], write, readonly), expected, "{me}");
        }
        assert_eq!(answer(&seen_by(A), &[], true, false), "serve");
        assert_eq!(answer(&seen_by(A), &[""], true, false), down);
        assert_eq!(answer(&Cluster::default(), &["foo"], false, false), down);
        assert_eq!(answer(&seen_by(A), &["{foo}1", "{foo}2"], true, false), "serve");
        assert_eq!(
            answer(&seen_by(A), &["foo", "bar"], true, false),
            "CROSSSLOT Attempted to access keys that don't hash to the same slot"
        );
    }

    #[test]
    fn moved_names_the_load_balancer_where_it_should() {
        let access = Access { write: true, readonly_connection: false };
        let keys = [Bytes::from_static(b"foo")];
        let moved = route(&seen_by(C), &keys, access, MovedAddress::Lb);
        let expected = Refusal::Moved { slot: 12182, host: "lb-a".to_owned(), port: 70 };
        assert_eq!(moved, Err(expected));
    }
}
