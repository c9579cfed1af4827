//! `splitbrain check`: judges a saved history again, or one that another system wrote. Nothing is
//! written.
//!
//! The trap: no expectation is asked. A run whose plan expects a break ends with 1 here, because
//! the promise was broken.

use std::path::{Path, PathBuf};

use clap::Args;
use reports::judgement::Judgement;

use super::{CliError, Format, print};
use crate::run_dir::{self, HISTORY, PLAN, VERDICT};

#[derive(Args, Debug)]
pub(super) struct Check {
    /// The directory of a saved run, or a history of any system (see docs/history-format.md).
    #[arg(value_name = "RUN_DIR|FILE.jsonl")]
    what: PathBuf,
    /// How to print the result: text or json.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Check {
    pub(super) fn execute(&self) -> Result<u8, CliError> {
        let judgement = self.judge()?;
        match self.format {
            Format::Text => print(&judgement.to_text()),
            Format::Json => print(&judgement.to_json()),
            Format::Junit | Format::Markdown => {
                return Err(CliError::Usage("check prints text or json".to_owned()));
            }
        }
        Ok(judgement.exit_status())
    }

    fn judge(&self) -> Result<Judgement, CliError> {
        let path = match self.what.is_dir() {
            true => self.what.join(HISTORY),
            false => self.what.clone(),
        };
        let history = run_dir::load_history(&path)?;
        let judgement = Judgement::of(&history).map_err(|error| {
            let (path, line) = (path.display(), error.line());
            CliError::Usage(format!("{path}: history line {line}: {error}"))
        })?;
        let Some(dir) = run_dir_of(&path) else {
            return Ok(judgement);
        };
        let saved = run_dir::load_record(&dir.join(VERDICT))?;
        let plan = run_dir::load_plan(&dir.join(PLAN))?;
        let mut judgement = judgement.beside(&saved);
        if history.setup() != Some(&crate::cluster::setup(&plan)) {
            judgement.differs(format!("{PLAN} is not the plan that the history tells of"));
        }
        Ok(judgement)
    }
}

/// The run directory that a history is part of: one with a plan beside it.
fn run_dir_of(history: &Path) -> Option<&Path> {
    let dir = history.parent()?;
    let is_its_history = history.file_name().is_some_and(|name| name == HISTORY);
    (is_its_history && dir.join(PLAN).exists()).then_some(dir)
}
