//! What operators and other controllers say on a controller's admin port, in any case, as RESP
//! requests. The table is in the documentation of `admin`.

use bytes::Bytes;

/// A request, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AdminRequest {
    /// Is anybody there?
    Ping,
    /// Who leads?
    Leader,
    /// Give up leadership.
    Resign,
}

/// Why a request is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AdminError {
    #[error("unknown command '{0}', allowed are PING, LEADER and RESIGN")]
    UnknownCommand(String),
    #[error("wrong number of arguments, expected: {0}")]
    Arity(&'static str),
}

impl AdminRequest {
    /// Understands the words of a request.
    pub(crate) fn parse(words: &[Bytes]) -> Result<Self, AdminError> {
        let words: Vec<_> = words.iter().map(|word| String::from_utf8_lossy(word)).collect();
        let words: Vec<&str> = words.iter().map(|word| &**word).collect();
        // A request without words is skipped by the reader and is no command here.
        let (name, arguments) = words.split_first().unwrap_or((&"", &[]));
        match (name.to_ascii_uppercase().as_str(), arguments) {
            ("PING", []) => Ok(Self::Ping),
            ("PING", _) => Err(AdminError::Arity("PING")),
            ("LEADER", []) => Ok(Self::Leader),
            ("LEADER", _) => Err(AdminError::Arity("LEADER")),
            ("RESIGN", []) => Ok(Self::Resign),
            ("RESIGN", _) => Err(AdminError::Arity("RESIGN")),
            _ => Err(AdminError::UnknownCommand((*name).to_owned())),
        }
    }
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
        assert_eq!(parse("ping"), Ok(AdminRequest::Ping));
        assert_eq!(parse("Leader"), Ok(AdminRequest::Leader));
        assert_eq!(parse("RESIGN"), Ok(AdminRequest::Resign));
    }

    #[test]
    fn what_is_wrong_is_named_with_what_is_allowed() {
        for (line, expected) in [
            ("GET a", "unknown command 'GET', allowed are PING, "),
            ("PING 1", "expected: PING"),
            ("LEADER x", "expected: LEADER"),
            ("RESIGN now", "expected: RESIGN"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(expected), "{line}: {error}");
        }
        let words = [&b"\xff\xfe"[..], b"0"].map(Bytes::from_static);
        assert!(matches!(AdminRequest::parse(&words), Err(AdminError::UnknownCommand(_))));
    }
}
