//! `CLUSTERX HEARTBEAT`: the probe that carries a lease, in both forms that were proposed.
//!
//! ```text
//! HEARTBEAT <election_version> <ttl_ms> [stamp]                   the pull request's text
//! HEARTBEAT <master_node_id> <lease_ms> <election_version> [stamp]   its code
//! ```
//! A first argument that is an unsigned integer makes it the first form. A stamp is ignored
//! unless leases are dated (see [`crate::lease_stamp`]); every reply has one then.
//!
//! What this is not: an answer to whether the lease was renewed. A node that is not meant, or
//! is no master, says nothing about it, as upstream.
//!
//! The trap: the first form names no master, so every master that receives it takes the lease.
//! Where leases are dated it grants none.

use bytes::Bytes;

use crate::arguments;
use crate::error_reply::ErrorReply;
use crate::lease_stamp::LeaseStamp;
use crate::node::Node;

/// A heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heartbeat {
    /// The id of the master that is meant; whoever is master if there is none.
    pub(crate) master: Option<String>,
    /// The length of the lease, 1 or more.
    pub(crate) lease_ms: u64,
    /// The election version under which it is granted.
    pub(crate) election_version: u64,
    /// The moment from which it counts, as this node has stamped it, if it says so.
    pub(crate) stamp: Option<Bytes>,
}

impl Heartbeat {
    /// Reads the arguments that follow `HEARTBEAT`.
    ///
    /// # Errors
    /// In upstream's words and order.
    pub(crate) fn parse(args: &[Bytes]) -> Result<Heartbeat, ErrorReply> {
        let first_is_version = args.first().is_some_and(|first| version(first).is_ok());
        match args {
            [election_version, ttl, stamp @ ..] if first_is_version && stamp.len() <= 1 => {
                Ok(Heartbeat {
                    master: None,
                    lease_ms: lease_ms(ttl)?,
                    election_version: version(election_version)?,
                    stamp: stamp.first().cloned(),
                })
            }
            [master, lease, election_version, stamp @ ..]
                if !first_is_version && stamp.len() <= 1 =>
            {
                Ok(Heartbeat {
                    master: Some(arguments::text(master)),
                    lease_ms: lease_ms(lease)?,
                    election_version: version(election_version)?,
                    stamp: stamp.first().cloned(),
                })
            }
            _ => Err(ErrorReply::arity()),
        }
    }

    /// Renews the lease if this node is meant and is master.
    ///
    /// # Errors
    /// If it is, and the heartbeat is of an older version, or of one that cannot be kept. If the
    /// lease is longer than this node allows, also where it is not meant: such a heartbeat is
    /// wrong everywhere.
    pub(crate) async fn run(&self, node: &Node) -> Result<(), ErrorReply> {
        node.storage.gate().rules().allows(self.lease_ms).map_err(ErrorReply::err)?;
        if !self.is_meant(node) {
            return Ok(());
        }
        let gate = node.storage.gate();
        // The form without an id does not say who should hold the lease.
        let stamp = self.stamp.as_deref().filter(|_| self.master.is_some());
        let my_id = node.cluster.borrow().my_id().to_owned();
        let offer = gate.offer(&my_id, self.lease_ms, self.election_version, stamp);
        let taken = gate.heartbeat(offer, || self.is_meant(node)).await;
        node.tell_status();
        taken.map_err(ErrorReply::err)
    }

    fn is_meant(&self, node: &Node) -> bool {
        let me = self.master.as_ref().is_none_or(|id| id == node.cluster.borrow().my_id());
        me && node.is_cluster_master()
    }
}

/// Reads the arguments that follow `HEARTBEAT`, the stamp included, and throws the result away:
/// for tests with arguments of every kind.
///
/// # Errors
/// The error reply that a node would send.
pub fn check_arguments(args: &[Bytes]) -> Result<(), String> {
    let heartbeat = Heartbeat::parse(args).map_err(|error| error.to_string())?;
    drop(heartbeat.stamp.as_deref().map(LeaseStamp::parse));
    Ok(())
}

fn lease_ms(argument: &Bytes) -> Result<u64, ErrorReply> {
    match arguments::number(argument) {
        None => Err(ErrorReply::err("lease_ms is not an integer or out of range")),
        Some(0) => Err(ErrorReply::err("invalid lease_ms: must be greater than 0")),
        Some(lease_ms) => Ok(lease_ms),
    }
}

fn version(argument: &Bytes) -> Result<u64, ErrorReply> {
    let error = || ErrorReply::err("election_version is not an integer or out of range");
    arguments::number(argument).ok_or_else(error)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &'static str) -> Result<Heartbeat, String> {
        let args: Vec<Bytes> =
            text.split_whitespace().map(|word| Bytes::from_static(word.as_bytes())).collect();
        Heartbeat::parse(&args).map_err(|error| error.to_string())
    }

    #[test]
    fn both_forms_with_and_without_a_stamp() {
        for master in [None, Some("me".to_owned())] {
            for stamp in [None, Some("17")] {
                let words = match &master {
                    None => ["3", "500"].to_vec(),
                    Some(id) => [id, "500", "3"].to_vec(),
                };
                let words = words.into_iter().chain(stamp);
                let args: Vec<Bytes> = words.map(|word| word.to_owned().into()).collect();
                let stamp = stamp.map(Bytes::from);
                let (master, lease_ms, election_version) = (master.clone(), 500, 3);
                let expected = Heartbeat { master, lease_ms, election_version, stamp };
                assert_eq!(Heartbeat::parse(&args), Ok(expected), "{args:?}");
            }
        }
        // An id of 40 digits is no number of 64 bits.
        let digits = parse("1234567890123456789012345678901234567890 500 3").unwrap();
        assert!(digits.master.is_some());
        assert_eq!(parse("me 18446744073709551615 0").unwrap().lease_ms, u64::MAX);
    }

    #[test]
    fn errors_are_upstreams() {
        let lease = "ERR lease_ms is not an integer or out of range";
        let zero = "ERR invalid lease_ms: must be greater than 0";
        let version = "ERR election_version is not an integer or out of range";
        let arity = "ERR wrong number of arguments";
        for (text, error) in [
            ("", arity),
            ("3", arity),
            ("3 500 x x", arity),
            ("me 500", arity),
            ("me 500 3 x x", arity),
            ("me x y", lease),
            ("me -1 3", lease),
            ("me 18446744073709551616 3", lease),
            ("me 0 y", zero),
            ("me 500 y", version),
            ("me 500 -1", version),
            ("3 x", lease),
            ("3 0", zero),
        ] {
            assert_eq!(parse(text), Err(error.to_owned()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn arguments_of_every_kind(
            args in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..45), 0..6),
            numbers in proptest::collection::vec("-?[0-9]{0,22}", 0..6),
        ) {
            let numbers = numbers.into_iter().map(Bytes::from).collect();
            for args in [args.into_iter().map(Bytes::from).collect(), numbers] {
                let args: Vec<Bytes> = args;
                match Heartbeat::parse(&args) {
                    Ok(heartbeat) => prop_assert!(heartbeat.lease_ms > 0),
                    Err(error) => prop_assert!(error.to_string().starts_with("ERR ")),
                }
            }
        }
    }
}
