//! The admin port: takes requests of controllers and answers them in order.
//!
//! What this is not: a judge of who leads. Whoever reaches the port is obeyed; and unless older
//! redirects are refused, one that was held up is obeyed when it arrives, also after a later one.
//!
//! The trap: an acknowledged redirect says where new flows go. It says something about flows
//! that were there before only where they are severed.

use std::rc::Rc;

use bytes::Bytes;
use host::Stream;
use node::request_server::{self, error_reply};
use node::resp::{self, Frame};

use crate::admin_request::AdminRequest;
use crate::balancer::Balancer;
use crate::route::Route;

/// Serves one admin connection until it ends, breaks the protocol, or is silent for too long.
pub(crate) async fn serve(balancer: Rc<Balancer>, stream: Stream) {
    let idle = balancer.config().idle_timeout();
    let answer = async |words: &[Bytes]| answer(&balancer, words).await;
    request_server::serve(balancer.host(), stream, idle, answer).await;
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
