//! The report as JSON, for programs.
//!
//! [`report`] writes one object:
//! - `schema`: [`SCHEMA`]; raised when a field changes its meaning or goes, so a reader that meets
//!   a higher one must stop. New fields may come without that.
//! - `cells`: a list of [`Cell`]s: `scenario`, `profile`, `expectation` (`{"expect": "holds"}` or
//!   `{"expect": "breaks", "check", "reason"}`), `ttl_ms`, `tick_ms`, `seeds`, `figures`, `checks`
//!   (a count of `pass`, `unknown` and `fail` for each `check`), `result` (tagged by `result`:
//!   `as_expected`, `promise_broken`, `break_missing`, `vacuous`, `undecided`) and `worst_seed`.
//! - `runs`: a list of [`RunRecord`]s, those of the first cell first, by seed.
//!
//! The `figures` of a run have `recovery_ms` (from the heal until every shard took writes for good; 0 in
//! records that were written before there was such a figure) and `availability`: for each `shard` its `unavailable_ms`, `longest_ms` and
//! `outages`, each with `from_ms`, `until_ms`, `end` (tagged by `by`: `failover` with `to`, `recovery`
//! with `of`, `nothing`), `parts` (`detection_ms`, `election_ms`, `push_ms`, `lease_wait_ms`,
//! `not_ready_ms`, `recovery_ms`; their sum is the length), `client_reaction_ms` (none if nothing was
//! acknowledged until the next one) and `evidence`. Those of a cell have the number of `outages` and
//! the `longest_outage` with the `seed` of its run.
//!
//! [`verdict`] writes one [`RunRecord`], the `verdict.json` of a run directory. All times are
//! simulated milliseconds; evidence is a list of event numbers of the run's history.

use serde::Serialize;

use crate::cell::Cell;
use crate::record::{RunRecord, SCHEMA};

/// All cells and runs, ending with a newline.
pub fn report(cells: &[Cell]) -> String {
    let runs = cells.iter().flat_map(|cell| &cell.runs).collect();
    pretty(&Report { schema: SCHEMA, cells, runs })
}

/// One run, ending with a newline.
pub fn verdict(run: &RunRecord) -> String {
    pretty(run)
}

#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    cells: &'a [Cell],
    runs: Vec<&'a RunRecord>,
}

fn pretty(value: &impl Serialize) -> String {
    // Every field is a number, string, list or map with string keys.
    let mut text = serde_json::to_string_pretty(value).expect("a report is plain data");
    text.push('\n');
    text
}
