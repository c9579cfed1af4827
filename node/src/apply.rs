//! How operations change the data, and how that is taken back. Pure.
//!
//! An operation that does not fit what it finds (a former master may be continued from data that
//! differ) still has one meaning, so that the same log always gives the same data: what adds
//! replaces a value of another kind, what takes away leaves it alone.
//!
//! A change is taken back by its [`Undo`] without a copy of the whole value, however long a list
//! is.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::keyspace::{Data, Entry, Value};
use crate::operation::{End, Operation};

/// Applies operations in order.
pub(crate) fn apply(data: &mut Data, operations: &[Operation]) {
    for operation in operations {
        drop(Undo::after(data, operation));
    }
}

/// What takes one operation back, if those after it have been taken back before.
#[must_use = "it is the only way back"]
pub(crate) enum Undo {
    Nothing,
    Entry(Bytes, Option<Entry>),
    Until(Bytes, Option<u64>),
    Field(Bytes, Bytes, Option<Bytes>),
    Push(Bytes, End),
    Pop(Bytes, End, Vec<Bytes>),
    All(Data),
}

fn apply_one(data: &mut Data, operation: &Operation) -> Undo {
    match operation {
        Operation::Put { key, value, until_ms } => {
            let entry = Entry { value: Value::String(value.clone()), until_ms: *until_ms };
            Undo::Entry(key.clone(), data.insert(key.clone(), entry))
        }
        Operation::Delete { key } => Undo::Entry(key.clone(), data.remove(key)),
        Operation::Expire { key, until_ms } => match data.set_until(key, *until_ms) {
            Some(before) => Undo::Until(key.clone(), before),
            None => Undo::Nothing,
        },
        Operation::HashPut { key, field, value } => match data.value_mut(key) {
            Some(Value::Hash(fields)) => {
                let before = fields.insert(field.clone(), value.clone());
                Undo::Field(key.clone(), field.clone(), before)
            }
            _ => {
                let fields = BTreeMap::from([(field.clone(), value.clone())]);
                replace(data, key, Value::Hash(fields))
            }
        },
        Operation::HashDelete { key, field } => hash_delete(data, key, field),
        Operation::Push { key, end, value } => match data.value_mut(key) {
            Some(Value::List(elements)) => {
                push(elements, *end, value.clone());
                Undo::Push(key.clone(), *end)
            }
            _ => replace(data, key, Value::List(VecDeque::from([value.clone()]))),
        },
        Operation::Pop { key, end, count } => pop_some(data, key, *end, *count),
        Operation::Clear => Undo::All(std::mem::take(data)),
    }
}

fn replace(data: &mut Data, key: &Bytes, value: Value) -> Undo {
    Undo::Entry(key.clone(), data.insert(key.clone(), Entry { value, until_ms: None }))
}

fn hash_delete(data: &mut Data, key: &Bytes, field: &Bytes) -> Undo {
    let Some(Value::Hash(fields)) = data.value_mut(key) else {
        return Undo::Nothing;
    };
    if fields.len() == 1 && fields.contains_key(field) {
        return Undo::Entry(key.clone(), data.remove(key));
    }
    match fields.remove(field) {
        Some(value) => Undo::Field(key.clone(), field.clone(), Some(value)),
        None => Undo::Nothing,
    }
}

fn pop_some(data: &mut Data, key: &Bytes, end: End, count: u32) -> Undo {
    let Some(Value::List(elements)) = data.value_mut(key) else {
        return Undo::Nothing;
    };
    if elements.len() <= count as usize {
        return Undo::Entry(key.clone(), data.remove(key));
    }
    let popped = (0..count).filter_map(|_| pop(elements, end)).collect();
    Undo::Pop(key.clone(), end, popped)
}

fn push(elements: &mut VecDeque<Bytes>, end: End, value: Bytes) {
    match end {
        End::Front => elements.push_front(value),
        End::Back => elements.push_back(value),
    }
}

fn pop(elements: &mut VecDeque<Bytes>, end: End) -> Option<Bytes> {
    match end {
        End::Front => elements.pop_front(),
        End::Back => elements.pop_back(),
    }
}

impl Undo {
    /// Applies an operation.
    pub(crate) fn after(data: &mut Data, operation: &Operation) -> Undo {
        apply_one(data, operation)
    }

    /// Takes it back.
    pub(crate) fn run(self, data: &mut Data) {
        match self {
            Undo::Nothing => {}
            Undo::Entry(key, Some(entry)) => drop(data.insert(key, entry)),
            Undo::Entry(key, None) => drop(data.remove(&key)),
            Undo::Until(key, until_ms) => drop(data.set_until(&key, until_ms)),
            Undo::Field(key, field, before) => {
                if let Some(Value::Hash(fields)) = data.value_mut(&key) {
                    match before {
                        Some(value) => drop(fields.insert(field, value)),
                        None => drop(fields.remove(&field)),
                    }
                }
            }
            Undo::Push(key, end) => {
                if let Some(Value::List(elements)) = data.value_mut(&key) {
                    pop(elements, end);
                }
            }
            Undo::Pop(key, end, popped) => {
                if let Some(Value::List(elements)) = data.value_mut(&key) {
                    popped.into_iter().rev().for_each(|value| push(elements, end, value));
                }
            }
            Undo::All(before) => *data = before,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::operation::tests::operations;

    #[test]
    fn what_does_not_fit_has_one_meaning() {
        let key = || Bytes::from_static(b"k");
        let one = || Bytes::from_static(b"1");
        let pop = Operation::Pop { key: key(), end: End::Front, count: 1 };
        let mut data = Data::from([(key(), one())]);
        let string = data.clone();
        apply(&mut data, &[pop.clone(), Operation::HashDelete { key: key(), field: one() }]);
        assert_eq!(data, string);
        apply(&mut data, &[Operation::Push { key: key(), end: End::Back, value: one() }]);
        assert_eq!(data.get(b"k").unwrap().value.type_name(), "list");
        apply(&mut data, &[Operation::HashPut { key: key(), field: one(), value: one() }]);
        assert_eq!(data.get(b"k").unwrap().value.type_name(), "hash");
        apply(&mut data, &[Operation::HashDelete { key: key(), field: one() }]);
        assert_eq!(data, Data::new());
    }

    proptest! {
        #[test]
        fn what_is_taken_back_is_as_it_was(
            before in operations(),
            first in operations(),
            second in operations(),
        ) {
            let mut data = Data::new();
            apply(&mut data, &before);
            let untouched = data.clone();
            let mut applied = data.clone();
            apply(&mut applied, &first);
            apply(&mut applied, &second);
            let all = first.iter().chain(&second);
            let undo: Vec<Undo> =
                all.map(|operation| Undo::after(&mut data, operation)).collect();
            prop_assert_eq!(&data, &applied);
            undo.into_iter().rev().for_each(|undo| undo.run(&mut data));
            prop_assert_eq!(data, untouched);
        }
    }
}
