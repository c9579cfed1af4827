//! `COMMAND`: the table of commands, as client libraries ask for it to find the keys.

use bytes::Bytes;

use crate::arguments;
use crate::command::{self, COMMANDS, Command, CommandSpec, Flags, KeySpec, Keys};
use crate::error_reply::ErrorReply;
use crate::reply::Reply;

/// A subcommand of COMMAND.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CommandCommand {
    /// Without arguments, and `LIST` is the same by name only
    All,
    /// `LIST`
    List,
    /// `COUNT`
    Count,
    /// `INFO [name…]`
    Info(Vec<Bytes>),
    /// `DOCS [name…]`: there are none.
    Docs,
    /// `GETKEYS name argument…`
    GetKeys(Vec<Bytes>),
}

/// Reads the arguments, `COMMAND` first.
pub(crate) fn parse(args: &[Bytes]) -> Result<Command, ErrorReply> {
    let name = args.get(1).map(|name| arguments::text(name).to_ascii_lowercase());
    let command = match (name.as_deref(), args.get(2..).unwrap_or_default()) {
        (None, _) | (Some("info"), []) => CommandCommand::All,
        (Some("list"), []) => CommandCommand::List,
        (Some("count"), []) => CommandCommand::Count,
        (Some("info"), names) => CommandCommand::Info(names.to_vec()),
        (Some("docs"), _) => CommandCommand::Docs,
        (Some("getkeys"), [_, ..]) => CommandCommand::GetKeys(args[2..].to_vec()),
        _ => {
            let usage = "Command subcommand must be one of COUNT, GETKEYS, INFO, LIST, DOCS";
            return Err(ErrorReply::err(usage));
        }
    };
    Ok(Command::Commands(command))
}

impl CommandCommand {
    /// Executes it.
    pub(crate) fn run(&self) -> Reply {
        match self {
            CommandCommand::All => Reply::Array(COMMANDS.iter().map(row).collect()),
            CommandCommand::List => {
                Reply::Array(COMMANDS.iter().map(|spec| Reply::bulk(spec.name)).collect())
            }
            CommandCommand::Count => Reply::count(COMMANDS.len()),
            CommandCommand::Info(names) => {
                let row = |name| command::find(name).map_or(Reply::NullArray, row);
                Reply::Array(names.iter().map(row).collect())
            }
            CommandCommand::Docs => Reply::Map(Vec::new()),
            CommandCommand::GetKeys(request) => keys_of(request).unwrap_or_else(Reply::from),
        }
    }
}

fn keys_of(request: &[Bytes]) -> Result<Reply, ErrorReply> {
    let invalid = |text: &'static str| ErrorReply::err(text);
    let spec = command::find(&request[0]).ok_or_else(|| invalid("Invalid command specified"))?;
    if !spec.accepts(request.len()) {
        return Err(invalid("Invalid number of arguments specified for command"));
    }
    let Keys(keys) = spec.keys(request);
    if keys.is_empty() {
        return Err(invalid("The command has no key arguments"));
    }
    Ok(Reply::Array(keys.into_iter().map(Reply::Bulk).collect()))
}

/// Name, arity, flags, and where the first and last key stand and how far they are apart.
fn row(spec: &CommandSpec) -> Reply {
    let (first, last, step) = match spec.keys {
        KeySpec::None => (0, 0, 0),
        KeySpec::First => (1, 1, 1),
        KeySpec::All => (1, -1, 1),
        KeySpec::Pairs => (1, -1, 2),
    };
    Reply::Array(vec![
        Reply::bulk(spec.name),
        Reply::Integer(spec.arity.into()),
        Reply::Array(flags(spec.flags).map(Reply::line).collect()),
        Reply::Integer(first),
        Reply::Integer(last),
        Reply::Integer(step),
    ])
}

fn flags(flags: Flags) -> impl Iterator<Item = &'static str> {
    let Flags { write, ok_loading, no_multi, no_auth, bypass_multi: _, order: _ } = flags;
    [
        (write, "write"),
        (!write, "readonly"),
        (ok_loading, "ok-loading"),
        (no_multi, "no-multi"),
        (no_auth, "no-auth"),
    ]
    .into_iter()
    .filter_map(|(set, name)| set.then_some(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::tests::show;

    #[test]
    fn the_table_is_shown() {
        for (request, reply) in [
            ("command info get none", "[[get 2 [readonly] 1 1 1] no-array]"),
            ("command info mset", "[[mset -3 [write] 1 -1 2]]"),
            ("command docs get", "{}"),
            ("command getkeys mset a 1 b 2", "[a b]"),
            ("command getkeys ping", "-ERR The command has no key arguments"),
            ("command getkeys get", "-ERR Invalid number of arguments specified for command"),
            ("command getkeys nonsense", "-ERR Invalid command specified"),
        ] {
            let args: Vec<Bytes> =
                request.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
            let Ok(Command::Commands(command)) = parse(&args) else { panic!("{request}") };
            assert_eq!(show(&command.run()), reply, "{request}");
        }
    }
}
