//! The command line: one file a command, and the exit status of DESIGN section 9.

mod check;
mod list;
mod progress;
mod replay;
mod rules;
mod run;
mod selection;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use crate::catalogue::UnknownScenario;
use crate::profile::ProfileError;
use crate::run_dir::RunDirError;

/// As expected.
pub const AS_EXPECTED: u8 = 0;
/// A promise broken, or an expected break that did not happen.
pub const SURPRISE: u8 = 1;
/// Bad input or usage.
pub const BAD_INPUT: u8 = 2;
/// Fault of the harness: panic, non-determinism, vacuous run.
pub const HARNESS: u8 = 3;

/// Deterministic simulation tests that prove, bound or break the claim that a lease and a load
/// balancer keep split brain short.
#[derive(Debug, Parser)]
#[command(
    name = "splitbrain",
    version,
    after_help = "Exit status: 0 as expected; 1 a promise broken, or an expected break that did \
                  not happen; 2 bad input or usage; 3 fault of the harness (panic, \
                  non-determinism, vacuous run); 4 undecided only.\nWithout a command: run."
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists scenarios and profiles, and what is expected of each pair.
    List(list::List),
    /// Runs scenarios under profiles and writes the report; without arguments all of them.
    Run(run::RunCommand),
    /// Runs a saved run, or a plan, again: the digest must be the same.
    Replay(replay::Replay),
    /// Measures what each of the eleven rules buys, and prints the table.
    Rules(rules::Rules),
    /// Judges a saved history again, or one that another system wrote.
    Check(check::Check),
    /// Runs one process of a real cluster on real sockets, until SIGTERM or SIGINT.
    Serve(serve::Serve),
}

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table for people.
    #[default]
    Text,
    /// One JSON document.
    Json,
    /// JUnit XML, for CI.
    Junit,
    /// The report's Markdown.
    Markdown,
}

/// What ends a command early.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error(transparent)]
    Scenario(#[from] UnknownScenario),
    #[error(transparent)]
    Profile(#[from] ProfileError),
    #[error(transparent)]
    RunDir(#[from] RunDirError),
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Harness(String),
}

impl CliError {
    fn status(&self) -> u8 {
        match self {
            CliError::Harness(_) => HARNESS,
            _ => BAD_INPUT,
        }
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if !cfg!(tokio_unstable) {
        // Said here once, so that not every run says it.
        eprintln!("error: {}", sim::WorldError::BuildFlag);
        return ExitCode::from(BAD_INPUT);
    }
    let command = arguments.command.unwrap_or_else(|| Command::Run(run::RunCommand::default()));
    let status = match command {
        Command::List(list) => list.execute(),
        Command::Run(run) => run.execute(),
        Command::Replay(replay) => replay.execute(),
        Command::Rules(rules) => rules.execute(),
        Command::Check(check) => check.execute(),
        Command::Serve(serve) => serve.execute(),
    };
    ExitCode::from(status.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        error.status()
    }))
}

/// Prints to standard output; a reader that went away (`| head`) is no error.
fn print(text: &str) {
    use std::io::Write;
    let _ = std::io::stdout().write_all(text.as_bytes());
}
