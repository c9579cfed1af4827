//! The admin port: takes requests of controllers and answers them in order.
//!
//! What this is not: a judge of who leads. Whoever reaches the port is obeyed; and unless older
//! redirects are refused, one that was held up is obeyed when it arrives, also after a later one.
//!
//! The trap: an acknowledged redirect says where new flows go. It says something about flows
//! that were there before only where they are severed.

use std::rc::Rc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use host::{Clock, Host, Stream};
use node::resp::{self, Frame, FrameReader, RespError};
use tokio::io::AsyncWriteExt;

use crate::admin_request::AdminRequest;
use crate::balancer::Balancer;
use crate::route::Route;

/// Serves one admin connection until it ends, breaks the protocol, or is silent for too long.
pub(crate) async fn serve(balancer: Rc<Balancer>, stream: Stream) {
    let (host, idle) = (balancer.host(), balancer.config().idle_timeout());
    let mut stream = FrameReader::new(stream);
    loop {
        let reply = match host.timeout(Clock::Monotonic, idle, stream.request()).await {
            Ok(Ok(Some(words))) => answer(&balancer, &words).await,
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

async fn answer(balancer: &Balancer, words: &[Bytes]) -> Frame {
    let request = match AdminRequest::parse(words) {
        Ok(request) => request,
        Err(error) => return error_reply(error),
    };
    match request {
        AdminRequest::Ping => Frame::SimpleString(Bytes::from_static(b"PONG")),
        AdminRequest::Route { shard } => match balancer.route(shard) {
            Ok(route) => route_reply(route),
            Err(error) => error_reply(error),
        },
        AdminRequest::Redirect(redirect) => match balancer.redirect(redirect).await {
            Ok(()) => resp::ok(),
            Err(error) => resp::error(error.to_string()),
        },
    }
}

/// `[host:port, version]`, with null for no version; null for no target.
fn route_reply(Route { target, version }: Route) -> Frame {
    target.map_or(Frame::Null, |target| {
        let version = version.map_or(Frame::Null, Frame::Integer);
        resp::array(vec![resp::bulk(target.to_string()), version])
    })
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
