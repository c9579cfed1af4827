//! An operation as RESP requests, and what its replies mean.

use bytes::Bytes;
use node::resp::Frame;
use sim::history::{Intent, OpResult};

/// What the replies to an operation say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It ended so.
    Ended(OpResult),
    /// It was not done; somebody else may do it.
    Moved { host: String, port: u16 },
}

/// The requests of an operation: one, or MULTI … EXEC.
pub(super) fn requests(writes: &[Intent]) -> Vec<Vec<Bytes>> {
    let commands = writes.iter().map(command);
    if writes.len() == 1 {
        return commands.collect();
    }
    let framed = |name: &'static str| vec![Bytes::from_static(name.as_bytes())];
    std::iter::once(framed("MULTI"))
        .chain(commands)
        .chain(std::iter::once(framed("EXEC")))
        .collect()
}

/// What the replies mean. The first error decides, unless EXEC says that some of its commands
/// were done and others not.
pub(super) fn answer(replies: &[Frame]) -> Answer {
    let Some(error) = replies.iter().find_map(first_error) else {
        return Answer::Ended(OpResult::Ok);
    };
    if let Some(Frame::Array(commands)) = replies.last()
        && commands.iter().any(|reply| first_error(reply).is_none())
    {
        return Answer::Ended(OpResult::Info { error: format!("done in part: {error}") });
    }
    match moved(&error) {
        Some((host, port)) => Answer::Moved { host, port },
        None => Answer::Ended(OpResult::Fail { error }),
    }
}

fn first_error(reply: &Frame) -> Option<String> {
    match reply {
        Frame::Error(text) => Some(text.to_string()),
        Frame::Array(replies) => replies.iter().find_map(first_error),
        _ => None,
    }
}

fn command(write: &Intent) -> Vec<Bytes> {
    let words: Vec<&str> = match write {
        Intent::SetFresh { key, value } => vec!["SET", key, value],
        Intent::Append { key, token } => vec!["APPEND", key, token],
        Intent::Increment { key } => vec!["INCR", key],
    };
    words.into_iter().map(|word| Bytes::copy_from_slice(word.as_bytes())).collect()
}

/// `MOVED <slot> <host>:<port>`.
fn moved(error: &str) -> Option<(String, u16)> {
    let address = error.strip_prefix("MOVED ")?.split(' ').nth(1)?;
    let (host, port) = address.rsplit_once(':')?;
    Some((host.to_owned(), port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> Frame {
        node::resp::error(text)
    }

    #[test]
    fn the_first_error_decides_and_a_redirection_is_followed() {
        let ok = Answer::Ended(OpResult::Ok);
        assert_eq!(answer(&[node::resp::ok()]), ok);
        let moved = Answer::Moved { host: "node-2".into(), port: 6666 };
        assert_eq!(answer(&[error("MOVED 12 node-2:6666")]), moved);
        let replies = [node::resp::ok(), error("MOVED 12 node-2:6666"), error("EXECABORT")];
        assert_eq!(answer(&replies), moved);
        let inside = node::resp::array(vec![error("MOVED 12 node-2:6666")]);
        assert_eq!(answer(&[node::resp::ok(), inside]), moved, "inside of EXEC's reply, too");
        let partly = node::resp::array(vec![node::resp::ok(), error("MOVED 12 node-2:6666")]);
        assert!(matches!(answer(&[partly]), Answer::Ended(OpResult::Info { .. })));
        let refused = Answer::Ended(OpResult::Fail { error: "ERR no".into() });
        assert_eq!(answer(&[error("ERR no")]), refused);
    }

    #[test]
    fn several_writes_are_one_transaction() {
        let writes = [
            Intent::SetFresh { key: "k".into(), value: "v".into() },
            Intent::Increment { key: "n".into() },
        ];
        let sent = requests(&writes);
        let names: Vec<&[u8]> = sent.iter().map(|request| &request[0][..]).collect();
        assert_eq!(names, [&b"MULTI"[..], b"SET", b"INCR", b"EXEC"]);
        assert_eq!(requests(&writes[..1]).len(), 1);
    }
}
