//! An operation as RESP requests, and what its replies mean.

use bytes::Bytes;
use node::resp::Frame;
use sim::history::Intent;

/// What each intent was answered, as a history keeps it; empty if none has an answer.
pub(super) type Answers = Vec<Option<String>>;

/// What the replies to an operation say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It ended so.
    Ended(Result<Answers, NotDone>),
    /// It was not done; somebody else may do it.
    Moved { host: String, port: u16 },
}

/// An operation that was not acknowledged, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NotDone {
    /// It was not done.
    Surely(String),
    /// It may have been done.
    Perhaps(String),
}

/// The requests of an operation: one, or MULTI … EXEC.
pub(super) fn requests(intents: &[Intent]) -> Vec<Vec<Bytes>> {
    let commands = intents.iter().map(command);
    if intents.len() == 1 {
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
pub(super) fn answer(intents: &[Intent], replies: &[Frame]) -> Answer {
    let Some(error) = replies.iter().find_map(first_error) else {
        return Answer::Ended(answers(intents, replies).map_err(NotDone::Perhaps));
    };
    if let Some(Frame::Array(commands)) = replies.last()
        && commands.iter().any(|reply| first_error(reply).is_none())
    {
        return Answer::Ended(Err(NotDone::Perhaps(format!("done in part: {error}"))));
    }
    match moved(&error) {
        Some((host, port)) => Answer::Moved { host, port },
        None if may_be_done(&error) => Answer::Ended(Err(NotDone::Perhaps(error))),
        None => Answer::Ended(Err(NotDone::Surely(error))),
    }
}

/// Whether a node says by this error that the write may be there all the same: it was applied,
/// or its disk failed when a part of it or all may have been in the log, from which it comes back
/// with a restart.
fn may_be_done(error: &str) -> bool {
    error.contains(node::NOT_ACKNOWLEDGED) || error.starts_with("ERR IO error: ")
}

/// What each intent was answered.
///
/// # Errors
/// If a reply is not what such a command is answered with.
fn answers(intents: &[Intent], replies: &[Frame]) -> Result<Answers, String> {
    let replies = match (intents.len(), replies) {
        (1, [_]) => replies,
        (_, [.., Frame::Array(replies)]) => &replies[..],
        _ => return Err(format!("replies that fit no operation: {replies:?}")),
    };
    if replies.len() != intents.len() {
        return Err(format!("{} replies to {} commands", replies.len(), intents.len()));
    }
    if !intents.iter().any(Intent::has_answer) {
        return Ok(Vec::new());
    }
    let each = intents.iter().zip(replies).map(|(intent, reply)| match (intent, reply) {
        (Intent::Read { .. }, Frame::Null) => Ok(None),
        (Intent::Read { .. }, Frame::BulkString(value)) => {
            Ok(Some(String::from_utf8_lossy(value).into_owned()))
        }
        (Intent::Increment { .. }, Frame::Integer(value)) => Ok(Some(value.to_string())),
        (Intent::Read { .. } | Intent::Increment { .. }, other) => {
            Err(format!("{intent:?} was answered {other:?}"))
        }
        _ => Ok(None),
    });
    each.collect()
}

fn first_error(reply: &Frame) -> Option<String> {
    match reply {
        Frame::Error(text) => Some(text.to_string()),
        Frame::Array(replies) => replies.iter().find_map(first_error),
        _ => None,
    }
}

fn command(intent: &Intent) -> Vec<Bytes> {
    let words: Vec<&str> = match intent {
        Intent::SetFresh { key, value } | Intent::Set { key, value } => vec!["SET", key, value],
        Intent::Append { key, token } => vec!["APPEND", key, token],
        Intent::Increment { key } => vec!["INCR", key],
        Intent::Read { key } => vec!["GET", key],
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
    use node::resp::{array, bulk, error, integer, ok};

    use super::*;

    fn set(key: &str) -> Intent {
        Intent::SetFresh { key: key.into(), value: "v".into() }
    }

    fn read() -> Intent {
        Intent::Read { key: "k".into() }
    }

    #[test]
    fn the_first_error_decides_and_a_redirection_is_followed() {
        let one = |replies: &[Frame]| answer(&[set("k")], replies);
        let two = |replies: &[Frame]| answer(&[set("k"), set("l")], replies);
        let moved = Answer::Moved { host: "node-2".into(), port: 6666 };
        assert_eq!(one(&[ok()]), Answer::Ended(Ok(vec![])));
        assert_eq!(one(&[error("MOVED 12 node-2:6666")]), moved);
        let replies = [ok(), error("MOVED 12 node-2:6666"), error("EXECABORT")];
        assert_eq!(two(&replies), moved);
        let inside = array(vec![error("MOVED 12 node-2:6666")]);
        assert_eq!(two(&[ok(), inside]), moved, "inside of EXEC's reply, too");
        let partly = array(vec![ok(), error("MOVED 12 node-2:6666")]);
        assert!(matches!(two(&[partly]), Answer::Ended(Err(NotDone::Perhaps(_)))));
        let refused = Answer::Ended(Err(NotDone::Surely("ERR no".into())));
        assert_eq!(one(&[error("ERR no")]), refused);
    }

    #[test]
    fn what_was_not_acknowledged_may_have_been_done_all_the_same() {
        let withheld = format!("ERR {}: master lease expired", node::NOT_ACKNOWLEDGED);
        for text in [withheld, "ERR IO error: the disk tore".to_owned()] {
            let perhaps = Answer::Ended(Err(NotDone::Perhaps(text.clone())));
            assert_eq!(answer(&[set("k")], &[error(text.clone())]), perhaps);
            let replies = [ok(), bulk("QUEUED"), bulk("QUEUED"), error(text)];
            assert_eq!(answer(&[set("k"), set("l")], &replies), perhaps, "by EXEC, too");
        }
    }

    #[test]
    fn reads_and_counters_have_answers() {
        let increment = Intent::Increment { key: "n".into() };
        assert_eq!(answer(&[read()], &[Frame::Null]), Answer::Ended(Ok(vec![None])));
        let value = Answer::Ended(Ok(vec![Some("v".into())]));
        assert_eq!(answer(&[read()], &[bulk("v")]), value);
        let replies = [ok(), bulk("QUEUED"), bulk("QUEUED"), array(vec![ok(), integer(7)])];
        let counted = Answer::Ended(Ok(vec![None, Some("7".into())]));
        assert_eq!(answer(&[set("k"), increment], &replies), counted);
        let odd = answer(&[read()], &[integer(7)]);
        assert!(matches!(odd, Answer::Ended(Err(NotDone::Perhaps(_)))), "{odd:?}");
        let short = answer(&[set("k"), read()], &[ok(), array(vec![ok()])]);
        assert!(matches!(short, Answer::Ended(Err(NotDone::Perhaps(_)))), "{short:?}");
    }

    #[test]
    fn several_intents_are_one_transaction() {
        let intents = [set("k"), Intent::Increment { key: "n".into() }];
        let sent = requests(&intents);
        let names: Vec<&[u8]> = sent.iter().map(|request| &request[0][..]).collect();
        assert_eq!(names, [&b"MULTI"[..], b"SET", b"INCR", b"EXEC"]);
        assert_eq!(requests(&intents[..1]).len(), 1);
    }
}
