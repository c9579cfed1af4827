//! The commands on data, by family: what each answers, and what it changes. Pure: they read a
//! [`View`] and return an effect; the caller writes it, at once or with a transaction.
//!
//! What this is not: the judge of which keys a command names (see [`crate::command`]).

use crate::counter_commands::CounterCommand;
use crate::hash_commands::HashCommand;
use crate::key_commands::KeyCommand;
use crate::list_commands::ListCommand;
use crate::string_commands::StringCommand;
use crate::view::{Outcome, View};

/// A command on data.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum DataCommand {
    /// On strings.
    String(StringCommand),
    /// On strings that are numbers.
    Counter(CounterCommand),
    /// On keys of any type.
    Key(KeyCommand),
    /// On hashes.
    Hash(HashCommand),
    /// On lists.
    List(ListCommand),
}

impl DataCommand {
    /// What the command does to these data.
    pub(crate) fn run(&self, view: View<'_>) -> Outcome {
        match self {
            DataCommand::String(command) => command.run(view),
            DataCommand::Counter(command) => command.run(view),
            DataCommand::Key(command) => command.run(view),
            DataCommand::Hash(command) => command.run(view),
            DataCommand::List(command) => command.run(view),
        }
    }
}
