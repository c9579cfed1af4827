//! `CLIENT`: on this connection, on all connections, and the pause of the node.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use host::Clock;

use crate::arguments;
use crate::command::Command;
use crate::error_reply::ErrorReply;
use crate::node::Node;
use crate::pause::Paused;
use crate::reply::Reply;
use crate::session::Session;

/// A subcommand of CLIENT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClientCommand {
    /// `ID`
    Id,
    /// `GETNAME`
    GetName,
    /// `SETNAME name`
    SetName(Bytes),
    /// `SETINFO LIB-NAME name`
    SetLibrary(Bytes),
    /// `SETINFO LIB-VER version`
    SetLibraryVersion(Bytes),
    /// `INFO`
    Info,
    /// `LIST`
    List,
    /// `NO-EVICT ON|OFF`, `NO-TOUCH ON|OFF`: nothing is evicted here.
    Accept,
    /// `PAUSE ms [WRITE|ALL]`
    Pause(Duration, Paused),
    /// `UNPAUSE`
    Unpause,
}

/// Reads the arguments, `CLIENT` first.
pub(crate) fn parse(args: &[Bytes]) -> Result<Command, ErrorReply> {
    let name = arguments::text(&args[1]).to_ascii_lowercase();
    let command = match (name.as_str(), &args[2..]) {
        ("id", []) => ClientCommand::Id,
        ("getname", []) => ClientCommand::GetName,
        ("setname", [name]) => ClientCommand::SetName(word(name)?),
        ("setinfo", [what, name]) if arguments::is(what, "lib-name") => {
            ClientCommand::SetLibrary(word(name)?)
        }
        ("setinfo", [what, version]) if arguments::is(what, "lib-ver") => {
            ClientCommand::SetLibraryVersion(word(version)?)
        }
        ("info", []) => ClientCommand::Info,
        ("list", []) => ClientCommand::List,
        ("no-evict" | "no-touch", [switch])
            if arguments::is(switch, "on") || arguments::is(switch, "off") =>
        {
            ClientCommand::Accept
        }
        ("pause", [length]) => ClientCommand::Pause(pause_length(length)?, Paused::All),
        ("pause", [length, what]) if arguments::is(what, "all") => {
            ClientCommand::Pause(pause_length(length)?, Paused::All)
        }
        ("pause", [length, what]) if arguments::is(what, "write") => {
            ClientCommand::Pause(pause_length(length)?, Paused::Writes)
        }
        ("unpause", []) => ClientCommand::Unpause,
        _ => {
            return Err(ErrorReply::err(
                "Syntax error, try CLIENT LIST|INFO|ID|GETNAME|SETNAME name|SETINFO attribute \
                 value|NO-EVICT switch|NO-TOUCH switch|PAUSE ms [WRITE|ALL]|UNPAUSE",
            ));
        }
    };
    Ok(Command::Client(command))
}

/// A name stands in a line of words.
fn word(name: &Bytes) -> Result<Bytes, ErrorReply> {
    let allowed = name.iter().all(|byte| (b'!'..=b'~').contains(byte));
    let error = "Client names cannot contain spaces, newlines or special characters.";
    if allowed { Ok(name.clone()) } else { Err(ErrorReply::err(error)) }
}

fn pause_length(ms: &Bytes) -> Result<Duration, ErrorReply> {
    let ms = arguments::number(ms).filter(|ms| *ms <= i64::MAX as u64);
    let error = || ErrorReply::err("timeout is not an integer or out of range");
    Ok(Duration::from_millis(ms.ok_or_else(error)?))
}

impl ClientCommand {
    /// Executes it.
    pub(crate) fn run(&self, node: &Rc<Node>, session: &Session) -> Reply {
        let client = &session.client;
        let now = node.host.now(Clock::Monotonic);
        match self {
            ClientCommand::Id => {
                let id = i64::try_from(client.id).expect("connections are counted from 1");
                return Reply::Integer(id);
            }
            ClientCommand::GetName => {
                let name = client.name.borrow();
                return Reply::bulk_or_null(Some(&*name).filter(|name| !name.is_empty()));
            }
            ClientCommand::Info => return Reply::Verbatim(client.line(now) + "\n"),
            ClientCommand::List => return Reply::Verbatim(node.clients.list(now)),
            ClientCommand::SetName(name) => *client.name.borrow_mut() = name.clone(),
            ClientCommand::SetLibrary(name) => *client.library.borrow_mut() = name.clone(),
            ClientCommand::SetLibraryVersion(version) => {
                *client.library_version.borrow_mut() = version.clone();
            }
            ClientCommand::Accept => {}
            ClientCommand::Pause(length, paused) => node.pause(*paused, *length),
            ClientCommand::Unpause => node.unpause(),
        }
        Reply::ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_understood() {
        let parse = |text: &str| {
            let args: Vec<Bytes> =
                text.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
            match parse(&args) {
                Ok(Command::Client(command)) => Ok(command),
                Ok(other) => panic!("{other:?}"),
                Err(error) => Err(error.to_string()),
            }
        };
        let ms = Duration::from_millis;
        assert_eq!(parse("client pause 50"), Ok(ClientCommand::Pause(ms(50), Paused::All)));
        let writes = ClientCommand::Pause(ms(0), Paused::Writes);
        assert_eq!(parse("client pause 0 WRITE"), Ok(writes));
        assert_eq!(parse("client no-evict on"), Ok(ClientCommand::Accept));
        for (text, error) in [
            ("client pause x", "timeout is not an integer or out of range"),
            ("client pause -1", "timeout is not an integer or out of range"),
            ("client setname a\nb", "Client names cannot contain"),
            ("client nonsense", "Syntax error, try CLIENT LIST|"),
            ("client no-evict maybe", "Syntax error, try CLIENT LIST|"),
        ] {
            assert!(parse(text).unwrap_err().contains(error), "{text}");
        }
    }
}
