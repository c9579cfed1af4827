//! `AUTH`, `HELLO` and `RESET`: who a connection is, and how it is spoken to.
//!
//! The trap: HELLO changes nothing unless all of it is right.

use bytes::Bytes;

use crate::arguments;
use crate::command::Command;
use crate::error_reply::ErrorReply;
use crate::node::Node;
use crate::reply::{Protocol, Reply};
use crate::session::Session;

/// `HELLO [version [AUTH user password] [SETNAME name]]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hello {
    protocol: Option<Protocol>,
    password: Option<Bytes>,
    name: Option<Bytes>,
}

/// The parser of `AUTH [user] password`. There is one user, whatever its name.
pub(crate) fn parse_auth(args: &[Bytes]) -> Result<Command, ErrorReply> {
    match &args[1..] {
        [password] | [_, password] => Ok(Command::Auth(password.clone())),
        _ => Err(ErrorReply::arity()),
    }
}

/// The parser of `HELLO`.
pub(crate) fn parse_hello(args: &[Bytes]) -> Result<Command, ErrorReply> {
    let mut hello = Hello::default();
    let [_, version, options @ ..] = args else {
        return Ok(Command::Hello(hello));
    };
    hello.protocol = Some(match arguments::number::<i64>(version) {
        Some(2) => Protocol::Resp2,
        Some(3) => Protocol::Resp3,
        Some(_) => {
            return Err(ErrorReply::with_prefix("NOPROTO", "unsupported protocol version"));
        }
        None => {
            return Err(ErrorReply::err("Protocol version is not an integer or out of range"));
        }
    });
    let mut rest = options;
    while let [option, following @ ..] = rest {
        rest = match following {
            [_, password, rest @ ..] if arguments::is(option, "auth") => {
                hello.password = Some(password.clone());
                rest
            }
            [name, rest @ ..] if arguments::is(option, "setname") => {
                hello.name = Some(name.clone());
                rest
            }
            _ => {
                let option = arguments::text(option);
                return Err(ErrorReply::err(format!("Syntax error in HELLO option '{option}'")));
            }
        };
    }
    Ok(Command::Hello(hello))
}

/// Executes `AUTH`.
///
/// # Errors
/// If the password is wrong, or there is none.
pub(crate) fn authenticate(
    node: &Node,
    session: &mut Session,
    password: &Bytes,
) -> Result<Reply, ErrorReply> {
    let config = node.config.borrow();
    if config.requirepass.is_empty() {
        return Err(ErrorReply::err("Client sent AUTH, but no password is set"));
    }
    if config.requirepass.as_bytes() != password {
        return Err(ErrorReply::err("invalid password"));
    }
    session.authenticated = true;
    Ok(Reply::ok())
}

/// Whether nobody has to ask this connection for a password.
pub(crate) fn is_trusted(node: &Node, session: &Session) -> bool {
    session.authenticated || node.config.borrow().requirepass.is_empty()
}

impl Hello {
    /// Executes it.
    ///
    /// # Errors
    /// As [`authenticate`], and `NOAUTH` if a password is needed and none was given.
    pub(crate) fn run(&self, node: &Node, session: &mut Session) -> Result<Reply, ErrorReply> {
        if let Some(password) = &self.password {
            authenticate(node, session, password)?;
        }
        if !is_trusted(node, session) {
            return Err(ErrorReply::no_auth());
        }
        if let Some(name) = &self.name {
            *session.client.name.borrow_mut() = name.clone();
        }
        if let Some(protocol) = self.protocol {
            session.client.protocol.set(protocol);
        }
        let text = |text: &'static str| Reply::bulk(text);
        let cluster = node.config.borrow().cluster_enabled;
        let master = node.following.borrow().is_none();
        let id = i64::try_from(session.id).expect("connections are counted from 1");
        Ok(Reply::Map(vec![
            (text("server"), text("redis")),
            (text("version"), text(REDIS_VERSION)),
            (text("proto"), Reply::Integer(session.protocol().number())),
            (text("id"), Reply::Integer(id)),
            (text("mode"), text(if cluster { "cluster" } else { "standalone" })),
            (text("role"), text(if master { "master" } else { "slave" })),
            (text("modules"), Reply::Array(Vec::new())),
        ]))
    }
}

/// `RESET`: the connection is as new.
pub(crate) fn reset(session: &mut Session) -> Reply {
    session.client.protocol.set(Protocol::Resp2);
    *session.client.name.borrow_mut() = Bytes::new();
    session.authenticated = false;
    session.readonly = false;
    session.transaction = None;
    session.watch = None;
    Reply::line("RESET")
}

/// Whose commands a client may expect: Kvrocks names itself so, too.
pub(crate) const REDIS_VERSION: &str = "4.0.0";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Hello, String> {
        let args: Vec<Bytes> =
            text.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
        match parse_hello(&args) {
            Ok(Command::Hello(hello)) => Ok(hello),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn options_of_hello() {
        let hello = Hello {
            protocol: Some(Protocol::Resp3),
            password: Some(Bytes::from("secret")),
            name: Some(Bytes::from("me")),
        };
        assert_eq!(parse("hello 3 auth default secret setname me"), Ok(hello.clone()));
        assert_eq!(parse("hello 3 SETNAME me AUTH x secret"), Ok(hello));
        assert_eq!(parse("hello"), Ok(Hello::default()));
        for (text, error) in [
            ("hello 4", "NOPROTO unsupported protocol version"),
            ("hello x", "ERR Protocol version is not an integer or out of range"),
            ("hello 2 auth x", "ERR Syntax error in HELLO option 'auth'"),
            ("hello 2 setname", "ERR Syntax error in HELLO option 'setname'"),
            ("hello 2 nonsense x", "ERR Syntax error in HELLO option 'nonsense'"),
        ] {
            assert_eq!(parse(text), Err(error.to_owned()), "{text}");
        }
    }
}
