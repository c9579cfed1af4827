//! One connection to a RESP server, for whoever asks rather than serves: the controller, a
//! replica, a load balancer, a workload.
//!
//! What this is not: a pool, and nothing here tries again: whether a request may be repeated is
//! for the caller to know.
//!
//! The trap: replies carry no number. After any error the stream may be one reply out of step,
//! so a client whose call failed must be dropped.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use host::{Clock, Host, Stream};
use tokio::io::AsyncWriteExt;

use crate::resp::{Frame, FrameReader, RespError, encode_request};

/// How long to wait, on the monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For the connection.
    pub connect: Duration,
    /// For each request to be written, and for each reply.
    pub request: Duration,
}

/// A connection to a RESP server. Dropping it closes it.
pub struct Client {
    host: Host,
    stream: FrameReader<Stream>,
    timeouts: Timeouts,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// [`ClientError::Connect`], also when it took longer than `timeouts.connect`.
    pub async fn connect(
        host: &Host,
        address: &str,
        port: u16,
        timeouts: Timeouts,
    ) -> Result<Client, ClientError> {
        let stream = host
            .connect_within(address, port, timeouts.connect)
            .await
            .map_err(ClientError::Connect)?;
        Ok(Client { host: host.clone(), stream: FrameReader::new(stream), timeouts })
    }

    /// Sends a request and waits for its reply. A reply that is an error is `Ok(Frame::Error)`.
    ///
    /// # Errors
    /// Any but [`ClientError::Connect`]: the server may have acted.
    pub async fn call<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Result<Frame, ClientError> {
        self.send(args).await?;
        self.receive().await
    }

    /// Sends a request and does not wait for its reply.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn send<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Result<(), ClientError> {
        let mut bytes = BytesMut::new();
        encode_request(args, &mut bytes);
        self.write(&bytes).await
    }

    /// Sends several requests in one write and does not wait for their replies.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn send_all(&mut self, requests: &[Vec<Bytes>]) -> Result<(), ClientError> {
        let mut bytes = BytesMut::new();
        requests.iter().for_each(|request| encode_request(request, &mut bytes));
        self.write(&bytes).await
    }

    /// The next reply, within the request timeout from now.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn receive(&mut self) -> Result<Frame, ClientError> {
        let deadline = self.host.now(Clock::Monotonic).saturating_add(self.timeouts.request);
        self.receive_until(deadline).await
    }

    /// The next reply, until the monotonic clock reads `deadline`: for replies whose timeouts
    /// count from when their requests were sent.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn receive_until(&mut self, deadline: Duration) -> Result<Frame, ClientError> {
        let Client { host, stream, timeouts } = self;
        tokio::select! {
            biased;
            frame = stream.frame() => frame?.ok_or(ClientError::Closed),
            () = host.sleep_until(Clock::Monotonic, deadline) => {
                Err(ClientError::Timeout(timeouts.request))
            }
        }
    }

    /// Sends several requests in one write, then takes their replies, each within the request
    /// timeout from the sending.
    ///
    /// # Errors
    /// As [`Client::call`]; the replies before the one that failed are lost with it.
    pub async fn pipeline(&mut self, requests: &[Vec<Bytes>]) -> Result<Vec<Frame>, ClientError> {
        let deadline = self.host.now(Clock::Monotonic).saturating_add(self.timeouts.request);
        self.send_all(requests).await?;
        let mut replies = Vec::with_capacity(requests.len());
        for _ in requests {
            replies.push(self.receive_until(deadline).await?);
        }
        Ok(replies)
    }

    /// The client itself if its connection is quiet and open, as far as this machine knows: to
    /// be asked of one that lay idle before it is used again (go-redis does so too).
    pub fn reusable(mut self) -> Option<Client> {
        self.stream.frame().now_or_never().is_none().then_some(self)
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        let Client { host, stream, timeouts } = self;
        let writing = async {
            let stream = stream.get_mut();
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        match host.timeout(Clock::Monotonic, timeouts.request, writing).await {
            Ok(written) => written.map_err(ClientError::Io),
            Err(_) => Err(ClientError::Timeout(timeouts.request)),
        }
    }
}

/// Why a call failed. The client must be dropped.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is no connection, and nothing was sent.
    #[error("cannot connect: {0}")]
    Connect(#[source] io::Error),
    /// Not written, or not answered, in time.
    #[error("no reply within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// The server closed the connection instead of replying.
    #[error("the server closed the connection")]
    Closed,
    /// The reply cannot be read.
    #[error(transparent)]
    Resp(#[from] RespError),
    /// The request could not be written.
    #[error("cannot send: {0}")]
    Io(#[source] io::Error),
}

impl ClientError {
    /// Whether the server surely never saw the request (a definite failure); otherwise it may
    /// have acted on it.
    pub fn surely_not_sent(&self) -> bool {
        matches!(self, ClientError::Connect(_))
    }
}
