//! A cell: all runs of one scenario under one profile, and whether they did what was expected.
//!
//! The only place that compares results with expectations (DESIGN section 9), for one run, for
//! a cell and for the exit status of a whole report. It judges no history; that is `sim`'s work.
//!
//! The trap: a break is expected of the *cell*, not of each run. A run that keeps the promise is
//! no surprise as long as another one breaks it.

use std::cmp::Reverse;

use serde::Serialize;
use sim::figures::{LostWrites, Outage};
use sim::history::Via;
use sim::verdict::{Outcome, Verdict};

use crate::record::{Expectation, RunRecord};
use crate::vacuity::is_vacuity;

/// The runs of one scenario under one profile, with one expectation and one yardstick.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// The scenario's name.
    pub scenario: String,
    /// The profile's name.
    pub profile: String,
    /// What was expected.
    pub expectation: Expectation,
    /// The yardstick in milliseconds.
    pub ttl_ms: u64,
    /// The tick in milliseconds.
    pub tick_ms: u64,
    /// The seeds, ascending.
    pub seeds: Vec<u64>,
    /// The figures of all its runs.
    pub figures: CellFigures,
    /// How often each check answered what, in the order in which the runs name them.
    pub checks: Vec<CheckCount>,
    /// Whether it did what was expected.
    pub result: CellResult,
    /// The seed of the run to look at first; see [`Cell::worst`].
    pub worst_seed: u64,
    /// Its runs by seed; in JSON they stand in a list of their own.
    #[serde(skip)]
    pub runs: Vec<RunRecord>,
}

/// The figures of a cell (DESIGN section 6).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CellFigures {
    /// Commits that changed a shard's master, all runs together.
    pub failovers: u64,
    /// The lower median of the runs' spans in milliseconds.
    pub span_median_ms: u64,
    /// The greatest span in milliseconds.
    pub span_max_ms: u64,
    /// The greatest overlap in milliseconds.
    pub overlap_max_ms: u64,
    /// The greatest stale route in milliseconds.
    pub stale_route_max_ms: u64,
    /// Writes acknowledged by a deposed node, all runs together.
    pub stale_writes: u64,
    /// Those of them that came through a load balancer.
    pub stale_writes_via_lb: u64,
    /// Acknowledged writes that are absent in the end, all runs together.
    pub lost_writes: LostWrites,
    /// The lower median of the runs' unavailability in milliseconds.
    pub unavailable_median_ms: u64,
    /// Outages of shards, all runs together.
    pub outages: u64,
    /// The longest of them, of equals that of the lowest seed; none if there was none.
    pub longest_outage: Option<CellOutage>,
    /// Simulated milliseconds, all runs together.
    pub simulated_ms: u64,
}

/// An outage of one of a cell's runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CellOutage {
    /// The run.
    pub seed: u64,
    /// The outage.
    #[serde(flatten)]
    pub outage: Outage,
}

/// How often a check answered what in the runs of a cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckCount {
    /// The check.
    pub check: String,
    /// Whether its answers count for nothing, because nobody promised this.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub informative: bool,
    /// Runs in which the promise was kept.
    pub pass: u64,
    /// Runs in which it is undecided.
    pub unknown: u64,
    /// Runs in which it was broken.
    pub fail: u64,
}

/// Whether a cell did what was expected, the gravest surprise first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum CellResult {
    /// A run did not reach what it must, so that nothing is proven.
    Vacuous {
        /// The run.
        seed: u64,
        /// What it missed.
        reason: String,
    },
    /// A check failed that was not expected to.
    PromiseBroken {
        /// The check.
        check: String,
        /// The run.
        seed: u64,
        /// What happened.
        reason: String,
    },
    /// The expected break did not happen in any run.
    BreakMissing {
        /// The check that should have failed.
        check: String,
    },
    /// Nothing is wrong as far as is known, but an answer that is needed is unknown.
    Undecided {
        /// The check.
        check: String,
        /// The run.
        seed: u64,
        /// Why it is unknown.
        reason: String,
    },
    /// All is as expected.
    AsExpected,
}

impl Cell {
    /// Gathers runs into cells, in the order in which the cells first appear. Runs that differ in
    /// expectation or yardstick are never mixed.
    pub fn gather(runs: impl IntoIterator<Item = RunRecord>) -> Vec<Cell> {
        let mut groups: Vec<Vec<RunRecord>> = Vec::new();
        for run in runs {
            match groups.iter_mut().find(|group| belongs_to(&run, &group[0])) {
                Some(group) => group.push(run),
                None => groups.push(vec![run]),
            }
        }
        groups.into_iter().map(Cell::of_group).collect()
    }

    /// A cell of at least one run.
    fn of_group(mut runs: Vec<RunRecord>) -> Cell {
        runs.sort_by_key(|run| run.seed);
        let first = &runs[0];
        let worst_first = worst_first(&runs);
        let result = judge(&first.expectation, &worst_first);
        let worst_seed = result.seed().unwrap_or(worst_first[0].seed);
        Cell {
            scenario: first.scenario.clone(),
            profile: first.profile.clone(),
            expectation: first.expectation.clone(),
            ttl_ms: first.ttl_ms,
            tick_ms: first.tick_ms,
            seeds: runs.iter().map(|run| run.seed).collect(),
            figures: CellFigures::of(&runs),
            checks: count_checks(&runs),
            result,
            worst_seed,
            runs,
        }
    }

    /// The run to look at first: the one that the result names; else the one with the greatest
    /// span, then the most stale writes, then the lowest seed.
    pub fn worst(&self) -> &RunRecord {
        // `worst_seed` was taken from these runs.
        self.runs.iter().find(|run| run.seed == self.worst_seed).expect("a seed of this cell")
    }

    /// The runs in which any check of the system failed: not those of
    /// [`crate::vacuity::VACUITY_CHECKS`].
    pub fn broken_runs(&self) -> usize {
        self.runs.iter().filter(|run| failures(run).any(|v| !is_vacuity(&v.check))).count()
    }

    /// The checks that failed in any run.
    pub fn broken_checks(&self) -> impl Iterator<Item = &str> {
        let broken = self.checks.iter().filter(|count| count.fail > 0 && !count.informative);
        broken.map(|count| count.check.as_str())
    }
}

impl CellResult {
    /// Whether all is as expected.
    pub fn as_expected(&self) -> bool {
        *self == CellResult::AsExpected
    }

    /// The run that it names, if any.
    pub fn seed(&self) -> Option<u64> {
        match self {
            CellResult::Vacuous { seed, .. }
            | CellResult::PromiseBroken { seed, .. }
            | CellResult::Undecided { seed, .. } => Some(*seed),
            CellResult::BreakMissing { .. } | CellResult::AsExpected => None,
        }
    }
}

impl CellFigures {
    /// The length of the longest outage in milliseconds; 0 if there was none.
    pub fn outage_max_ms(&self) -> u64 {
        self.longest_outage.as_ref().map_or(0, |longest| longest.outage.length_ms())
    }

    fn of(runs: &[RunRecord]) -> CellFigures {
        let mut figures = CellFigures {
            span_median_ms: lower_median(runs.iter().map(|run| run.figures.span_ms)),
            unavailable_median_ms: lower_median(runs.iter().map(|run| run.figures.unavailable_ms)),
            longest_outage: longest_outage(runs),
            ..CellFigures::default()
        };
        for run in runs {
            let of_run = &run.figures;
            figures.failovers += of_run.failovers.len() as u64;
            figures.span_max_ms = figures.span_max_ms.max(of_run.span_ms);
            figures.overlap_max_ms = figures.overlap_max_ms.max(of_run.overlap_ms);
            figures.stale_route_max_ms = figures.stale_route_max_ms.max(of_run.stale_route_ms);
            figures.stale_writes += of_run.stale_writes_total();
            figures.stale_writes_via_lb += of_run.stale_writes.get(&Via::Lb).copied().unwrap_or(0);
            figures.lost_writes.replication_lag += of_run.lost_writes.replication_lag;
            figures.lost_writes.split_brain += of_run.lost_writes.split_brain;
            figures.lost_writes.unexplained += of_run.lost_writes.unexplained;
            figures.outages +=
                of_run.availability.iter().map(|of| of.outages.len() as u64).sum::<u64>();
            figures.simulated_ms += run.simulated_ms;
        }
        figures
    }
}

/// The exit status of a report (DESIGN section 9): 3 if any cell is vacuous, else 1 if any
/// surprised, else 4 if only undecided ones stand in the way, else 0.
pub fn exit_status(cells: &[Cell]) -> u8 {
    let status = |cell: &Cell| match cell.result {
        CellResult::Vacuous { .. } => 3,
        CellResult::PromiseBroken { .. } | CellResult::BreakMissing { .. } => 1,
        CellResult::Undecided { .. } => 4,
        CellResult::AsExpected => 0,
    };
    let found: Vec<u8> = cells.iter().map(status).collect();
    [3, 1, 4].into_iter().find(|status| found.contains(status)).unwrap_or(0)
}

/// The failed checks of a run that its expectation does not allow.
pub fn unexpected_failures(run: &RunRecord) -> impl Iterator<Item = &Verdict> {
    failures(run).filter(move |verdict| match &run.expectation {
        Expectation::Holds => true,
        Expectation::Breaks { check, also, .. } => {
            verdict.check != *check && !also.contains(&verdict.check)
        }
    })
}

fn failures(run: &RunRecord) -> impl Iterator<Item = &Verdict> {
    run.counted().filter(|verdict| verdict.outcome == Outcome::Fail)
}

fn belongs_to(run: &RunRecord, other: &RunRecord) -> bool {
    let key =
        |run: &RunRecord| (run.scenario.clone(), run.profile.clone(), run.ttl_ms, run.tick_ms);
    key(run) == key(other) && run.expectation == other.expectation
}

/// The gravest kind of surprise first, and within a kind the greatest damage, so that a result
/// names the worst run of its kind.
fn worst_first(runs: &[RunRecord]) -> Vec<&RunRecord> {
    let rank = |run: &RunRecord| {
        if run.vacuity().is_some() {
            0
        } else if unexpected_failures(run).next().is_some() {
            1
        } else {
            2
        }
    };
    let mut sorted: Vec<&RunRecord> = runs.iter().collect();
    sorted.sort_by_key(|run| {
        let figures = &run.figures;
        (rank(run), Reverse(figures.span_ms), Reverse(figures.stale_writes_total()), run.seed)
    });
    sorted
}

fn judge(expectation: &Expectation, worst_first: &[&RunRecord]) -> CellResult {
    let worst = worst_first[0];
    if let Some(reason) = worst.vacuity() {
        return CellResult::Vacuous { seed: worst.seed, reason: reason.to_owned() };
    }
    if let Some(verdict) = unexpected_failures(worst).next() {
        return CellResult::PromiseBroken {
            check: verdict.check.clone(),
            seed: worst.seed,
            reason: verdict.reason.clone(),
        };
    }
    if let Some(run) = worst_first.iter().find(|run| run.counted().next().is_none()) {
        let reason = "nothing was judged".into();
        return CellResult::Undecided { check: "every check".into(), seed: run.seed, reason };
    }
    match expectation {
        Expectation::Holds => undecided(worst_first, |_| true).unwrap_or(CellResult::AsExpected),
        Expectation::Breaks { check, .. } => judge_break(check, worst_first),
    }
}

/// No unexpected check failed; did the expected one? An unknown of it counts only as long as no
/// run shows the break.
fn judge_break(expected: &str, worst_first: &[&RunRecord]) -> CellResult {
    let broke = worst_first.iter().any(|run| failures(run).any(|v| v.check == expected));
    if !broke {
        return undecided(worst_first, |check| check == expected)
            .unwrap_or(CellResult::BreakMissing { check: expected.into() });
    }
    undecided(worst_first, |check| check != expected).unwrap_or(CellResult::AsExpected)
}

fn undecided(worst_first: &[&RunRecord], matters: impl Fn(&str) -> bool) -> Option<CellResult> {
    worst_first.iter().find_map(|run| {
        let verdict = run
            .counted()
            .find(|verdict| verdict.outcome == Outcome::Unknown && matters(&verdict.check));
        verdict.map(|verdict| CellResult::Undecided {
            check: verdict.check.clone(),
            seed: run.seed,
            reason: verdict.reason.clone(),
        })
    })
}

fn count_checks(runs: &[RunRecord]) -> Vec<CheckCount> {
    let mut counts: Vec<CheckCount> = Vec::new();
    for verdict in runs.iter().flat_map(|run| &run.verdicts) {
        let (check, informative) = (&verdict.check, verdict.informative);
        let known = |count: &CheckCount| count.check == *check && count.informative == informative;
        let at = counts.iter().position(known).unwrap_or_else(|| {
            let check = check.clone();
            counts.push(CheckCount { check, informative, pass: 0, unknown: 0, fail: 0 });
            counts.len() - 1
        });
        match verdict.outcome {
            Outcome::Pass => counts[at].pass += 1,
            Outcome::Unknown => counts[at].unknown += 1,
            Outcome::Fail => counts[at].fail += 1,
        }
    }
    counts
}

/// Of runs by ascending seed.
fn longest_outage(runs: &[RunRecord]) -> Option<CellOutage> {
    let outages = runs.iter().rev().filter_map(|run| {
        let outage = run.figures.longest_outage()?.clone();
        Some(CellOutage { seed: run.seed, outage })
    });
    outages.max_by_key(|of| of.outage.length_ms())
}

/// The middle value, the lower of two; 0 of none.
fn lower_median(values: impl Iterator<Item = u64>) -> u64 {
    let mut sorted: Vec<u64> = values.collect();
    sorted.sort_unstable();
    match sorted.len() {
        0 => 0,
        length => sorted[(length - 1) / 2],
    }
}

#[cfg(test)]
mod tests;
