//! The cell on small hand-made runs.

use super::*;
use crate::record::SCHEMA;
use crate::vacuity::VACUITY_CHECKS;
use sim::figures::{Figures, Operations};

const SPAN: &str = "span-within-ttl";

fn holds() -> Expectation {
    Expectation::Holds
}

fn breaks() -> Expectation {
    Expectation::Breaks {
        check: SPAN.into(),
        also: vec![],
        reason: "a late heartbeat grants anew".into(),
    }
}

fn run(seed: u64, expectation: Expectation, verdicts: &[(&str, Outcome)]) -> RunRecord {
    let verdict = |(check, outcome): &(&str, Outcome)| Verdict {
        informative: false,
        check: (*check).into(),
        outcome: *outcome,
        reason: format!("{check} of {seed}"),
        evidence: vec![],
    };
    RunRecord {
        schema: SCHEMA,
        scenario: "s".into(),
        profile: "p".into(),
        seed,
        ttl_ms: 8_000,
        tick_ms: 5,
        expectation,
        digest: String::new(),
        verdicts: verdicts.iter().map(verdict).collect(),
        figures: Figures {
            operations: Operations { ok: 1, ..Operations::default() },
            ..Figures::default()
        },
        bites: vec![],
        simulated_ms: 1_000,
        replay: format!("splitbrain run s --profile p --seed {seed}"),
    }
}

fn result(runs: Vec<RunRecord>) -> CellResult {
    let mut cells = Cell::gather(runs);
    assert_eq!(cells.len(), 1);
    cells.remove(0).result
}

/// Every pair of outcomes of (expected check, another check) in one run, under each
/// expectation.
#[test]
fn one_run_with_every_pair_of_outcomes() {
    use Outcome::{Fail, Pass, Unknown};
    let broken = |check: &str| CellResult::PromiseBroken {
        check: check.into(),
        seed: 1,
        reason: format!("{check} of 1"),
    };
    let undecided = |check: &str| CellResult::Undecided {
        check: check.into(),
        seed: 1,
        reason: format!("{check} of 1"),
    };
    let missing = || CellResult::BreakMissing { check: SPAN.into() };
    let ok = || CellResult::AsExpected;
    let table = [
        (Pass, Pass, ok(), missing()),
        (Pass, Unknown, undecided("other"), missing()),
        (Pass, Fail, broken("other"), broken("other")),
        (Unknown, Pass, undecided(SPAN), undecided(SPAN)),
        (Unknown, Unknown, undecided(SPAN), undecided(SPAN)),
        (Unknown, Fail, broken("other"), broken("other")),
        (Fail, Pass, broken(SPAN), ok()),
        (Fail, Unknown, broken(SPAN), undecided("other")),
        (Fail, Fail, broken(SPAN), broken("other")),
    ];
    for (span, other, if_holds, if_breaks) in table {
        let verdicts = [(SPAN, span), ("other", other)];
        assert_eq!(result(vec![run(1, holds(), &verdicts)]), if_holds, "{span:?} {other:?}");
        assert_eq!(result(vec![run(1, breaks(), &verdicts)]), if_breaks, "{span:?} {other:?}");
    }
}

#[test]
fn a_missed_goal_is_vacuous_whatever_else_happened() {
    for check in VACUITY_CHECKS {
        let runs = vec![
            run(1, breaks(), &[(SPAN, Outcome::Fail), ("goals", Outcome::Pass)]),
            run(2, breaks(), &[("other", Outcome::Fail), (check, Outcome::Fail)]),
        ];
        let expected = CellResult::Vacuous { seed: 2, reason: format!("{check} of 2") };
        assert_eq!(result(runs), expected);
    }
}

#[test]
fn clients_that_never_got_through_prove_nothing() {
    let mut mute = run(2, holds(), &[(SPAN, Outcome::Pass)]);
    mute.figures.operations.ok = 0;
    let cells = Cell::gather([run(1, holds(), &[(SPAN, Outcome::Pass)]), mute]);
    let CellResult::Vacuous { seed: 2, reason } = &cells[0].result else {
        panic!("{:?}", cells[0].result);
    };
    assert_eq!(reason, "no operation of a client was acknowledged");
    assert_eq!(exit_status(&cells), 3);
}

#[test]
fn one_run_that_breaks_suffices_and_excuses_unknowns_of_that_check() {
    let runs = vec![
        run(1, breaks(), &[(SPAN, Outcome::Pass)]),
        run(2, breaks(), &[(SPAN, Outcome::Unknown)]),
        run(3, breaks(), &[(SPAN, Outcome::Fail)]),
    ];
    let cell = &Cell::gather(runs)[0];
    assert_eq!(cell.result, CellResult::AsExpected);
    assert_eq!(cell.broken_runs(), 1);
    let check = SPAN.into();
    let count = CheckCount { check, informative: false, pass: 1, unknown: 1, fail: 1 };
    assert_eq!(cell.checks, [count]);
}

#[test]
fn a_run_that_judged_nothing_is_undecided_not_a_pass() {
    assert!(matches!(result(vec![run(1, holds(), &[])]), CellResult::Undecided { .. }));
}

#[test]
fn the_exit_status_is_that_of_the_gravest_cell() {
    let cell =
        |check: &str, outcome| Cell::gather(vec![run(1, holds(), &[(check, outcome)])]).remove(0);
    let vacuous = cell("goals", Outcome::Fail);
    let surprise = cell(SPAN, Outcome::Fail);
    let undecided = cell(SPAN, Outcome::Unknown);
    let fine = cell(SPAN, Outcome::Pass);
    let missing = Cell::gather(vec![run(1, breaks(), &[(SPAN, Outcome::Pass)])]).remove(0);
    assert_eq!(exit_status(&[]), 0);
    assert_eq!(exit_status(std::slice::from_ref(&fine)), 0);
    assert_eq!(exit_status(&[fine.clone(), undecided.clone()]), 4);
    assert_eq!(exit_status(&[undecided.clone(), missing, fine.clone()]), 1);
    assert_eq!(exit_status(&[undecided.clone(), surprise.clone(), fine.clone()]), 1);
    assert_eq!(exit_status(&[fine, surprise, vacuous, undecided]), 3);
}

#[test]
fn the_worst_run_is_the_surprise_then_the_longest_then_the_costliest_then_the_lowest_seed() {
    let with = |seed, span_ms, stale, outcome| {
        let mut run = run(seed, holds(), &[(SPAN, outcome)]);
        run.figures.span_ms = span_ms;
        run.figures.stale_writes.insert(Via::Sticky, stale);
        run
    };
    let worst = |runs| Cell::gather(runs)[0].worst().seed;
    let passing = || {
        vec![
            with(4, 100, 7, Outcome::Pass),
            with(3, 200, 1, Outcome::Pass),
            with(2, 200, 2, Outcome::Pass),
            with(1, 200, 1, Outcome::Pass),
        ]
    };
    assert_eq!(worst(passing()), 2);
    let mut one_broken = passing();
    one_broken.push(with(9, 0, 0, Outcome::Fail));
    assert_eq!(worst(one_broken), 9);
    let mut one_unknown = passing();
    one_unknown.push(with(8, 0, 0, Outcome::Unknown));
    assert_eq!(worst(one_unknown), 8, "the run that the result names");
}

#[test]
fn figures_are_summed_or_ranked() {
    let with = |seed, span_ms| {
        let mut run = run(seed, holds(), &[(SPAN, Outcome::Pass)]);
        run.figures.span_ms = span_ms;
        run.figures.overlap_ms = span_ms / 2;
        run.figures.unavailable_ms = 10 * seed;
        run.figures.stale_writes.insert(Via::Lb, 2);
        run.figures.stale_writes.insert(Via::Direct, 3);
        run.figures.lost_writes.split_brain = 1;
        run
    };
    let cell = &Cell::gather(vec![with(3, 10), with(1, 40), with(2, 20), with(4, 30)])[0];
    let figures = &cell.figures;
    assert_eq!(cell.seeds, [1, 2, 3, 4]);
    assert_eq!((figures.span_median_ms, figures.span_max_ms), (20, 40));
    assert_eq!(figures.overlap_max_ms, 20);
    assert_eq!((figures.stale_writes, figures.stale_writes_via_lb), (20, 8));
    assert_eq!(figures.lost_writes.split_brain, 4);
    assert_eq!(figures.unavailable_median_ms, 20);
    assert_eq!(figures.simulated_ms, 4_000);
}

#[test]
fn runs_with_another_yardstick_are_another_cell() {
    let mut other = run(1, holds(), &[(SPAN, Outcome::Pass)]);
    other.ttl_ms = 4_000;
    let cells = Cell::gather(vec![run(1, holds(), &[(SPAN, Outcome::Pass)]), other]);
    assert_eq!(cells.len(), 2);
    assert_eq!(cells[1].ttl_ms, 4_000);
}
