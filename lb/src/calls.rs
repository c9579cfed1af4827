//! Whether a request of a flow is under way: counts the requests that were read from the client
//! and the replies that were handed to it, both found by RESP, as nodes speak it.
//!
//! What this is not: an interpreter. It knows no command and matches no reply to its request.
//!
//! The trap: a stream that is not RESP, or not only (replication), cannot be counted. From then
//! on a request counts as under way for ever. And replies that nobody asked for (a subscriber's
//! messages) make up for requests.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};
use futures_util::FutureExt;
use node::resp::{FrameReader, RespError};
use tokio::io::{AsyncRead, ReadBuf};

/// The requests and replies of one flow.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    requests: RefCell<Counter>,
    replies: RefCell<Counter>,
}

impl Calls {
    /// This was read from the client.
    pub(crate) fn asked(&self, bytes: &[u8]) {
        self.requests.borrow_mut().count(bytes, |stream| {
            stream.request().now_or_never().map(|request| request.map(drop))
        });
    }

    /// This was handed to the client's connection.
    pub(crate) fn answered(&self, bytes: &[u8]) {
        self.replies
            .borrow_mut()
            .count(bytes, |stream| stream.frame().now_or_never().map(|frame| frame.map(drop)));
    }

    /// Whether a request, or the beginning of one, has no whole reply yet.
    pub(crate) fn under_way(&self) -> bool {
        let (requests, replies) = (self.requests.borrow(), self.replies.borrow());
        let in_pieces = |counter: &Counter| counter.lost || counter.stream.buffered() > 0;
        in_pieces(&requests) || in_pieces(&replies) || requests.whole > replies.whole
    }
}

/// One direction.
#[derive(Debug)]
struct Counter {
    stream: FrameReader<Pieces>,
    whole: u64,
    /// The stream is out of step.
    lost: bool,
}

impl Default for Counter {
    fn default() -> Self {
        Self { stream: FrameReader::new(Pieces::default()), whole: 0, lost: false }
    }
}

impl Counter {
    fn count(
        &mut self,
        bytes: &[u8],
        next: impl Fn(&mut FrameReader<Pieces>) -> Option<Result<(), RespError>>,
    ) {
        if self.lost {
            return;
        }
        self.stream.get_mut().0.extend_from_slice(bytes);
        while let Some(found) = next(&mut self.stream) {
            match found {
                Ok(()) => self.whole += 1,
                Err(_) => {
                    *self = Self { lost: true, ..Self::default() };
                    return;
                }
            }
        }
    }
}

/// What has arrived of a stream. It has no end, and wakes nobody: it is read with
/// `now_or_never` only.
#[derive(Debug, Default)]
struct Pieces(BytesMut);

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.0.is_empty() {
            return Poll::Pending;
        }
        let length = self.0.len().min(buffer.remaining());
        buffer.put_slice(&self.0[..length]);
        self.0.advance(length);
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_request_is_under_way_until_its_whole_reply_was_handed_over() {
        let calls = Calls::default();
        assert!(!calls.under_way(), "nobody has asked");
        calls.asked(b"*2\r\n$3\r\nGET\r");
        assert!(calls.under_way(), "the beginning of a request");
        calls.asked(b"\n$1\r\na\r\n");
        assert!(calls.under_way());
        calls.answered(b"$5\r\nhel");
        assert!(calls.under_way(), "the beginning of a reply");
        calls.answered(b"lo\r\n");
        assert!(!calls.under_way());
    }

    #[test]
    fn each_of_several_requests_needs_a_reply() {
        let calls = Calls::default();
        calls.asked(b"PING\r\n*1\r\n$4\r\nPING\r\n\r\nPING\r\n");
        for _ in 0..3 {
            assert!(calls.under_way());
            calls.answered(b"+PONG\r\n");
        }
        assert!(!calls.under_way(), "an empty line is no request");
    }

    #[test]
    fn what_cannot_be_counted_is_under_way_for_ever() {
        for (asked, answered) in [(&b"*1\r\n+X\r\n"[..], &b"+OK\r\n"[..]), (b"PING\r\n", b"?\r\n")]
        {
            let calls = Calls::default();
            calls.asked(asked);
            calls.answered(answered);
            assert!(calls.under_way());
            calls.answered(b"+OK\r\n+OK\r\n");
            assert!(calls.under_way());
        }
    }

    proptest! {
        /// However the bytes are cut into pieces.
        #[test]
        fn pieces_make_no_difference(cuts in prop::collection::vec(1_usize..9, 1..80)) {
            let requests = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$4\r\nb\r\nc\r\nPING\r\n".repeat(4);
            let replies = b"+OK\r\n*2\r\n:1\r\n*1\r\n$-1\r\n".repeat(4);
            let calls = Calls::default();
            let (mut asked, mut answered) = (&requests[..], &replies[..]);
            for cut in cuts.iter().cycle() {
                let (piece, rest) = asked.split_at(asked.len().min(*cut));
                calls.asked(piece);
                asked = rest;
                if asked.is_empty() {
                    break;
                }
            }
            for cut in cuts.iter().cycle() {
                prop_assert!(calls.under_way());
                let (piece, rest) = answered.split_at(answered.len().min(*cut));
                calls.answered(piece);
                answered = rest;
                if answered.is_empty() {
                    break;
                }
            }
            prop_assert!(!calls.under_way());
        }
    }
}
