//! What happens to a request, in upstream's order: known? trusted? lock; loading? arity, parse,
//! allowed in MULTI? routed here? queued? read-only? Then it is executed.
//!
//! The trap: the lock covers routing *and* execution *and* the handing over of the reply. The
//! caller drops it. A command that a pause holds back waits before it takes the lock.

use std::rc::Rc;

use bytes::Bytes;
use host::Clock;
use tokio::sync::{RwLockReadGuard, RwLockWriteGuard};

use crate::arguments;
use crate::cluster_commands::ClusterCommand;
use crate::command::{self, Command, CommandSpec, KeySpec, Keys};
use crate::connection::{Body, Response};
use crate::data_commands::DataCommand;
use crate::error_reply::ErrorReply;
use crate::exec;
use crate::glob;
use crate::hello;
use crate::lease_gate::wall_ms;
use crate::node::Node;
use crate::pause::Paused;
use crate::reply::Reply;
use crate::routing::{self, Access};
use crate::server_commands::ServerCommand;
use crate::session::Session;
use crate::transaction::Queued;
use crate::view::{Effect, View};
use crate::wait;

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
    session.client.command.set(spec.name);
    session.client.heard_at.set(node.host.now(Clock::Monotonic));
    if !spec.flags.no_auth && !hello::is_trusted(node, session) {
        session.refused();
        return (ErrorReply::no_auth().into(), Guard::None);
    }
    let guard = enter(node, session, spec, args).await;
    let response = match check(node, session, spec, args) {
        Ok(Checked::Execute(command, keys)) => {
            execute(node, session, command, &keys.0, spec.flags.write).await
        }
        Ok(Checked::Queued) => Reply::line("QUEUED").into(),
        Err(error) => {
            session.refused();
            error.into()
        }
    };
    (response, guard)
}

/// Takes the lock when no pause holds the command back.
async fn enter<'a>(
    node: &'a Node,
    session: &Session,
    spec: &CommandSpec,
    args: &[Bytes],
) -> Guard<'a> {
    let borne = pause_borne(session, spec);
    loop {
        if node.pause.now() > borne {
            node.pause.until_at_most(borne).await;
        }
        let guard = if spec.is_exclusive(args) {
            Guard::Exclusive(node.exclusivity.write().await)
        } else {
            Guard::Shared(node.exclusivity.read().await)
        };
        // It may have begun while the lock was waited for.
        if node.pause.now() <= borne {
            return guard;
        }
    }
}

/// The greatest pause under which a request runs.
fn pause_borne(session: &Session, spec: &CommandSpec) -> Paused {
    let queues = session.transaction.is_some() && !spec.flags.bypass_multi;
    let commits = spec.name == "exec";
    let writes = match &session.transaction {
        Some(transaction) if commits => transaction.writes(),
        _ => spec.flags.write,
    };
    match (queues, writes) {
        (true, _) => Paused::All,
        (false, true) => Paused::Nothing,
        (false, false) if commits || spec.keys != KeySpec::None => Paused::Writes,
        (false, false) => Paused::All,
    }
}

enum Checked {
    Execute(Command, Keys),
    Queued,
}

fn check(
    node: &Node,
    session: &mut Session,
    spec: &CommandSpec,
    args: &[Bytes],
) -> Result<Checked, ErrorReply> {
    let loading_now = if spec.flags.order { node.is_swapping() } else { node.is_loading() };
    if loading_now && !spec.flags.ok_loading {
        return Err(loading());
    }
    if !spec.accepts(args.len()) {
        return Err(ErrorReply::arity());
    }
    let command = (spec.parse)(args)?;
    let alone = spec.flags.no_multi || command == Command::Cluster(ClusterCommand::Reset);
    if session.transaction.is_some() && alone {
        return Err(ErrorReply::err(format!("Can't execute {} in MULTI", spec.name)));
    }
    let keys = spec.keys(args);
    route(node, session, &keys.0, spec.flags.write)?;
    match &mut session.transaction {
        Some(transaction) if !spec.flags.bypass_multi => {
            transaction.queued.push(Queued { command, keys, write: spec.flags.write });
            Ok(Checked::Queued)
        }
        _ => {
            check_read_only(node, spec.flags.write)?;
            Ok(Checked::Execute(command, keys))
        }
    }
}

/// Whether a command may run here: the last check, before it is executed and once more before
/// it is executed by EXEC.
///
/// # Errors
/// `MOVED` and its like, and `READONLY`.
pub(crate) fn admit(
    node: &Node,
    session: &Session,
    keys: &[Bytes],
    write: bool,
) -> Result<(), ErrorReply> {
    route(node, session, keys, write)?;
    check_read_only(node, write)
}

fn route(node: &Node, session: &Session, keys: &[Bytes], write: bool) -> Result<(), ErrorReply> {
    let config = node.config.borrow();
    if !config.cluster_enabled {
        return Ok(());
    }
    let access = Access { write, readonly_connection: session.readonly };
    routing::route(&node.cluster.borrow(), keys, access, config.moved).map_err(ErrorReply::from)
}

/// In a cluster a replica answers writes with `MOVED`; those without a key come to this.
fn check_read_only(node: &Node, write: bool) -> Result<(), ErrorReply> {
    if write && node.following.borrow().is_some() {
        let text = "You can't write against a read only slave.";
        return Err(ErrorReply::with_prefix("READONLY", text));
    }
    Ok(())
}

async fn execute(
    node: &Rc<Node>,
    session: &mut Session,
    command: Command,
    keys: &[Bytes],
    write: bool,
) -> Response {
    match command {
        Command::Data(command) if write => write_data(node, session, &command, keys).await,
        Command::Server(ServerCommand::Quit) => {
            Response { body: Body::LastReply(Reply::ok()), acknowledged: Vec::new() }
        }
        Command::Multi => exec::multi(session).into(),
        Command::Discard => exec::discard(session).into(),
        Command::Exec => exec::exec(node, session).await,
        Command::Watch(keys) => exec::watch(node, session, &keys).into(),
        Command::Auth(password) => reply(hello::authenticate(node, session, &password)).into(),
        Command::Hello(hello) => reply(hello.run(node, session)).into(),
        Command::Reset => hello::reset(session).into(),
        Command::Wait(_) if node.following.borrow().is_some() => wait::not_a_master().into(),
        Command::Wait(wait) => {
            let wait = wait.for_sequence(session.last_write);
            Response { body: Body::Wait(wait), acknowledged: Vec::new() }
        }
        Command::Clusterx(_) | Command::Cluster(_) if !node.config.borrow().cluster_enabled => {
            not_a_cluster().into()
        }
        Command::Clusterx(command) => reply(command.run(node).await).into(),
        Command::Cluster(ClusterCommand::Reset) => reply(node.reset_cluster().await).into(),
        Command::Server(ServerCommand::ReplicaOf(master)) => {
            reply(node.replica_of(master).await).into()
        }
        Command::ConfigGet(patterns) => config_get(node, &patterns).into(),
        Command::ConfigSet(name, value) => {
            reply(node.set_option(&name, &value).await.map(|()| Reply::ok())).into()
        }
        Command::Replication(command) => command.run(node, session),
        at_once => run_at_once(node, session, &at_once).into(),
    }
}

/// A command that neither waits nor writes.
pub(crate) fn run_at_once(node: &Rc<Node>, session: &mut Session, command: &Command) -> Reply {
    let now_ms = wall_ms(&node.host);
    match command {
        Command::Data(command) => {
            let outcome = command.run(View::new(&node.storage.data(), now_ms));
            reply(outcome.map(|effect| effect.reply))
        }
        Command::Scan(scan) => {
            reply(scan.run(&node.cursors, View::new(&node.storage.data(), now_ms)))
        }
        Command::Server(command) => command.run(node, session),
        Command::Client(command) => command.run(node, session),
        Command::Commands(command) => command.run(),
        Command::Unwatch => {
            session.watch = None;
            Reply::ok()
        }
        Command::Cluster(_) if !node.config.borrow().cluster_enabled => not_a_cluster().into(),
        Command::Cluster(command) => reply(command.run(&node.cluster.borrow(), now_ms)),
        other => unreachable!("{other:?} is flagged no-multi or handled elsewhere"),
    }
}

async fn write_data(
    node: &Node,
    session: &mut Session,
    command: &DataCommand,
    keys: &[Bytes],
) -> Response {
    // What is read stays true until it is written.
    let _held = match keys {
        [] => node.storage.lock_all_keys().await,
        keys => node.storage.lock_keys(keys).await,
    };
    let outcome = command.run(View::new(&node.storage.data(), wall_ms(&node.host)));
    let Effect { reply, operations, writes } = match outcome {
        Ok(effect) => effect,
        Err(error) => return error.into(),
    };
    if let Err(error) = node.storage.write(operations).await {
        return ErrorReply::err(error).into();
    }
    if !writes.is_empty() {
        session.last_write = node.storage.latest();
    }
    Response { body: Body::Reply(reply), acknowledged: writes }
}

/// Names and values of the options that the patterns name.
fn config_get(node: &Node, patterns: &[Bytes]) -> Reply {
    let config = node.config.borrow();
    let wanted = |name: &str| {
        let lower = |pattern: &Bytes| pattern.to_ascii_lowercase();
        patterns.iter().any(|pattern| glob::matches(&lower(pattern), name.as_bytes()))
    };
    let options = config.options().filter(|(name, _)| wanted(name));
    Reply::Map(options.map(|(name, value)| (Reply::bulk(name), Reply::bulk(value))).collect())
}

fn reply(result: Result<Reply, ErrorReply>) -> Reply {
    result.unwrap_or_else(Reply::from)
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
