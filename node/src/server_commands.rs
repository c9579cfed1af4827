//! Commands on the connection and on the server itself, answered at once, and the parser of
//! `CONFIG`.

use bytes::Bytes;

use crate::arguments;
use crate::command::Command;
use crate::error_reply::ErrorReply;
use crate::info::{self, Section};
use crate::node::Node;
use crate::reply::Reply;
use crate::session::Session;

/// A command on the connection or the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ServerCommand {
    /// `PING [text]`
    Ping(Option<Bytes>),
    /// `ECHO text`
    Echo(Bytes),
    /// `SELECT 0`, `ASKING`: accepted without effect, as there is one database and no migration.
    Accept,
    /// `READONLY`, `READWRITE`
    ReadOnly(bool),
    /// `INFO [section…]`
    Info(Vec<Section>),
    /// `ROLE`
    Role,
    /// `SLAVEOF host port`, `SLAVEOF NO ONE`
    ReplicaOf(Option<(String, u16)>),
    /// `QUIT`
    Quit,
}

impl ServerCommand {
    /// Executes it.
    pub(crate) fn run(&self, node: &Node, session: &mut Session) -> Reply {
        match self {
            ServerCommand::Ping(None) => Reply::line("PONG"),
            ServerCommand::Ping(Some(text)) | ServerCommand::Echo(text) => {
                Reply::Bulk(text.clone())
            }
            ServerCommand::Accept => Reply::ok(),
            ServerCommand::ReadOnly(readonly) => {
                session.readonly = *readonly;
                Reply::ok()
            }
            ServerCommand::Info(sections) => Reply::Verbatim(info::text(node, sections)),
            ServerCommand::Role => info::role(node),
            ServerCommand::Quit | ServerCommand::ReplicaOf(_) => {
                unreachable!("{self:?} is no-multi or leaves MULTI")
            }
        }
    }
}

/// The parsers. The table has checked the number of arguments.
pub(crate) mod parse {
    use super::*;

    type Parsed = Result<Command, ErrorReply>;

    pub(crate) fn ping(args: &[Bytes]) -> Parsed {
        match &args[1..] {
            [] => server(ServerCommand::Ping(None)),
            [text] => server(ServerCommand::Ping(Some(text.clone()))),
            _ => Err(ErrorReply::arity()),
        }
    }

    pub(crate) fn echo(args: &[Bytes]) -> Parsed {
        server(ServerCommand::Echo(args[1].clone()))
    }

    pub(crate) fn select(args: &[Bytes]) -> Parsed {
        match arguments::number::<u64>(&args[1]) {
            Some(0) => server(ServerCommand::Accept),
            _ => Err(ErrorReply::err("DB index is out of range: there is 0 only")),
        }
    }

    pub(crate) fn readonly(_: &[Bytes]) -> Parsed {
        server(ServerCommand::ReadOnly(true))
    }

    pub(crate) fn readwrite(_: &[Bytes]) -> Parsed {
        server(ServerCommand::ReadOnly(false))
    }

    pub(crate) fn asking(_: &[Bytes]) -> Parsed {
        server(ServerCommand::Accept)
    }

    pub(crate) fn info(args: &[Bytes]) -> Parsed {
        server(ServerCommand::Info(Section::wanted(&args[1..])))
    }

    pub(crate) fn role(_: &[Bytes]) -> Parsed {
        server(ServerCommand::Role)
    }

    pub(crate) fn quit(_: &[Bytes]) -> Parsed {
        server(ServerCommand::Quit)
    }

    pub(crate) fn slaveof(args: &[Bytes]) -> Parsed {
        if arguments::is(&args[1], "no") && arguments::is(&args[2], "one") {
            return server(ServerCommand::ReplicaOf(None));
        }
        let port = arguments::number(&args[2]);
        let port = port.ok_or_else(|| ErrorReply::err("Invalid master port"))?;
        server(ServerCommand::ReplicaOf(Some((arguments::text(&args[1]), port))))
    }

    pub(crate) fn config(args: &[Bytes]) -> Parsed {
        let name = arguments::text(&args[1]).to_ascii_lowercase();
        match (name.as_str(), &args[2..]) {
            ("get", [_, ..]) => Ok(Command::ConfigGet(args[2..].to_vec())),
            ("set", [name, value]) => {
                Ok(Command::ConfigSet(arguments::text(name), arguments::text(value)))
            }
            _ => Err(ErrorReply::err("CONFIG subcommand must be one of GET, SET")),
        }
    }

    fn server(command: ServerCommand) -> Parsed {
        Ok(Command::Server(command))
    }
}
