//! What controllers say on the admin port: `REDIRECT <shard> <host> <port>
//! [version]`, `ROUTE <shard>`, `PING`, in any case, as RESP requests.

use bytes::Bytes;

use crate::redirect::Redirect;
use crate::route::{Target, TargetError};

/// A request, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AdminRequest {
    /// New connections of the shard go there from now on.
    Redirect(Redirect),
    /// Where do new connections of the shard go?
    Route { shard: u32 },
    /// Is anybody there?
    Ping,
}

/// Why a request is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AdminError {
    #[error("unknown command '{0}', allowed are REDIRECT, ROUTE and PING")]
    UnknownCommand(String),
    #[error("wrong number of arguments, expected: {0}")]
    Arity(&'static str),
    #[error("shard {0}: must be a number from 0 to 4294967295")]
    Shard(String),
    #[error("version {0}: must be a number from 0 to 9223372036854775807")]
    Version(String),
    #[error(transparent)]
    Target(#[from] TargetError),
}

impl AdminRequest {
    /// Understands the words of a request.
    pub(crate) fn parse(words: &[Bytes]) -> Result<Self, AdminError> {
        let words: Vec<_> = words.iter().map(|word| String::from_utf8_lossy(word)).collect();
        let words: Vec<&str> = words.iter().map(|word| &**word).collect();
        // A request without words is skipped by the reader and is no command here.
        let (name, arguments) = words.split_first().unwrap_or((&"", &[]));
        match (name.to_ascii_uppercase().as_str(), arguments) {
            ("REDIRECT", [shard, host, port, version @ ..]) if version.len() <= 1 => {
                let shard = parse_shard(shard)?;
                let target = Target::new(*host, parse_port(port)?);
                target.validate()?;
                let version = version.first().map(|version| parse_version(version)).transpose()?;
                Ok(Self::Redirect(Redirect { shard, target, version }))
            }
            ("REDIRECT", _) => Err(AdminError::Arity("REDIRECT <shard> <host> <port> [version]")),
            ("ROUTE", [shard]) => Ok(Self::Route { shard: parse_shard(shard)? }),
            ("ROUTE", _) => Err(AdminError::Arity("ROUTE <shard>")),
            ("PING", []) => Ok(Self::Ping),
            ("PING", _) => Err(AdminError::Arity("PING")),
            _ => Err(AdminError::UnknownCommand((*name).to_owned())),
        }
    }
}

fn parse_shard(word: &str) -> Result<u32, AdminError> {
    word.parse().map_err(|_| AdminError::Shard(word.to_owned()))
}

/// Written as the topology's version is, which is signed.
fn parse_version(word: &str) -> Result<i64, AdminError> {
    let version = word.parse().ok().filter(|version| *version >= 0);
    version.ok_or_else(|| AdminError::Version(word.to_owned()))
}

fn parse_port(word: &str) -> Result<u16, TargetError> {
    word.parse().map_err(|_| TargetError::Port(word.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<AdminRequest, String> {
        let words: Vec<_> =
            line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
        AdminRequest::parse(&words).map_err(|error| error.to_string())
    }

    #[test]
    fn requests_are_understood_in_any_case() {
        let redirect = |version| {
            let target = Target::new("node-1", 6666);
            Ok(AdminRequest::Redirect(Redirect { shard: 2, target, version }))
        };
        assert_eq!(parse("redirect 2 node-1 6666"), redirect(None));
        assert_eq!(parse("REDIRECT 2 node-1 6666 0"), redirect(Some(0)));
        assert_eq!(parse("ROUTE 0"), Ok(AdminRequest::Route { shard: 0 }));
        assert_eq!(parse("Ping"), Ok(AdminRequest::Ping));
    }

    #[test]
    fn what_is_wrong_is_named_with_what_is_allowed() {
        for (line, expected) in [
            ("GET a", "unknown command 'GET', allowed are REDIRECT, ROUTE and PING"),
            (
                "REDIRECT 0 a",
                "wrong number of arguments, expected: REDIRECT <shard> <host> <port> [",
            ),
            ("REDIRECT 0 a 1 2 3", "expected: REDIRECT <shard> <host> <port> [version]"),
            ("REDIRECT 0 a 1 -1", "version -1: must be a number from 0 to 9223372036854775807"),
            (
                "REDIRECT 0 a 1 9223372036854775808",
                "must be a number from 0 to 9223372036854775807",
            ),
            ("ROUTE", "expected: ROUTE <shard>"),
            ("PING 1", "expected: PING"),
            ("ROUTE x", "shard x: must be a number from 0"),
            ("ROUTE -1", "shard -1: must be a number from 0"),
            ("REDIRECT 0 a x", "port x: must be a number from 1 to 65535"),
            ("REDIRECT 0 a 0", "port 0: must be a number from 1 to 65535"),
            ("REDIRECT 0 a 65536", "port 65536: must be a number from 1 to 65535"),
            ("REDIRECT 0  1", "host \"\": must be a name or an address"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(expected), "{line}: {error}");
        }
    }

    #[test]
    fn words_that_are_no_text_are_refused() {
        let words = [&b"\xff\xfe"[..], b"0"].map(Bytes::from_static);
        assert!(matches!(AdminRequest::parse(&words), Err(AdminError::UnknownCommand(_))));
    }
}
