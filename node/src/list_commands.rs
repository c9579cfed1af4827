//! Commands on lists.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;

use crate::arguments;
use crate::command::Command;
use crate::data_commands::DataCommand;
use crate::error_reply::ErrorReply;
use crate::operation::{End, Operation};
use crate::reply::Reply;
use crate::view::{Effect, Outcome, View, own};

/// A command on lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ListCommand {
    /// `LPUSH key element…`, `RPUSH key element…`
    Push(Bytes, End, Vec<Bytes>),
    /// `LPOP key [count]`, `RPOP key [count]`
    Pop(Bytes, End, Option<u32>),
    /// `LLEN key`
    Len(Bytes),
    /// `LRANGE key first last`
    Range(Bytes, i64, i64),
    /// `LINDEX key index`
    Index(Bytes, i64),
}

impl ListCommand {
    /// What the command does to these data.
    pub(crate) fn run(&self, view: View<'_>) -> Outcome {
        match self {
            ListCommand::Push(key, end, values) => push(view, key, *end, values),
            ListCommand::Pop(key, end, count) => pop(view, key, *end, *count),
            ListCommand::Len(key) => {
                Ok(Effect::read(Reply::count(view.list(key)?.map_or(0, VecDeque::len))))
            }
            ListCommand::Range(key, first, last) => {
                let elements = view.list(key)?.map_or_else(Vec::new, |list| {
                    list.range(range(list.len(), *first, *last)).cloned().collect()
                });
                Ok(Effect::read(Reply::Array(elements.into_iter().map(Reply::Bulk).collect())))
            }
            ListCommand::Index(key, index) => {
                let found = view.list(key)?.and_then(|list| list.get(place(list.len(), *index)?));
                Ok(Effect::read(Reply::bulk_or_null(found)))
            }
        }
    }
}

fn push(view: View<'_>, key: &Bytes, end: End, values: &[Bytes]) -> Outcome {
    let before = view.list(key)?.map_or(0, VecDeque::len);
    let mut change = view.change([key]);
    for value in values {
        change.add(Operation::Push { key: own(key), end, value: own(value) }, value);
    }
    Ok(change.done(Reply::count(before + values.len())))
}

/// The write is named after what was taken, as `-element`.
fn pop(view: View<'_>, key: &Bytes, end: End, count: Option<u32>) -> Outcome {
    let list = view.list(key)?;
    let mut change = view.change([key]);
    let Some(list) = list else {
        let nothing = if count.is_some() { Reply::NullArray } else { Reply::Null };
        return Ok(change.done(nothing));
    };
    let wanted = count.unwrap_or(1) as usize;
    let taken: Vec<&Bytes> = match end {
        End::Front => list.iter().take(wanted).collect(),
        End::Back => list.iter().rev().take(wanted).collect(),
    };
    if !taken.is_empty() {
        let token = [
            b"-".to_vec(),
            taken.iter().map(|value| &value[..]).collect::<Vec<_>>().join(&b","[..]),
        ];
        let size = u32::try_from(taken.len()).expect("no more than were asked for");
        let operation = Operation::Pop { key: own(key), end, count: size };
        change.add(operation, &token.concat());
    }
    let mut bulks = taken.into_iter().cloned().map(Reply::Bulk);
    let reply = match count {
        None => bulks.next().expect("a list has one element at least"),
        Some(_) => Reply::Array(bulks.collect()),
    };
    Ok(change.done(reply))
}

/// Where the element with this index stands; negative ones count from the back.
fn place(length: usize, index: i64) -> Option<usize> {
    match usize::try_from(index) {
        Ok(index) => (index < length).then_some(index),
        Err(_) => length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?),
    }
}

/// The elements from `first` to `last`, both included; empty if there are none.
fn range(length: usize, first: i64, last: i64) -> Range<usize> {
    let clamp = |index: i64| match usize::try_from(index) {
        Ok(index) => index.min(length),
        Err(_) => {
            let from_back = usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX);
            length.saturating_sub(from_back)
        }
    };
    let before_all = last < 0 && last.unsigned_abs() > length as u64;
    let end = if before_all { 0 } else { clamp(last).saturating_add(1).min(length) };
    clamp(first).min(end)..end
}

/// The parsers. The table has checked the number of arguments.
pub(crate) mod parse {
    use super::*;

    type Parsed = Result<Command, ErrorReply>;

    pub(crate) fn lpush(args: &[Bytes]) -> Parsed {
        list(ListCommand::Push(args[1].clone(), End::Front, args[2..].to_vec()))
    }

    pub(crate) fn rpush(args: &[Bytes]) -> Parsed {
        list(ListCommand::Push(args[1].clone(), End::Back, args[2..].to_vec()))
    }

    pub(crate) fn lpop(args: &[Bytes]) -> Parsed {
        pop(args, End::Front)
    }

    pub(crate) fn rpop(args: &[Bytes]) -> Parsed {
        pop(args, End::Back)
    }

    fn pop(args: &[Bytes], end: End) -> Parsed {
        let count = match &args[2..] {
            [] => None,
            [count] => {
                let count: i64 = arguments::number(count).ok_or_else(ErrorReply::not_an_integer)?;
                let negative = "value is out of range, must be positive";
                Some(
                    u32::try_from(count.min(u32::MAX.into()))
                        .map_err(|_| ErrorReply::err(negative))?,
                )
            }
            _ => return Err(ErrorReply::arity()),
        };
        list(ListCommand::Pop(args[1].clone(), end, count))
    }

    pub(crate) fn llen(args: &[Bytes]) -> Parsed {
        list(ListCommand::Len(args[1].clone()))
    }

    pub(crate) fn lrange(args: &[Bytes]) -> Parsed {
        let bound = |arg| arguments::number(arg).ok_or_else(ErrorReply::not_an_integer);
        list(ListCommand::Range(args[1].clone(), bound(&args[2])?, bound(&args[3])?))
    }

    pub(crate) fn lindex(args: &[Bytes]) -> Parsed {
        let index = arguments::number(&args[2]).ok_or_else(ErrorReply::not_an_integer)?;
        list(ListCommand::Index(args[1].clone(), index))
    }

    fn list(command: ListCommand) -> Parsed {
        Ok(Command::Data(DataCommand::List(command)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::tests::Bench;

    #[test]
    fn elements_come_and_go_at_both_ends() {
        Bench::default().play(&[
            ("LPOP l", "nil"),
            ("LPOP l 3", "no-array"),
            ("LRANGE l 0 -1", "[]"),
            ("LPUSH l b a", "2 l=b l=a"),
            ("RPUSH l c d", "4 l=c l=d"),
            ("LLEN l", "4"),
            ("LRANGE l 0 -1", "[a b c d]"),
            ("LRANGE l 1 2", "[b c]"),
            ("LRANGE l -2 9", "[c d]"),
            ("LRANGE l 3 1", "[]"),
            ("LRANGE l 0 -9", "[]"),
            ("LINDEX l 0", "a"),
            ("LINDEX l -1", "d"),
            ("LINDEX l 4", "nil"),
            ("LINDEX l -5", "nil"),
            ("LPOP l", "a l=-a"),
            ("RPOP l", "d l=-d"),
            ("RPOP l 0", "[]"),
            ("RPOP l -1", "-ERR value is out of range, must be positive"),
            ("RPOP l x", "-ERR value is not an integer or out of range"),
            ("RPOP l 9", "[c b] l=-c,b"),
            ("EXISTS l", "0"),
            ("SET s v", "OK s=v"),
            ("LPUSH s v", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("RPOP s 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ]);
    }

    #[test]
    fn ranges_are_as_a_list_would_slice_them() {
        for (first, last, expected) in [
            (0, -1, 0..3),
            (-100, 100, 0..3),
            (1, 1, 1..2),
            (-1, -1, 2..3),
            (2, 0, 1..1),
            (5, 9, 3..3),
            (0, -4, 0..0),
            (i64::MIN, i64::MAX, 0..3),
            (i64::MAX, i64::MIN, 0..0),
        ] {
            assert_eq!(range(3, first, last), expected, "{first} {last}");
        }
    }
}
