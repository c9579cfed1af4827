//! The replication id: names one term of one master, so that a sequence number together with it
//! says who wrote. Used only under `use-rsid-psync`.
//!
//! What this is not: the node's id in the topology.

use std::fmt;

use rand::Rng;

/// Sixteen bytes, letters and digits if made here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReplicationId([u8; ReplicationId::LENGTH]);

impl ReplicationId {
    /// Bytes of every id.
    pub(crate) const LENGTH: usize = 16;

    /// A new one.
    pub(crate) fn generate(random: &mut impl Rng) -> Self {
        Self(std::array::from_fn(|_| ALPHABET[random.random_range(0..ALPHABET.len())]))
    }

    /// From bytes; `None` unless there are sixteen.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for ReplicationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", String::from_utf8_lossy(&self.0))
    }
}

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_new_id_is_another() {
        let mut random = host::random_stream(1, "ids");
        let (one, other) =
            (ReplicationId::generate(&mut random), ReplicationId::generate(&mut random));
        assert_ne!(one, other);
        assert_eq!(ReplicationId::from_bytes(one.as_bytes()), Some(one));
        assert!(one.as_bytes().iter().all(u8::is_ascii_alphanumeric));
        assert_eq!(ReplicationId::from_bytes(b"0123456789abcde"), None);
    }
}
