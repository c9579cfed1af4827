//! The table of commands: name, number of arguments, what holds for it, which arguments are
//! keys, and its parser.
//!
//! What this is not: the order in which these are checked (see [`crate::dispatch`]).

use bytes::Bytes;

use crate::arguments;
use crate::cluster_commands::{self, ClusterCommand};
use crate::clusterx_commands::{self, ClusterxCommand};
use crate::data_commands::{self, DataCommand};
use crate::error_reply::ErrorReply;
use crate::replication::commands::{self as replication_commands, ReplicationCommand};
use crate::server_commands::{self, ServerCommand};

/// A command as it was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// On data.
    Data(DataCommand),
    /// On the connection or the server, answered at once.
    Server(ServerCommand),
    /// `CLUSTER …`
    Cluster(ClusterCommand),
    /// `CLUSTERX …`
    Clusterx(ClusterxCommand),
    /// `CONFIG GET pattern`
    ConfigGet(String),
    /// `CONFIG SET name value`
    ConfigSet(String, String),
    /// `MULTI`
    Multi,
    /// `EXEC`
    Exec,
    /// `DISCARD`
    Discard,
    /// What a replica sends.
    Replication(ReplicationCommand),
}

/// The keys among the arguments of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Keys(pub(crate) Vec<Bytes>);

/// One line of the table.
#[derive(Debug)]
pub(crate) struct CommandSpec {
    /// The name in lower case.
    pub(crate) name: &'static str,
    /// The number of arguments with the name; negative for *at least*.
    arity: i32,
    /// What holds for it.
    pub(crate) flags: Flags,
    keys: KeySpec,
    /// Understands the arguments, the name first. Called only with as many as `arity` says.
    pub(crate) parse: fn(&[Bytes]) -> Result<Command, ErrorReply>,
}

/// What holds for a command.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Flags {
    /// Changes data.
    pub(crate) write: bool,
    /// Runs while the node is loading, too.
    pub(crate) ok_loading: bool,
    /// Is refused inside MULTI.
    pub(crate) no_multi: bool,
    /// Runs inside MULTI at once instead of being queued.
    pub(crate) bypass_multi: bool,
}

#[derive(Clone, Copy, Debug)]
enum KeySpec {
    None,
    First,
    All,
}

/// The line for this name in any case.
pub(crate) fn find(name: &Bytes) -> Option<&'static CommandSpec> {
    COMMANDS.iter().find(|spec| arguments::is(name, spec.name))
}

impl CommandSpec {
    /// Whether so many arguments, the name included, can be right.
    pub(crate) fn accepts(&self, arguments: usize) -> bool {
        let wanted = self.arity.unsigned_abs() as usize;
        if self.arity < 0 { arguments >= wanted } else { arguments == wanted }
    }

    /// The keys among the arguments.
    pub(crate) fn keys(&self, args: &[Bytes]) -> Keys {
        Keys(match self.keys {
            KeySpec::None => Vec::new(),
            KeySpec::First => args[1..2].to_vec(),
            KeySpec::All => args[1..].to_vec(),
        })
    }

    /// Whether the request must run alone on this node. This is asked before anything of it is
    /// checked.
    pub(crate) fn is_exclusive(&self, args: &[Bytes]) -> bool {
        let subcommand = |names: &[&str]| {
            args.get(1).is_some_and(|given| names.iter().any(|name| arguments::is(given, name)))
        };
        match self.name {
            "exec" | "config" => true,
            "clusterx" => subcommand(&["setnodes", "setnodeid"]),
            _ => false,
        }
    }
}

const fn line(
    name: &'static str,
    arity: i32,
    flags: Flags,
    keys: KeySpec,
    parse: fn(&[Bytes]) -> Result<Command, ErrorReply>,
) -> CommandSpec {
    CommandSpec { name, arity, flags, keys, parse }
}

const PLAIN: Flags =
    Flags { write: false, ok_loading: false, no_multi: false, bypass_multi: false };
const WRITE: Flags = Flags { write: true, ..PLAIN };
const OK_LOADING: Flags = Flags { ok_loading: true, ..PLAIN };
const NO_MULTI: Flags = Flags { no_multi: true, ..PLAIN };
const BYPASS: Flags = Flags { bypass_multi: true, ..PLAIN };

const COMMANDS: &[CommandSpec] = &[
    line("get", 2, PLAIN, KeySpec::First, data_commands::parse::get),
    line("set", -3, WRITE, KeySpec::First, data_commands::parse::set),
    line("mget", -2, PLAIN, KeySpec::All, data_commands::parse::mget),
    line("del", -2, WRITE, KeySpec::All, data_commands::parse::del),
    line("exists", -2, PLAIN, KeySpec::All, data_commands::parse::exists),
    line("incr", 2, WRITE, KeySpec::First, data_commands::parse::incr),
    line("decr", 2, WRITE, KeySpec::First, data_commands::parse::decr),
    line("incrby", 3, WRITE, KeySpec::First, data_commands::parse::incrby),
    line("append", 3, WRITE, KeySpec::First, data_commands::parse::append),
    line("strlen", 2, PLAIN, KeySpec::First, data_commands::parse::strlen),
    line("dbsize", 1, PLAIN, KeySpec::None, data_commands::parse::dbsize),
    line("ping", -1, PLAIN, KeySpec::None, server_commands::parse::ping),
    line("echo", 2, PLAIN, KeySpec::None, server_commands::parse::echo),
    line("select", 2, PLAIN, KeySpec::None, server_commands::parse::select),
    line("client", -2, PLAIN, KeySpec::None, server_commands::parse::client),
    line("command", -1, PLAIN, KeySpec::None, server_commands::parse::command),
    line("readonly", 1, PLAIN, KeySpec::None, server_commands::parse::readonly),
    line("readwrite", 1, PLAIN, KeySpec::None, server_commands::parse::readwrite),
    line("asking", 1, PLAIN, KeySpec::None, server_commands::parse::asking),
    line("info", -1, OK_LOADING, KeySpec::None, server_commands::parse::info),
    line("role", 1, OK_LOADING, KeySpec::None, server_commands::parse::role),
    line(
        "quit",
        -1,
        Flags { ok_loading: true, ..BYPASS },
        KeySpec::None,
        server_commands::parse::quit,
    ),
    line("config", -2, NO_MULTI, KeySpec::None, server_commands::parse::config),
    line("multi", 1, BYPASS, KeySpec::None, |_| Ok(Command::Multi)),
    line("exec", 1, BYPASS, KeySpec::None, |_| Ok(Command::Exec)),
    line("discard", 1, BYPASS, KeySpec::None, |_| Ok(Command::Discard)),
    line("cluster", -2, PLAIN, KeySpec::None, cluster_commands::parse),
    line("clusterx", -2, NO_MULTI, KeySpec::None, clusterx_commands::parse),
    line("_db_name", 1, NO_MULTI, KeySpec::None, replication_commands::db_name),
    line("replconf", -3, NO_MULTI, KeySpec::None, replication_commands::replconf),
    line("psync", -2, NO_MULTI, KeySpec::None, replication_commands::psync),
    line("_fetch_meta", 1, NO_MULTI, KeySpec::None, replication_commands::fetch_meta),
    line("_fetch_file", 2, NO_MULTI, KeySpec::None, replication_commands::fetch_file),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &'static str) -> Vec<Bytes> {
        text.split(' ').map(|word| Bytes::from_static(word.as_bytes())).collect()
    }

    #[test]
    fn names_are_unique_and_lower_case() {
        for (index, spec) in COMMANDS.iter().enumerate() {
            assert_eq!(spec.name, spec.name.to_ascii_lowercase());
            assert!(COMMANDS[..index].iter().all(|earlier| earlier.name != spec.name));
        }
    }

    #[test]
    fn numbers_of_arguments() {
        for (request_text, accepted) in [
            ("GET k", true),
            ("GET", false),
            ("GET k k", false),
            ("MGET k", true),
            ("mget a b c", true),
            ("MGET", false),
            ("SET k v NX", true),
            ("SET k", false),
            ("CLUSTERX", false),
        ] {
            let args = request(request_text);
            assert_eq!(find(&args[0]).unwrap().accepts(args.len()), accepted, "{request_text}");
        }
    }

    #[test]
    fn keys_are_found() {
        for (request_text, keys) in
            [("SET k v", vec!["k"]), ("DEL a b", vec!["a", "b"]), ("PING a", vec![])]
        {
            let args = request(request_text);
            let keys = Keys(keys.into_iter().map(Bytes::from).collect());
            assert_eq!(find(&args[0]).unwrap().keys(&args), keys, "{request_text}");
        }
    }

    #[test]
    fn what_runs_alone() {
        for (request_text, exclusive) in [
            ("EXEC", true),
            ("CONFIG SET a b", true),
            ("CLUSTERX SetNodes a 1", true),
            ("CLUSTERX SETNODEID a", true),
            ("CLUSTERX HEARTBEAT 1 2", false),
            ("CLUSTERX VERSION", false),
            ("CLUSTERX", false),
            ("SET setnodes v", false),
        ] {
            let args = request(request_text);
            assert_eq!(find(&args[0]).unwrap().is_exclusive(&args), exclusive, "{request_text}");
        }
    }
}
