//! `splitbrain replay`: runs a saved run, or a plan, again. The same plan must give the same
//! history; on a difference the first event that differs is named.

use std::path::{Path, PathBuf};

use clap::Args;
use reports::cell::{self, Cell};
use reports::judgement;
use reports::record::RunRecord;
use sim::history::{Event, History};

use super::{CliError, Format, HARNESS, print};
use crate::plan::Plan;
use crate::run::{self, Run};
use crate::run_dir;

#[derive(Args, Debug)]
pub(super) struct Replay {
    /// A plan (it is run twice), or the directory of a saved run.
    #[arg(value_name = "FILE.toml|RUN_DIR")]
    what: PathBuf,
    /// How to print the result: text or json.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Replay {
    pub(super) fn execute(&self) -> Result<u8, CliError> {
        let (plan, before) = if self.what.is_dir() {
            let saved = run_dir::load(&self.what)?;
            check_whole(&saved.history, &saved.record, &self.what)?;
            (saved.plan, saved.history)
        } else {
            let plan = run_dir::load_plan(&self.what)?;
            let first = replay(&plan)?;
            (plan, first.history)
        };
        let again = replay(&plan)?;
        let record = run::judge(&plan, &again);
        if let Some((saved, now)) = before.first_difference(&again.history) {
            print(&format!(
                "The digest differs: {} became {}.\nThe first event that differs:\n  {}\n  {}\n",
                before.digest(),
                record.digest,
                told(saved),
                told(now)
            ));
            return Ok(HARNESS);
        }
        self.print(&record)?;
        Ok(cell::exit_status(&Cell::gather([record])))
    }

    fn print(&self, record: &RunRecord) -> Result<(), CliError> {
        match self.format {
            Format::Text => {
                let cells = Cell::gather([record.clone()]);
                print(&reports::text::report(&cells));
                for verdict in &record.verdicts {
                    print(&format!("{}\n", judgement::verdict_line(verdict)));
                }
                print(&format!("\nThe same digest: {}\n", record.digest));
            }
            Format::Json => print(&reports::json::verdict(record)),
            Format::Junit | Format::Markdown => {
                return Err(CliError::Usage("replay prints text or json".to_owned()));
            }
        }
        Ok(())
    }
}

fn replay(plan: &Plan) -> Result<Run, CliError> {
    run::run(plan).map_err(|error| CliError::Harness(error.to_string()))
}

/// A saved history must be the one that its verdict was made of.
fn check_whole(history: &History, record: &RunRecord, dir: &Path) -> Result<(), CliError> {
    let digest = history.digest();
    if digest == record.digest {
        return Ok(());
    }
    Err(CliError::Usage(format!(
        "{}: history.jsonl has the digest {digest}, but verdict.json says {}; one of them was \
         changed",
        dir.display(),
        record.digest
    )))
}

fn told(event: Option<&Event>) -> String {
    match event {
        Some(event) => serde_json::to_string(event).expect("an event is plain data"),
        None => "(the history is over)".to_owned(),
    }
}
