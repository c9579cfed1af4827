//! What a replica sends to its master. The replies to some are raw lines or bytes, no RESP.

use bytes::Bytes;

use super::id::ReplicationId;
use super::master::Start;
use super::psync;
use crate::arguments;
use crate::command::Command;
use crate::connection::{Body, Response};
use crate::error_reply::ErrorReply;
use crate::node::Node;
use crate::resp;
use crate::session::{Announced, Session};

/// A command of a replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ReplicationCommand {
    /// `_db_name`
    DbName,
    /// `replconf listening-port port …`
    ListeningPort(u16),
    /// `PSYNC [replication_id] next_sequence`
    Psync(psync::Request),
    /// `_fetch_meta`
    FetchMeta,
    /// `_fetch_file name`
    FetchFile(String),
}

type Parsed = Result<Command, ErrorReply>;

/// The parser of `_db_name`.
pub(crate) fn db_name(_: &[Bytes]) -> Parsed {
    Ok(Command::Replication(ReplicationCommand::DbName))
}

/// The parser of `replconf` before the stream begins.
pub(crate) fn replconf(args: &[Bytes]) -> Parsed {
    match &args[1..] {
        [option, port, ..] if arguments::is(option, "listening-port") => {
            let port =
                arguments::number(port).ok_or_else(|| ErrorReply::err("Invalid listening-port"))?;
            Ok(Command::Replication(ReplicationCommand::ListeningPort(port)))
        }
        _ => Err(ErrorReply::err("unknown option, expected listening-port")),
    }
}

/// The parser of `PSYNC` with or without a replication id.
pub(crate) fn psync(args: &[Bytes]) -> Parsed {
    let (id, next) = match &args[1..] {
        [next] => (None, next),
        [id, next] => (Some(id), next),
        _ => return Err(ErrorReply::arity()),
    };
    let error = "value is not an unsigned long long or out of range";
    let next = arguments::number(next).ok_or_else(|| ErrorReply::err(error))?;
    let id = id.map(|id| {
        ReplicationId::from_bytes(id).ok_or_else(|| ErrorReply::err("Wrong replication id length"))
    });
    let request = psync::Request { id: id.transpose()?, next };
    Ok(Command::Replication(ReplicationCommand::Psync(request)))
}

/// The parser of `_fetch_meta`.
pub(crate) fn fetch_meta(_: &[Bytes]) -> Parsed {
    Ok(Command::Replication(ReplicationCommand::FetchMeta))
}

/// The parser of `_fetch_file`.
pub(crate) fn fetch_file(args: &[Bytes]) -> Parsed {
    Ok(Command::Replication(ReplicationCommand::FetchFile(arguments::text(&args[1]))))
}

impl ReplicationCommand {
    /// Executes it.
    pub(crate) fn run(self, node: &Node, session: &mut Session) -> Response {
        match self {
            ReplicationCommand::DbName => raw(format!("{}\r\n", node.config.borrow().db_name)),
            ReplicationCommand::ListeningPort(port) => {
                session.listening_port = port;
                resp::ok().into()
            }
            ReplicationCommand::Psync(request) => psync_reply(node, request),
            ReplicationCommand::FetchMeta => {
                let file = format!("snapshot-{}", node.storage.latest());
                let reply = raw(format!("{file}\r\n"));
                session.snapshot = Some(Announced { file, content: node.storage.snapshot() });
                reply
            }
            ReplicationCommand::FetchFile(name) => match session.snapshot.take() {
                Some(announced) if announced.file == name => {
                    let size = format!("{}\r\n", announced.content.len());
                    raw([size.as_bytes(), &announced.content].concat())
                }
                _ => ErrorReply::err(format!("no such file: {name}; ask _fetch_meta first")).into(),
            },
        }
    }
}

/// Begins the stream, or says why not.
fn psync_reply(node: &Node, request: psync::Request) -> Response {
    let rules = {
        let config = node.config.borrow();
        psync::Rules {
            compare_ids: config.use_rsid_psync,
            pad: config.replication_enable_sequence_padding,
        }
    };
    match psync::accept(&node.storage.log(), request, rules) {
        Ok(padding) => {
            let replaced = node.storage.progress().borrow().replaced;
            response(Body::Stream(Start { next: request.next, padding, replaced }))
        }
        Err(error) => ErrorReply::err(error.to_string()).into(),
    }
}

fn raw(bytes: impl Into<Bytes>) -> Response {
    response(Body::Raw(bytes.into()))
}

fn response(body: Body) -> Response {
    Response { body, acknowledged: Vec::new() }
}
