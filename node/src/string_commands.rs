//! Commands on strings.

use bytes::Bytes;

use crate::arguments;
use crate::command::Command;
use crate::data_commands::DataCommand;
use crate::error_reply::ErrorReply;
use crate::expiry::Moment;
use crate::key_commands::expire;
use crate::reply::Reply;
use crate::resp::BULK_MAX;
use crate::view::{Effect, Outcome, View};

/// A command on strings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StringCommand {
    /// `GET key`
    Get(Bytes),
    /// `SET`, `SETEX`, `PSETEX`, `SETNX`, `GETSET`
    Set(Set),
    /// `GETDEL key`
    GetDel(Bytes),
    /// `GETEX key [EX s|PX ms|EXAT s|PXAT ms|PERSIST]`
    GetEx(Bytes, Option<Expiry>),
    /// `MGET key…`
    Mget(Vec<Bytes>),
    /// `MSET key value…`
    Mset(Vec<(Bytes, Bytes)>),
    /// `MSETNX key value…`
    MsetNx(Vec<(Bytes, Bytes)>),
    /// `APPEND key suffix`
    Append(Bytes, Bytes),
    /// `STRLEN key`
    Strlen(Bytes),
}

/// `SET key value [NX|XX] [GET] [EX s|PX ms|EXAT s|PXAT ms|KEEPTTL]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Set {
    key: Bytes,
    value: Bytes,
    condition: SetIf,
    expiry: Expiry,
    answer: Answer,
}

/// The condition of SET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SetIf {
    Always,
    Absent,
    Present,
}

/// What becomes of the moment at which the key expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// It does not expire any more.
    Never,
    /// As before.
    Keep,
    /// Then.
    Then(Moment),
}

/// What SET answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// OK or null.
    Status,
    /// 1 or 0.
    Flag,
    /// The value before.
    Before,
}

impl StringCommand {
    /// What the command does to these data.
    pub(crate) fn run(&self, view: View<'_>) -> Outcome {
        match self {
            StringCommand::Get(key) => Ok(Effect::read(Reply::bulk_or_null(view.string(key)?))),
            StringCommand::Set(set) => set.run(view),
            StringCommand::GetDel(key) => {
                let reply = Reply::bulk_or_null(view.string(key)?);
                let mut change = view.change([key]);
                if reply != Reply::Null {
                    change.delete(key);
                }
                Ok(change.done(reply))
            }
            StringCommand::GetEx(key, expiry) => get_ex(view, key, *expiry),
            StringCommand::Mget(keys) => {
                // A key of another type is a null here, not an error.
                let value = |key: &Bytes| Reply::bulk_or_null(view.string(key).unwrap_or(None));
                Ok(Effect::read(Reply::Array(keys.iter().map(value).collect())))
            }
            StringCommand::Mset(pairs) => Ok(mset(view, pairs, Reply::ok())),
            StringCommand::MsetNx(pairs) => {
                if pairs.iter().any(|(key, _)| view.entry(key).is_some()) {
                    return Ok(Effect::read(Reply::flag(false)));
                }
                Ok(mset(view, pairs, Reply::flag(true)))
            }
            StringCommand::Append(key, suffix) => append(view, key, suffix),
            StringCommand::Strlen(key) => {
                Ok(Effect::read(Reply::count(view.string(key)?.map_or(0, Bytes::len))))
            }
        }
    }
}

impl Set {
    fn run(&self, view: View<'_>) -> Outcome {
        let Set { key, value, condition, expiry, answer } = self;
        let before = match answer {
            Answer::Before => Reply::bulk_or_null(view.string(key)?),
            Answer::Status | Answer::Flag => Reply::Null,
        };
        let entry = view.entry(key);
        let met = match condition {
            SetIf::Always => true,
            SetIf::Absent => entry.is_none(),
            SetIf::Present => entry.is_some(),
        };
        let reply = match answer {
            Answer::Before => before,
            Answer::Flag => Reply::flag(met),
            Answer::Status if met => Reply::ok(),
            Answer::Status => Reply::Null,
        };
        if !met {
            return Ok(Effect::read(reply));
        }
        let until_ms = match expiry {
            Expiry::Never => None,
            Expiry::Keep => entry.and_then(|entry| entry.until_ms),
            Expiry::Then(moment) => Some(moment.until_ms(view.now_ms())),
        };
        Ok(view.put(key, value, until_ms, value, reply))
    }
}

fn get_ex(view: View<'_>, key: &Bytes, expiry: Option<Expiry>) -> Outcome {
    let reply = Reply::bulk_or_null(view.string(key)?);
    let mut change = view.change([key]);
    if reply != Reply::Null {
        match expiry {
            None | Some(Expiry::Keep) => {}
            Some(Expiry::Never) => expire(&mut change, key, None),
            Some(Expiry::Then(moment)) => expire(&mut change, key, Some(moment)),
        }
    }
    Ok(change.done(reply))
}

fn mset(view: View<'_>, pairs: &[(Bytes, Bytes)], reply: Reply) -> Effect {
    let mut change = view.change([]);
    for (key, value) in pairs {
        change.put(key, value, None, value);
    }
    change.done(reply)
}

fn append(view: View<'_>, key: &Bytes, suffix: &Bytes) -> Outcome {
    let before = view.string(key)?.map_or(&[][..], |value| value);
    if before.len() + suffix.len() > BULK_MAX {
        return Err(ErrorReply::err("string exceeds maximum allowed size (512MB)"));
    }
    let value = Bytes::from([before, suffix].concat());
    let until_ms = view.entry(key).and_then(|entry| entry.until_ms);
    let reply = Reply::count(value.len());
    Ok(view.put(key, &value, until_ms, suffix, reply))
}

/// The parsers. The table has checked the number of arguments.
pub(crate) mod parse {
    use super::*;

    type Parsed = Result<Command, ErrorReply>;

    pub(crate) fn get(args: &[Bytes]) -> Parsed {
        string(StringCommand::Get(args[1].clone()))
    }

    pub(crate) fn set(args: &[Bytes]) -> Parsed {
        let mut set = plain(&args[1], &args[2]);
        let (mut condition, mut expiry) = (None, None);
        let mut options = args[3..].iter();
        while let Some(option) = options.next() {
            let name = arguments::text(option).to_ascii_lowercase();
            let once = match name.as_str() {
                "nx" => condition.replace(SetIf::Absent).is_none(),
                "xx" => condition.replace(SetIf::Present).is_none(),
                "get" => std::mem::replace(&mut set.answer, Answer::Before) == Answer::Status,
                "keepttl" => expiry.replace(Expiry::Keep).is_none(),
                unit => {
                    let amount = options.next().ok_or_else(ErrorReply::syntax)?;
                    let moment = Moment::parse_positive(unit, amount)?;
                    let moment = moment.ok_or_else(ErrorReply::syntax)?;
                    expiry.replace(Expiry::Then(moment)).is_none()
                }
            };
            if !once {
                return Err(ErrorReply::syntax());
            }
        }
        set.condition = condition.unwrap_or(SetIf::Always);
        set.expiry = expiry.unwrap_or(Expiry::Never);
        string(StringCommand::Set(set))
    }

    pub(crate) fn setex(args: &[Bytes]) -> Parsed {
        set_until("ex", args)
    }

    pub(crate) fn psetex(args: &[Bytes]) -> Parsed {
        set_until("px", args)
    }

    fn set_until(unit: &str, args: &[Bytes]) -> Parsed {
        let moment = Moment::parse_positive(unit, &args[2])?.ok_or_else(ErrorReply::syntax)?;
        let set = Set { expiry: Expiry::Then(moment), ..plain(&args[1], &args[3]) };
        string(StringCommand::Set(set))
    }

    pub(crate) fn setnx(args: &[Bytes]) -> Parsed {
        let condition = SetIf::Absent;
        let set = Set { condition, answer: Answer::Flag, ..plain(&args[1], &args[2]) };
        string(StringCommand::Set(set))
    }

    pub(crate) fn getset(args: &[Bytes]) -> Parsed {
        string(StringCommand::Set(Set { answer: Answer::Before, ..plain(&args[1], &args[2]) }))
    }

    fn plain(key: &Bytes, value: &Bytes) -> Set {
        Set {
            key: key.clone(),
            value: value.clone(),
            condition: SetIf::Always,
            expiry: Expiry::Never,
            answer: Answer::Status,
        }
    }

    pub(crate) fn getdel(args: &[Bytes]) -> Parsed {
        string(StringCommand::GetDel(args[1].clone()))
    }

    pub(crate) fn getex(args: &[Bytes]) -> Parsed {
        let expiry = match &args[2..] {
            [] => None,
            [option] if arguments::is(option, "persist") => Some(Expiry::Never),
            [unit, amount] => {
                let unit = arguments::text(unit).to_ascii_lowercase();
                let moment = Moment::parse_positive(&unit, amount)?;
                Some(Expiry::Then(moment.ok_or_else(ErrorReply::syntax)?))
            }
            _ => return Err(ErrorReply::syntax()),
        };
        string(StringCommand::GetEx(args[1].clone(), expiry))
    }

    pub(crate) fn mget(args: &[Bytes]) -> Parsed {
        string(StringCommand::Mget(args[1..].to_vec()))
    }

    pub(crate) fn mset(args: &[Bytes]) -> Parsed {
        string(StringCommand::Mset(arguments::pairs(&args[1..])?))
    }

    pub(crate) fn msetnx(args: &[Bytes]) -> Parsed {
        string(StringCommand::MsetNx(arguments::pairs(&args[1..])?))
    }

    pub(crate) fn append(args: &[Bytes]) -> Parsed {
        string(StringCommand::Append(args[1].clone(), args[2].clone()))
    }

    pub(crate) fn strlen(args: &[Bytes]) -> Parsed {
        string(StringCommand::Strlen(args[1].clone()))
    }

    fn string(command: StringCommand) -> Parsed {
        Ok(Command::Data(DataCommand::String(command)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::Data;
    use crate::operation::Operation;
    use crate::view::tests::Bench;

    const SYNTAX: &str = "-ERR syntax error";
    const TIME: &str = "-ERR invalid expire time";

    #[test]
    fn set_and_its_options() {
        let mut bench = Bench { now_ms: 1000, ..Bench::default() };
        bench.play(&[
            ("SET k v XX", "nil"),
            ("SET k v", "OK k=v"),
            ("SET k w NX", "nil"),
            ("SET k w GET", "v k=w"),
            ("SET n v NX GET", "nil n=v"),
            ("SET k x NX GET", "w"),
            ("SET k v EX 2", "OK k=v"),
            ("PTTL k", "2000"),
            ("SET k v KEEPTTL", "OK k=v"),
            ("PTTL k", "2000"),
            ("SET k v XX PX 7", "OK k=v"),
            ("PTTL k", "7"),
            ("SET k v PXAT 1500", "OK k=v"),
            ("PTTL k", "500"),
            ("SET k v EXAT 9", "OK k=v"),
            ("PTTL k", "8000"),
            ("SET k v", "OK k=v"),
            ("TTL k", "-1"),
            ("SET k v EX", SYNTAX),
            ("SET k v NX XX", SYNTAX),
            ("SET k v EX 1 PX 1", SYNTAX),
            ("SET k v EX 1 KEEPTTL", SYNTAX),
            ("SET k v NONSENSE", SYNTAX),
            ("SET k v NONSENSE 1", "-ERR syntax error"),
            ("SET k v EX 0", TIME),
            ("SET k v PX -1", TIME),
            ("SET k v EX x", "-ERR value is not an integer or out of range"),
            ("SET k v PXAT 1", "OK k=v"),
            ("GET k", "nil"),
        ]);
    }

    #[test]
    fn no_string_grows_beyond_what_a_reply_can_carry() {
        let mut bench = Bench::default();
        // Zeros that nobody reads take no memory.
        let almost = Bytes::from(vec![0; BULK_MAX - 1]);
        bench.data = Data::from([(Bytes::from_static(b"k"), almost)]);
        let error = "-ERR string exceeds maximum allowed size (512MB)";
        assert_eq!(bench.say("APPEND k ab"), error);
        assert!(bench.operations.is_empty());
    }

    #[test]
    fn an_expiry_is_logged_as_an_absolute_moment() {
        let mut bench = Bench { now_ms: 1000, ..Bench::default() };
        bench.say("SETEX k 3 v");
        let [Operation::Put { until_ms: Some(4000), .. }] = bench.operations.as_slice() else {
            panic!("{:?}", bench.operations);
        };
        bench.say("APPEND k w");
        let [Operation::Put { until_ms: Some(4000), .. }] = bench.operations.as_slice() else {
            panic!("{:?}", bench.operations);
        };
    }

    #[test]
    fn older_ways_to_set() {
        Bench::default().play(&[
            ("SETNX k v", "1 k=v"),
            ("SETNX k w", "0"),
            ("GETSET k w", "v k=w"),
            ("SETEX k 5 x", "OK k=x"),
            ("TTL k", "5"),
            ("PSETEX k 1 x", "OK k=x"),
            ("PTTL k", "1"),
            ("SETEX k 0 x", TIME),
            ("GETEX k PERSIST", "x k=@"),
            ("GETEX k EX 9", "x k=@9000"),
            ("GETEX k", "x"),
            ("TTL k", "9"),
            ("GETEX k NX", SYNTAX),
            ("GETEX none EX 9", "nil"),
            ("GETDEL k", "x k="),
            ("GETDEL k", "nil"),
        ]);
    }

    #[test]
    fn many_keys() {
        Bench::default().play(&[
            ("MSET a 1 b 2", "OK a=1 b=2"),
            ("MSET a", "arity"),
            ("MSET a 1 b", "-ERR wrong number of arguments"),
            ("MSETNX c 1 a 2", "0"),
            ("MSETNX c 1 d 2", "1 c=1 d=2"),
            ("LPUSH l x", "1 l=x"),
            ("MGET none a l b", "[nil 1 nil 2]"),
        ]);
    }

    #[test]
    fn strings_only() {
        let mut bench = Bench::default();
        bench.say("LPUSH l x");
        for request in
            ["GET l", "SET l v GET", "GETDEL l", "GETEX l", "APPEND l x", "STRLEN l", "INCR l"]
        {
            assert!(bench.say(request).starts_with("-WRONGTYPE "), "{request}");
        }
        bench.play(&[("SET l v", "OK l=v"), ("APPEND l w", "2 l=w"), ("STRLEN l", "2")]);
    }
}
