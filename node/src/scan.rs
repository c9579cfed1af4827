//! `SCAN`: the keys in order, some at a time. A cursor is a number that stands for the last key
//! that was looked at, as upstream's numbers do, so that a key which is there all the time is
//! returned, whatever comes and goes around it.
//!
//! The trap: the numbers live in memory, the latest some thousand of them. An older one, or one
//! from before a restart, is refused.

use std::cell::RefCell;
use std::collections::BTreeMap;

use bytes::Bytes;

use crate::arguments;
use crate::command::Command;
use crate::error_reply::ErrorReply;
use crate::glob;
use crate::reply::Reply;
use crate::view::View;

/// `SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scan {
    cursor: u64,
    pattern: Option<Bytes>,
    count: usize,
    wanted_type: Option<String>,
}

/// The cursors that were given out.
#[derive(Debug, Default)]
pub(crate) struct Cursors(RefCell<BTreeMap<u64, Bytes>>);

impl Cursors {
    fn remember(&self, key: &Bytes) -> u64 {
        let mut cursors = self.0.borrow_mut();
        let number = cursors.last_key_value().map_or(1, |(last, _)| last + 1);
        cursors.insert(number, key.clone());
        if cursors.len() > CURSORS_MAX {
            cursors.pop_first();
        }
        number
    }
}

impl Scan {
    /// The next keys, and the cursor to go on from.
    pub(crate) fn run(&self, cursors: &Cursors, view: View<'_>) -> Result<Reply, ErrorReply> {
        let after = match self.cursor {
            0 => None,
            number => Some(cursors.0.borrow().get(&number).cloned().ok_or_else(invalid_cursor)?),
        };
        let mut rest = view.data().after(after.as_ref());
        let looked_at: Vec<&Bytes> = rest.by_ref().take(self.count).map(|(key, _)| key).collect();
        let next = match (looked_at.last(), rest.next()) {
            (Some(last), Some(_)) => cursors.remember(last),
            _ => 0,
        };
        let found = looked_at.into_iter().filter(|key| self.fits(key, view));
        Ok(Reply::Array(vec![
            Reply::bulk(next.to_string()),
            Reply::Array(found.map(|key| Reply::Bulk(key.clone())).collect()),
        ]))
    }

    fn fits(&self, key: &Bytes, view: View<'_>) -> bool {
        let Some(entry) = view.entry(key) else {
            return false;
        };
        let type_fits = |wanted: &String| wanted.eq_ignore_ascii_case(entry.value.type_name());
        self.pattern.as_ref().is_none_or(|pattern| glob::matches(pattern, key))
            && self.wanted_type.as_ref().is_none_or(type_fits)
    }
}

/// The parser. The table has checked that there is a cursor.
pub(crate) fn parse(args: &[Bytes]) -> Result<Command, ErrorReply> {
    let cursor = arguments::number(&args[1]).ok_or_else(invalid_cursor)?;
    let mut scan = Scan { cursor, pattern: None, count: COUNT, wanted_type: None };
    let (options, rest) = args[2..].as_chunks::<2>();
    for [name, value] in options {
        match arguments::text(name).to_ascii_lowercase().as_str() {
            "match" => scan.pattern = Some(value.clone()),
            "type" => scan.wanted_type = Some(arguments::text(value)),
            "count" => {
                scan.count = arguments::number(value).ok_or_else(ErrorReply::not_an_integer)?;
            }
            _ => return Err(ErrorReply::syntax()),
        }
    }
    if !rest.is_empty() || scan.count == 0 {
        return Err(ErrorReply::syntax());
    }
    Ok(Command::Scan(scan))
}

fn invalid_cursor() -> ErrorReply {
    ErrorReply::err("invalid cursor")
}

/// How many keys are looked at if nobody says.
const COUNT: usize = 10;
/// How many cursors are kept, as upstream.
const CURSORS_MAX: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::{Data, Entry};
    use crate::view::tests::show;

    fn say(text: &str, cursors: &Cursors, data: &Data) -> String {
        let args: Vec<Bytes> =
            text.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
        let reply = match parse(&args) {
            Ok(Command::Scan(scan)) => scan.run(cursors, View::new(data, 100)),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error),
        };
        reply.map_or_else(|error| format!("-{error}"), |reply| show(&reply))
    }

    #[test]
    fn keys_are_walked_through_in_order() {
        let entry = |until_ms| Entry { until_ms, ..Entry::string(Bytes::new()) };
        let mut data = Data::new();
        for key in ["a1", "a2", "b1", "b2", "c1"] {
            data.insert(Bytes::from(key), entry(None));
        }
        data.insert(Bytes::from("a0"), entry(Some(99)));
        let cursors = Cursors::default();
        assert_eq!(say("scan 0 count 3", &cursors, &data), "[1 [a1 a2]]");
        assert_eq!(say("scan 0 match a* count 4", &cursors, &data), "[2 [a1 a2]]");
        // What comes and goes moves nobody.
        data.remove(b"a2");
        data.insert(Bytes::from("a3"), entry(None));
        data.insert(Bytes::from("a"), entry(None));
        assert_eq!(say("scan 1 count 3", &cursors, &data), "[3 [a3 b1 b2]]");
        assert_eq!(say("scan 3", &cursors, &data), "[0 [c1]]");
        assert_eq!(say("scan 0 type hash", &cursors, &data), "[0 []]");
        for (text, error) in [
            ("scan x", "-ERR invalid cursor"),
            ("scan 99", "-ERR invalid cursor"),
            ("scan 0 count 0", "-ERR syntax error"),
            ("scan 0 match", "-ERR syntax error"),
            ("scan 0 count x", "-ERR value is not an integer or out of range"),
            ("scan 0 nonsense 1", "-ERR syntax error"),
        ] {
            assert_eq!(say(text, &cursors, &data), error, "{text}");
        }
    }

    #[test]
    fn old_cursors_are_forgotten() {
        let cursors = Cursors::default();
        for _ in 0..=CURSORS_MAX {
            cursors.remember(&Bytes::new());
        }
        let kept = cursors.0.borrow();
        assert_eq!((kept.len(), kept.contains_key(&1)), (CURSORS_MAX, false));
    }
}
