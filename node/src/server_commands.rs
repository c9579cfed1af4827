//! Commands on the connection and on the server itself, answered at once, and the parser of
//! `CONFIG`.

use bytes::Bytes;

use crate::arguments;
use crate::command::Command;
use crate::error_reply::ErrorReply;
use crate::info::{self, Section};
use crate::node::Node;
use crate::resp::{self, Frame};
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
    /// `CLIENT SETNAME name`
    ClientSetName(Bytes),
    /// `CLIENT GETNAME`
    ClientGetName,
    /// `CLIENT ID`
    ClientId,
    /// `COMMAND …`
    ListCommands,
    /// `READONLY`, `READWRITE`
    ReadOnly(bool),
    /// `INFO [section…]`
    Info(Vec<Section>),
    /// `ROLE`
    Role,
    /// `QUIT`
    Quit,
}

impl ServerCommand {
    /// Executes it.
    pub(crate) fn run(&self, node: &Node, session: &mut Session) -> Frame {
        match self {
            ServerCommand::Ping(None) => Frame::SimpleString(Bytes::from_static(b"PONG")),
            ServerCommand::Ping(Some(text)) | ServerCommand::Echo(text) => resp::bulk(text.clone()),
            ServerCommand::Accept | ServerCommand::Quit => resp::ok(),
            ServerCommand::ClientSetName(name) => {
                session.name = name.clone();
                resp::ok()
            }
            ServerCommand::ClientGetName if session.name.is_empty() => Frame::Null,
            ServerCommand::ClientGetName => resp::bulk(session.name.clone()),
            ServerCommand::ClientId => {
                resp::integer(i64::try_from(session.id).expect("connections are counted from 1"))
            }
            ServerCommand::ListCommands => resp::array(Vec::new()),
            ServerCommand::ReadOnly(readonly) => {
                session.readonly = *readonly;
                resp::ok()
            }
            ServerCommand::Info(sections) => resp::bulk(info::text(node, sections)),
            ServerCommand::Role => info::role(node),
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

    pub(crate) fn client(args: &[Bytes]) -> Parsed {
        let name = arguments::text(&args[1]).to_ascii_lowercase();
        server(match (name.as_str(), &args[2..]) {
            ("setname", [name]) => ServerCommand::ClientSetName(name.clone()),
            ("getname", []) => ServerCommand::ClientGetName,
            ("id", []) => ServerCommand::ClientId,
            _ => {
                return Err(ErrorReply::err("Syntax error, try CLIENT SETNAME|GETNAME|ID"));
            }
        })
    }

    pub(crate) fn command(_: &[Bytes]) -> Parsed {
        server(ServerCommand::ListCommands)
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

    pub(crate) fn config(args: &[Bytes]) -> Parsed {
        let name = arguments::text(&args[1]).to_ascii_lowercase();
        match (name.as_str(), &args[2..]) {
            ("get", [pattern]) => Ok(Command::ConfigGet(arguments::text(pattern))),
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
