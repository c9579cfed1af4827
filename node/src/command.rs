//! The table of commands: name, number of arguments, what holds for it, which arguments are
//! keys, and its parser.
//!
//! What this is not: the order in which these are checked (see [`crate::dispatch`]).

use bytes::Bytes;

use crate::arguments;
use crate::client_commands::{self, ClientCommand};
use crate::cluster_commands::{self, ClusterCommand};
use crate::clusterx_commands::{self, ClusterxCommand};
use crate::command_info::{self, CommandCommand};
use crate::counter_commands::parse as counters;
use crate::data_commands::DataCommand;
use crate::error_reply::ErrorReply;
use crate::hash_commands::parse as hashes;
use crate::hello::{self, Hello};
use crate::key_commands::parse as keys;
use crate::list_commands::parse as lists;
use crate::replication::commands::{self as replication_commands, ReplicationCommand};
use crate::scan::{self, Scan};
use crate::server_commands::{self, ServerCommand};
use crate::string_commands::parse as strings;
use crate::wait::{self, Wait};

/// A command as it was understood.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    /// On data.
    Data(DataCommand),
    /// `SCAN`
    Scan(Scan),
    /// On the connection or the server, answered at once.
    Server(ServerCommand),
    /// `CLIENT …`
    Client(ClientCommand),
    /// `COMMAND …`
    Commands(CommandCommand),
    /// `AUTH password`
    Auth(Bytes),
    /// `HELLO …`
    Hello(Hello),
    /// `RESET`
    Reset,
    /// `CLUSTER …`
    Cluster(ClusterCommand),
    /// `CLUSTERX …`
    Clusterx(ClusterxCommand),
    /// `CONFIG GET pattern…`
    ConfigGet(Vec<Bytes>),
    /// `CONFIG SET name value`
    ConfigSet(String, String),
    /// `MULTI`
    Multi,
    /// `EXEC`
    Exec,
    /// `DISCARD`
    Discard,
    /// `WATCH key…`
    Watch(Vec<Bytes>),
    /// `UNWATCH`
    Unwatch,
    /// `WAIT replicas timeout`
    Wait(Wait),
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
    pub(crate) arity: i32,
    /// What holds for it.
    pub(crate) flags: Flags,
    /// Where the keys stand.
    pub(crate) keys: KeySpec,
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
    /// Is of those by which a controller orders a node about: runs while the node has yet to
    /// take a full copy, too.
    pub(crate) order: bool,
    /// Is refused inside MULTI.
    pub(crate) no_multi: bool,
    /// Is answered to those who have not given the password.
    pub(crate) no_auth: bool,
    /// Runs inside MULTI at once instead of being queued.
    pub(crate) bypass_multi: bool,
}

/// Where the keys stand among the arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeySpec {
    /// Nowhere.
    None,
    /// The first is one.
    First,
    /// All are.
    All,
    /// Every other one is, from the first on.
    Pairs,
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
            KeySpec::Pairs => args[1..].iter().step_by(2).cloned().collect(),
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
            "clusterx" => subcommand(&["setnodes", "setnodeid", "setslot"]),
            "cluster" => subcommand(&["reset"]),
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

const PLAIN: Flags = Flags {
    write: false,
    ok_loading: false,
    order: false,
    no_multi: false,
    no_auth: false,
    bypass_multi: false,
};
const WRITE: Flags = Flags { write: true, ..PLAIN };
const OK_LOADING: Flags = Flags { ok_loading: true, ..PLAIN };
const ORDER: Flags = Flags { order: true, ..PLAIN };
const NO_MULTI: Flags = Flags { no_multi: true, ..PLAIN };
const BYPASS: Flags = Flags { bypass_multi: true, ..PLAIN };
const ANYBODY: Flags = Flags { no_auth: true, ok_loading: true, no_multi: true, ..PLAIN };
const LEAVING: Flags = Flags { no_auth: true, ok_loading: true, ..BYPASS };

/// Every command.
pub(crate) const COMMANDS: &[CommandSpec] = &[
    line("get", 2, PLAIN, KeySpec::First, strings::get),
    line("set", -3, WRITE, KeySpec::First, strings::set),
    line("setex", 4, WRITE, KeySpec::First, strings::setex),
    line("psetex", 4, WRITE, KeySpec::First, strings::psetex),
    line("setnx", 3, WRITE, KeySpec::First, strings::setnx),
    line("getset", 3, WRITE, KeySpec::First, strings::getset),
    line("getdel", 2, WRITE, KeySpec::First, strings::getdel),
    line("getex", -2, WRITE, KeySpec::First, strings::getex),
    line("mget", -2, PLAIN, KeySpec::All, strings::mget),
    line("mset", -3, WRITE, KeySpec::Pairs, strings::mset),
    line("msetnx", -3, WRITE, KeySpec::Pairs, strings::msetnx),
    line("append", 3, WRITE, KeySpec::First, strings::append),
    line("strlen", 2, PLAIN, KeySpec::First, strings::strlen),
    line("incr", 2, WRITE, KeySpec::First, counters::incr),
    line("decr", 2, WRITE, KeySpec::First, counters::decr),
    line("incrby", 3, WRITE, KeySpec::First, counters::incrby),
    line("decrby", 3, WRITE, KeySpec::First, counters::decrby),
    line("incrbyfloat", 3, WRITE, KeySpec::First, counters::incrbyfloat),
    line("del", -2, WRITE, KeySpec::All, keys::del),
    line("unlink", -2, WRITE, KeySpec::All, keys::del),
    line("exists", -2, PLAIN, KeySpec::All, keys::exists),
    line("type", 2, PLAIN, KeySpec::First, keys::type_),
    line("expire", 3, WRITE, KeySpec::First, keys::expire),
    line("pexpire", 3, WRITE, KeySpec::First, keys::pexpire),
    line("expireat", 3, WRITE, KeySpec::First, keys::expireat),
    line("pexpireat", 3, WRITE, KeySpec::First, keys::pexpireat),
    line("persist", 2, WRITE, KeySpec::First, keys::persist),
    line("ttl", 2, PLAIN, KeySpec::First, keys::ttl),
    line("pttl", 2, PLAIN, KeySpec::First, keys::pttl),
    line("keys", 2, PLAIN, KeySpec::None, keys::keys),
    line("scan", -2, PLAIN, KeySpec::None, scan::parse),
    line("dbsize", 1, PLAIN, KeySpec::None, keys::dbsize),
    line("flushall", -1, WRITE, KeySpec::None, keys::flush),
    line("flushdb", -1, WRITE, KeySpec::None, keys::flush),
    line("hset", -4, WRITE, KeySpec::First, hashes::hset),
    line("hmset", -4, WRITE, KeySpec::First, hashes::hmset),
    line("hsetnx", 4, WRITE, KeySpec::First, hashes::hsetnx),
    line("hget", 3, PLAIN, KeySpec::First, hashes::hget),
    line("hmget", -3, PLAIN, KeySpec::First, hashes::hmget),
    line("hgetall", 2, PLAIN, KeySpec::First, hashes::hgetall),
    line("hdel", -3, WRITE, KeySpec::First, hashes::hdel),
    line("hlen", 2, PLAIN, KeySpec::First, hashes::hlen),
    line("hexists", 3, PLAIN, KeySpec::First, hashes::hexists),
    line("hkeys", 2, PLAIN, KeySpec::First, hashes::hkeys),
    line("hvals", 2, PLAIN, KeySpec::First, hashes::hvals),
    line("hincrby", 4, WRITE, KeySpec::First, hashes::hincrby),
    line("lpush", -3, WRITE, KeySpec::First, lists::lpush),
    line("rpush", -3, WRITE, KeySpec::First, lists::rpush),
    line("lpop", -2, WRITE, KeySpec::First, lists::lpop),
    line("rpop", -2, WRITE, KeySpec::First, lists::rpop),
    line("llen", 2, PLAIN, KeySpec::First, lists::llen),
    line("lrange", 4, PLAIN, KeySpec::First, lists::lrange),
    line("lindex", 3, PLAIN, KeySpec::First, lists::lindex),
    line("ping", -1, PLAIN, KeySpec::None, server_commands::parse::ping),
    line("echo", 2, PLAIN, KeySpec::None, server_commands::parse::echo),
    line("select", 2, PLAIN, KeySpec::None, server_commands::parse::select),
    line("auth", -2, ANYBODY, KeySpec::None, hello::parse_auth),
    line("hello", -1, ANYBODY, KeySpec::None, hello::parse_hello),
    line("reset", 1, LEAVING, KeySpec::None, |_| Ok(Command::Reset)),
    line("quit", -1, LEAVING, KeySpec::None, server_commands::parse::quit),
    line("client", -2, PLAIN, KeySpec::None, client_commands::parse),
    line("command", -1, PLAIN, KeySpec::None, command_info::parse),
    line("readonly", 1, PLAIN, KeySpec::None, server_commands::parse::readonly),
    line("readwrite", 1, PLAIN, KeySpec::None, server_commands::parse::readwrite),
    line("asking", 1, PLAIN, KeySpec::None, server_commands::parse::asking),
    line("info", -1, OK_LOADING, KeySpec::None, server_commands::parse::info),
    line("role", 1, OK_LOADING, KeySpec::None, server_commands::parse::role),
    line("wait", 3, NO_MULTI, KeySpec::None, wait::parse),
    line("slaveof", 3, NO_MULTI, KeySpec::None, server_commands::parse::slaveof),
    line("replicaof", 3, NO_MULTI, KeySpec::None, server_commands::parse::slaveof),
    line("config", -2, NO_MULTI, KeySpec::None, server_commands::parse::config),
    line("multi", 1, BYPASS, KeySpec::None, |_| Ok(Command::Multi)),
    line("exec", 1, BYPASS, KeySpec::None, |_| Ok(Command::Exec)),
    line("discard", 1, BYPASS, KeySpec::None, |_| Ok(Command::Discard)),
    line("watch", -2, BYPASS, KeySpec::All, |args| Ok(Command::Watch(args[1..].to_vec()))),
    line("unwatch", 1, PLAIN, KeySpec::None, |_| Ok(Command::Unwatch)),
    line("cluster", -2, ORDER, KeySpec::None, cluster_commands::parse),
    line(
        "clusterx",
        -2,
        Flags { order: true, ..NO_MULTI },
        KeySpec::None,
        clusterx_commands::parse,
    ),
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
        for (request_text, keys) in [
            ("SET k v", vec!["k"]),
            ("DEL a b", vec!["a", "b"]),
            ("MSET a 1 b 2", vec!["a", "b"]),
            ("PING a", vec![]),
        ] {
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
            ("CLUSTERX SETSLOT a", true),
            ("CLUSTER RESET", true),
            ("CLUSTER NODES", false),
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
