//! Figures, results and faults in words, the same in every format.
//!
//! Plain text without markup: each format escapes it in its own way. The trap: a number is never
//! rounded, since a span may exceed the TTL by a single tick; seconds always have three decimals.

use sim::check::SPAN_WITHIN_TTL;
use sim::figures::{Figures, LostWrites, Outage, OutageEnd};
use sim::verdict::Outcome;

use crate::cell::{self, Cell, CellResult};
use crate::record::{Expectation, RunRecord};

pub use fault::fault;

mod fault;

/// Milliseconds as seconds with three decimals; a plain `0` for none, so that it stands out.
pub fn seconds(ms: u64) -> String {
    match ms {
        0 => "0".into(),
        ms => format!("{}.{:03}", ms / 1_000, ms % 1_000),
    }
}

/// Milliseconds as hours, minutes and seconds, as far as they are needed.
pub fn duration(ms: u64) -> String {
    let (hours, minutes, rest) = (ms / 3_600_000, ms / 60_000 % 60, ms % 60_000);
    match (hours, minutes) {
        (0, 0) => format!("{} s", seconds(rest)),
        (0, minutes) => format!("{minutes} min {} s", rest / 1_000),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

/// A number of things: `1 run`, `2 runs`.
pub fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// The spans of a cell as `(median, max)` in seconds; a dash where no failover took place, for
/// there a span of 0 would promise too much.
pub fn spans(cell: &Cell) -> (String, String) {
    let figures = &cell.figures;
    if figures.failovers == 0 {
        return ("-".into(), "-".into());
    }
    (seconds(figures.span_median_ms), seconds(figures.span_max_ms))
}

/// Whether a span exceeds what the claim allows: the TTL and a tick.
pub fn exceeds(span_ms: u64, ttl_ms: u64, tick_ms: u64) -> bool {
    span_ms > ttl_ms + tick_ms
}

/// Stale writes with those through a load balancer in brackets.
pub fn stale_writes(total: u64, via_lb: u64) -> String {
    if total == 0 { "0".into() } else { format!("{total} ({via_lb})") }
}

/// Lost writes by cause: replication lag / split brain / unexplained.
pub fn lost_writes(lost: &LostWrites) -> String {
    if lost.total() == 0 {
        return "0".into();
    }
    format!("{}/{}/{}", lost.replication_lag, lost.split_brain, lost.unexplained)
}

/// The names of an outage's parts, in the order of time.
pub const OUTAGE_PARTS: [&str; 6] =
    ["detection", "election", "push", "lease wait", "not ready", "recovery"];

/// An outage's parts in seconds, in the order of [`OUTAGE_PARTS`].
pub fn outage_parts(outage: &Outage) -> [String; OUTAGE_PARTS.len()] {
    let parts = &outage.parts;
    [
        parts.detection_ms,
        parts.election_ms,
        parts.push_ms,
        parts.lease_wait_ms,
        parts.not_ready_ms,
        parts.recovery_ms,
    ]
    .map(seconds)
}

/// How long after an outage the first write was acknowledged, in seconds; a dash if none was.
pub fn client_reaction(outage: &Outage) -> String {
    outage.client_reaction_ms.map_or("-".into(), seconds)
}

/// What ended an outage.
pub fn outage_end(end: &OutageEnd) -> String {
    match end {
        OutageEnd::Failover { to } => format!("failover to {to}"),
        OutageEnd::Recovery { of } => format!("recovery of {of}"),
        OutageEnd::Nothing => "nothing".into(),
    }
}

/// What the runs of a cell did, in a word: `holds`, `breaks 13/20`, …
pub fn verdict(cell: &Cell) -> String {
    let runs = cell.runs.len();
    let of = |matching: usize| format!("{matching}/{runs}");
    if let CellResult::Vacuous { .. } = cell.result {
        let vacuous = cell.runs.iter().filter(|run| run.vacuity().is_some()).count();
        return format!("vacuous {}", of(vacuous));
    }
    let broken = cell.broken_runs();
    let unknown = cell.runs.iter().filter(|run| run.outcome() == Outcome::Unknown).count();
    match (broken, unknown) {
        (0, 0) => "holds".into(),
        (0, unknown) => format!("undecided {}", of(unknown)),
        (broken, _) => format!("breaks {}", of(broken)),
    }
}

/// Whether that was expected, in a few words.
pub fn as_expected(result: &CellResult) -> String {
    match result {
        CellResult::AsExpected => "yes".into(),
        CellResult::Vacuous { seed, .. } => format!("NO: proves nothing (seed {seed})"),
        CellResult::PromiseBroken { check, seed, .. } => format!("NO: {check} broke (seed {seed})"),
        CellResult::BreakMissing { check } => format!("NO: {check} did not break"),
        CellResult::Undecided { check, seed, .. } => format!("unknown: {check} (seed {seed})"),
    }
}

/// What was expected of a cell, as the end of a sentence.
pub fn expected(expectation: &Expectation) -> String {
    match expectation {
        Expectation::Holds => "every check passes in every run".into(),
        Expectation::Breaks { check, also, reason } => {
            let with_it = match also.is_empty() {
                true => String::new(),
                false => format!(" (and with it perhaps {})", also.join(", ")),
            };
            format!("{check} breaks in at least one run{with_it}, because {}", sentence_end(reason))
        }
    }
}

/// What happened instead; none if all is as expected.
pub fn surprise(cell: &Cell) -> Option<String> {
    match &cell.result {
        CellResult::AsExpected => None,
        CellResult::Vacuous { seed, reason } => {
            Some(format!("seed {seed} proves nothing: {}", sentence_end(reason)))
        }
        CellResult::PromiseBroken { check, seed, reason } => {
            Some(format!("{check} broke with seed {seed}: {}", sentence_end(reason)))
        }
        CellResult::BreakMissing { check } => {
            Some(format!("{check} failed in no run (of {})", cell.runs.len()))
        }
        CellResult::Undecided { check, seed, reason } => {
            Some(format!("{check} is unknown with seed {seed}: {}", sentence_end(reason)))
        }
    }
}

/// The verdict of one run in one plain sentence.
pub fn run_verdict(run: &RunRecord) -> String {
    let failed = |outcome| run.counted().find(|verdict| verdict.outcome == outcome);
    if let Some(reason) = run.vacuity() {
        return format!("Proves nothing: {}.", sentence_end(reason));
    }
    match (failed(Outcome::Fail), failed(Outcome::Unknown)) {
        (Some(verdict), _) if verdict.check == SPAN_WITHIN_TTL => span_broken(run),
        (Some(verdict), _) => {
            format!("Broken: {}: {}.", verdict.check, sentence_end(&verdict.reason))
        }
        (None, Some(verdict)) => {
            format!("Undecided: {}: {}.", verdict.check, sentence_end(&verdict.reason))
        }
        (None, None) if run.counted().next().is_none() => "Undecided: nothing was judged.".into(),
        (None, None) => held(&run.figures, run.ttl_ms),
    }
}

/// Whether that run was expected to end so, and why.
pub fn run_expectation(run: &RunRecord) -> String {
    let unexpected: Vec<&str> =
        cell::unexpected_failures(run).map(|verdict| verdict.check.as_str()).collect();
    if !unexpected.is_empty() {
        let those = unexpected.join(", ");
        return format!("Not expected: {those}. Expected: {}.", expected(&run.expectation));
    }
    match &run.expectation {
        Expectation::Holds if run.outcome() == Outcome::Pass => {
            "As expected: every check passes.".into()
        }
        Expectation::Breaks { check, reason, .. } if failed(run, check) => {
            let unknown: Vec<&str> = run
                .counted()
                .filter(|verdict| verdict.outcome == Outcome::Unknown)
                .map(|verdict| verdict.check.as_str())
                .collect();
            let but = match unknown.is_empty() {
                true => String::new(),
                false => format!(" Unknown: {}.", unknown.join(", ")),
            };
            let reason = sentence_end(reason);
            format!("As expected: {check} breaks, because {reason}.{but}")
        }
        Expectation::Breaks { check, .. } if run.outcome() == Outcome::Pass => format!(
            "Expected: {check} breaks in at least one run of this scenario under this profile; \
             this run is not one of them."
        ),
        _ => format!("Undecided. Expected: {}.", expected(&run.expectation)),
    }
}

fn failed(run: &RunRecord, check: &str) -> bool {
    run.counted().any(|v| v.check == check && v.outcome == Outcome::Fail)
}

fn span_broken(run: &RunRecord) -> String {
    let figures = &run.figures;
    let took = match figures.stale_writes_total() {
        0 => "would still have taken writes, though none came,".to_string(),
        stale => format!("still took writes ({stale} acknowledged)"),
    };
    let (span, ttl) = (seconds(figures.span_ms), seconds(run.ttl_ms));
    format!(
        "Broken: a deposed master {took} until {span} s after the promotion took effect; \
         the TTL is {ttl} s."
    )
}

fn held(figures: &Figures, ttl_ms: u64) -> String {
    let ttl = seconds(ttl_ms);
    if figures.failovers.is_empty() {
        return "Kept: no master changed, and every check passes.".into();
    }
    match figures.span_ms {
        0 => "Kept: no deposed master could take a write after a promotion took effect.".into(),
        span => format!(
            "Kept: a deposed master could take writes for {} s after the promotion took effect, \
             no longer than the TTL of {ttl} s allows.",
            seconds(span)
        ),
    }
}

/// Without the full stop, so that it can stand at the end of a longer sentence.
fn sentence_end(text: &str) -> &str {
    text.trim_end().trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_exact() {
        assert_eq!(seconds(0), "0");
        assert_eq!(seconds(5), "0.005");
        assert_eq!(seconds(12_405), "12.405");
        assert_eq!(duration(59_500), "59.500 s");
        assert_eq!(duration(61_999), "1 min 1 s");
        assert_eq!(duration(7_380_000), "2 h 3 min");
    }

    #[test]
    fn a_tick_is_allowed_and_no_more() {
        assert!(!exceeds(8_005, 8_000, 5));
        assert!(exceeds(8_006, 8_000, 5));
    }
}
