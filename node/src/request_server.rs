//! Serves RESP requests on one connection, one after another: the admin ports of controllers and
//! load balancers.
//!
//! What this is not: how a node serves its clients, which takes requests in pipelines and has a
//! session for each connection.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use host::{Clock, Host, Stream};
use tokio::io::AsyncWriteExt;

use crate::resp::{self, Frame, FrameReader, RespError};

/// Answers requests until the peer ends, breaks the protocol, or neither says nor takes anything
/// for as long as `idle`.
pub async fn serve(
    host: &Host,
    stream: Stream,
    idle: Duration,
    answer: impl AsyncFn(&[Bytes]) -> Frame,
) {
    let mut stream = FrameReader::new(stream);
    loop {
        let reply = match host.timeout(Clock::Monotonic, idle, stream.request()).await {
            Ok(Ok(Some(words))) => answer(&words).await,
            Ok(Err(error @ (RespError::TooLarge { .. } | RespError::Malformed { .. }))) => {
                // The stream is out of step: the last thing that it is told is why.
                let _ = send(host, &mut stream, &error_reply(error), idle).await;
                return;
            }
            Ok(Ok(None) | Err(RespError::Io(_) | RespError::UnexpectedEof)) | Err(_) => return,
        };
        if send(host, &mut stream, &reply, idle).await.is_err() {
            return;
        }
    }
}

/// `-ERR` and what is wrong.
pub fn error_reply(error: impl std::error::Error) -> Frame {
    resp::error(format!("ERR {error}"))
}

async fn send(
    host: &Host,
    stream: &mut FrameReader<Stream>,
    reply: &Frame,
    limit: Duration,
) -> io::Result<()> {
    let mut bytes = BytesMut::new();
    resp::encode(reply, &mut bytes);
    let writing = async {
        let stream = stream.get_mut();
        stream.write_all(&bytes).await?;
        stream.flush().await
    };
    host.timeout(Clock::Monotonic, limit, writing).await?
}
