//! A replica's connection to its master: requests, replies, raw lines and bytes, each within
//! the idle timeout.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use host::{Clock, Host, Stream};
use tokio::io::AsyncWriteExt;

use super::ms;
use crate::node::Node;
use crate::resp::{self, Frame, FrameReader, RespError};
use redis_protocol::resp2::types::Resp2Frame;

/// Why a link ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    /// There is no connection any more, or the master is loading: tried again soon.
    #[error("{0}")]
    Connection(String),
    /// Master and replica do not understand each other: tried again after a longer while.
    #[error("{0}")]
    Protocol(String),
    /// The master cannot continue where this node is.
    #[error("{0}")]
    NeedsFullSync(String),
}

impl From<RespError> for LinkError {
    fn from(error: RespError) -> Self {
        match error {
            RespError::Io(_) | RespError::UnexpectedEof => LinkError::Connection(error.to_string()),
            RespError::TooLarge { .. } | RespError::Malformed { .. } => {
                LinkError::Protocol(error.to_string())
            }
        }
    }
}

/// A connection to the master.
pub(super) struct MasterLink {
    host: Host,
    stream: FrameReader<Stream>,
    idle: Duration,
}

impl MasterLink {
    /// Connects within the option's timeout, and says the password if there is one.
    pub(super) async fn connect(
        node: &Node,
        host: &str,
        port: u16,
    ) -> Result<MasterLink, LinkError> {
        let (limit, idle) = {
            let config = node.config.borrow();
            (ms(config.replication_connect_timeout_ms), ms(config.replication_idle_timeout_ms))
        };
        let stream = node.host.connect_within(host, port, limit).await;
        let stream = stream.map_err(|error| LinkError::Connection(error.to_string()))?;
        let host = node.host.clone();
        let mut link = MasterLink { host, stream: FrameReader::new(stream), idle };
        let password = node.config.borrow().masterauth.clone();
        if !password.is_empty() {
            link.send(&["AUTH", &password]).await?;
            expect_ok(link.frame().await?)?;
        }
        Ok(link)
    }

    /// Sends a request.
    pub(super) async fn send<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Result<(), LinkError> {
        let mut message = BytesMut::new();
        resp::encode_request(args, &mut message);
        let MasterLink { host, stream, idle } = self;
        let writing = stream.get_mut().write_all(&message);
        match host.timeout(Clock::Monotonic, *idle, writing).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(LinkError::Connection(error.to_string())),
            Err(elapsed) => Err(LinkError::Connection(elapsed.to_string())),
        }
    }

    /// The next message or reply; the timeout counts anew with every part of it.
    pub(super) async fn frame(&mut self) -> Result<Frame, LinkError> {
        let MasterLink { host, stream, idle } = self;
        loop {
            let arrived = stream.buffered();
            match within(host, *idle, stream.frame()).await {
                Err(LinkError::Connection(_)) if stream.buffered() > arrived => {}
                read => return read?.ok_or_else(closed),
            }
        }
    }

    /// A raw line. One that begins with `-` is an error instead.
    pub(super) async fn line(&mut self) -> Result<String, LinkError> {
        let MasterLink { host, stream, idle } = self;
        let line = within(host, *idle, stream.line()).await?.ok_or_else(closed)?;
        match line.strip_prefix('-') {
            Some(error) => Err(refused(error)),
            None => Ok(line),
        }
    }

    /// Raw bytes; the timeout counts anew with every part of them.
    pub(super) async fn bytes(&mut self, size: usize) -> Result<Bytes, LinkError> {
        let mut bytes = BytesMut::new();
        while bytes.len() < size {
            let part = (size - bytes.len()).min(PART_SIZE);
            let MasterLink { host, stream, idle } = self;
            bytes.extend_from_slice(&within(host, *idle, stream.exact(part)).await?);
        }
        Ok(bytes.freeze())
    }
}

async fn within<T>(
    host: &Host,
    limit: Duration,
    reading: impl Future<Output = Result<T, RespError>>,
) -> Result<T, LinkError> {
    match host.timeout(Clock::Monotonic, limit, reading).await {
        Ok(read) => Ok(read?),
        Err(elapsed) => Err(LinkError::Connection(elapsed.to_string())),
    }
}

fn closed() -> LinkError {
    LinkError::Connection("the master closed the connection".to_owned())
}

/// The reply must be OK.
pub(super) fn expect_ok(reply: Frame) -> Result<(), LinkError> {
    match reply {
        reply if reply == resp::ok() => Ok(()),
        Frame::Error(text) => Err(refused(&text)),
        other => Err(LinkError::Protocol(format!("unexpected {:?}", other.kind()))),
    }
}

/// What an error reply means for the link.
fn refused(error: &str) -> LinkError {
    let error = format!("the master answered: {error}");
    if error.contains("LOADING") {
        LinkError::Connection(error)
    } else {
        LinkError::Protocol(error)
    }
}

const PART_SIZE: usize = 64 * 1024;
