//! One flow: a client's connection, passed on to the target that was right when it came.
//!
//! What ends is passed on as what it is: the end of one direction as the end of that direction
//! only, so that a client that has said all it had to say still gets its answers. An error, or
//! too long a silence in both directions, ends the flow as a whole.
//!
//! The trap: a flow never asks again where its shard is. Its target may be deposed.

use std::cell::Cell;
use std::io;
use std::time::Duration;

use bytes::BytesMut;
use futures_util::future::try_join;
use host::{Clock, Host, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};

use crate::route::Target;

/// The limits of a flow, on the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// For the connection to the target.
    pub(crate) connect: Duration,
    /// For nothing moving in either direction.
    pub(crate) idle: Duration,
}

/// Why a flow did not end by both sides closing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FlowError {
    /// There is no connection to the target.
    #[error("cannot connect to {target}: {error}")]
    Connect {
        target: Target,
        #[source]
        error: io::Error,
    },
    /// Either side's connection failed.
    #[error("connection lost: {0}")]
    Io(#[from] io::Error),
    /// Nothing moved.
    #[error("nothing moved for {} ms", .0.as_millis())]
    Idle(Duration),
}

/// Passes a client's connection on until it ends. Both connections are closed on return.
pub(crate) async fn run(
    host: &Host,
    client: Stream,
    target: Target,
    limits: Limits,
) -> Result<(), FlowError> {
    let server = match host.connect_within(&target.host, target.port, limits.connect).await {
        Ok(server) => server,
        Err(error) => return Err(FlowError::Connect { target, error }),
    };
    let (from_client, to_client) = tokio::io::split(client);
    let (from_server, to_server) = tokio::io::split(server);
    let activity = Activity::new(host);
    let requests = pump(from_client, to_server, &activity);
    let replies = pump(from_server, to_client, &activity);
    tokio::select! {
        // What waited while this process hung is activity, though the limit has passed too.
        biased;
        ended = try_join(requests, replies) => Ok(ended.map(drop)?),
        () = activity.ceased(limits.idle) => Err(FlowError::Idle(limits.idle)),
    }
}

/// Passes one direction on, to its end, and then the end.
async fn pump(
    mut from: ReadHalf<Stream>,
    mut to: WriteHalf<Stream>,
    activity: &Activity<'_>,
) -> io::Result<()> {
    let mut buffer = BytesMut::with_capacity(BUFFER_SIZE);
    while from.read_buf(&mut buffer).await? > 0 {
        activity.touch();
        while !buffer.is_empty() {
            if to.write_buf(&mut buffer).await? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            activity.touch();
        }
        to.flush().await?;
        buffer.reserve(BUFFER_SIZE);
    }
    to.shutdown().await
}

/// When something moved last.
struct Activity<'a> {
    host: &'a Host,
    last: Cell<Duration>,
}

impl<'a> Activity<'a> {
    fn new(host: &'a Host) -> Self {
        Self { host, last: Cell::new(host.now(Clock::Monotonic)) }
    }

    fn touch(&self) {
        self.last.set(self.host.now(Clock::Monotonic));
    }

    /// Returns once nothing has moved for so long.
    async fn ceased(&self, limit: Duration) {
        loop {
            let deadline = self.last.get().saturating_add(limit);
            if self.host.now(Clock::Monotonic) >= deadline {
                return;
            }
            self.host.sleep_until(Clock::Monotonic, deadline).await;
        }
    }
}

/// Bytes that one direction holds at a time.
const BUFFER_SIZE: usize = 16 * 1024;
