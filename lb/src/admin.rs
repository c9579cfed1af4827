//! The admin port: takes requests of controllers and answers them in order.
//!
//! What this is not: a judge of who leads. Whoever reaches the port is obeyed, and a redirect
//! that was held up is obeyed when it arrives, also after a later one.
//!
//! The trap: an acknowledged redirect says where new flows go. It says nothing about flows
//! that were there before.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use host::{Clock, Host, Observation, Stream};
use node::resp::{self, Frame, FrameReader, RespError};
use tokio::io::AsyncWriteExt;

use crate::admin_request::AdminRequest;
use crate::route::Routes;

/// Serves one admin connection until it ends, breaks the protocol, or is silent for `idle`.
pub(crate) async fn serve(host: Host, routes: Rc<RefCell<Routes>>, stream: Stream, idle: Duration) {
    let mut stream = FrameReader::new(stream);
    loop {
        let reply = match host.timeout(Clock::Monotonic, idle, stream.request()).await {
            Ok(Ok(Some(words))) => answer(&host, &routes, &words).await,
            Ok(Err(error @ (RespError::TooLarge { .. } | RespError::Malformed { .. }))) => {
                // The stream is out of step: the last thing that it is told is why.
                let _ = send(&host, &mut stream, &error_reply(error), idle).await;
                return;
            }
            Ok(Ok(None) | Err(RespError::Io(_) | RespError::UnexpectedEof)) | Err(_) => return,
        };
        if send(&host, &mut stream, &reply, idle).await.is_err() {
            return;
        }
    }
}

async fn answer(host: &Host, routes: &RefCell<Routes>, words: &[Bytes]) -> Frame {
    let request = match AdminRequest::parse(words) {
        Ok(request) => request,
        Err(error) => return error_reply(error),
    };
    match request {
        AdminRequest::Ping => Frame::SimpleString(Bytes::from_static(b"PONG")),
        AdminRequest::Route { shard } => match routes.borrow().target(shard) {
            Ok(Some(target)) => resp::bulk(target.to_string()),
            Ok(None) => Frame::Null,
            Err(error) => error_reply(error),
        },
        AdminRequest::Redirect { shard, target } => {
            if let Some(stall) = host.point("before-redirect") {
                stall.await;
            }
            let routed = Observation::Routed { shard, target: target.to_string() };
            let redirected = routes.borrow_mut().redirect(shard, target);
            match redirected {
                Ok(()) => {
                    host.observe(routed);
                    resp::ok()
                }
                Err(error) => error_reply(error),
            }
        }
    }
}

fn error_reply(error: impl std::error::Error) -> Frame {
    resp::error(format!("ERR {error}"))
}

async fn send(
    host: &Host,
    stream: &mut FrameReader<Stream>,
    reply: &Frame,
    limit: Duration,
) -> std::io::Result<()> {
    let mut bytes = BytesMut::new();
    resp::encode(reply, &mut bytes);
    let writing = async {
        let stream = stream.get_mut();
        stream.write_all(&bytes).await?;
        stream.flush().await
    };
    host.timeout(Clock::Monotonic, limit, writing).await?
}
