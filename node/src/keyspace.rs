//! What a node keeps under its keys: strings, hashes and lists, each with the moment at which it
//! expires, if it does. Pure.
//!
//! What this is not: the judge of what has expired (see [`crate::view`]). Expired keys stay here
//! until a write touches them.
//!
//! The trap: the order of keys and fields is part of what a snapshot says; both are sorted.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::batch::{get_bytes, put_bytes};

/// What stands under one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// Bytes.
    String(Bytes),
    /// Values by field, one field at least.
    Hash(BTreeMap<Bytes, Bytes>),
    /// Elements from front to back, one at least.
    List(VecDeque<Bytes>),
}

/// A value, and until when it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The value.
    pub(crate) value: Value,
    /// The last millisecond of the wall clock at which it is there; for ever if there is none.
    pub(crate) until_ms: Option<u64>,
}

/// Keys and what stands under them, in the order of the keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Data {
    entries: BTreeMap<Bytes, Entry>,
    expiring: usize,
}

impl Value {
    /// The name by which `TYPE` calls it.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Value::String(_) => "string",
            Value::Hash(_) => "hash",
            Value::List(_) => "list",
        }
    }
}

impl Entry {
    /// A string that does not expire.
    pub(crate) fn string(value: Bytes) -> Self {
        Self { value: Value::String(value), until_ms: None }
    }

    /// Whether it is gone at this reading of the wall clock.
    pub(crate) fn is_expired(&self, now_ms: u64) -> bool {
        self.until_ms.is_some_and(|until_ms| now_ms > until_ms)
    }

    fn encode(&self, out: &mut BytesMut) {
        put_until(out, self.until_ms);
        match &self.value {
            Value::String(value) => {
                out.put_u8(STRING);
                put_bytes(out, value);
            }
            Value::Hash(fields) => {
                out.put_u8(HASH);
                out.put_u64(fields.len() as u64);
                for (field, value) in fields {
                    put_bytes(out, field);
                    put_bytes(out, value);
                }
            }
            Value::List(elements) => {
                out.put_u8(LIST);
                out.put_u64(elements.len() as u64);
                elements.iter().for_each(|element| put_bytes(out, element));
            }
        }
    }

    fn decode(rest: &mut Bytes) -> Option<Entry> {
        let until_ms = get_until(rest)?;
        let value = match rest.try_get_u8().ok()? {
            STRING => Value::String(get_bytes(rest)?),
            HASH => {
                let count = rest.try_get_u64().ok()?;
                let mut fields = BTreeMap::new();
                for _ in 0..count {
                    let field = get_bytes(rest)?;
                    fields.insert(field, get_bytes(rest)?);
                }
                Value::Hash((fields.len() as u64 == count && count > 0).then_some(fields)?)
            }
            LIST => {
                let count = rest.try_get_u64().ok()?;
                let mut elements = VecDeque::new();
                for _ in 0..count {
                    elements.push_back(get_bytes(rest)?);
                }
                Value::List((count > 0).then_some(elements)?)
            }
            _ => return None,
        };
        Some(Entry { value, until_ms })
    }
}

impl Data {
    /// No keys.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// What stands under a key, expired or not.
    pub(crate) fn get(&self, key: &[u8]) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// How many keys there are, those that have expired included.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many of them have a moment at which they expire.
    pub(crate) fn expiring(&self) -> usize {
        self.expiring
    }

    /// Every key in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Bytes, &Entry)> {
        self.entries.iter()
    }

    /// The keys that come after this one, or all.
    pub(crate) fn after(&self, key: Option<&Bytes>) -> impl Iterator<Item = (&Bytes, &Entry)> {
        let start = key.map_or(Bound::Unbounded, Bound::Excluded);
        self.entries.range::<Bytes, _>((start, Bound::Unbounded))
    }

    /// Puts an entry in the place of the one that was there.
    pub(crate) fn insert(&mut self, key: Bytes, entry: Entry) -> Option<Entry> {
        self.expiring += usize::from(entry.until_ms.is_some());
        let before = self.entries.insert(key, entry);
        self.forget(before.as_ref());
        before
    }

    /// Takes an entry away.
    pub(crate) fn remove(&mut self, key: &[u8]) -> Option<Entry> {
        let before = self.entries.remove(key);
        self.forget(before.as_ref());
        before
    }

    /// Changes when a key expires; what it said before, if the key is there.
    pub(crate) fn set_until(&mut self, key: &[u8], until_ms: Option<u64>) -> Option<Option<u64>> {
        let entry = self.entries.get_mut(key)?;
        let before = std::mem::replace(&mut entry.until_ms, until_ms);
        self.expiring += usize::from(until_ms.is_some());
        self.expiring -= usize::from(before.is_some());
        Some(before)
    }

    /// The value under a key, to change it.
    pub(crate) fn value_mut(&mut self, key: &[u8]) -> Option<&mut Value> {
        self.entries.get_mut(key).map(|entry| &mut entry.value)
    }

    /// Appends every key with its entry as bytes.
    pub(crate) fn encode(&self, out: &mut BytesMut) {
        out.put_u64(self.entries.len() as u64);
        for (key, entry) in &self.entries {
            put_bytes(out, key);
            entry.encode(out);
        }
    }

    /// Takes what [`Data::encode`] wrote off the front.
    pub(crate) fn decode(rest: &mut Bytes) -> Option<Data> {
        let count = rest.try_get_u64().ok()?;
        let mut data = Data::new();
        for _ in 0..count {
            let key = get_bytes(rest)?;
            data.insert(key, Entry::decode(rest)?);
        }
        (data.len() as u64 == count).then_some(data)
    }

    fn forget(&mut self, gone: Option<&Entry>) {
        self.expiring -= usize::from(gone.is_some_and(|entry| entry.until_ms.is_some()));
    }
}

impl<const N: usize> From<[(Bytes, Bytes); N]> for Data {
    /// Strings that do not expire.
    fn from(strings: [(Bytes, Bytes); N]) -> Self {
        let mut data = Data::new();
        for (key, value) in strings {
            data.insert(key, Entry::string(value));
        }
        data
    }
}

/// Appends when something expires, if it does.
pub(crate) fn put_until(out: &mut BytesMut, until_ms: Option<u64>) {
    out.put_u8(u8::from(until_ms.is_some()));
    if let Some(until_ms) = until_ms {
        out.put_u64(until_ms);
    }
}

/// Takes what [`put_until`] wrote off the front.
pub(crate) fn get_until(rest: &mut Bytes) -> Option<Option<u64>> {
    match rest.try_get_u8().ok()? {
        0 => Some(None),
        1 => rest.try_get_u64().ok().map(Some),
        _ => None,
    }
}

const STRING: u8 = 1;
const HASH: u8 = 2;
const LIST: u8 = 3;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::apply::apply;
    use crate::operation::tests::operations;

    proptest! {
        #[test]
        fn decode_reads_what_encode_writes(operations in operations()) {
            let mut data = Data::new();
            apply(&mut data, &operations);
            let expiring = data.iter().filter(|(_, entry)| entry.until_ms.is_some()).count();
            prop_assert_eq!(data.expiring(), expiring);
            let mut bytes = BytesMut::new();
            data.encode(&mut bytes);
            let mut rest = bytes.freeze();
            prop_assert_eq!(Data::decode(&mut rest), Some(data));
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn decode_never_panics(bytes in proptest::collection::vec(0..4u8, 0..80)) {
            let _ = Data::decode(&mut Bytes::from(bytes));
        }
    }
}
