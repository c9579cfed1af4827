//! The store's requests, read from the wire. Pure.

use std::time::Duration;

use bytes::Bytes;

/// A request; the table is in the documentation of [`crate::store`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Get { key: String },
    Put { key: String, value: String },
    CompareAndSet { key: String, revision: u64, value: String },
    OpenSession { ttl: Duration },
    KeepSession { id: u64 },
    CloseSession { id: u64 },
    Lead { key: String, session: u64, name: String },
    Watch { key: String, name: String, wait: Duration },
    Register { key: String, session: u64, value: String },
    Registered { prefix: String },
}

/// Why a request is none, as the reply words it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CommandError {
    #[error("ERR an argument is not UTF-8")]
    NotUtf8,
    #[error("ERR unknown command or wrong number of arguments: {0}")]
    Unknown(String),
    #[error("ERR {name} is not an unsigned integer: {text:?}")]
    NotANumber { name: &'static str, text: String },
    #[error("ERR ttl_ms is 0, allowed are 1 and more")]
    ZeroTtl,
}

/// Reads a request. Names of commands are taken in any case.
pub(crate) fn parse(request: &[Bytes]) -> Result<Command, CommandError> {
    let texts: Result<Vec<&str>, _> = request.iter().map(|arg| std::str::from_utf8(arg)).collect();
    let texts = texts.map_err(|_| CommandError::NotUtf8)?;
    let name = texts.first().map(|name| name.to_ascii_uppercase()).unwrap_or_default();
    match (name.as_str(), texts.get(1..).unwrap_or_default()) {
        ("GET", [key]) => Ok(Command::Get { key: (*key).to_owned() }),
        ("PUT", [key, value]) => {
            Ok(Command::Put { key: (*key).to_owned(), value: (*value).to_owned() })
        }
        ("CAS", [key, revision, value]) => Ok(Command::CompareAndSet {
            key: (*key).to_owned(),
            revision: number("revision", revision)?,
            value: (*value).to_owned(),
        }),
        ("LEAD", [key, session, name]) => Ok(Command::Lead {
            key: (*key).to_owned(),
            session: number("session", session)?,
            name: (*name).to_owned(),
        }),
        ("REGISTER", [key, session, value]) => Ok(Command::Register {
            key: (*key).to_owned(),
            session: number("session", session)?,
            value: (*value).to_owned(),
        }),
        ("REGISTERED", [prefix]) => Ok(Command::Registered { prefix: (*prefix).to_owned() }),
        ("WATCH", [key, name, wait_ms]) => Ok(Command::Watch {
            key: (*key).to_owned(),
            name: (*name).to_owned(),
            wait: Duration::from_millis(number("wait_ms", wait_ms)?),
        }),
        ("SESSION", [what, argument]) => parse_session(what, argument),
        _ => Err(CommandError::Unknown(name)),
    }
}

fn parse_session(what: &str, argument: &str) -> Result<Command, CommandError> {
    match what.to_ascii_uppercase().as_str() {
        "OPEN" => match number("ttl_ms", argument)? {
            0 => Err(CommandError::ZeroTtl),
            ttl_ms => Ok(Command::OpenSession { ttl: Duration::from_millis(ttl_ms) }),
        },
        "KEEP" => Ok(Command::KeepSession { id: number("id", argument)? }),
        "CLOSE" => Ok(Command::CloseSession { id: number("id", argument)? }),
        other => Err(CommandError::Unknown(format!("SESSION {other}"))),
    }
}

fn number(name: &'static str, text: &str) -> Result<u64, CommandError> {
    text.parse().map_err(|_| CommandError::NotANumber { name, text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_words(text: &str) -> Result<Command, CommandError> {
        let words: Vec<Bytes> = text.split(' ').map(|word| word.to_owned().into()).collect();
        parse(&words)
    }

    #[test]
    fn every_command() {
        let (key, value) = ("k".to_owned(), "v".to_owned());
        for (text, command) in [
            ("GET k", Command::Get { key: key.clone() }),
            ("put k v", Command::Put { key: key.clone(), value: value.clone() }),
            (
                "CAS k 7 v",
                Command::CompareAndSet { key: key.clone(), revision: 7, value: value.clone() },
            ),
            ("REGISTER k 9 v", Command::Register { key: key.clone(), session: 9, value }),
            ("registered k", Command::Registered { prefix: key.clone() }),
            ("session open 50", Command::OpenSession { ttl: Duration::from_millis(50) }),
            ("SESSION KEEP 9", Command::KeepSession { id: 9 }),
            ("SESSION CLOSE 9", Command::CloseSession { id: 9 }),
            (
                "WATCH k me 5",
                Command::Watch {
                    key: key.clone(),
                    name: "me".to_owned(),
                    wait: Duration::from_millis(5),
                },
            ),
            ("LEAD k 9 me", Command::Lead { key, session: 9, name: "me".to_owned() }),
        ] {
            assert_eq!(parse_words(text), Ok(command), "{text}");
        }
    }

    #[test]
    fn every_error() {
        for (text, error) in [
            ("GET", "ERR unknown command or wrong number of arguments: GET"),
            ("FLY k", "ERR unknown command or wrong number of arguments: FLY"),
            ("SESSION FLY 1", "ERR unknown command or wrong number of arguments: SESSION FLY"),
            ("CAS k x v", "ERR revision is not an unsigned integer: \"x\""),
            ("SESSION KEEP -1", "ERR id is not an unsigned integer: \"-1\""),
            ("SESSION OPEN 0", "ERR ttl_ms is 0, allowed are 1 and more"),
        ] {
            assert_eq!(parse_words(text).unwrap_err().to_string(), error, "{text}");
        }
        let raw = [Bytes::from_static(b"GET"), Bytes::from_static(b"\xff")];
        assert_eq!(parse(&raw), Err(CommandError::NotUtf8));
    }
}
