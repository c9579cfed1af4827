//! What happens to a request, in upstream's order: known? lock; loading? arity, parse, allowed in
//! MULTI? routed here? queued? Then it is executed.
//!
//! Two of upstream's checks have nothing to check here: `NOAUTH`, as there are no passwords, and
//! `READONLY`, as every write names keys and so is answered with MOVED by a replica.
//!
//! The trap: the lock covers routing *and* execution *and* the handing over of the reply. The
//! caller drops it.

use std::rc::Rc;

use bytes::Bytes;
use tokio::sync::{RwLockReadGuard, RwLockWriteGuard};

use crate::arguments;
use crate::command::{self, Command, CommandSpec};
use crate::connection::{Body, Response};
use crate::data_commands::{DataCommand, Effect};
use crate::error_reply::ErrorReply;
use crate::lease_gate;
use crate::node::Node;
use crate::resp::{self, Frame};
use crate::routing::{self, Access};
use crate::server_commands::ServerCommand;
use crate::session::Session;
use crate::storage::WriteError;
use crate::transaction::{Overlay, Queued, Transaction};

/// Keeps topology changes out, or everything else.
pub(crate) enum Guard<'a> {
    /// The command was unknown and needed no lock.
    None,
    /// Beside others.
    Shared(#[allow(dead_code, reason = "held, never read")] RwLockReadGuard<'a, ()>),
    /// Alone.
    Exclusive(#[allow(dead_code, reason = "held, never read")] RwLockWriteGuard<'a, ()>),
}

/// Executes a request. The guard is to be dropped when the reply has been handed over.
pub(crate) async fn dispatch<'a>(
    node: &'a Rc<Node>,
    session: &mut Session,
    args: &[Bytes],
) -> (Response, Guard<'a>) {
    let Some(spec) = command::find(&args[0]) else {
        session.refused();
        return (unknown(args).into(), Guard::None);
    };
    let guard = if spec.is_exclusive(args) {
        Guard::Exclusive(node.exclusivity.write().await)
    } else {
        Guard::Shared(node.exclusivity.read().await)
    };
    let response = match check(node, session, spec, args) {
        Ok(Checked::Execute(command)) => execute(node, session, command).await,
        Ok(Checked::Queued) => Frame::SimpleString(Bytes::from_static(b"QUEUED")).into(),
        Err(error) => {
            session.refused();
            error.into()
        }
    };
    (response, guard)
}

enum Checked {
    Execute(Command),
    Queued,
}

fn check(
    node: &Node,
    session: &mut Session,
    spec: &CommandSpec,
    args: &[Bytes],
) -> Result<Checked, ErrorReply> {
    if node.is_loading() && !spec.flags.ok_loading {
        return Err(loading());
    }
    if !spec.accepts(args.len()) {
        return Err(ErrorReply::arity());
    }
    let command = (spec.parse)(args)?;
    if session.transaction.is_some() && spec.flags.no_multi {
        return Err(ErrorReply::err(format!("Can't execute {} in MULTI", spec.name)));
    }
    let keys = spec.keys(args);
    route(node, session, &keys.0, spec.flags.write)?;
    match &mut session.transaction {
        Some(transaction) if !spec.flags.bypass_multi => {
            transaction.queued.push(Queued { command, keys, write: spec.flags.write });
            Ok(Checked::Queued)
        }
        _ => Ok(Checked::Execute(command)),
    }
}

fn route(node: &Node, session: &Session, keys: &[Bytes], write: bool) -> Result<(), ErrorReply> {
    let config = node.config.borrow();
    if !config.cluster_enabled {
        return Ok(());
    }
    let access = Access { write, readonly_connection: session.readonly };
    routing::route(&node.cluster.borrow(), keys, access, config.moved).map_err(ErrorReply::from)
}

async fn execute(node: &Rc<Node>, session: &mut Session, command: Command) -> Response {
    match command {
        Command::Data(command) => data(node, &command).await,
        Command::Server(ServerCommand::Quit) => {
            Response { body: Body::LastFrame(resp::ok()), acknowledged: Vec::new() }
        }
        Command::Multi => multi(session).into(),
        Command::Discard => match session.transaction.take() {
            Some(_) => resp::ok().into(),
            None => ErrorReply::err("DISCARD without MULTI").into(),
        },
        Command::Exec => exec(node, session).await,
        Command::Clusterx(_) if !node.config.borrow().cluster_enabled => not_a_cluster().into(),
        Command::Clusterx(command) => frame(command.run(node).await).into(),
        Command::ConfigGet(pattern) => config_get(node, &pattern).into(),
        Command::ConfigSet(name, value) => {
            frame(node.set_option(&name, &value).await.map(|()| resp::ok())).into()
        }
        Command::Replication(command) => command.run(node, session),
        at_once @ (Command::Server(_) | Command::Cluster(_)) => {
            run_at_once(node, session, &at_once).into()
        }
    }
}

/// A command that neither waits nor writes.
fn run_at_once(node: &Node, session: &mut Session, command: &Command) -> Frame {
    match command {
        Command::Server(command) => command.run(node, session),
        Command::Cluster(_) if !node.config.borrow().cluster_enabled => not_a_cluster().into(),
        Command::Cluster(command) => {
            frame(command.run(&node.cluster.borrow(), lease_gate::wall_ms(&node.host)))
        }
        other => unreachable!("{other:?} is flagged no-multi or handled elsewhere"),
    }
}

async fn data(node: &Node, command: &DataCommand) -> Response {
    let Some(keys) = command.keys_written() else {
        return command.run(&*node.storage.data()).reply.into();
    };
    // What is read stays true until it is written.
    let _held = node.storage.lock_keys(&keys).await;
    let Effect { reply, operations, writes } = command.run(&*node.storage.data());
    if matches!(reply, Frame::Error(_)) {
        return reply.into();
    }
    match node.storage.write(operations).await {
        Ok(()) => Response { body: Body::Frame(reply), acknowledged: writes },
        Err(error) => refused(&error).into(),
    }
}

fn multi(session: &mut Session) -> Frame {
    if session.transaction.is_some() {
        return ErrorReply::err("MULTI calls can not be nested").into();
    }
    session.transaction = Some(Transaction::default());
    resp::ok()
}

/// Executes what was queued, and commits its writes as one batch, or none of them.
async fn exec(node: &Rc<Node>, session: &mut Session) -> Response {
    let Some(transaction) = session.transaction.take() else {
        return ErrorReply::err("EXEC without MULTI").into();
    };
    if transaction.failed {
        return ErrorReply::with_prefix("EXECABORT", "Transaction discarded").into();
    }
    let writes_at_all = transaction.queued.iter().any(|queued| queued.write);
    let Effect { reply, operations, writes } = run_queued(node, session, &transaction.queued);
    if writes_at_all && let Err(error) = node.storage.write(operations).await {
        return refused(&error).into();
    }
    Response { body: Body::Frame(reply), acknowledged: writes }
}

/// Each command is routed again, as the topology may have changed since it was queued.
fn run_queued(node: &Node, session: &mut Session, queued: &[Queued]) -> Effect {
    let data = node.storage.data();
    let mut overlay = Overlay::new(&data);
    let (mut replies, mut all_operations, mut all_writes) = (Vec::new(), Vec::new(), Vec::new());
    for Queued { command, keys, write } in queued {
        if let Err(error) = route(node, session, &keys.0, *write) {
            replies.push(error.into());
            continue;
        }
        let Command::Data(command) = command else {
            replies.push(run_at_once(node, session, command));
            continue;
        };
        let Effect { reply, operations, writes } = command.run(&overlay);
        overlay.apply(&operations);
        replies.push(reply);
        all_operations.extend(operations);
        all_writes.extend(writes);
    }
    Effect { reply: resp::array(replies), operations: all_operations, writes: all_writes }
}

/// Names and values of the options that the pattern names: one option, or `*` for all.
fn config_get(node: &Node, pattern: &str) -> Frame {
    let config = node.config.borrow();
    let wanted =
        config.options().filter(|(name, _)| pattern == "*" || name.eq_ignore_ascii_case(pattern));
    resp::array(wanted.flat_map(|(name, value)| [resp::bulk(name), resp::bulk(value)]).collect())
}

fn frame(result: Result<Frame, ErrorReply>) -> Frame {
    result.unwrap_or_else(Frame::from)
}

fn refused(error: &WriteError) -> ErrorReply {
    ErrorReply::err(error.to_string())
}

fn loading() -> ErrorReply {
    ErrorReply::with_prefix("LOADING", "kvrocks is restoring the db from backup")
}

fn not_a_cluster() -> ErrorReply {
    ErrorReply::err("Cluster mode is not enabled")
}

fn unknown(args: &[Bytes]) -> ErrorReply {
    let name = arguments::text(&args[0]);
    let shown: Vec<String> =
        args[1..].iter().take(8).map(|arg| format!("`{}`", arguments::text(arg))).collect();
    let shown = shown.join(", ");
    ErrorReply::err(format!("unknown command `{name}`, with args beginning with: {shown}"))
}
