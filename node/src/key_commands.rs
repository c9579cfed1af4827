//! Commands on keys, whatever stands under them.

use bytes::Bytes;

use crate::arguments;
use crate::command::Command;
use crate::data_commands::DataCommand;
use crate::error_reply::ErrorReply;
use crate::expiry::Moment;
use crate::glob;
use crate::operation::Operation;
use crate::reply::Reply;
use crate::view::{Change, Effect, Outcome, View, own};

/// A command on keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyCommand {
    /// `DEL key…`, `UNLINK key…`
    Del(Vec<Bytes>),
    /// `EXISTS key…`
    Exists(Vec<Bytes>),
    /// `TYPE key`
    Type(Bytes),
    /// `EXPIRE`, `PEXPIRE`, `EXPIREAT`, `PEXPIREAT`
    Expire(Bytes, Moment),
    /// `PERSIST key`
    Persist(Bytes),
    /// `TTL key`, in seconds
    Ttl(Bytes),
    /// `PTTL key`, in milliseconds
    Pttl(Bytes),
    /// `KEYS pattern`
    Keys(Bytes),
    /// `DBSIZE`: expired keys count until they are touched, as in Redis
    Dbsize,
    /// `FLUSHALL`, `FLUSHDB`
    Flush,
}

impl KeyCommand {
    /// What the command does to these data.
    pub(crate) fn run(&self, view: View<'_>) -> Outcome {
        Ok(match self {
            KeyCommand::Del(keys) => del(view, keys),
            KeyCommand::Exists(keys) => {
                let there = keys.iter().filter(|key| view.entry(key).is_some());
                Effect::read(Reply::count(there.count()))
            }
            KeyCommand::Type(key) => Effect::read(Reply::line(
                view.entry(key).map_or("none", |entry| entry.value.type_name()),
            )),
            KeyCommand::Expire(key, moment) => {
                let (mut change, there) = (view.change([key]), view.entry(key).is_some());
                if there {
                    expire(&mut change, key, Some(*moment));
                }
                change.done(Reply::flag(there))
            }
            KeyCommand::Persist(key) => {
                let expires = view.entry(key).is_some_and(|entry| entry.until_ms.is_some());
                let mut change = view.change([key]);
                if expires {
                    expire(&mut change, key, None);
                }
                change.done(Reply::flag(expires))
            }
            KeyCommand::Ttl(key) => Effect::read(Reply::Integer(match left_ms(view, key) {
                // To the nearest second, as Redis.
                ms @ 0.. => ms.saturating_add(500) / 1000,
                none => none,
            })),
            KeyCommand::Pttl(key) => Effect::read(Reply::Integer(left_ms(view, key))),
            KeyCommand::Keys(pattern) => {
                let fits = view.live().filter(|(key, _)| glob::matches(pattern, key));
                Effect::read(Reply::Array(fits.map(|(key, _)| Reply::Bulk(key.clone())).collect()))
            }
            KeyCommand::Dbsize => Effect::read(Reply::count(view.data().len())),
            KeyCommand::Flush => {
                let mut change = view.change([]);
                if view.data().len() > 0 {
                    change.clear();
                }
                change.done(Reply::ok())
            }
        })
    }
}

/// Adds when a key that is there expires to a change: then, at once if that is past, or never.
/// The write is named after the moment.
pub(crate) fn expire(change: &mut Change<'_>, key: &Bytes, moment: Option<Moment>) {
    let now_ms = change.view().now_ms();
    let until_ms = moment.map(|moment| moment.until_ms(now_ms));
    match until_ms {
        Some(until_ms) if until_ms < now_ms => change.delete(key),
        _ => {
            let token = until_ms.map_or("@".to_owned(), |until_ms| format!("@{until_ms}"));
            change.add(Operation::Expire { key: own(key), until_ms }, token.as_bytes());
        }
    }
}

/// A key named twice is deleted and counted once.
fn del(view: View<'_>, keys: &[Bytes]) -> Effect {
    let mut change = view.change(keys);
    let mut deleted: Vec<&Bytes> = keys.iter().filter(|key| view.entry(key).is_some()).collect();
    deleted.sort_unstable();
    deleted.dedup();
    deleted.iter().for_each(|key| change.delete(key));
    change.done(Reply::count(deleted.len()))
}

/// −1 for a key that does not expire, −2 for none.
fn left_ms(view: View<'_>, key: &Bytes) -> i64 {
    match view.entry(key).map(|entry| entry.until_ms) {
        None => -2,
        Some(None) => -1,
        Some(Some(until_ms)) => i64::try_from(until_ms - view.now_ms()).unwrap_or(i64::MAX),
    }
}

/// The parsers. The table has checked the number of arguments.
pub(crate) mod parse {
    use super::*;

    type Parsed = Result<Command, ErrorReply>;

    pub(crate) fn del(args: &[Bytes]) -> Parsed {
        key(KeyCommand::Del(args[1..].to_vec()))
    }

    pub(crate) fn exists(args: &[Bytes]) -> Parsed {
        key(KeyCommand::Exists(args[1..].to_vec()))
    }

    pub(crate) fn type_(args: &[Bytes]) -> Parsed {
        key(KeyCommand::Type(args[1].clone()))
    }

    pub(crate) fn expire(args: &[Bytes]) -> Parsed {
        expire_by("ex", args)
    }

    pub(crate) fn pexpire(args: &[Bytes]) -> Parsed {
        expire_by("px", args)
    }

    pub(crate) fn expireat(args: &[Bytes]) -> Parsed {
        expire_by("exat", args)
    }

    pub(crate) fn pexpireat(args: &[Bytes]) -> Parsed {
        expire_by("pxat", args)
    }

    fn expire_by(unit: &str, args: &[Bytes]) -> Parsed {
        let moment = Moment::parse(unit, &args[2])?.ok_or_else(ErrorReply::syntax)?;
        key(KeyCommand::Expire(args[1].clone(), moment))
    }

    pub(crate) fn persist(args: &[Bytes]) -> Parsed {
        key(KeyCommand::Persist(args[1].clone()))
    }

    pub(crate) fn ttl(args: &[Bytes]) -> Parsed {
        key(KeyCommand::Ttl(args[1].clone()))
    }

    pub(crate) fn pttl(args: &[Bytes]) -> Parsed {
        key(KeyCommand::Pttl(args[1].clone()))
    }

    pub(crate) fn keys(args: &[Bytes]) -> Parsed {
        key(KeyCommand::Keys(args[1].clone()))
    }

    pub(crate) fn dbsize(_: &[Bytes]) -> Parsed {
        key(KeyCommand::Dbsize)
    }

    pub(crate) fn flush(args: &[Bytes]) -> Parsed {
        match &args[1..] {
            [] => key(KeyCommand::Flush),
            [how] if ["sync", "async"].iter().any(|word| arguments::is(how, word)) => {
                key(KeyCommand::Flush)
            }
            _ => Err(ErrorReply::syntax()),
        }
    }

    fn key(command: KeyCommand) -> Parsed {
        Ok(Command::Data(DataCommand::Key(command)))
    }
}

#[cfg(test)]
mod tests {
    use crate::view::tests::Bench;

    #[test]
    fn a_deletion_acknowledges_what_was_there_once() {
        Bench::default().play(&[
            ("SET a 1", "OK a=1"),
            ("HSET h f 1", "1 h=f=1"),
            ("EXISTS a a none", "2"),
            ("DEL a a none", "1 a="),
            ("DEL a a none", "0"),
            ("TYPE h", "hash"),
            ("UNLINK h", "1 h="),
            ("TYPE h", "none"),
        ]);
    }

    #[test]
    fn keys_expire_when_they_are_told_to() {
        let mut bench = Bench { now_ms: 10_000, ..Bench::default() };
        bench.play(&[
            ("EXPIRE k 1", "0"),
            ("TTL k", "-2"),
            ("SET k v", "OK k=v"),
            ("PERSIST k", "0"),
            ("TTL k", "-1"),
            ("EXPIRE k 2", "1 k=@12000"),
            ("TTL k", "2"),
            ("PEXPIRE k 1499", "1 k=@11499"),
            ("TTL k", "1"),
            ("PTTL k", "1499"),
            ("EXPIREAT k 20", "1 k=@20000"),
            ("PTTL k", "10000"),
            ("PERSIST k", "1 k=@"),
            ("PTTL k", "-1"),
            ("PEXPIREAT k 9999", "1 k="),
            ("EXISTS k", "0"),
            ("SET k v", "OK k=v"),
            ("EXPIRE k -1", "1 k="),
            ("EXPIRE k x", "-ERR value is not an integer or out of range"),
            ("EXPIRE k 9223372036854775807", "-ERR invalid expire time"),
        ]);
    }

    #[test]
    fn a_deletion_of_an_expired_key_is_logged_but_acknowledges_nothing() {
        let mut bench = Bench::default();
        bench.play(&[("PSETEX k 5 v", "OK k=v")]);
        bench.now_ms = 6;
        bench.play(&[("DEL k", "0")]);
        assert_eq!(bench.operations.len(), 1);
        assert_eq!(bench.data.len(), 0);
    }

    #[test]
    fn keys_are_listed_and_flushed() {
        Bench::default().play(&[
            ("MSET user:1 a user:2 b other c", "OK user:1=a user:2=b other=c"),
            ("KEYS user:*", "[user:1 user:2]"),
            ("DBSIZE", "3"),
            ("FLUSHALL NOW", "-ERR syntax error"),
            ("FLUSHALL", "OK other= user:1= user:2="),
            ("FLUSHDB ASYNC", "OK"),
            ("DBSIZE", "0"),
        ]);
    }
}
