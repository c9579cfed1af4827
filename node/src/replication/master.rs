//! The master's end of a replication link: batches as they are written, pings when there are
//! none, and the replica's acknowledgements on the way back.
//!
//! What this is not: bound to the role. A replica that follows a replica is fed the same way.
//!
//! The trap: a full copy replaces the log under the stream; the link is given up then.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use host::{Clock, Stream};
use tokio::io::{AsyncWriteExt, ReadHalf, WriteHalf};

use super::{Entry, Replica, ms};
use crate::arguments;
use crate::batch::Batch;
use crate::node::Node;
use crate::resp::{self, FrameReader, RespError};
use crate::session::Session;

/// Where a stream begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    /// The first sequence number that the replica needs.
    pub(crate) next: u64,
    /// What it gets there in the place of the rest of a batch.
    pub(crate) padding: Option<Batch>,
    /// How often the data had been replaced when that was found acceptable.
    pub(crate) replaced: u64,
}

/// Feeds a replica until the link breaks. `unsent` is what it was answered before and has not
/// been written yet.
pub(crate) async fn feed(
    node: &Node,
    session: &Session,
    (reader, writer): (FrameReader<ReadHalf<Stream>>, WriteHalf<Stream>),
    unsent: BytesMut,
    start: Start,
) {
    let now = node.host.now(Clock::Monotonic);
    let replica = Replica {
        ip: ip(&session.peer).to_owned(),
        port: session.listening_port,
        offset: start.next.saturating_sub(1),
        heard_at: now,
    };
    let entry = node.replicas.enter(session.id, replica);
    let feed = Feed { node, entry, reader, writer, next: start.next, heard_at: now, sent_at: now };
    if let Err(error) = feed.run(unsent, start).await {
        tracing::info!("the replication link to {} ended: {error}", session.peer);
    }
}

struct Feed<'a> {
    node: &'a Node,
    entry: Entry<'a>,
    reader: FrameReader<ReadHalf<Stream>>,
    writer: WriteHalf<Stream>,
    next: u64,
    heard_at: Duration,
    sent_at: Duration,
}

#[derive(Debug, thiserror::Error)]
enum FeedError {
    #[error("nothing was heard of the replica for {} ms", .0.as_millis())]
    Silent(Duration),
    #[error("the data was replaced by a full copy")]
    Replaced,
    #[error("the log does not have {0} any more")]
    Behind(u64),
    #[error("the replica closed it")]
    Closed,
    #[error("the replica sent something else than an acknowledgement")]
    Unexpected,
    #[error(transparent)]
    Read(#[from] RespError),
    #[error("{0}")]
    Write(#[from] io::Error),
}

impl Feed<'_> {
    async fn run(mut self, mut message: BytesMut, start: Start) -> Result<(), FeedError> {
        let mut progress = self.node.storage.progress();
        let mut asked = self.node.replicas.asked();
        resp::encode(&resp::ok(), &mut message);
        if let Some(padding) = start.padding {
            resp::encode(&resp::bulk(padding.encode()), &mut message);
            self.next = padding.last_sequence() + 1;
        }
        self.write(&message).await?;
        loop {
            let now = *progress.borrow_and_update();
            if now.replaced != start.replaced {
                return Err(FeedError::Replaced);
            }
            self.send_batches().await?;
            let (idle, ping) = self.limits();
            tokio::select! {
                biased;
                request = self.reader.request() => self.heard(request?)?,
                changed = progress.changed() => {
                    changed.expect("the storage lives as long as its node");
                }
                () = self.node.host.sleep_until(Clock::Monotonic, self.heard_at + idle) => {
                    return Err(FeedError::Silent(idle));
                }
                asked = asked.changed() => {
                    asked.expect("the replicas live as long as their node");
                    self.say("_getack").await?;
                }
                () = self.node.host.sleep_until(Clock::Monotonic, self.sent_at + ping) => {
                    self.say("ping").await?;
                }
            }
        }
    }

    /// Sends what the log has and the replica has not, some batches at a time.
    async fn send_batches(&mut self) -> Result<(), FeedError> {
        loop {
            let message = self.encode_batches()?;
            if message.is_empty() {
                return Ok(());
            }
            self.write(&message).await?;
        }
    }

    fn encode_batches(&mut self) -> Result<BytesMut, FeedError> {
        let log = self.node.storage.log();
        let mut message = BytesMut::new();
        while message.len() < MESSAGE_SIZE && self.next <= log.latest() {
            let batch = log.starting_at(self.next).ok_or(FeedError::Behind(self.next))?;
            resp::encode(&resp::bulk(batch.bytes.clone()), &mut message);
            self.next = batch.last_sequence + 1;
        }
        Ok(message)
    }

    async fn say(&mut self, word: &'static str) -> Result<(), FeedError> {
        let mut message = BytesMut::new();
        resp::encode(&resp::bulk(word), &mut message);
        self.write(&message).await
    }

    fn heard(&mut self, request: Option<Vec<bytes::Bytes>>) -> Result<(), FeedError> {
        let request = request.ok_or(FeedError::Closed)?;
        let [name, option, offset] = request.as_slice() else {
            return Err(FeedError::Unexpected);
        };
        let ack = arguments::is(name, "replconf") && arguments::is(option, "ack");
        let offset = arguments::number(offset).filter(|_| ack).ok_or(FeedError::Unexpected)?;
        self.heard_at = self.node.host.now(Clock::Monotonic);
        self.entry.acknowledged(offset, self.heard_at);
        Ok(())
    }

    /// Writes, each part within the idle timeout.
    async fn write(&mut self, message: &[u8]) -> Result<(), FeedError> {
        let (idle, _) = self.limits();
        for part in message.chunks(MESSAGE_SIZE) {
            let writing = self.writer.write_all(part);
            let written = self.node.host.timeout(Clock::Monotonic, idle, writing).await;
            written.map_err(|_| FeedError::Silent(idle))??;
        }
        self.sent_at = self.node.host.now(Clock::Monotonic);
        if message.len() > 2 * MESSAGE_SIZE {
            // Taking a great batch off the wire is a sign of life; its acknowledgement is due
            // only afterwards.
            self.heard_at = self.sent_at;
        }
        Ok(())
    }

    /// After how long without a word the link is given up, and how often a word is sent.
    fn limits(&self) -> (Duration, Duration) {
        let config = self.node.config.borrow();
        (ms(config.replication_idle_timeout_ms), ms(config.replication_ping_interval_ms))
    }
}

/// The address without its port.
fn ip(peer: &str) -> &str {
    peer.rsplit_once(':').map_or(peer, |(ip, _)| ip)
}

/// Bytes of batches that are sent in one go, if there are so many.
const MESSAGE_SIZE: usize = 64 * 1024;
