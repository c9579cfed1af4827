//! RESP2 on a byte stream: requests, replies, and the raw lines and bytes that replication mixes
//! in. Frames are the crate `redis-protocol`'s, and so is their decoding; what stands here is the
//! reader that finds where a frame ends, within limits, before anything is decoded.
//!
//! What this is not: a connection (see [`crate::client`]), nor RESP3.
//!
//! The trap: the sizes in a header are claims of the peer. They are checked against the limits
//! at once and never used to reserve memory, which grows only with the bytes that have arrived.

use std::io;

use bytes::{Bytes, BytesMut};
use redis_protocol::resp2::decode::decode_bytes_mut;
use redis_protocol::resp2::encode::extend_encode;
pub use redis_protocol::resp2::types::BytesFrame as Frame;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes of the greatest bulk string.
pub const BULK_MAX: usize = 512 * 1024 * 1024;
/// Elements of the greatest array.
pub const ARRAY_MAX: usize = 1024 * 1024;
/// How deep arrays may stand in arrays.
pub const NESTING_MAX: usize = 32;
/// Bytes of the greatest request or reply with everything in it.
pub const FRAME_MAX: usize = 1024 * 1024 * 1024;
/// Bytes of the longest line: an inline command, a header, a simple string, an error.
pub const LINE_MAX: usize = 64 * 1024;

/// Why a stream could not be read. It is out of step afterwards and only good for closing.
#[derive(Debug, thiserror::Error)]
pub enum RespError {
    /// The connection failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The peer announced or sent more than a limit allows.
    #[error("Protocol error: {what} is over the limit of {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// The peer broke the protocol.
    #[error("Protocol error: {what}")]
    Malformed {
        /// What is wrong.
        what: &'static str,
    },
    /// The connection ended in the middle of something.
    #[error("the connection was closed in the middle of a message")]
    UnexpectedEof,
}

/// Reads RESP from a stream piece by piece. Every method may be dropped at an await and called
/// again: what has arrived stays in the buffer.
#[derive(Debug)]
pub struct FrameReader<R> {
    inner: R,
    buffer: BytesMut,
    scan: Scan,
    frame_max: usize,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// A reader with an empty buffer.
    pub fn new(inner: R) -> Self {
        Self { inner, buffer: BytesMut::new(), scan: Scan::default(), frame_max: FRAME_MAX }
    }

    /// The stream itself, to write to it.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// How many bytes have arrived and were not taken yet.
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// The next request: an array of bulk strings, or an inline command. Empty ones are skipped.
    /// `None` if the peer closed between two requests. The arguments share the buffer that was
    /// read into; copy what is kept for long.
    ///
    /// # Errors
    /// See [`RespError`].
    pub async fn request(&mut self) -> Result<Option<Vec<Bytes>>, RespError> {
        loop {
            if let Some(request) = self.buffered_request()? {
                return Ok(Some(request));
            }
            if !self.fill().await? {
                return self.clean_end();
            }
        }
    }

    /// The next request if all of it has arrived already, without reading: what a client sent
    /// behind the one before (pipelining).
    ///
    /// # Errors
    /// See [`RespError`].
    pub fn buffered_request(&mut self) -> Result<Option<Vec<Bytes>>, RespError> {
        while let Some(first) = self.buffer.first() {
            let request = if *first == b'*' { self.multibulk()? } else { self.inline()? };
            match request {
                Some(request) if request.is_empty() => {}
                found => return Ok(found),
            }
        }
        Ok(None)
    }

    /// The next reply. `None` if the peer closed between two replies.
    ///
    /// # Errors
    /// See [`RespError`].
    pub async fn frame(&mut self) -> Result<Option<Frame>, RespError> {
        loop {
            if let Some(end) = self.scan(Grammar::Reply)? {
                return self.decode(end).map(Some);
            }
            if !self.fill().await? {
                return self.clean_end();
            }
        }
    }

    /// A raw line up to `\r\n` or `\n`, without it. `None` if the peer closed before it began.
    ///
    /// # Errors
    /// See [`RespError`].
    pub async fn line(&mut self) -> Result<Option<String>, RespError> {
        loop {
            if let Some(line) = self.take_line()? {
                let line = std::str::from_utf8(&line)
                    .map_err(|_| RespError::Malformed { what: "a line is not UTF-8" })?;
                return Ok(Some(line.to_owned()));
            }
            if !self.fill().await? {
                return self.clean_end();
            }
        }
    }

    /// Exactly `n` raw bytes.
    ///
    /// # Errors
    /// See [`RespError`].
    pub async fn exact(&mut self, n: usize) -> Result<Bytes, RespError> {
        while self.buffer.len() < n {
            if !self.fill().await? {
                return Err(RespError::UnexpectedEof);
            }
        }
        Ok(self.take(n).freeze())
    }

    /// Waits until the peer has closed, or the stream fails. What arrives meanwhile is kept for
    /// later, up to a limit; beyond it the peer is not listened to.
    pub(crate) async fn closed(&mut self) {
        while self.buffer.len() < AHEAD_MAX {
            if !matches!(self.fill().await, Ok(true)) {
                return;
            }
        }
        std::future::pending().await
    }

    /// Reads what has arrived, waiting for at least one byte; false at the end of the stream.
    async fn fill(&mut self) -> Result<bool, RespError> {
        self.buffer.reserve(READ_SIZE);
        Ok(self.inner.read_buf(&mut self.buffer).await? > 0)
    }

    /// Where the first frame ends, if that has arrived. One that is never complete must not
    /// fill the memory, however small its parts are.
    fn scan(&mut self, grammar: Grammar) -> Result<Option<usize>, RespError> {
        let end = self.scan.advance(&self.buffer, grammar)?;
        let size = end.unwrap_or(self.buffer.len());
        if size > self.frame_max {
            return Err(RespError::TooLarge { what: "a message", limit: self.frame_max });
        }
        Ok(end)
    }

    fn clean_end<T>(&self) -> Result<Option<T>, RespError> {
        if self.buffer.is_empty() { Ok(None) } else { Err(RespError::UnexpectedEof) }
    }

    fn take(&mut self, n: usize) -> BytesMut {
        self.scan = Scan::default();
        self.buffer.split_to(n)
    }

    fn take_line(&mut self) -> Result<Option<Bytes>, RespError> {
        let Some(end) = find(&self.buffer, b'\n') else {
            return match self.buffer.len() {
                0..=LINE_MAX => Ok(None),
                _ => Err(LINE_TOO_LONG),
            };
        };
        if end > LINE_MAX {
            return Err(LINE_TOO_LONG);
        }
        let mut line = self.take(end + 1);
        line.truncate(end);
        if line.last() == Some(&b'\r') {
            line.truncate(end - 1);
        }
        Ok(Some(line.freeze()))
    }

    fn inline(&mut self) -> Result<Option<Vec<Bytes>>, RespError> {
        let words = |line: Bytes| {
            line.split(u8::is_ascii_whitespace)
                .filter(|word| !word.is_empty())
                .map(|word| line.slice_ref(word))
                .collect()
        };
        Ok(self.take_line()?.map(words))
    }

    fn multibulk(&mut self) -> Result<Option<Vec<Bytes>>, RespError> {
        let Some(end) = self.scan(Grammar::Request)? else {
            return Ok(None);
        };
        match self.decode(end)? {
            Frame::Array(elements) => elements.into_iter().map(bulk_of_request).collect(),
            // `*-1`, which servers skip as they skip an empty array.
            _ => Ok(Some(Vec::new())),
        }
    }

    /// Decodes a frame that the scan has found complete and sound.
    fn decode(&mut self, end: usize) -> Result<Frame, RespError> {
        let mut bytes = self.take(end);
        match decode_bytes_mut(&mut bytes) {
            Ok(Some((frame, used, _))) if used == end => Ok(frame),
            // An integer that is none, or an error that is not UTF-8.
            _ => Err(RespError::Malformed { what: "a frame cannot be decoded" }),
        }
    }
}

fn bulk_of_request(frame: Frame) -> Result<Option<Bytes>, RespError> {
    match frame {
        Frame::BulkString(bytes) => Ok(Some(bytes)),
        _ => Err(RespError::Malformed { what: "expected '$'" }),
    }
}

/// Which frames are allowed where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Grammar {
    /// An array of bulk strings.
    Request,
    /// Any frame.
    #[default]
    Reply,
}

/// How far the search for the end of the first frame in the buffer has come. It goes on where it
/// stopped, so that a frame that arrives in many pieces is not searched from the start each time.
#[derive(Debug, Default)]
struct Scan {
    grammar: Grammar,
    /// Everything before this is understood.
    at: usize,
    /// Elements still to come, for every array that is open.
    open: Vec<usize>,
}

impl Scan {
    /// Where the frame ends, if that has arrived.
    fn advance(&mut self, buffer: &[u8], grammar: Grammar) -> Result<Option<usize>, RespError> {
        if self.grammar != grammar {
            *self = Scan { grammar, ..Scan::default() };
        }
        loop {
            let Some(element) = read_element(&buffer[self.at..], self.grammar, self.open.len())?
            else {
                return Ok(None);
            };
            self.at += element.length;
            match element.elements {
                0 => self.close_element(),
                _ if self.open.len() == NESTING_MAX => {
                    return Err(RespError::TooLarge {
                        what: "the nesting of arrays",
                        limit: NESTING_MAX,
                    });
                }
                elements => self.open.push(elements),
            }
            if self.open.is_empty() {
                return Ok(Some(self.at));
            }
        }
    }

    /// One element is complete, and with it perhaps the arrays that it was the last of.
    fn close_element(&mut self) {
        while let Some(left) = self.open.last_mut() {
            *left -= 1;
            if *left > 0 {
                return;
            }
            self.open.pop();
        }
    }
}

/// A simple element, or the header of an array.
struct Element {
    /// Its bytes; of an array those of the header only.
    length: usize,
    /// The elements that follow; 0 unless it is an array that has some.
    elements: usize,
}

fn read_element(
    bytes: &[u8],
    grammar: Grammar,
    depth: usize,
) -> Result<Option<Element>, RespError> {
    let Some(kind) = bytes.first() else {
        return Ok(None);
    };
    match (grammar, depth, kind) {
        (Grammar::Request, 0, b'*') | (Grammar::Request, 1, b'$') => {}
        (Grammar::Request, ..) => {
            return Err(RespError::Malformed { what: "expected '$'" });
        }
        (Grammar::Reply, _, b'+' | b'-' | b':' | b'$' | b'*') => {}
        (Grammar::Reply, ..) => {
            return Err(RespError::Malformed { what: "unknown frame type" });
        }
    }
    let Some(header) = find_line(bytes)? else {
        return Ok(None);
    };
    let length = header + 2;
    match kind {
        b'*' => {
            let elements = read_size(&bytes[1..header], "the size of an array", ARRAY_MAX)?;
            Ok(Some(Element { length, elements: elements.unwrap_or(0) }))
        }
        b'$' => read_bulk(bytes, length, read_size(&bytes[1..header], "a bulk string", BULK_MAX)?),
        _ => Ok(Some(Element { length, elements: 0 })),
    }
}

/// `header` is the length of the line that announces the bulk string.
fn read_bulk(
    bytes: &[u8],
    header: usize,
    size: Option<usize>,
) -> Result<Option<Element>, RespError> {
    let Some(size) = size else {
        return Ok(Some(Element { length: header, elements: 0 }));
    };
    let end = header + size;
    match bytes.get(end..end + 2) {
        None => Ok(None),
        Some(b"\r\n") => Ok(Some(Element { length: end + 2, elements: 0 })),
        Some(_) => Err(RespError::Malformed { what: "a bulk string does not end where it says" }),
    }
}

/// A size, or `None` for −1, the null.
fn read_size(digits: &[u8], what: &'static str, limit: usize) -> Result<Option<usize>, RespError> {
    let size: Option<i64> = std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok());
    match size {
        Some(-1) => Ok(None),
        Some(size) => match usize::try_from(size) {
            Ok(size) if size <= limit => Ok(Some(size)),
            Ok(_) => Err(RespError::TooLarge { what, limit }),
            Err(_) => Err(RespError::Malformed { what: "a size is negative" }),
        },
        None => Err(RespError::Malformed { what: "a size is no number" }),
    }
}

/// Where the `\r\n` of the first line stands. The `\r` alone does not end it.
fn find_line(bytes: &[u8]) -> Result<Option<usize>, RespError> {
    let searched = &bytes[..bytes.len().min(LINE_MAX + 2)];
    match searched.windows(2).position(|pair| pair == b"\r\n") {
        None if bytes.len() >= LINE_MAX + 2 => Err(LINE_TOO_LONG),
        found => Ok(found),
    }
}

fn find(bytes: &[u8], wanted: u8) -> Option<usize> {
    bytes.iter().position(|byte| *byte == wanted)
}

/// Appends a frame. Its simple strings and errors must be single lines; see [`error`].
pub fn encode(frame: &Frame, out: &mut BytesMut) {
    extend_encode(out, frame, false).expect("the buffer is extended by the frame's own length");
}

/// Appends a request: an array of bulk strings.
pub fn encode_request<A: AsRef<[u8]>>(args: &[A], out: &mut BytesMut) {
    let header = |kind: char, size: usize| format!("{kind}{size}\r\n");
    out.extend_from_slice(header('*', args.len()).as_bytes());
    for arg in args.iter().map(AsRef::as_ref) {
        out.extend_from_slice(header('$', arg.len()).as_bytes());
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
}

/// `+OK`.
pub fn ok() -> Frame {
    Frame::SimpleString(Bytes::from_static(b"OK"))
}

/// An error reply. Line breaks in the text become blanks, as they would end the reply.
pub fn error(text: impl Into<String>) -> Frame {
    let mut text = text.into();
    if text.contains(['\r', '\n']) {
        text = text.replace(['\r', '\n'], " ");
    }
    Frame::Error(text.into())
}

/// A bulk string.
pub fn bulk(bytes: impl Into<Bytes>) -> Frame {
    Frame::BulkString(bytes.into())
}

/// An integer.
pub fn integer(value: i64) -> Frame {
    Frame::Integer(value)
}

/// An array.
pub fn array(elements: Vec<Frame>) -> Frame {
    Frame::Array(elements)
}

const LINE_TOO_LONG: RespError = RespError::TooLarge { what: "a line", limit: LINE_MAX };

/// How many bytes are read ahead while a reply is waited for.
const AHEAD_MAX: usize = 64 * 1024;
/// How much room a read offers, in bytes.
const READ_SIZE: usize = 4096;

#[cfg(test)]
#[path = "resp_tests.rs"]
mod tests;
