//! Tests of `resp`: pieces of every size, limits, and what must be refused.

use std::io::Cursor;

use proptest::prelude::*;
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};

use super::*;

/// Runs a future that waits for nothing outside itself.
fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime without drivers needs nothing").block_on(future)
}

fn reader(bytes: &[u8]) -> FrameReader<Cursor<Vec<u8>>> {
    FrameReader::new(Cursor::new(bytes.to_vec()))
}

fn words(request: Option<Vec<Bytes>>) -> Vec<String> {
    let text = |word: Bytes| String::from_utf8_lossy(&word).into_owned();
    request.expect("a request").into_iter().map(text).collect()
}

fn reply(bytes: &[u8]) -> Result<Option<Frame>, RespError> {
    run(reader(bytes).frame())
}

#[test]
fn replies_of_every_kind_survive_every_split() {
    let frames = [
        ok(),
        error("ERR no\r\nbreaks"),
        integer(-42),
        bulk("a\r\nb"),
        bulk(""),
        Frame::Null,
        array(vec![]),
        array(vec![integer(1), array(vec![bulk("x"), Frame::Null]), ok()]),
    ];
    let mut bytes = BytesMut::new();
    frames.iter().for_each(|frame| encode(frame, &mut bytes));
    for cut in 0..=bytes.len() {
        run(async {
            let (mut near, far) = duplex(1024);
            let mut reader = FrameReader::new(far);
            let mut seen = Vec::new();
            near.write_all(&bytes[..cut]).await.unwrap();
            take_available(&mut reader, &mut seen).await;
            near.write_all(&bytes[cut..]).await.unwrap();
            drop(near);
            while let Some(frame) = reader.frame().await.unwrap() {
                seen.push(frame);
            }
            assert_eq!(seen, frames, "cut at {cut}");
        });
    }
}

/// Takes what is complete, dropping the read that then waits: it must lose nothing.
async fn take_available(reader: &mut FrameReader<DuplexStream>, seen: &mut Vec<Frame>) {
    loop {
        tokio::select! {
            biased;
            frame = reader.frame() => seen.push(frame.unwrap().unwrap()),
            () = std::future::ready(()) => return,
        }
    }
}

#[test]
fn requests_survive_every_split() {
    let bytes = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\nPING  now\r\n";
    for cut in 0..=bytes.len() {
        run(async {
            let (mut near, far) = duplex(1024);
            let mut reader = FrameReader::new(far);
            near.write_all(&bytes[..cut]).await.unwrap();
            let mut requests = Vec::new();
            loop {
                tokio::select! {
                    biased;
                    request = reader.request() => requests.push(words(request.unwrap())),
                    () = std::future::ready(()) => break,
                }
            }
            near.write_all(&bytes[cut..]).await.unwrap();
            drop(near);
            while let Some(request) = reader.request().await.unwrap() {
                requests.push(words(Some(request)));
            }
            assert_eq!(requests, [["GET", "k"], ["PING", "now"]], "cut at {cut}");
        });
    }
}

#[test]
fn pipelined_requests_are_there_without_reading() {
    let mut bytes = BytesMut::new();
    encode_request(&["SET", "k", "v"], &mut bytes);
    encode_request(&["GET", "k"], &mut bytes);
    bytes.extend_from_slice(b"*1\r\n$4\r\nPI");
    let mut reader = reader(&bytes);
    assert!(reader.buffered_request().unwrap().is_none());
    assert_eq!(words(run(reader.request()).unwrap()), ["SET", "k", "v"]);
    assert_eq!(words(reader.buffered_request().unwrap()), ["GET", "k"]);
    assert!(reader.buffered_request().unwrap().is_none());
    assert!(matches!(run(reader.request()), Err(RespError::UnexpectedEof)));
}

#[test]
fn empty_requests_are_skipped() {
    let mut reader = reader(b"\r\n   \r\n*0\r\n*-1\r\n\nPING\n");
    assert_eq!(words(run(reader.request()).unwrap()), ["PING"]);
    assert!(run(reader.request()).unwrap().is_none());
}

#[test]
fn raw_lines_and_bytes_between_frames() {
    let mut reader = reader(b"one\r\n+OK\r\ntwo\n12345*1\r\n:1\r\nrest");
    run(async {
        assert_eq!(reader.line().await.unwrap().unwrap(), "one");
        assert_eq!(reader.frame().await.unwrap().unwrap(), ok());
        assert_eq!(reader.line().await.unwrap().unwrap(), "two");
        assert_eq!(reader.exact(5).await.unwrap(), "12345");
        assert_eq!(reader.exact(0).await.unwrap(), "");
        assert_eq!(reader.frame().await.unwrap().unwrap(), array(vec![integer(1)]));
        assert!(matches!(reader.line().await, Err(RespError::UnexpectedEof)));
        assert!(matches!(reader.exact(5).await, Err(RespError::UnexpectedEof)));
    });
}

#[test]
fn half_a_frame_is_an_unexpected_end() {
    for bytes in ["$5\r\nab", "*2\r\n:1\r\n", "+OK", "+OK\r", ":", "$3\r\nabc\r"] {
        assert!(matches!(reply(bytes.as_bytes()), Err(RespError::UnexpectedEof)), "{bytes:?}");
    }
    assert!(reply(b"").unwrap().is_none());
}

#[test]
fn a_size_that_is_announced_is_not_reserved() {
    let mut reader = reader(b"$1073741824\r\n");
    assert!(matches!(run(reader.frame()), Err(RespError::TooLarge { .. })));
    assert!(reader.buffer.capacity() <= 4 * READ_SIZE);

    let header = format!("*1048576\r\n${BULK_MAX}\r\nxy");
    let mut reader = FrameReader::new(Cursor::new(header.into_bytes()));
    assert!(matches!(run(reader.request()), Err(RespError::UnexpectedEof)));
    assert!(reader.buffer.capacity() <= 4 * READ_SIZE);
}

#[test]
fn a_message_that_never_ends_is_given_up() {
    /// The same bytes for ever.
    struct Endless(&'static [u8], u64);
    impl AsyncRead for Endless {
        fn poll_read(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            out: &mut tokio::io::ReadBuf<'_>,
        ) -> std::task::Poll<io::Result<()>> {
            let header: &[u8] = if self.1 == 0 { b"*1048576\r\n" } else { self.0 };
            out.put_slice(header);
            self.1 += 1;
            std::task::Poll::Ready(Ok(()))
        }
    }
    for part in [&b"$1\r\nx\r\n"[..], b"$0\r\n\r\n", b"$400\r\n", b"$"] {
        let mut reader = FrameReader::new(Endless(part, 0));
        reader.frame_max = 100_000;
        let request = run(reader.request());
        assert!(request.is_err(), "{part:?}");
        assert!(reader.buffer.capacity() <= 4 * 100_000, "{part:?}");
    }
    let mut reader = FrameReader::new(Endless(b":1\r\n", 0));
    reader.frame_max = 100_000;
    assert!(matches!(run(reader.frame()), Err(RespError::TooLarge { .. })));
}

#[test]
fn nesting_is_limited() {
    let nested = |depth: usize| [b"*1\r\n".repeat(depth), b":1\r\n".to_vec()].concat();
    assert!(reply(&nested(NESTING_MAX)).unwrap().is_some());
    assert!(matches!(reply(&nested(NESTING_MAX + 1)), Err(RespError::TooLarge { .. })));
    assert!(matches!(reply(&nested(1_000_000)), Err(RespError::TooLarge { .. })));
}

#[test]
fn requests_do_not_nest_at_all() {
    let nested = b"*1\r\n".repeat(1_000_000);
    assert!(matches!(run(reader(&nested).request()), Err(RespError::Malformed { .. })));
    let bulk = run(reader(b"*1\r\n$1073741824\r\n").request());
    assert!(matches!(bulk, Err(RespError::TooLarge { limit: BULK_MAX, .. })));
}

#[test]
fn other_limits() {
    let line = |length: usize| [vec![b'a'; length], b"\r\n".to_vec()].concat();
    assert_eq!(words(run(reader(&line(LINE_MAX - 1)).request()).unwrap())[0].len(), LINE_MAX - 1);
    assert!(matches!(run(reader(&line(LINE_MAX + 1)).request()), Err(RespError::TooLarge { .. })));
    let endless = vec![b'+'; LINE_MAX + 2];
    assert!(matches!(reply(&endless), Err(RespError::TooLarge { .. })));
    assert!(matches!(reply(b"*1048577\r\n"), Err(RespError::TooLarge { .. })));
}

#[test]
fn malformed_replies() {
    for bytes in [
        "what\r\n",
        "$-2\r\n",
        "$x\r\n",
        "*x\r\n",
        "*-5\r\n",
        ":x\r\n",
        "$1\r\nabc",
        "*1\r\nx",
        "$99999999999999999999\r\n",
    ] {
        assert!(matches!(reply(bytes.as_bytes()), Err(RespError::Malformed { .. })), "{bytes:?}");
    }
    assert!(matches!(reply(b"-\xff\r\n"), Err(RespError::Malformed { .. })));
}

#[test]
fn a_request_has_only_bulk_strings() {
    for bytes in ["*1\r\n:1\r\n", "*1\r\n*1\r\n$1\r\na\r\n", "*1\r\n$-1\r\n", "*1\r\n+a\r\n"] {
        let request = run(reader(bytes.as_bytes()).request());
        assert!(matches!(request, Err(RespError::Malformed { .. })), "{bytes:?}");
    }
}

fn frame() -> impl Strategy<Value = Frame> {
    let leaf = prop_oneof![
        "[ -~]{0,20}".prop_map(|text| Frame::SimpleString(text.into())),
        "[ -~]{0,20}".prop_map(error),
        any::<i64>().prop_map(integer),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(bulk),
        Just(Frame::Null),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| proptest::collection::vec(inner, 0..6).prop_map(array))
}

proptest! {
    #[test]
    fn frame_reads_what_encode_writes(frame in frame()) {
        let mut bytes = BytesMut::new();
        encode(&frame, &mut bytes);
        prop_assert_eq!(reply(&bytes).unwrap(), Some(frame));
    }

    #[test]
    fn request_reads_what_encode_request_writes(
        args in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..30), 1..6),
    ) {
        let mut bytes = BytesMut::new();
        encode_request(&args, &mut bytes);
        let request = run(reader(&bytes).request()).unwrap().unwrap();
        prop_assert_eq!(request.iter().map(|arg| arg.to_vec()).collect::<Vec<_>>(), args);
    }

    #[test]
    fn noise_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = reply(&bytes);
        let _ = run(reader(&bytes).request());
    }
}
