//! One flow: a client's connection, passed on to the target that was right when it came.
//!
//! What ends is passed on as what it is: the end of one direction as the end of that direction
//! only, so that a client that has said all it had to say still gets its answers. An error, too
//! long a silence in both directions, or a redirect where redirects end flows, ends the flow as
//! a whole.
//!
//! The trap: a flow never asks again where its shard is. Where redirects keep flows, its target
//! may be deposed. And closing does not take back what was handed to the network: a hung target
//! finds it in its buffer.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::future::try_join;
use host::{Clock, Host, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};

use crate::calls::Calls;
use crate::config::{LbConfig, OnRedirect};
use crate::flows::Registration;
use crate::route::Target;

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
    /// A redirect led its shard elsewhere.
    #[error("the shard was redirected")]
    Redirected,
}

/// Passes a client's connection on until it ends. Both connections are closed when the
/// registration is dropped, and on return.
pub(crate) async fn run(
    host: &Host,
    config: &LbConfig,
    client: Stream,
    target: Target,
    mut registration: Registration,
) -> Result<(), FlowError> {
    match config.on_redirect {
        OnRedirect::Keep => pass_on(host, config, client, target, None).await,
        OnRedirect::Drain => {
            let calls = Calls::default();
            tokio::select! {
                // A request that has arrived by now is one under way.
                biased;
                ended = pass_on(host, config, client, target, Some(&calls)) => ended,
                () = drained(host, &mut registration, &calls, config.drain_limit()) => {
                    Err(FlowError::Redirected)
                }
            }
        }
        OnRedirect::Sever => tokio::select! {
            // Nothing is passed on after the redirect, whatever has arrived.
            biased;
            () = registration.overtaken() => Err(FlowError::Redirected),
            ended = pass_on(host, config, client, target, None) => ended,
        },
    }
}

/// Returns once a redirect has overtaken the flow and no request is under way, or none is waited
/// for any longer. Nothing wakes this but what wakes the flow's other half, which runs in the
/// same task, and before it.
async fn drained(host: &Host, registration: &mut Registration, calls: &Calls, limit: Duration) {
    registration.overtaken().await;
    let idle = poll_fn(|_| if calls.under_way() { Poll::Pending } else { Poll::Ready(()) });
    // Either way it is over.
    let _ = host.timeout(Clock::Monotonic, limit, idle).await;
}

/// Connects, and passes everything on; counts calls if told to.
async fn pass_on(
    host: &Host,
    config: &LbConfig,
    client: Stream,
    target: Target,
    calls: Option<&Calls>,
) -> Result<(), FlowError> {
    let connecting = host.connect_within(&target.host, target.port, config.connect_timeout());
    let server = match connecting.await {
        Ok(server) => server,
        Err(error) => return Err(FlowError::Connect { target, error }),
    };
    let (from_client, to_client) = tokio::io::split(client);
    let (from_server, to_server) = tokio::io::split(server);
    let activity = Activity::new(host);
    let asked = |bytes: &Bytes| calls.iter().for_each(|calls| calls.asked(bytes));
    let answered = |bytes: &Bytes| calls.iter().for_each(|calls| calls.answered(bytes));
    let requests = pump(from_client, to_server, &activity, asked, |_| {});
    let replies = pump(from_server, to_client, &activity, |_| {}, answered);
    tokio::select! {
        // What waited while this process hung is activity, though the limit has passed too.
        biased;
        ended = try_join(requests, replies) => Ok(ended.map(drop)?),
        () = activity.ceased(config.idle_timeout()) => Err(FlowError::Idle(config.idle_timeout())),
    }
}

/// Passes one direction on, to its end, and then the end. Tells of every piece before it is
/// written, and after it was.
async fn pump(
    mut from: ReadHalf<Stream>,
    mut to: WriteHalf<Stream>,
    activity: &Activity<'_>,
    read: impl Fn(&Bytes),
    written: impl Fn(&Bytes),
) -> io::Result<()> {
    let mut buffer = BytesMut::with_capacity(BUFFER_SIZE);
    while from.read_buf(&mut buffer).await? > 0 {
        activity.touch();
        let piece = buffer.split().freeze();
        read(&piece);
        let mut rest = piece.clone();
        while !rest.is_empty() {
            if to.write_buf(&mut rest).await? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            activity.touch();
        }
        to.flush().await?;
        written(&piece);
        drop((piece, rest));
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
