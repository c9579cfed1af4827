//! `splitbrain run`: plays plans, prints the table and writes the report.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::Args;
use reports::cell::{self, Cell};
use reports::record::RunRecord;

use super::progress::Progress;
use super::selection::{self, SEEDS};
use super::{CliError, Format, HARNESS, print};
use crate::batch::{self, Failed};
use crate::cluster;
use crate::plan::Plan;
use crate::run;
use crate::run_dir;

#[derive(Args, Debug, Default)]
pub(super) struct RunCommand {
    /// Scenarios by name, or plans by file (`.toml`); all scenarios if none is given.
    #[arg(value_name = "SCENARIO|FILE.toml")]
    what: Vec<String>,
    /// A profile by name, or by file (`.toml`); may be given several times; all if none is.
    #[arg(long = "profile", value_name = "P")]
    profiles: Vec<String>,
    /// Seeds from A to B, without B [default: 0..20].
    #[arg(long, value_name = "A..B", value_parser = selection::parse_seeds)]
    seeds: Option<Range<u64>>,
    /// One seed.
    #[arg(long, value_name = "N", conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Runs beside each other [default: one for each core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    jobs: Option<u32>,
    /// Where the report goes; nothing is written elsewhere [default: target/splitbrain].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// How to print the result.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl RunCommand {
    pub(super) fn execute(&self) -> Result<u8, CliError> {
        let seeds = match self.seed {
            Some(seed) => seed..seed.checked_add(1).ok_or_else(too_great)?,
            None => self.seeds.clone().unwrap_or(SEEDS),
        };
        let plans = selection::plans(&self.what, &self.profiles, seeds)?;
        warn(&plans);
        let out = self.out.clone().unwrap_or_else(|| PathBuf::from("target/splitbrain"));
        prepare(&out)?;
        let progress = Progress::new(plans.len() as u64);
        let (mut records, failed) = batch::run_all(&plans, self.jobs(), &|| progress.step());
        progress.finish();
        for record in &mut records {
            name_saved_plan(record, plan_of(&plans, record), &out);
        }
        let cells = Cell::gather(records);
        let links = save_worst(&out, &plans, &cells)?;
        write_report(&out, &cells, &links)?;
        self.print(&cells, &out);
        report_failed(&out, &plans, &failed)?;
        Ok(if failed.is_empty() { cell::exit_status(&cells) } else { HARNESS })
    }

    fn jobs(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        self.jobs.map_or_else(cores, |jobs| jobs as usize)
    }

    fn print(&self, cells: &[Cell], out: &Path) {
        match self.format {
            Format::Text => {
                print(&reports::text::report(cells));
                print(&format!("\nThe report: {0}/index.html and {0}/report.md\n", out.display()));
            }
            Format::Json => print(&reports::json::report(cells)),
            Format::Junit => print(&reports::junit::report(cells)),
            Format::Markdown => print(&reports::markdown::report(cells, |_| None)),
        }
    }
}

/// A plan that no command line makes is run again from where it is saved.
fn name_saved_plan(record: &mut RunRecord, plan: &Plan, out: &Path) {
    if !plan.is_of_the_catalogue() {
        let dir = out.join(run_dir::relative(record));
        record.replay = format!("cargo run --release -- replay {}", dir.display());
    }
}

fn too_great() -> CliError {
    CliError::Usage(format!("--seed: allowed is 0 to {}", u64::MAX - 1))
}

/// Says what will surprise in the profiles of these plans, each once.
fn warn(plans: &[Plan]) {
    let mut warned = BTreeSet::new();
    for Plan { profile, .. } in plans {
        for warning in cluster::warnings(profile) {
            if warned.insert((&profile.name, warning.clone())) {
                eprintln!("warning: profile {}: {warning}", profile.name);
            }
        }
    }
}

/// Where the page of a cell's worst run stands, by scenario and profile.
type Links = BTreeMap<(String, String), String>;

/// Takes away the run directories of an earlier report, and nothing else.
fn prepare(out: &Path) -> Result<(), CliError> {
    run_dir::create(out)?;
    let runs = out.join("runs");
    if out.join(REPORT_JSON).exists() && runs.exists() {
        let io = |error| run_dir::RunDirError::Io { path: runs.clone(), error };
        std::fs::remove_dir_all(&runs).map_err(io)?;
    }
    Ok(())
}

const REPORT_JSON: &str = "report.json";

/// Runs the worst seed of every cell once more for its page; the same plan must give the same
/// history.
fn save_worst(out: &Path, plans: &[Plan], cells: &[Cell]) -> Result<Links, CliError> {
    let mut links = Links::new();
    for cell in cells {
        let record = cell.worst();
        let plan = plan_of(plans, record);
        let again = run::run(plan).map_err(|error| CliError::Harness(error.to_string()))?;
        let dir = out.join(run_dir::relative(record));
        run_dir::save(&dir, plan, &again, record)?;
        if again.history.digest() != record.digest {
            return Err(CliError::Harness(format!(
                "not deterministic: {} under {} with seed {} gave another history when run \
                 again (its second history is in {})",
                record.scenario,
                record.profile,
                record.seed,
                dir.display()
            )));
        }
        let page = run_dir::relative(record).join(run_dir::PAGE);
        let cell = (cell.scenario.clone(), cell.profile.clone());
        links.insert(cell, page.display().to_string());
    }
    Ok(links)
}

fn plan_of<'p>(plans: &'p [Plan], record: &RunRecord) -> &'p Plan {
    let found = plans.iter().find(|plan| {
        plan.scenario == record.scenario
            && plan.profile.name == record.profile
            && plan.seed == record.seed
    });
    found.expect("every record comes from one of the plans")
}

fn write_report(out: &Path, cells: &[Cell], links: &Links) -> Result<(), CliError> {
    let page_of = |cell: &Cell| links.get(&(cell.scenario.clone(), cell.profile.clone())).cloned();
    run_dir::write(&out.join("report.md"), &reports::markdown::report(cells, page_of))?;
    run_dir::write(&out.join("index.html"), &reports::html::index(cells, page_of))?;
    run_dir::write(&out.join(REPORT_JSON), &reports::json::report(cells))?;
    Ok(())
}

/// Runs that did not come to their end: each says why, and its plan is kept.
fn report_failed(out: &Path, plans: &[Plan], failed: &[Failed]) -> Result<(), CliError> {
    for Failed { at, error } in failed {
        let plan = &plans[*at];
        let dir = out.join("failed");
        run_dir::create(&dir)?;
        let name = format!("{}-{}-seed-{}.toml", plan.scenario, plan.profile.name, plan.seed);
        let path = dir.join(name);
        run_dir::write(&path, &plan.to_toml())?;
        eprintln!(
            "harness: {} under {} with seed {}: {error}\n  again: cargo run --release -- replay {}",
            plan.scenario,
            plan.profile.name,
            plan.seed,
            path.display()
        );
    }
    Ok(())
}
