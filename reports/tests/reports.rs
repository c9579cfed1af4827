//! The reports of a few hand-made cells, as snapshots to read.

mod sample;

use reports::cell::{self, Cell};
use reports::record::{Expectation, RunRecord};
use reports::{json, junit, markdown, text};
use sim::figures::{Figures, LostWrites};
use sim::history::Via;
use sim::verdict::{Outcome, Verdict};

/// An expected break, a promise that holds, and every kind of surprise.
fn cells() -> Vec<Cell> {
    let (broken, _) = sample::broken_run();
    let with = |profile: &str, seed: u64, change: &dyn Fn(&mut RunRecord)| {
        let mut run = broken.clone();
        run.profile = profile.into();
        run.seed = seed;
        run.replay = format!("splitbrain run {} --profile {profile} --seed {seed}", run.scenario);
        change(&mut run);
        run
    };
    let kept = |run: &mut RunRecord| {
        run.expectation = Expectation::Holds;
        run.verdicts = ["goals", "faults-bit", "span-within-ttl"]
            .map(|check| Verdict::pass(check, "kept"))
            .to_vec();
        run.figures.span_ms = 3_120;
        run.figures.overlap_ms = 2_900;
        run.figures.lost_writes = LostWrites { replication_lag: 2, ..LostWrites::default() };
        run.figures.stale_writes.clear();
    };
    let still_breaks = |run: &mut RunRecord| {
        run.verdicts.retain(|verdict| verdict.outcome != Outcome::Unknown);
        run.figures.stale_writes.insert(Via::Lb, run.seed);
    };
    let mut runs: Vec<RunRecord> = (0..3).map(|seed| with("lease", seed, &still_breaks)).collect();
    runs.extend((0..3).map(|seed| with("hardened", seed, &kept)));
    let as_scenario = |scenario: &str, mut run: RunRecord| {
        run.scenario = scenario.into();
        run.replay =
            format!("splitbrain run {scenario} --profile {} --seed {}", run.profile, run.seed);
        run
    };
    runs.push(as_scenario(
        "nic_flaps",
        with("hardened", 4, &|run| {
            kept(run);
            run.verdicts[0].outcome = Outcome::Fail;
            run.verdicts[0].reason = "no promotion took place".into();
            run.figures = Figures::default();
        }),
    ));
    runs.push(as_scenario(
        "nic_flaps",
        with("lease", 4, &|run| {
            still_breaks(run);
            run.expectation = Expectation::Holds;
        }),
    ));
    runs.push(as_scenario(
        "clock_steps_back",
        with("lease", 4, &|run| {
            let expectation = run.expectation.clone();
            kept(run);
            run.expectation = expectation;
        }),
    ));
    runs.push(as_scenario(
        "clock_steps_back",
        with("hardened", 4, &|run| {
            kept(run);
            run.verdicts[2] = Verdict::unknown("span-within-ttl", "the checker panicked.");
        }),
    ));
    Cell::gather(runs)
}

#[test]
fn text_with_surprises() {
    insta::assert_snapshot!(text::report(&cells()));
}

#[test]
fn text_as_expected() {
    insta::assert_snapshot!(text::report(&cells()[..2]));
}

#[test]
fn text_of_nothing() {
    insta::assert_snapshot!(text::report(&[]));
}

#[test]
fn the_table_fits_a_wide_terminal() {
    for line in text::report(&cells()[..2]).lines() {
        assert!(line.chars().count() <= 160, "{line}");
    }
}

#[test]
fn markdown_with_surprises() {
    let page = |cell: &Cell| Some(format!("runs/{}.{}.html", cell.scenario, cell.profile));
    insta::assert_snapshot!(markdown::report(&cells(), page));
}

#[test]
fn markdown_as_expected() {
    insta::assert_snapshot!(markdown::report(&cells()[..2], |_| None));
}

#[test]
fn junit_with_surprises() {
    insta::assert_snapshot!(junit::report(&cells()));
}

#[test]
fn json_holds_all_cells_and_runs() {
    let cells = cells();
    let report: serde_json::Value =
        serde_json::from_str(&json::report(&cells)).expect("the report is JSON");
    assert_eq!(report["schema"], 1);
    let list = |name: &str| report[name].as_array().expect("a list").len();
    assert_eq!(list("cells"), cells.len());
    assert_eq!(list("runs"), cells.iter().map(|cell| cell.runs.len()).sum::<usize>());
    assert_eq!(report["cells"][0]["result"]["result"], "as_expected");
    assert_eq!(report["cells"][2]["result"]["result"], "vacuous");
    assert_eq!(report["cells"][0]["figures"]["stale_writes_via_lb"], 3);
    assert!(report["cells"][0].get("runs").is_none());
}

#[test]
fn a_record_survives_json() {
    let (record, _) = sample::broken_run();
    let read: RunRecord = serde_json::from_str(&json::verdict(&record)).expect("a record");
    assert_eq!(read, record);
}

#[test]
fn one_cell_of_each_kind_sets_the_exit_status() {
    let cells = cells();
    let status = |at: usize| cell::exit_status(&cells[at..=at]);
    assert_eq!([0, 1, 2, 3, 4, 5].map(status), [0, 0, 3, 1, 1, 4]);
    assert_eq!(cell::exit_status(&cells), 3);
}
