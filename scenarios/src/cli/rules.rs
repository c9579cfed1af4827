//! `splitbrain rules`: measures what every rule buys, and prints the page of it.

use std::ops::Range;

use clap::Args;

use super::{AS_EXPECTED, CliError, SURPRISE, print};
use crate::rule_table::{self, Row};

#[derive(Args, Debug)]
pub(super) struct Rules {
    /// Seeds from A to B, without B.
    #[arg(long, value_name = "A..B", value_parser = super::selection::parse_seeds, default_value = "0..10")]
    seeds: Range<u64>,
}

impl Rules {
    pub(super) fn execute(&self) -> Result<u8, CliError> {
        let jobs = std::thread::available_parallelism().map_or(1, usize::from);
        let rows = rule_table::measure(&self.seeds, jobs)
            .map_err(|error| CliError::Harness(error.to_string()))?;
        print(&rule_table::page(&rows, &self.seeds));
        let surprises: Vec<&Row> = rows.iter().filter(|row| !row.is_as_declared()).collect();
        for row in &surprises {
            eprintln!("{}: {} does not show what it declares: {row:?}", row.rule, row.scenario);
        }
        Ok(if surprises.is_empty() { AS_EXPECTED } else { SURPRISE })
    }
}
