//! The replica's end of a replication link: shake hands, follow the stream, and begin again
//! whenever it breaks.
//!
//! The trap: the task can be dropped at any await when the role changes. Only the storage's own
//! steps are finished then.

use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use host::{Clock, Link};
use redis_protocol::resp2::types::Resp2Frame;

use super::link::{LinkError, MasterLink, expect_ok};
use super::{LinkState, full_sync, ms};
use crate::batch::Batch;
use crate::node::Node;
use crate::resp::Frame;
use crate::storage::WriteError;

/// Follows a master for ever.
pub(super) async fn follow(node: Rc<Node>, state: Rc<LinkState>, host: String, port: u16) {
    loop {
        let Err(mut ended) = follow_once(&node, &state, &host, port).await;
        if let LinkError::NeedsFullSync(reason) = &ended {
            tracing::info!("full sync from {host}:{port}: {reason}");
            match full_sync::take(&node, &state, &host, port).await {
                Ok(()) => continue,
                Err(error) => ended = error,
            }
        }
        tracing::info!("the replication link to {host}:{port} ended: {ended}");
        state.set(&node, Link::Connecting);
        let pause = retry_after(&node, &ended);
        node.host.sleep(Clock::Monotonic, pause).await;
    }
}

fn retry_after(node: &Node, ended: &LinkError) -> Duration {
    let config = node.config.borrow();
    match ended {
        LinkError::Connection(_) => ms(config.replication_connection_retry_ms),
        _ => ms(config.replication_error_retry_ms),
    }
}

async fn follow_once(
    node: &Rc<Node>,
    state: &LinkState,
    host: &str,
    port: u16,
) -> Result<Infallible, LinkError> {
    state.set(node, Link::Connecting);
    if node.former.was_master() {
        return Err(LinkError::NeedsFullSync("this node was a master".to_owned()));
    }
    let mut link = MasterLink::connect(node, host, port).await?;
    shake_hands(node, &mut link).await?;
    state.set(node, Link::Streaming);
    let mut ack = Acknowledger { sent_at: None };
    ack.send_if_due(node, &mut link).await?;
    loop {
        let message = link.frame().await?;
        state.heard_at.set(node.host.now(Clock::Monotonic));
        match message {
            Frame::BulkString(ping) if ping == "ping" => {}
            Frame::BulkString(word) if word == "_getack" => ack.sent_at = None,
            Frame::BulkString(batch) => apply(node, &batch).await?,
            other => {
                return Err(LinkError::Protocol(format!("unexpected {:?}", other.kind())));
            }
        }
        ack.send_if_due(node, &mut link).await?;
    }
}

async fn shake_hands(node: &Node, link: &mut MasterLink) -> Result<(), LinkError> {
    let own_name = node.config.borrow().db_name.clone();
    link.send(&["_db_name"]).await?;
    let name = link.line().await?;
    if name != own_name {
        let error = format!("the master's database is `{name}`, not `{own_name}`");
        return Err(LinkError::Protocol(error));
    }
    link.send(&["replconf", "listening-port", &node.port().to_string()]).await?;
    expect_ok(link.frame().await?)?;
    psync(node, link).await
}

/// Asks to be continued, by replication id and sequence number if there is an id.
async fn psync(node: &Node, link: &mut MasterLink) -> Result<(), LinkError> {
    let next = (node.storage.latest() + 1).to_string();
    let ids = node.config.borrow().use_rsid_psync;
    if let Some(id) = node.storage.replication_id().filter(|_| ids) {
        link.send(&[b"PSYNC", id.as_bytes(), next.as_bytes()]).await?;
        match link.frame().await? {
            // A master that knows no ids is asked as it understands.
            Frame::Error(text) if text.contains("wrong number of arguments") => {}
            reply => return continued(reply),
        }
    }
    link.send(&["PSYNC", &next]).await?;
    continued(link.frame().await?)
}

fn continued(reply: Frame) -> Result<(), LinkError> {
    expect_ok(reply).map_err(|error| match error {
        LinkError::Protocol(reason) => LinkError::NeedsFullSync(reason),
        other => other,
    })
}

async fn apply(node: &Node, bytes: &Bytes) -> Result<(), LinkError> {
    let batch = Batch::decode(bytes).map_err(|error| LinkError::Protocol(error.to_string()))?;
    node.storage.apply_replicated(batch).await.map_err(|error| match error {
        WriteError::Io(_) => LinkError::Connection(error.to_string()),
        _ => LinkError::Protocol(error.to_string()),
    })
}

/// Tells the master how far this node is, not more often than the option says.
struct Acknowledger {
    sent_at: Option<Duration>,
}

impl Acknowledger {
    async fn send_if_due(&mut self, node: &Node, link: &mut MasterLink) -> Result<(), LinkError> {
        let interval = ms(node.config.borrow().replication_ack_interval_ms);
        let now = node.host.now(Clock::Monotonic);
        if self.sent_at.is_some_and(|sent_at| now < sent_at.saturating_add(interval)) {
            return Ok(());
        }
        self.sent_at = Some(now);
        link.send(&["replconf", "ack", &node.storage.latest().to_string()]).await
    }
}
