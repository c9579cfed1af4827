//! The commands on data: what each answers, and what it changes. Pure: they read a
//! [`Keyspace`] and return an [`Effect`]; the caller writes it, at once or with a transaction.

use bytes::Bytes;
use host::Write;

use crate::arguments;
use crate::batch::Operation;
use crate::command::Command;
use crate::error_reply::ErrorReply;
use crate::resp::{self, Frame};

/// What commands read: the store, or the store as an open transaction sees it.
pub(crate) trait Keyspace {
    /// The value of a key.
    fn value(&self, key: &[u8]) -> Option<Bytes>;
    /// How many keys there are.
    fn count(&self) -> usize;
}

/// A command on data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DataCommand {
    /// `GET key`
    Get(Bytes),
    /// `SET key value [NX|XX]`
    Set(Bytes, Bytes, SetIf),
    /// `MGET key…`
    Mget(Vec<Bytes>),
    /// `DEL key…`
    Del(Vec<Bytes>),
    /// `EXISTS key…`
    Exists(Vec<Bytes>),
    /// `INCR key`, `DECR key`, `INCRBY key delta`
    IncrBy(Bytes, i64),
    /// `APPEND key suffix`
    Append(Bytes, Bytes),
    /// `STRLEN key`
    Strlen(Bytes),
    /// `DBSIZE`
    Dbsize,
}

/// The condition of SET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SetIf {
    /// None.
    Always,
    /// The key must be absent (`NX`).
    Absent,
    /// The key must be there (`XX`).
    Present,
}

/// What a command answers and what it changes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Effect {
    /// The reply if the change can be written.
    pub(crate) reply: Frame,
    /// The change.
    pub(crate) operations: Vec<Operation>,
    /// What the reply acknowledges.
    pub(crate) writes: Vec<Write>,
}

impl DataCommand {
    /// What the command does to this keyspace.
    pub(crate) fn run(&self, data: &dyn Keyspace) -> Effect {
        match self {
            DataCommand::Get(key) => Effect::read(or_null(data.value(key))),
            DataCommand::Set(key, value, condition) => set(data, key, value, *condition),
            DataCommand::Mget(keys) => {
                let values = keys.iter().map(|key| or_null(data.value(key)));
                Effect::read(resp::array(values.collect()))
            }
            DataCommand::Del(keys) => del(data, keys),
            DataCommand::Exists(keys) => {
                Effect::read(count(keys.iter().filter(|key| data.value(key).is_some()).count()))
            }
            DataCommand::IncrBy(key, delta) => incr_by(data, key, *delta),
            DataCommand::Append(key, suffix) => append(data, key, suffix),
            DataCommand::Strlen(key) => {
                Effect::read(count(data.value(key).map_or(0, |value| value.len())))
            }
            DataCommand::Dbsize => Effect::read(count(data.count())),
        }
    }

    /// The keys that it may write; `None` if it only reads.
    pub(crate) fn keys_written(&self) -> Option<Vec<Bytes>> {
        match self {
            DataCommand::Set(key, ..)
            | DataCommand::IncrBy(key, _)
            | DataCommand::Append(key, _) => Some(vec![key.clone()]),
            DataCommand::Del(keys) => Some(keys.clone()),
            DataCommand::Get(_)
            | DataCommand::Mget(_)
            | DataCommand::Exists(_)
            | DataCommand::Strlen(_)
            | DataCommand::Dbsize => None,
        }
    }
}

impl Effect {
    fn read(reply: Frame) -> Self {
        Self { reply, operations: Vec::new(), writes: Vec::new() }
    }

    fn put(reply: Frame, key: &Bytes, value: Bytes, token: &[u8]) -> Self {
        let write = write(key, token);
        let operation = Operation::Put { key: key.clone(), value };
        Self { reply, operations: vec![operation], writes: vec![write] }
    }
}

fn write(key: &[u8], token: &[u8]) -> Write {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Write { key: text(key), token: text(token) }
}

fn set(data: &dyn Keyspace, key: &Bytes, value: &Bytes, condition: SetIf) -> Effect {
    let met = match condition {
        SetIf::Always => true,
        SetIf::Absent => data.value(key).is_none(),
        SetIf::Present => data.value(key).is_some(),
    };
    if met { Effect::put(resp::ok(), key, value.clone(), value) } else { Effect::read(Frame::Null) }
}

fn del(data: &dyn Keyspace, keys: &[Bytes]) -> Effect {
    let mut present: Vec<&Bytes> = Vec::new();
    for key in keys {
        if data.value(key).is_some() && !present.contains(&key) {
            present.push(key);
        }
    }
    Effect {
        reply: count(present.len()),
        operations: present.iter().map(|key| Operation::Delete { key: (*key).clone() }).collect(),
        writes: present.iter().map(|key| write(key, b"")).collect(),
    }
}

fn incr_by(data: &dyn Keyspace, key: &Bytes, delta: i64) -> Effect {
    let current = data.value(key).map_or(Some(0), |value| arguments::number::<i64>(&value));
    let Some(current) = current else {
        return Effect::read(ErrorReply::not_an_integer().into());
    };
    let Some(sum) = current.checked_add(delta) else {
        let overflow = "increment or decrement would overflow";
        return Effect::read(ErrorReply::err(overflow).into());
    };
    let value = Bytes::from(sum.to_string());
    Effect::put(resp::integer(sum), key, value.clone(), &value)
}

fn append(data: &dyn Keyspace, key: &Bytes, suffix: &Bytes) -> Effect {
    let value = [data.value(key).unwrap_or_default().as_ref(), suffix].concat();
    Effect::put(count(value.len()), key, value.into(), suffix)
}

fn or_null(value: Option<Bytes>) -> Frame {
    value.map_or(Frame::Null, resp::bulk)
}

fn count(number: usize) -> Frame {
    resp::integer(i64::try_from(number).expect("memory is smaller than 8 EiB"))
}

/// The parsers. The table has checked the number of arguments.
pub(crate) mod parse {
    use super::*;

    type Parsed = Result<Command, ErrorReply>;

    pub(crate) fn get(args: &[Bytes]) -> Parsed {
        data(DataCommand::Get(args[1].clone()))
    }

    pub(crate) fn set(args: &[Bytes]) -> Parsed {
        let condition = match &args[3..] {
            [] => SetIf::Always,
            [option] if arguments::is(option, "nx") => SetIf::Absent,
            [option] if arguments::is(option, "xx") => SetIf::Present,
            _ => return Err(ErrorReply::err("syntax error")),
        };
        data(DataCommand::Set(args[1].clone(), args[2].clone(), condition))
    }

    pub(crate) fn mget(args: &[Bytes]) -> Parsed {
        data(DataCommand::Mget(args[1..].to_vec()))
    }

    pub(crate) fn del(args: &[Bytes]) -> Parsed {
        data(DataCommand::Del(args[1..].to_vec()))
    }

    pub(crate) fn exists(args: &[Bytes]) -> Parsed {
        data(DataCommand::Exists(args[1..].to_vec()))
    }

    pub(crate) fn incr(args: &[Bytes]) -> Parsed {
        data(DataCommand::IncrBy(args[1].clone(), 1))
    }

    pub(crate) fn decr(args: &[Bytes]) -> Parsed {
        data(DataCommand::IncrBy(args[1].clone(), -1))
    }

    pub(crate) fn incrby(args: &[Bytes]) -> Parsed {
        let delta = arguments::number(&args[2]).ok_or_else(ErrorReply::not_an_integer)?;
        data(DataCommand::IncrBy(args[1].clone(), delta))
    }

    pub(crate) fn append(args: &[Bytes]) -> Parsed {
        data(DataCommand::Append(args[1].clone(), args[2].clone()))
    }

    pub(crate) fn strlen(args: &[Bytes]) -> Parsed {
        data(DataCommand::Strlen(args[1].clone()))
    }

    pub(crate) fn dbsize(_: &[Bytes]) -> Parsed {
        data(DataCommand::Dbsize)
    }

    fn data(command: DataCommand) -> Parsed {
        Ok(Command::Data(command))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{self, Data};

    fn run(data: &mut Data, command: DataCommand) -> (Frame, Vec<(String, String)>) {
        let effect = command.run(data);
        snapshot::apply(data, &effect.operations);
        let writes = effect.writes.into_iter().map(|write| (write.key, write.token)).collect();
        (effect.reply, writes)
    }

    fn pair(key: &str, token: &str) -> Vec<(String, String)> {
        vec![(key.to_owned(), token.to_owned())]
    }

    fn b(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    #[test]
    fn writes_are_told_with_their_tokens() {
        let data = &mut Data::new();
        let set = |condition| DataCommand::Set(b("k"), b("v"), condition);
        assert_eq!(run(data, set(SetIf::Present)), (Frame::Null, vec![]));
        assert_eq!(run(data, set(SetIf::Always)), (resp::ok(), pair("k", "v")));
        assert_eq!(run(data, set(SetIf::Absent)), (Frame::Null, vec![]));
        assert_eq!(run(data, DataCommand::Append(b("k"), b("wx"))).1, pair("k", "wx"));
        assert_eq!(run(data, DataCommand::Get(b("k"))), (resp::bulk("vwx"), vec![]));
        assert_eq!(run(data, DataCommand::Strlen(b("k"))).0, resp::integer(3));
        assert_eq!(
            run(data, DataCommand::IncrBy(b("n"), -4)),
            (resp::integer(-4), pair("n", "-4"))
        );
        assert_eq!(run(data, DataCommand::Dbsize).0, resp::integer(2));
    }

    #[test]
    fn a_deletion_acknowledges_what_was_there_once() {
        let data = &mut Data::from([(b("a"), b("1"))]);
        let del = || DataCommand::Del(vec![b("a"), b("a"), b("none")]);
        assert_eq!(run(data, del()), (resp::integer(1), pair("a", "")));
        assert_eq!(run(data, del()), (resp::integer(0), vec![]));
    }

    #[test]
    fn many_keys_are_read_in_order() {
        let data = &mut Data::from([(b("a"), b("1"))]);
        let keys = vec![b("none"), b("a"), b("a")];
        let values = resp::array(vec![Frame::Null, resp::bulk("1"), resp::bulk("1")]);
        assert_eq!(run(data, DataCommand::Mget(keys.clone())).0, values);
        assert_eq!(run(data, DataCommand::Exists(keys)).0, resp::integer(2));
    }

    #[test]
    fn counters_refuse_what_is_no_number() {
        let data = &mut Data::from([(b("t"), b("1x")), (b("max"), b("9223372036854775807"))]);
        for (key, error) in [
            ("t", "ERR value is not an integer or out of range"),
            ("max", "ERR increment or decrement would overflow"),
        ] {
            assert_eq!(run(data, DataCommand::IncrBy(b(key), 1)), (resp::error(error), vec![]));
        }
    }
}
