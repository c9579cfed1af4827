//! One change of the data, as the log keeps it and replication carries it. Each costs one
//! sequence number.
//!
//! What this is not: a command. Conditions, expired keys and clocks are behind it: moments are
//! absolute, so that whoever applies the same operations has the same data.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::batch::{NotABatch, get_bytes, put_bytes};
use crate::keyspace::{get_until, put_until};

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// The key has this string from now on, whatever it had.
    Put {
        /// The key.
        key: Bytes,
        /// The value.
        value: Bytes,
        /// The last millisecond of the wall clock at which it is there.
        until_ms: Option<u64>,
    },
    /// The key is gone.
    Delete {
        /// The key.
        key: Bytes,
    },
    /// The key, if it is there, expires then, or not any more.
    Expire {
        /// The key.
        key: Bytes,
        /// The last millisecond of the wall clock at which it is there.
        until_ms: Option<u64>,
    },
    /// The field of a hash has this value. A key that is no hash becomes one.
    HashPut {
        /// The key.
        key: Bytes,
        /// The field.
        field: Bytes,
        /// The value.
        value: Bytes,
    },
    /// The field of a hash is gone, and with the last one the key.
    HashDelete {
        /// The key.
        key: Bytes,
        /// The field.
        field: Bytes,
    },
    /// One more element of a list. A key that is no list becomes one.
    Push {
        /// The key.
        key: Bytes,
        /// Where it is added.
        end: End,
        /// The element.
        value: Bytes,
    },
    /// So many elements of a list are gone, and with the last one the key.
    Pop {
        /// The key.
        key: Bytes,
        /// Where they are taken.
        end: End,
        /// How many; fewer if there are fewer.
        count: u32,
    },
    /// Every key is gone.
    Clear,
}

/// An end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The left one.
    Front,
    /// The right one.
    Back,
}

impl Operation {
    /// The key that it changes; none if that is every key.
    pub(crate) fn key(&self) -> Option<&Bytes> {
        match self {
            Operation::Put { key, .. }
            | Operation::Delete { key }
            | Operation::Expire { key, .. }
            | Operation::HashPut { key, .. }
            | Operation::HashDelete { key, .. }
            | Operation::Push { key, .. }
            | Operation::Pop { key, .. } => Some(key),
            Operation::Clear => None,
        }
    }

    /// Appends it as bytes.
    pub(crate) fn encode(&self, out: &mut BytesMut) {
        out.put_u8(self.kind());
        if let Some(key) = self.key() {
            put_bytes(out, key);
        }
        match self {
            Operation::Put { value, until_ms, .. } => {
                put_bytes(out, value);
                put_until(out, *until_ms);
            }
            Operation::Expire { until_ms, .. } => put_until(out, *until_ms),
            Operation::HashPut { field, value, .. } => {
                put_bytes(out, field);
                put_bytes(out, value);
            }
            Operation::HashDelete { field, .. } => put_bytes(out, field),
            Operation::Push { end, value, .. } => {
                put_end(out, *end);
                put_bytes(out, value);
            }
            Operation::Pop { end, count, .. } => {
                put_end(out, *end);
                out.put_u32(*count);
            }
            Operation::Delete { .. } | Operation::Clear => {}
        }
    }

    /// Takes what [`Operation::encode`] wrote off the front.
    ///
    /// # Errors
    /// [`NotABatch`]
    pub(crate) fn decode(rest: &mut Bytes) -> Result<Operation, NotABatch> {
        read(rest).ok_or(NotABatch)
    }

    fn kind(&self) -> u8 {
        match self {
            Operation::Put { .. } => PUT,
            Operation::Delete { .. } => DELETE,
            Operation::Expire { .. } => EXPIRE,
            Operation::HashPut { .. } => HASH_PUT,
            Operation::HashDelete { .. } => HASH_DELETE,
            Operation::Push { .. } => PUSH,
            Operation::Pop { .. } => POP,
            Operation::Clear => CLEAR,
        }
    }
}

fn read(rest: &mut Bytes) -> Option<Operation> {
    let kind = rest.try_get_u8().ok()?;
    if kind == CLEAR {
        return Some(Operation::Clear);
    }
    let key = get_bytes(rest)?;
    Some(match kind {
        PUT => Operation::Put { key, value: get_bytes(rest)?, until_ms: get_until(rest)? },
        DELETE => Operation::Delete { key },
        EXPIRE => Operation::Expire { key, until_ms: get_until(rest)? },
        HASH_PUT => Operation::HashPut { key, field: get_bytes(rest)?, value: get_bytes(rest)? },
        HASH_DELETE => Operation::HashDelete { key, field: get_bytes(rest)? },
        PUSH => Operation::Push { key, end: get_end(rest)?, value: get_bytes(rest)? },
        POP => Operation::Pop { key, end: get_end(rest)?, count: rest.try_get_u32().ok()? },
        _ => return None,
    })
}

fn put_end(out: &mut BytesMut, end: End) {
    out.put_u8(u8::from(end == End::Back));
}

fn get_end(rest: &mut Bytes) -> Option<End> {
    match rest.try_get_u8().ok()? {
        0 => Some(End::Front),
        1 => Some(End::Back),
        _ => None,
    }
}

const PUT: u8 = 1;
const DELETE: u8 = 2;
const EXPIRE: u8 = 3;
const HASH_PUT: u8 = 4;
const HASH_DELETE: u8 = 5;
const PUSH: u8 = 6;
const POP: u8 = 7;
const CLEAR: u8 = 8;

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Some operations on few keys, one at least.
    pub(crate) fn operations() -> impl Strategy<Value = Vec<Operation>> {
        proptest::collection::vec(operation(), 1..8)
    }

    fn operation() -> impl Strategy<Value = Operation> {
        let key = || "[a-c]?".prop_map(Bytes::from);
        let value = || proptest::collection::vec(any::<u8>(), 0..9).prop_map(Bytes::from);
        let until = || proptest::option::of(any::<u64>());
        let end = || prop_oneof![Just(End::Front), Just(End::Back)];
        prop_oneof![
            (key(), value(), until()).prop_map(|(key, value, until_ms)| Operation::Put {
                key,
                value,
                until_ms
            }),
            key().prop_map(|key| Operation::Delete { key }),
            (key(), until()).prop_map(|(key, until_ms)| Operation::Expire { key, until_ms }),
            (key(), key(), value()).prop_map(|(key, field, value)| Operation::HashPut {
                key,
                field,
                value
            }),
            (key(), key()).prop_map(|(key, field)| Operation::HashDelete { key, field }),
            (key(), end(), value()).prop_map(|(key, end, value)| Operation::Push {
                key,
                end,
                value
            }),
            (key(), end(), 0..4u32).prop_map(|(key, end, count)| Operation::Pop {
                key,
                end,
                count
            }),
            Just(Operation::Clear),
        ]
    }

    proptest! {
        #[test]
        fn decode_reads_what_encode_writes(operations in operations()) {
            let mut bytes = BytesMut::new();
            operations.iter().for_each(|operation| operation.encode(&mut bytes));
            let mut rest = bytes.freeze();
            for operation in operations {
                prop_assert_eq!(Operation::decode(&mut rest), Ok(operation));
            }
            prop_assert!(rest.is_empty());
        }
    }
}
