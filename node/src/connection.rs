//! One connection: requests in, replies out, in order. Reading goes on while replies wait to be
//! written, and every request that arrived is executed even if nobody reads its reply any more:
//! what was buffered during a hang is processed on resume.
//!
//! The trap: a write is acknowledged when its reply enters the output buffer here, whatever the
//! network and the client do with it.

use std::io;
use std::pin::pin;
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use host::{Clock, Observation, Stream, Write};
use tokio::io::{AsyncWriteExt, ReadHalf, WriteHalf};

use crate::ack_gate;
use crate::clients::ClientFacts;
use crate::dispatch;
use crate::error_reply::ErrorReply;
use crate::node::Node;
use crate::replication::master;
use crate::reply::Reply;
use crate::resp::{FrameReader, RespError};
use crate::session::Session;
use crate::wait::Wait;

/// What a command answers.
#[derive(Debug)]
pub(crate) struct Response {
    /// What is sent.
    pub(crate) body: Body,
    /// The writes that it acknowledges.
    pub(crate) acknowledged: Vec<Write>,
}

/// What is sent to the client, and what becomes of the connection.
#[derive(Debug)]
pub(crate) enum Body {
    /// A reply.
    Reply(Reply),
    /// Bytes that are no RESP, for replicas.
    Raw(Bytes),
    /// A reply, and then the connection is closed.
    LastReply(Reply),
    /// The reply comes when replicas have acknowledged enough.
    Wait(Wait),
    /// The connection becomes a stream of batches.
    Stream(master::Start),
}

impl<R: Into<Reply>> From<R> for Response {
    fn from(reply: R) -> Self {
        Response { body: Body::Reply(reply.into()), acknowledged: Vec::new() }
    }
}

/// Serves a connection until it ends.
pub(crate) async fn serve(node: Rc<Node>, stream: Stream, peer: String) {
    let (reader, writer) = tokio::io::split(stream);
    let id = node.next_connection();
    let client = ClientFacts::new(id, peer, node.host.now(Clock::Monotonic));
    node.clients.enter(client.clone());
    let session = Session::new(client);
    let connection = Connection {
        reader: FrameReader::new(reader),
        output: Output { writer, buffer: BytesMut::new(), writable: true },
    };
    connection.run(&node, session).await;
    node.clients.leave(id);
}

struct Connection {
    reader: FrameReader<ReadHalf<Stream>>,
    output: Output,
}

/// How a connection goes on after a request.
enum Next {
    Request,
    Wait(Wait),
    Close,
    Stream(master::Start),
}

impl Connection {
    async fn run(mut self, node: &Rc<Node>, mut session: Session) {
        loop {
            match self.request().await {
                Ok(Some(args)) => match self.answer(node, &mut session, args).await {
                    Next::Request => {}
                    Next::Wait(wait) => self.wait(node, &session, &wait).await,
                    Next::Close => break,
                    Next::Stream(start) => {
                        let Connection { reader, output: Output { writer, buffer, .. } } = self;
                        let ends = (reader, writer);
                        return master::feed(node, &session, ends, buffer, start).await;
                    }
                },
                Ok(None) | Err(RespError::Io(_) | RespError::UnexpectedEof) => break,
                Err(error) => {
                    let reply = Reply::from(ErrorReply::err(error));
                    reply.encode(session.protocol(), &mut self.output.buffer);
                    break;
                }
            }
        }
        self.output.drain().await;
    }

    /// The next request, while replies are being written.
    async fn request(&mut self) -> Result<Option<Vec<Bytes>>, RespError> {
        let Connection { reader, output } = self;
        loop {
            tokio::select! {
                biased;
                written = output.write_some(), if !output.is_empty() => output.written(written),
                request = reader.request(), if output.has_room() => return request,
            }
        }
    }

    /// Executes one request and hands its reply over. The lock is held until then, so that no
    /// topology change comes between a write and its acknowledgement.
    async fn answer(&mut self, node: &Rc<Node>, session: &mut Session, args: Vec<Bytes>) -> Next {
        let (Response { mut body, acknowledged }, _guard) =
            dispatch::dispatch(node, session, &args).await;
        if !acknowledged.is_empty() {
            if let Some(stall) = node.host.point("before-reply") {
                stall.await;
            }
            // No await from here on: what is checked holds when the reply is handed over.
            match ack_gate::check(node) {
                Ok(()) => node.host.observe(Observation::Acknowledged { writes: acknowledged }),
                Err(refusal) => body = Body::Reply(refusal.into()),
            }
        }
        let buffer = &mut self.output.buffer;
        match body {
            Body::Reply(reply) => {
                reply.encode(session.protocol(), buffer);
                Next::Request
            }
            Body::Wait(wait) => Next::Wait(wait),
            Body::Raw(bytes) => {
                buffer.extend_from_slice(&bytes);
                Next::Request
            }
            Body::LastReply(reply) => {
                reply.encode(session.protocol(), buffer);
                Next::Close
            }
            Body::Stream(start) => Next::Stream(start),
        }
    }

    /// Waits without the lock, while earlier replies are being written, until the reply is there
    /// or the client is gone.
    async fn wait(&mut self, node: &Node, session: &Session, wait: &Wait) {
        let Connection { reader, output } = self;
        let mut reply = pin!(wait.reply(node));
        let mut gone = pin!(reader.closed());
        loop {
            tokio::select! {
                biased;
                reply = &mut reply => {
                    return reply.encode(session.protocol(), &mut output.buffer);
                }
                written = output.write_some(), if !output.is_empty() => output.written(written),
                () = &mut gone => return,
            }
        }
    }
}

/// Replies on their way out.
struct Output {
    writer: WriteHalf<Stream>,
    buffer: BytesMut,
    writable: bool,
}

impl Output {
    fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Whether more requests may be read: a client that never reads must not fill the memory.
    fn has_room(&self) -> bool {
        self.buffer.len() < OUTPUT_MAX
    }

    async fn write_some(&mut self) -> io::Result<usize> {
        if !self.writable {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.writer.write_buf(&mut self.buffer).await
    }

    /// After a failed write nobody reads any more, but what was asked is still executed.
    fn written(&mut self, written: io::Result<usize>) {
        if !matches!(written, Ok(1..)) {
            self.writable = false;
            self.buffer.clear();
        }
    }

    async fn drain(&mut self) {
        while !self.is_empty() {
            let written = self.write_some().await;
            self.written(written);
        }
        // The peer may be gone; there is nobody to tell.
        let _ = self.writer.shutdown().await;
    }
}

/// Bytes of replies that may wait while more requests are read.
const OUTPUT_MAX: usize = 16 * 1024 * 1024;
