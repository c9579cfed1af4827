//! `splitbrain serve node`: every option of a node is an option here, under Kvrocks' name.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Args, FromArgMatches};
use node::{NodeConfig, NodeError};

use super::{LOCALHOST, Place};
use crate::cli::CliError;

#[derive(Args, Debug)]
pub(super) struct ServeNode {
    /// Where its files go; created if need be.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// The host by which a topology names it, if not by the address it is bound to.
    #[arg(long, value_name = "HOST")]
    name: Option<String>,
    #[command(flatten)]
    options: NodeOptions,
}

impl ServeNode {
    pub(super) fn execute(self) -> Result<u8, CliError> {
        let NodeOptions(mut config) = self.options;
        let bind = address(&config)?;
        config.bind = vec![bind.to_string()];
        let name = self.name.unwrap_or_else(|| bind.to_string());
        let at = self.dir.display().to_string();
        super::run(Place { name, bind, dir: self.dir }, async |host| {
            let server = node::start(host, config).await?;
            tracing::info!("node listens on {bind} port {}, files in {at}", server.port());
            server.run().await;
            Ok::<(), NodeError>(())
        })
    }
}

/// The address to bind: loopback unless told otherwise, and then only with a password.
fn address(config: &NodeConfig) -> Result<IpAddr, CliError> {
    let bind = match config.bind.as_slice() {
        [] => LOCALHOST,
        [one] => one.parse().map_err(|_| not_one(one))?,
        several => return Err(not_one(&several.join(" "))),
    };
    let password = |(name, value): (&str, String)| name == "requirepass" && !value.is_empty();
    if bind.is_loopback() || config.options().any(password) {
        return Ok(bind);
    }
    Err(CliError::Usage(format!(
        "--bind {bind} is reached from other machines: allowed only with --requirepass PASSWORD; \
         without it allowed are loopback addresses (127.0.0.0/8, ::1)"
    )))
}

fn not_one(given: &str) -> CliError {
    CliError::Usage(format!("--bind `{given}`: allowed is one IP address, like 127.0.0.1"))
}

/// The options of a node, as it knows them itself.
#[derive(Debug)]
struct NodeOptions(NodeConfig);

impl Args for NodeOptions {
    fn augment_args(command: clap::Command) -> clap::Command {
        let known: Vec<_> = NodeConfig::default().options().collect();
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        let usage = format!(
            "splitbrain serve node --dir DIR [--name HOST] [--OPTION VALUE]...\n\nAllowed are \
             Kvrocks' options: {}",
            names.join(", ")
        );
        let taken = |command: &clap::Command, name: &str| {
            command.get_arguments().any(|argument| argument.get_id() == name)
        };
        known
            .into_iter()
            .fold(command, |command, (name, default)| {
                if taken(&command, name) { command } else { command.arg(option(name, &default)) }
            })
            .override_usage(usage)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

fn option(name: &'static str, default: &str) -> Arg {
    let default = if default.is_empty() { "none" } else { default };
    Arg::new(name).long(name).value_name("VALUE").help(format!("[default: {default}]"))
}

impl FromArgMatches for NodeOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut options = NodeOptions(NodeConfig::default());
        options.update_from_arg_matches(matches)?;
        Ok(options)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let names: Vec<&str> = self.0.options().map(|(name, _)| name).collect();
        for name in names {
            // An option that is the command's own has another type and is none of these.
            let Some(value) = matches.try_get_one::<String>(name).ok().flatten() else { continue };
            self.0
                .set(name, value)
                .map_err(|error| clap::Error::raw(ErrorKind::ValueValidation, error.to_string()))?;
        }
        Ok(())
    }
}
