//! What operators and other controllers say on a controller's admin port, in any case, as RESP
//! requests. The table is in the documentation of `admin`.

use bytes::Bytes;

use crate::activation::Activation;
use crate::switchover::SwitchoverOrder;

/// A request, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AdminRequest {
    /// Is anybody there?
    Ping,
    /// Who leads?
    Leader,
    /// Make another node of the shard master, in good order.
    Switchover(SwitchoverOrder),
    /// Make this node master, without the store.
    Activate(Activation),
    /// Has this master failed?
    Vote { shard: usize, failing: String },
    /// Give up leadership.
    Resign,
}

/// Why a request is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AdminError {
    #[error(
        "unknown command '{0}', allowed are PING, LEADER, SWITCHOVER, ACTIVATE, VOTE and RESIGN"
    )]
    UnknownCommand(String),
    #[error("wrong number of arguments, expected: {0}")]
    Arity(&'static str),
    #[error("shard {0}: must be a number from 0")]
    Shard(String),
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
            ("SWITCHOVER", arguments) => parse_switchover(arguments).map(Self::Switchover),
            ("ACTIVATE", arguments) => parse_activation(arguments).map(Self::Activate),
            ("VOTE", [shard, id]) => {
                Ok(Self::Vote { shard: parse_shard(shard)?, failing: (*id).to_owned() })
            }
            ("VOTE", _) => Err(AdminError::Arity("VOTE <shard> <id>")),
            ("RESIGN", []) => Ok(Self::Resign),
            ("RESIGN", _) => Err(AdminError::Arity("RESIGN")),
            _ => Err(AdminError::UnknownCommand((*name).to_owned())),
        }
    }
}

fn parse_switchover(arguments: &[&str]) -> Result<SwitchoverOrder, AdminError> {
    let is_force = |word: &str| word.eq_ignore_ascii_case("force");
    let (shard, preferred, force) = match arguments {
        [shard] => (shard, None, false),
        [shard, force] if is_force(force) => (shard, None, true),
        [shard, id] => (shard, Some(*id), false),
        [shard, id, force] if is_force(force) => (shard, Some(*id), true),
        _ => return Err(AdminError::Arity("SWITCHOVER <shard> [id] [FORCE]")),
    };
    let preferred = preferred.map(str::to_owned);
    Ok(SwitchoverOrder { shard: parse_shard(shard)?, preferred, force })
}

fn parse_activation(arguments: &[&str]) -> Result<Activation, AdminError> {
    let (shard, id, unleased) = match arguments {
        [shard, id] => (shard, id, false),
        [shard, id, word] if word.eq_ignore_ascii_case("unleased") => (shard, id, true),
        _ => return Err(AdminError::Arity("ACTIVATE <shard> <id> [UNLEASED]")),
    };
    Ok(Activation { shard: parse_shard(shard)?, id: (*id).to_owned(), unleased })
}

fn parse_shard(word: &str) -> Result<usize, AdminError> {
    word.parse().map_err(|_| AdminError::Shard(word.to_owned()))
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
        let vote = AdminRequest::Vote { shard: 2, failing: "a".to_owned() };
        assert_eq!(parse("vote 2 a"), Ok(vote));
        let switchover = |preferred: Option<&str>, force| {
            let preferred = preferred.map(str::to_owned);
            Ok(AdminRequest::Switchover(SwitchoverOrder { shard: 1, preferred, force }))
        };
        assert_eq!(parse("switchover 1"), switchover(None, false));
        assert_eq!(parse("SWITCHOVER 1 force"), switchover(None, true));
        assert_eq!(parse("SWITCHOVER 1 b"), switchover(Some("b"), false));
        assert_eq!(parse("SWITCHOVER 1 b FORCE"), switchover(Some("b"), true));
        let activation = |unleased| {
            Ok(AdminRequest::Activate(Activation { shard: 0, id: "b".to_owned(), unleased }))
        };
        assert_eq!(parse("activate 0 b"), activation(false));
        assert_eq!(parse("ACTIVATE 0 b Unleased"), activation(true));
    }

    #[test]
    fn what_is_wrong_is_named_with_what_is_allowed() {
        for (line, expected) in [
            ("GET a", "unknown command 'GET', allowed are PING, "),
            ("PING 1", "expected: PING"),
            ("LEADER x", "expected: LEADER"),
            ("RESIGN now", "expected: RESIGN"),
            ("VOTE 0", "expected: VOTE <shard> <id>"),
            ("VOTE x a", "shard x: must be"),
            ("SWITCHOVER", "expected: SWITCHOVER <shard> [id] [FORCE]"),
            ("SWITCHOVER 0 b now", "expected: SWITCHOVER <shard>"),
            ("SWITCHOVER x", "shard x: must be a number from 0"),
            ("ACTIVATE 0", "expected: ACTIVATE <shard> <id> [UNLEASED]"),
            ("ACTIVATE -1 b", "shard -1: must be"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(expected), "{line}: {error}");
        }
        let words = [&b"\xff\xfe"[..], b"0"].map(Bytes::from_static);
        assert!(matches!(AdminRequest::parse(&words), Err(AdminError::UnknownCommand(_))));
    }
}
