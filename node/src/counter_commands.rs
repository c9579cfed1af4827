//! Commands on strings that are numbers.

use bytes::Bytes;

use crate::arguments;
use crate::command::Command;
use crate::data_commands::DataCommand;
use crate::error_reply::ErrorReply;
use crate::reply::Reply;
use crate::view::{Effect, Outcome, View};

/// A command on strings that are numbers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum CounterCommand {
    /// `INCR key`, `DECR key`, `INCRBY key delta`, `DECRBY key delta`
    By(Bytes, i64),
    /// `INCRBYFLOAT key delta`
    ByFloat(Bytes, f64),
}

impl CounterCommand {
    /// What the command does to these data.
    pub(crate) fn run(&self, view: View<'_>) -> Outcome {
        match self {
            CounterCommand::By(key, delta) => {
                let sum = add(view.string(key)?, *delta, ErrorReply::not_an_integer)?;
                Ok(set(view, key, sum.to_string(), |_| Reply::Integer(sum)))
            }
            CounterCommand::ByFloat(key, delta) => {
                let before = match view.string(key)? {
                    None => 0.0,
                    Some(text) => float(text)?,
                };
                let sum = before + delta;
                if !sum.is_finite() {
                    return Err(ErrorReply::err("increment would produce NaN or Infinity"));
                }
                Ok(set(view, key, sum.to_string(), Reply::Bulk))
            }
        }
    }
}

/// Adds to a number that is written as text, 0 if there is none.
///
/// # Errors
/// `no_number` if it is none, and if the sum has no room.
pub(crate) fn add(
    text: Option<&Bytes>,
    delta: i64,
    no_number: fn() -> ErrorReply,
) -> Result<i64, ErrorReply> {
    let current: i64 = match text {
        None => 0,
        Some(text) => arguments::number(text).ok_or_else(no_number)?,
    };
    let overflow = || ErrorReply::err("increment or decrement would overflow");
    current.checked_add(delta).ok_or_else(overflow)
}

fn set(view: View<'_>, key: &Bytes, value: String, reply: impl FnOnce(Bytes) -> Reply) -> Effect {
    let value = Bytes::from(value);
    let until_ms = view.entry(key).and_then(|entry| entry.until_ms);
    let reply = reply(value.clone());
    view.put(key, &value, until_ms, &value, reply)
}

fn float(text: &Bytes) -> Result<f64, ErrorReply> {
    let number: Option<f64> = arguments::number(text);
    number
        .filter(|number| number.is_finite())
        .ok_or_else(|| ErrorReply::err("value is not a valid float"))
}

/// The parsers. The table has checked the number of arguments.
pub(crate) mod parse {
    use super::*;

    type Parsed = Result<Command, ErrorReply>;

    pub(crate) fn incr(args: &[Bytes]) -> Parsed {
        by(&args[1], 1)
    }

    pub(crate) fn decr(args: &[Bytes]) -> Parsed {
        by(&args[1], -1)
    }

    pub(crate) fn incrby(args: &[Bytes]) -> Parsed {
        by(&args[1], arguments::number(&args[2]).ok_or_else(ErrorReply::not_an_integer)?)
    }

    pub(crate) fn decrby(args: &[Bytes]) -> Parsed {
        let delta: i64 = arguments::number(&args[2]).ok_or_else(ErrorReply::not_an_integer)?;
        let delta = delta.checked_neg().ok_or_else(|| ErrorReply::err("decrement would overflow"));
        by(&args[1], delta?)
    }

    pub(crate) fn incrbyfloat(args: &[Bytes]) -> Parsed {
        let delta = float(&args[2])?;
        Ok(Command::Data(DataCommand::Counter(CounterCommand::ByFloat(args[1].clone(), delta))))
    }

    fn by(key: &Bytes, delta: i64) -> Parsed {
        Ok(Command::Data(DataCommand::Counter(CounterCommand::By(key.clone(), delta))))
    }
}

#[cfg(test)]
mod tests {
    use crate::view::tests::Bench;

    const INTEGER: &str = "-ERR value is not an integer or out of range";

    #[test]
    fn numbers_rise_and_fall() {
        Bench::default().play(&[
            ("INCR n", "1 n=1"),
            ("INCRBY n 9", "10 n=10"),
            ("DECR n", "9 n=9"),
            ("DECRBY n 10", "-1 n=-1"),
            ("DECRBY n -9223372036854775808", "-ERR decrement would overflow"),
            ("INCRBY n 9223372036854775807", "9223372036854775806 n=9223372036854775806"),
            ("INCRBY n 2", "-ERR increment or decrement would overflow"),
            ("INCRBY n x", INTEGER),
            ("SET t 1x", "OK t=1x"),
            ("INCR t", INTEGER),
            ("SETEX e 9 1", "OK e=1"),
            ("INCR e", "2 e=2"),
            ("TTL e", "9"),
        ]);
    }

    #[test]
    fn fractions() {
        Bench::default().play(&[
            ("INCRBYFLOAT f 0.5", "0.5 f=0.5"),
            ("INCRBYFLOAT f 2.5e0", "3 f=3"),
            ("INCR f", "4 f=4"),
            ("INCRBYFLOAT f x", "-ERR value is not a valid float"),
            ("INCRBYFLOAT f inf", "-ERR value is not a valid float"),
            ("SET f 1.7e308", "OK f=1.7e308"),
            ("INCRBYFLOAT f 1.7e308", "-ERR increment would produce NaN or Infinity"),
        ]);
    }
}
