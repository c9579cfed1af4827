//! A run directory: `plan.toml`, `history.jsonl`, `verdict.json` and the report's page. What is
//! read back is checked, and nothing is written outside the directory.

use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use reports::record::RunRecord;
use sim::history::{History, HistoryError};

use crate::plan::{Plan, PlanError};
use crate::run::Run;

/// The plan of a run, in its directory.
pub const PLAN: &str = "plan.toml";
/// Its history.
pub const HISTORY: &str = "history.jsonl";
/// Its record, with all verdicts.
pub const VERDICT: &str = "verdict.json";
/// The page of a run, in its directory.
pub const PAGE: &str = "report.html";

/// A run directory that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RunDirError {
    /// The operating system says no.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The plan is bad.
    #[error("{}: {error}", path.display())]
    Plan {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        error: PlanError,
    },
    /// The verdict is bad.
    #[error("{}: {error}", path.display())]
    Verdict {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        error: serde_json::Error,
    },
    /// The history is bad.
    #[error("{}: {error}", path.display())]
    History {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the line.
        error: HistoryError,
    },
}

/// A saved run, read back.
#[derive(Debug)]
pub struct Saved {
    /// The plan.
    pub plan: Plan,
    /// The verdict.
    pub record: RunRecord,
    /// The history.
    pub history: History,
}

/// Where the directory of a run stands, below the directory of the report.
pub fn relative(record: &RunRecord) -> PathBuf {
    PathBuf::from("runs")
        .join(&record.scenario)
        .join(&record.profile)
        .join(format!("seed-{}", record.seed))
}

/// Writes a run directory.
///
/// # Errors
/// What the operating system says, with the path.
pub fn save(dir: &Path, plan: &Plan, run: &Run, record: &RunRecord) -> Result<(), RunDirError> {
    create(dir)?;
    write(&dir.join(PLAN), &plan.to_toml())?;
    write(&dir.join(HISTORY), &run.history.to_json_lines())?;
    write(&dir.join(VERDICT), &reports::json::verdict(record))?;
    write(&dir.join(PAGE), &reports::html::page(record, &run.history))
}

/// Reads a plan's file.
///
/// # Errors
/// With line and column of what is wrong.
pub fn load_plan(path: &Path) -> Result<Plan, RunDirError> {
    let text = read(path)?;
    Plan::from_toml(&text).map_err(|error| RunDirError::Plan { path: path.into(), error })
}

/// Reads a run directory back.
///
/// # Errors
/// Names the file and what is wrong in it.
pub fn load(dir: &Path) -> Result<Saved, RunDirError> {
    let plan = load_plan(&dir.join(PLAN))?;
    let record = load_record(&dir.join(VERDICT))?;
    let history = load_history(&dir.join(HISTORY))?;
    Ok(Saved { plan, record, history })
}

/// Reads a run's record.
///
/// # Errors
/// With line and column of what is wrong.
pub fn load_record(path: &Path) -> Result<RunRecord, RunDirError> {
    let text = read(path)?;
    serde_json::from_str(&text).map_err(|error| RunDirError::Verdict { path: path.into(), error })
}

/// Reads a history, of whichever system.
///
/// # Errors
/// With the line that is wrong.
pub fn load_history(path: &Path) -> Result<History, RunDirError> {
    let file =
        std::fs::File::open(path).map_err(|error| RunDirError::Io { path: path.into(), error })?;
    History::from_json_lines(BufReader::new(file))
        .map_err(|error| RunDirError::History { path: path.into(), error })
}

/// Creates a folder and those above it.
///
/// # Errors
/// What the operating system says, with the path.
pub fn create(dir: &Path) -> Result<(), RunDirError> {
    std::fs::create_dir_all(dir).map_err(|error| RunDirError::Io { path: dir.into(), error })
}

/// Writes a file of the report.
///
/// # Errors
/// What the operating system says, with the path.
#[expect(clippy::disallowed_methods, reason = "the command line's own files, not simulated code")]
pub fn write(path: &Path, content: &str) -> Result<(), RunDirError> {
    std::fs::write(path, content).map_err(|error| RunDirError::Io { path: path.into(), error })
}

fn read(path: &Path) -> Result<String, RunDirError> {
    std::fs::read_to_string(path).map_err(|error| RunDirError::Io { path: path.into(), error })
}
