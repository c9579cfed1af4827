//! The data as a command sees them at one reading of the wall clock: what has expired is absent.
//! Reads, and the effects of writes, are made from here. Pure.
//!
//! The trap: an expired key still stands in the data. A write that touches it deletes it first,
//! as an operation of its own, so that replicas and the log have the same; replicas and reads
//! only hide it. If the clock steps back before that, it is there again.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use host::Write;

use crate::error_reply::ErrorReply;
use crate::keyspace::{Data, Entry, Value};
use crate::operation::Operation;
use crate::reply::Reply;

/// The data at one moment.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    data: &'a Data,
    now_ms: u64,
}

/// What a command answers and what it changes, or why it is refused.
pub(crate) type Outcome = Result<Effect, ErrorReply>;

/// What a command answers and what it changes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Effect {
    /// The reply if the change can be written.
    pub(crate) reply: Reply,
    /// The change.
    pub(crate) operations: Vec<Operation>,
    /// What the reply acknowledges.
    pub(crate) writes: Vec<Write>,
}

/// An effect that is being put together.
pub(crate) struct Change<'a> {
    view: View<'a>,
    operations: Vec<Operation>,
    writes: Vec<Write>,
}

impl<'a> View<'a> {
    /// The data when the wall clock reads this.
    pub(crate) fn new(data: &'a Data, now_ms: u64) -> Self {
        Self { data, now_ms }
    }

    /// The wall clock in milliseconds.
    pub(crate) fn now_ms(self) -> u64 {
        self.now_ms
    }

    /// All data, expired keys included.
    pub(crate) fn data(self) -> &'a Data {
        self.data
    }

    /// What stands under a key.
    pub(crate) fn entry(self, key: &[u8]) -> Option<&'a Entry> {
        self.data.get(key).filter(|entry| !entry.is_expired(self.now_ms))
    }

    /// The keys that are there, in order.
    pub(crate) fn live(self) -> impl Iterator<Item = (&'a Bytes, &'a Entry)> {
        self.data.iter().filter(move |(_, entry)| !entry.is_expired(self.now_ms))
    }

    /// The string under a key.
    ///
    /// # Errors
    /// `WRONGTYPE` if it is something else.
    pub(crate) fn string(self, key: &[u8]) -> Result<Option<&'a Bytes>, ErrorReply> {
        match self.entry(key).map(|entry| &entry.value) {
            None => Ok(None),
            Some(Value::String(value)) => Ok(Some(value)),
            Some(_) => Err(ErrorReply::wrong_type()),
        }
    }

    /// The hash under a key.
    ///
    /// # Errors
    /// `WRONGTYPE` if it is something else.
    pub(crate) fn hash(self, key: &[u8]) -> Result<Option<&'a BTreeMap<Bytes, Bytes>>, ErrorReply> {
        match self.entry(key).map(|entry| &entry.value) {
            None => Ok(None),
            Some(Value::Hash(fields)) => Ok(Some(fields)),
            Some(_) => Err(ErrorReply::wrong_type()),
        }
    }

    /// The list under a key.
    ///
    /// # Errors
    /// `WRONGTYPE` if it is something else.
    pub(crate) fn list(self, key: &[u8]) -> Result<Option<&'a VecDeque<Bytes>>, ErrorReply> {
        match self.entry(key).map(|entry| &entry.value) {
            None => Ok(None),
            Some(Value::List(elements)) => Ok(Some(elements)),
            Some(_) => Err(ErrorReply::wrong_type()),
        }
    }

    /// Begins a change that touches these keys: those of them that have expired are deleted.
    pub(crate) fn change<'k>(self, keys: impl IntoIterator<Item = &'k Bytes>) -> Change<'a> {
        let expired =
            |key: &&Bytes| self.data.get(key).is_some_and(|entry| entry.is_expired(self.now_ms));
        let delete = |key: &Bytes| Operation::Delete { key: own(key) };
        let operations = keys.into_iter().filter(expired).map(delete).collect();
        Change { view: self, operations, writes: Vec::new() }
    }

    /// The effect of setting a string, and of nothing else; `token` names the write.
    pub(crate) fn put(
        self,
        key: &Bytes,
        value: &Bytes,
        until_ms: Option<u64>,
        token: &[u8],
        reply: Reply,
    ) -> Effect {
        // No need to delete first: the put replaces whatever is there.
        let mut change = self.change([]);
        change.put(key, value, until_ms, token);
        change.done(reply)
    }
}

impl Effect {
    /// Changes nothing.
    pub(crate) fn read(reply: Reply) -> Self {
        Self { reply, operations: Vec::new(), writes: Vec::new() }
    }
}

impl<'a> Change<'a> {
    /// The data before the change.
    pub(crate) fn view(&self) -> View<'a> {
        self.view
    }

    /// Adds an operation that the reply acknowledges as a write of `token`.
    pub(crate) fn add(&mut self, operation: Operation, token: &[u8]) {
        if let Some(key) = operation.key() {
            self.writes.push(write(key, token));
        }
        self.operations.push(operation);
    }

    /// Sets a string.
    pub(crate) fn put(&mut self, key: &Bytes, value: &Bytes, until_ms: Option<u64>, token: &[u8]) {
        self.add(Operation::Put { key: own(key), value: own(value), until_ms }, token);
    }

    /// Deletes a key.
    pub(crate) fn delete(&mut self, key: &Bytes) {
        self.add(Operation::Delete { key: own(key) }, b"");
    }

    /// Deletes every key.
    pub(crate) fn clear(&mut self) {
        self.writes.extend(self.view.live().map(|(key, _)| write(key, b"")));
        self.operations.push(Operation::Clear);
    }

    /// The effect.
    pub(crate) fn done(self, reply: Reply) -> Effect {
        Effect { reply, operations: self.operations, writes: self.writes }
    }
}

/// A copy that does not keep the buffer alive from which an argument was read.
pub(crate) fn own(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

fn write(key: &[u8], token: &[u8]) -> Write {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Write { key: text(key), token: text(token) }
}

/// What the tests of the commands share.
#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::apply::apply;
    use crate::command::{self, Command};

    /// Data on which requests are executed one after another.
    #[derive(Default)]
    pub(crate) struct Bench {
        /// The data.
        pub(crate) data: Data,
        /// The wall clock.
        pub(crate) now_ms: u64,
        /// The operations of the last request.
        pub(crate) operations: Vec<Operation>,
    }

    impl Bench {
        /// Executes a request given as words; the reply as text, then the writes it tells of.
        pub(crate) fn say(&mut self, request: &str) -> String {
            let args: Vec<Bytes> =
                request.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
            let spec = command::find(&args[0]).expect("a command of the table");
            if !spec.accepts(args.len()) {
                return "arity".to_owned();
            }
            let command = match (spec.parse)(&args) {
                Ok(Command::Data(command)) => command,
                Ok(other) => panic!("{other:?} is not on data"),
                Err(error) => return format!("-{error}"),
            };
            match command.run(View::new(&self.data, self.now_ms)) {
                Err(error) => format!("-{error}"),
                Ok(Effect { reply, operations, writes }) => {
                    assert!(operations.is_empty() || spec.flags.write, "{request} writes");
                    apply(&mut self.data, &operations);
                    self.operations = operations;
                    let writes = writes.iter().map(|w| format!(" {}={}", w.key, w.token));
                    format!("{}{}", show(&reply), writes.collect::<String>())
                }
            }
        }

        /// Executes requests and compares the replies.
        pub(crate) fn play(&mut self, script: &[(&str, &str)]) {
            for (request, reply) in script {
                assert_eq!(self.say(request), *reply, "{request}");
            }
        }
    }

    /// A reply as text: arrays in brackets, errors with a leading `-`, null as `nil`.
    pub(crate) fn show(reply: &Reply) -> String {
        match reply {
            Reply::Simple(text) | Reply::Bulk(text) => String::from_utf8_lossy(text).into_owned(),
            Reply::Verbatim(text) => text.clone(),
            Reply::Error(error) => format!("-{error}"),
            Reply::Integer(number) => number.to_string(),
            Reply::Null => "nil".to_owned(),
            Reply::NullArray => "no-array".to_owned(),
            Reply::Array(elements) => {
                format!("[{}]", elements.iter().map(show).collect::<Vec<_>>().join(" "))
            }
            Reply::Map(pairs) => {
                let pair = |(key, value): &(Reply, Reply)| format!("{}:{}", show(key), show(value));
                format!("{{{}}}", pairs.iter().map(pair).collect::<Vec<_>>().join(" "))
            }
        }
    }

    #[test]
    fn expired_keys_are_absent_to_reads_and_deleted_by_writes() {
        let mut bench = Bench { now_ms: 100, ..Bench::default() };
        bench.play(&[("RPUSH l a", "1 l=a"), ("PEXPIRE l 50", "1 l=@150"), ("GET l", WRONG)]);
        bench.now_ms = 150;
        bench.play(&[("LLEN l", "1"), ("PTTL l", "0"), ("KEYS *", "[l]")]);
        bench.now_ms = 151;
        bench.play(&[("LLEN l", "0"), ("TYPE l", "none"), ("KEYS *", "[]"), ("DBSIZE", "1")]);
        bench.play(&[("GET l", "nil")]);
        assert!(bench.operations.is_empty(), "a read deletes nothing");
        bench.now_ms = 100;
        bench.play(&[("LLEN l", "1")]);
        bench.now_ms = 151;
        bench.play(&[("LPUSH l b", "1 l=b"), ("PTTL l", "-1"), ("LRANGE l 0 -1", "[b]")]);
    }

    const WRONG: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
}
