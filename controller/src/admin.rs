//! The admin port of a controller, over RESP:
//!
//! | request | reply |
//! |---|---|
//! | `PING` | `+PONG` |
//! | `LEADER` | the name of the leader as this controller heard of it last, null if it has not |
//! | `SWITCHOVER shard [id] [FORCE]` | the id of the new master: this node, or the best candidate; see `switchover`. To the leader only |
//! | `ACTIVATE shard id [UNLEASED]` | the version under which this node is master, whoever leads; see `activation` |
//! | `VOTE shard id` | `+YES` if this controller does not reach that master of the shard, else `+NO`; see `peer_vote` |
//! | `RESIGN` | `+OK` once the session has ended in the store; an error if that is not known. Leadership is given up in any case |
//!
//! What this is not: an HTTP API, and nobody is asked for a password.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use host::{Clock, Listener, Stream};
use node::request_server::{self, error_reply};
use node::resp::{self, Frame};

use crate::admin_request::AdminRequest;
use crate::controller::Controller;

/// Takes admin connections for ever.
pub(crate) async fn listen(controller: Rc<Controller>, mut listener: Box<dyn Listener>) {
    let host = controller.host.clone();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                host.spawn(serve(controller.clone(), stream));
            }
            Err(error) => {
                controller.note(format!("cannot accept: {error}"));
                host.sleep(Clock::Monotonic, ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(controller: Rc<Controller>, stream: Stream) {
    let answer = async |words: &[Bytes]| answer(&controller, words).await;
    request_server::serve(&controller.host, stream, IDLE_MAX, answer).await;
}

async fn answer(controller: &Rc<Controller>, words: &[Bytes]) -> Frame {
    let request = match AdminRequest::parse(words) {
        Ok(request) => request,
        Err(error) => return error_reply(error),
    };
    match request {
        AdminRequest::Ping => Frame::SimpleString(Bytes::from_static(b"PONG")),
        AdminRequest::Leader => controller.leader().map_or(Frame::Null, resp::bulk),
        AdminRequest::Switchover(order) => match controller.switch_over(order).await {
            Ok(master) => resp::bulk(master),
            Err(error) => error_reply(error),
        },
        AdminRequest::Activate(activation) => match controller.activate(&activation).await {
            Ok(version) => resp::integer(version),
            Err(error) => error_reply(error),
        },
        AdminRequest::Vote { shard, failing } => {
            let vote = if controller.vote(shard, &failing).await { "YES" } else { "NO" };
            Frame::SimpleString(Bytes::from_static(vote.as_bytes()))
        }
        AdminRequest::Resign => match controller.resign().await {
            Ok(()) => resp::ok(),
            Err(error) => error_reply(error),
        },
    }
}

/// How long a connection may be silent.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// How long to wait after a failed accept; its reason (no descriptors left, say) tells nobody
/// when it is over.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
