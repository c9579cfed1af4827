//! What a command answers, and how that is written to a client of RESP2 or RESP3.
//!
//! What this is not: a frame of [`crate::resp`], which is what those who talk to nodes read:
//! they speak RESP2.
//!
//! The trap: the protocol is the connection's at the moment of writing, so that the reply of
//! `HELLO` is written in the one it has just agreed on.

use std::fmt::Write as _;

use bytes::{Bytes, BytesMut};

use crate::error_reply::ErrorReply;
use crate::resp::{self, Frame};

/// How replies are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// What a connection begins with.
    #[default]
    Resp2,
    /// After `HELLO 3`.
    Resp3,
}

impl Protocol {
    /// Its number.
    pub(crate) fn number(self) -> i64 {
        match self {
            Protocol::Resp2 => 2,
            Protocol::Resp3 => 3,
        }
    }
}

/// A reply.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reply {
    /// One line.
    Simple(Bytes),
    /// An error, with its prefix.
    Error(ErrorReply),
    /// A number.
    Integer(i64),
    /// Bytes.
    Bulk(Bytes),
    /// Text for people: a bulk string in RESP2.
    Verbatim(String),
    /// No value.
    Null,
    /// No array: told apart from no value in RESP2 only.
    NullArray,
    /// Replies one after another.
    Array(Vec<Reply>),
    /// Pairs; a flat array in RESP2.
    Map(Vec<(Reply, Reply)>),
}

impl Reply {
    /// `+OK`
    pub(crate) fn ok() -> Reply {
        Reply::line("OK")
    }

    /// One line of ours.
    pub(crate) fn line(text: &'static str) -> Reply {
        Reply::Simple(Bytes::from_static(text.as_bytes()))
    }

    /// Bytes.
    pub(crate) fn bulk(bytes: impl Into<Bytes>) -> Reply {
        Reply::Bulk(bytes.into())
    }

    /// Bytes, or no value.
    pub(crate) fn bulk_or_null(bytes: Option<&Bytes>) -> Reply {
        bytes.map_or(Reply::Null, |bytes| Reply::Bulk(bytes.clone()))
    }

    /// A number of things in memory.
    pub(crate) fn count(number: usize) -> Reply {
        Reply::Integer(i64::try_from(number).expect("memory is smaller than 8 EiB"))
    }

    /// 1 or 0.
    pub(crate) fn flag(flag: bool) -> Reply {
        Reply::Integer(flag.into())
    }

    /// Appends it as this protocol writes it.
    pub(crate) fn encode(&self, protocol: Protocol, out: &mut BytesMut) {
        let resp3 = protocol == Protocol::Resp3;
        match self {
            Reply::Simple(text) => resp::encode(&Frame::SimpleString(text.clone()), out),
            Reply::Error(error) => resp::encode(&error.clone().into(), out),
            Reply::Integer(number) => header(out, ':', *number),
            Reply::Bulk(bytes) => bulk(out, bytes),
            Reply::Verbatim(text) if resp3 => {
                header(out, '=', text.len() + FORMAT.len());
                out.extend_from_slice(FORMAT);
                out.extend_from_slice(text.as_bytes());
                out.extend_from_slice(b"\r\n");
            }
            Reply::Verbatim(text) => bulk(out, text.as_bytes()),
            Reply::Null | Reply::NullArray if resp3 => out.extend_from_slice(b"_\r\n"),
            Reply::Null => header(out, '$', -1),
            Reply::NullArray => header(out, '*', -1),
            Reply::Array(elements) => {
                header(out, '*', elements.len());
                elements.iter().for_each(|element| element.encode(protocol, out));
            }
            Reply::Map(pairs) => {
                let (kind, size) = if resp3 { ('%', pairs.len()) } else { ('*', 2 * pairs.len()) };
                header(out, kind, size);
                for (key, value) in pairs {
                    key.encode(protocol, out);
                    value.encode(protocol, out);
                }
            }
        }
    }
}

fn header(out: &mut BytesMut, kind: char, number: impl std::fmt::Display) {
    write!(out, "{kind}{number}\r\n").expect("writing to memory cannot fail");
}

fn bulk(out: &mut BytesMut, bytes: &[u8]) {
    header(out, '$', bytes.len());
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// A verbatim string begins with what it is: plain text.
const FORMAT: &[u8] = b"txt:";

impl From<ErrorReply> for Reply {
    fn from(error: ErrorReply) -> Self {
        Reply::Error(error)
    }
}

impl From<Frame> for Reply {
    fn from(frame: Frame) -> Self {
        match frame {
            Frame::SimpleString(text) => Reply::Simple(text),
            Frame::Error(text) => Reply::Error(ErrorReply::verbatim(&text)),
            Frame::Integer(number) => Reply::Integer(number),
            Frame::BulkString(bytes) => Reply::Bulk(bytes),
            Frame::Array(elements) => Reply::Array(elements.into_iter().map(Reply::from).collect()),
            Frame::Null => Reply::Null,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_protocols_to_the_byte() {
        let map = Reply::Map(vec![(Reply::bulk("a"), Reply::Integer(-1))]);
        let verbatim = Reply::Verbatim("x\r\n".to_owned());
        let table = [
            (Reply::ok(), "+OK\r\n", "+OK\r\n"),
            (ErrorReply::err("no\nbreak").into(), "-ERR no break\r\n", "-ERR no break\r\n"),
            (Reply::Null, "$-1\r\n", "_\r\n"),
            (Reply::NullArray, "*-1\r\n", "_\r\n"),
            (map, "*2\r\n$1\r\na\r\n:-1\r\n", "%1\r\n$1\r\na\r\n:-1\r\n"),
            (verbatim, "$3\r\nx\r\n\r\n", "=7\r\ntxt:x\r\n\r\n"),
            (
                Reply::Array(vec![Reply::Null, Reply::flag(true)]),
                "*2\r\n$-1\r\n:1\r\n",
                "*2\r\n_\r\n:1\r\n",
            ),
        ];
        for (reply, resp2, resp3) in table {
            for (protocol, expected) in [(Protocol::Resp2, resp2), (Protocol::Resp3, resp3)] {
                let mut out = BytesMut::new();
                reply.encode(protocol, &mut out);
                assert_eq!(String::from_utf8_lossy(&out), expected, "{reply:?} {protocol:?}");
            }
        }
    }

    #[test]
    fn frames_become_replies_that_read_the_same() {
        let frame = resp::array(vec![
            resp::ok(),
            resp::error("MOVED 1 a:1"),
            resp::integer(7),
            resp::bulk("x"),
            Frame::Null,
        ]);
        let (mut as_frame, mut as_reply) = (BytesMut::new(), BytesMut::new());
        resp::encode(&frame, &mut as_frame);
        Reply::from(frame).encode(Protocol::Resp2, &mut as_reply);
        assert_eq!(as_frame, as_reply);
    }
}
