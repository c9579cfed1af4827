//! The reports of a few hand-made cells, as snapshots to read.

mod sample;

use reports::cell::{self, Cell};
use reports::judgement::Judgement;
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
fn a_judged_history_as_text() {
    let (_, history) = sample::broken_run();
    let judgement = Judgement::of(&history).expect("a whole history");
    insta::assert_snapshot!(judgement.to_text());
}

#[test]
fn a_judged_history_as_json_has_all_that_is_documented() {
    let (_, history) = sample::broken_run();
    let judgement = Judgement::of(&history).expect("a whole history");
    let json: serde_json::Value = serde_json::from_str(&judgement.to_json()).expect("JSON");
    let documented = [
        "conclusion",
        "differences",
        "digest",
        "events",
        "figures",
        "reason",
        "schema",
        "simulated_ms",
        "tick_ms",
        "ttl_ms",
        "verdicts",
    ];
    let fields: Vec<&String> = json.as_object().expect("an object").keys().collect();
    assert_eq!(fields, documented);
    assert_eq!(json["schema"], 1);
    assert_eq!(json["conclusion"], "vacuous", "a fault of the sample bit nothing");
}

/// The record's verdicts are hand-made, so they differ; those made of the history do not.
#[test]
fn a_judgement_says_how_it_differs_from_what_was_saved() {
    let (mut record, history) = sample::broken_run();
    let judgement = Judgement::of(&history).expect("a whole history");
    let other = judgement.clone().beside(&record);
    let differences = other.differences.clone().expect("compared");
    assert!(differences.iter().any(|how| how.starts_with("converged was not judged, is")));
    assert!(differences.iter().any(|how| how.starts_with("figures.span_ms was 12945, is 12940")));
    assert_eq!(other.exit_status(), 3);
    record.verdicts.clone_from(&judgement.verdicts);
    record.figures = judgement.figures.clone();
    let same = judgement.beside(&record);
    assert_eq!(same.differences.as_deref(), Some(&[][..]));
    assert!(same.to_text().contains("The same as was saved."));
}

#[test]
fn one_cell_of_each_kind_sets_the_exit_status() {
    let cells = cells();
    let status = |at: usize| cell::exit_status(&cells[at..=at]);
    assert_eq!([0, 1, 2, 3, 4, 5].map(status), [0, 0, 3, 1, 1, 4]);
    assert_eq!(cell::exit_status(&cells), 3);
}
