//! Commands on hashes. Fields are in order, as upstream's are.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::arguments;
use crate::command::Command;
use crate::counter_commands::add;
use crate::data_commands::DataCommand;
use crate::error_reply::ErrorReply;
use crate::operation::Operation;
use crate::reply::Reply;
use crate::view::{Change, Effect, Outcome, View, own};

/// A command on hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HashCommand {
    /// `HSET key field value…`; `HMSET`, which answers OK
    Set(Bytes, Vec<(Bytes, Bytes)>, SetAnswer),
    /// `HSETNX key field value`
    SetNx(Bytes, Bytes, Bytes),
    /// `HGET key field`
    Get(Bytes, Bytes),
    /// `HMGET key field…`
    Mget(Bytes, Vec<Bytes>),
    /// `HGETALL key`
    GetAll(Bytes),
    /// `HDEL key field…`
    Del(Bytes, Vec<Bytes>),
    /// `HLEN key`
    Len(Bytes),
    /// `HEXISTS key field`
    Exists(Bytes, Bytes),
    /// `HKEYS key`
    Keys(Bytes),
    /// `HVALS key`
    Vals(Bytes),
    /// `HINCRBY key field delta`
    IncrBy(Bytes, Bytes, i64),
}

/// What the setting of fields answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SetAnswer {
    /// How many fields are new.
    Added,
    /// OK.
    Status,
}

impl HashCommand {
    /// What the command does to these data.
    pub(crate) fn run(&self, view: View<'_>) -> Outcome {
        let read = |reply| Ok(Effect::read(reply));
        match self {
            HashCommand::Set(key, pairs, answer) => set(view, key, pairs, *answer),
            HashCommand::SetNx(key, field, value) => {
                if fields(view, key)?.contains_key(field) {
                    return read(Reply::flag(false));
                }
                let mut change = view.change([key]);
                put(&mut change, key, field, value);
                Ok(change.done(Reply::flag(true)))
            }
            HashCommand::Get(key, field) => {
                read(Reply::bulk_or_null(fields(view, key)?.get(field)))
            }
            HashCommand::Mget(key, wanted) => {
                let fields = fields(view, key)?;
                let value = |field| Reply::bulk_or_null(fields.get(field));
                read(Reply::Array(wanted.iter().map(value).collect()))
            }
            HashCommand::GetAll(key) => {
                let pair = |(field, value): (&Bytes, &Bytes)| {
                    (Reply::Bulk(field.clone()), Reply::Bulk(value.clone()))
                };
                read(Reply::Map(fields(view, key)?.iter().map(pair).collect()))
            }
            HashCommand::Del(key, wanted) => del(view, key, wanted),
            HashCommand::Len(key) => read(Reply::count(fields(view, key)?.len())),
            HashCommand::Exists(key, field) => {
                read(Reply::flag(fields(view, key)?.contains_key(field)))
            }
            HashCommand::Keys(key) => read(bulks(fields(view, key)?.keys())),
            HashCommand::Vals(key) => read(bulks(fields(view, key)?.values())),
            HashCommand::IncrBy(key, field, delta) => {
                let no_number = || ErrorReply::err("hash value is not an integer");
                let sum = add(fields(view, key)?.get(field), *delta, no_number)?;
                let mut change = view.change([key]);
                put(&mut change, key, field, &Bytes::from(sum.to_string()));
                Ok(change.done(Reply::Integer(sum)))
            }
        }
    }
}

/// The fields of the hash under a key; none if there is none.
fn fields<'a>(view: View<'a>, key: &Bytes) -> Result<&'a BTreeMap<Bytes, Bytes>, ErrorReply> {
    static NONE: BTreeMap<Bytes, Bytes> = BTreeMap::new();
    Ok(view.hash(key)?.unwrap_or(&NONE))
}

fn bulks<'a>(all: impl Iterator<Item = &'a Bytes>) -> Reply {
    Reply::Array(all.cloned().map(Reply::Bulk).collect())
}

fn set(view: View<'_>, key: &Bytes, pairs: &[(Bytes, Bytes)], answer: SetAnswer) -> Outcome {
    let before = fields(view, key)?;
    let added: BTreeSet<&Bytes> =
        pairs.iter().map(|(field, _)| field).filter(|field| !before.contains_key(*field)).collect();
    let mut change = view.change([key]);
    for (field, value) in pairs {
        put(&mut change, key, field, value);
    }
    Ok(change.done(match answer {
        SetAnswer::Added => Reply::count(added.len()),
        SetAnswer::Status => Reply::ok(),
    }))
}

/// The write is named after field and value.
fn put(change: &mut Change<'_>, key: &Bytes, field: &Bytes, value: &Bytes) {
    let token = [field.as_ref(), b"=", value].concat();
    let operation = Operation::HashPut { key: own(key), field: own(field), value: own(value) };
    change.add(operation, &token);
}

fn del(view: View<'_>, key: &Bytes, wanted: &[Bytes]) -> Outcome {
    let before = fields(view, key)?;
    let gone: BTreeSet<&Bytes> =
        wanted.iter().filter(|field| before.contains_key(*field)).collect();
    let mut change = view.change([key]);
    for field in &gone {
        let token = [field.as_ref(), b"="].concat();
        change.add(Operation::HashDelete { key: own(key), field: own(field) }, &token);
    }
    Ok(change.done(Reply::count(gone.len())))
}

/// The parsers. The table has checked the number of arguments.
pub(crate) mod parse {
    use super::*;

    type Parsed = Result<Command, ErrorReply>;

    pub(crate) fn hset(args: &[Bytes]) -> Parsed {
        let pairs = arguments::pairs(&args[2..])?;
        hash(HashCommand::Set(args[1].clone(), pairs, SetAnswer::Added))
    }

    pub(crate) fn hmset(args: &[Bytes]) -> Parsed {
        let pairs = arguments::pairs(&args[2..])?;
        hash(HashCommand::Set(args[1].clone(), pairs, SetAnswer::Status))
    }

    pub(crate) fn hsetnx(args: &[Bytes]) -> Parsed {
        hash(HashCommand::SetNx(args[1].clone(), args[2].clone(), args[3].clone()))
    }

    pub(crate) fn hget(args: &[Bytes]) -> Parsed {
        hash(HashCommand::Get(args[1].clone(), args[2].clone()))
    }

    pub(crate) fn hmget(args: &[Bytes]) -> Parsed {
        hash(HashCommand::Mget(args[1].clone(), args[2..].to_vec()))
    }

    pub(crate) fn hgetall(args: &[Bytes]) -> Parsed {
        hash(HashCommand::GetAll(args[1].clone()))
    }

    pub(crate) fn hdel(args: &[Bytes]) -> Parsed {
        hash(HashCommand::Del(args[1].clone(), args[2..].to_vec()))
    }

    pub(crate) fn hlen(args: &[Bytes]) -> Parsed {
        hash(HashCommand::Len(args[1].clone()))
    }

    pub(crate) fn hexists(args: &[Bytes]) -> Parsed {
        hash(HashCommand::Exists(args[1].clone(), args[2].clone()))
    }

    pub(crate) fn hkeys(args: &[Bytes]) -> Parsed {
        hash(HashCommand::Keys(args[1].clone()))
    }

    pub(crate) fn hvals(args: &[Bytes]) -> Parsed {
        hash(HashCommand::Vals(args[1].clone()))
    }

    pub(crate) fn hincrby(args: &[Bytes]) -> Parsed {
        let delta = arguments::number(&args[3]).ok_or_else(ErrorReply::not_an_integer)?;
        hash(HashCommand::IncrBy(args[1].clone(), args[2].clone(), delta))
    }

    fn hash(command: HashCommand) -> Parsed {
        Ok(Command::Data(DataCommand::Hash(command)))
    }
}

#[cfg(test)]
mod tests {
    use crate::view::tests::Bench;

    #[test]
    fn fields_come_and_go() {
        Bench::default().play(&[
            ("HGETALL h", "{}"),
            ("HSET h b 1 a 2 b 3", "2 h=b=1 h=a=2 h=b=3"),
            ("HSET h a 4", "0 h=a=4"),
            ("HSET h a", "arity"),
            ("HSET h a 1 b", "-ERR wrong number of arguments"),
            ("HMSET h c 5", "OK h=c=5"),
            ("HSETNX h c 6", "0"),
            ("HSETNX h d 6", "1 h=d=6"),
            ("HGET h c", "5"),
            ("HGET h none", "nil"),
            ("HMGET h a none b", "[4 nil 3]"),
            ("HMGET none a", "[nil]"),
            ("HGETALL h", "{a:4 b:3 c:5 d:6}"),
            ("HKEYS h", "[a b c d]"),
            ("HVALS h", "[4 3 5 6]"),
            ("HLEN h", "4"),
            ("HEXISTS h a", "1"),
            ("HEXISTS h none", "0"),
            ("HDEL h a a none", "1 h=a="),
            ("HDEL h b c d", "3 h=b= h=c= h=d="),
            ("EXISTS h", "0"),
            ("HDEL h a", "0"),
        ]);
    }

    #[test]
    fn fields_count() {
        Bench::default().play(&[
            ("HINCRBY h n 5", "5 h=n=5"),
            ("HINCRBY h n -6", "-1 h=n=-1"),
            ("HINCRBY h n -9223372036854775808", "-ERR increment or decrement would overflow"),
            ("HINCRBY h n x", "-ERR value is not an integer or out of range"),
            ("HSET h t x", "1 h=t=x"),
            ("HINCRBY h t 1", "-ERR hash value is not an integer"),
            ("SET s v", "OK s=v"),
            ("HLEN s", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("HSET s f v", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ]);
    }
}
