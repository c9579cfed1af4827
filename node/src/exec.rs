//! MULTI, EXEC, DISCARD and WATCH: what was queued is executed alone and committed as one batch,
//! or not at all.
//!
//! The trap: the lease is asked once, when the batch is written. Under an expired one nothing of
//! the transaction is applied, and its replies are not sent.

use std::rc::Rc;

use bytes::Bytes;

use crate::command::Command;
use crate::connection::{Body, Response};
use crate::dispatch::{admit, run_at_once};
use crate::error_reply::ErrorReply;
use crate::lease_gate::wall_ms;
use crate::node::Node;
use crate::rehearsal::Rehearsal;
use crate::reply::Reply;
use crate::session::Session;
use crate::transaction::{Queued, Transaction};
use crate::view::{Effect, Outcome, View};

/// `MULTI`
pub(crate) fn multi(session: &mut Session) -> Reply {
    if session.transaction.is_some() {
        return ErrorReply::err("MULTI calls can not be nested").into();
    }
    session.transaction = Some(Transaction::default());
    Reply::ok()
}

/// `DISCARD`
pub(crate) fn discard(session: &mut Session) -> Reply {
    session.watch = None;
    match session.transaction.take() {
        Some(_) => Reply::ok(),
        None => ErrorReply::err("DISCARD without MULTI").into(),
    }
}

/// `WATCH key…`
pub(crate) fn watch(node: &Node, session: &mut Session, keys: &[Bytes]) -> Reply {
    if session.transaction.is_some() {
        return ErrorReply::err("WATCH inside MULTI is not allowed").into();
    }
    let begin = || node.storage.watches().begin(session.id);
    let watch = session.watch.get_or_insert_with(begin);
    let data = node.storage.data();
    let view = View::new(&data, wall_ms(&node.host));
    keys.iter().for_each(|key| watch.add(key, view));
    Reply::ok()
}

/// `EXEC`
pub(crate) async fn exec(node: &Rc<Node>, session: &mut Session) -> Response {
    let watch = session.watch.take();
    let Some(transaction) = session.transaction.take() else {
        return ErrorReply::err("EXEC without MULTI").into();
    };
    if transaction.failed {
        return ErrorReply::with_prefix("EXECABORT", "Transaction discarded").into();
    }
    let now_ms = wall_ms(&node.host);
    let touched = watch.is_some_and(|watch| {
        let data = node.storage.data();
        watch.is_touched(View::new(&data, now_ms))
    });
    if touched {
        return Reply::NullArray.into();
    }
    let effect = run_queued(node, session, &transaction.queued, now_ms);
    if transaction.writes()
        && let Err(error) = node.storage.write(effect.operations).await
    {
        return ErrorReply::err(error).into();
    }
    if !effect.writes.is_empty() {
        session.last_write = node.storage.latest();
    }
    Response { body: Body::Reply(effect.reply), acknowledged: effect.writes }
}

/// Each command is routed again, as the topology may have changed since it was queued.
fn run_queued(node: &Rc<Node>, session: &mut Session, queued: &[Queued], now_ms: u64) -> Effect {
    let mut rehearsal = Rehearsal::begin(&node.storage);
    let (mut replies, mut operations, mut writes) = (Vec::new(), Vec::new(), Vec::new());
    for queued in queued {
        match run_one(node, session, queued, now_ms) {
            Ok(effect) => {
                rehearsal.apply(&effect.operations);
                replies.push(effect.reply);
                operations.extend(effect.operations);
                writes.extend(effect.writes);
            }
            Err(error) => replies.push(error.into()),
        }
    }
    Effect { reply: Reply::Array(replies), operations, writes }
}

fn run_one(node: &Rc<Node>, session: &mut Session, queued: &Queued, now_ms: u64) -> Outcome {
    admit(node, session, &queued.keys.0, queued.write)?;
    match &queued.command {
        Command::Data(command) => command.run(View::new(&node.storage.data(), now_ms)),
        command => Ok(Effect::read(run_at_once(node, session, command))),
    }
}
