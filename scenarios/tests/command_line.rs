//! The command line as a person meets it: exit status, messages that name the place and what is
//! allowed, and nothing written outside of `--out`.

#![expect(clippy::disallowed_methods, reason = "a test's own files, not simulated code")]

mod binary;

use std::path::Path;

use binary::splitbrain;

/// A folder with one saved run in `saved`.
fn with_a_saved_run() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let arguments = ["run", "no_fault", "--profile", "lease", "--seed", "3", "--out", "saved"];
    let ran = splitbrain(dir.path(), &arguments);
    assert_eq!(ran.status, 0, "{}", ran.err);
    (dir, "saved/runs/no_fault/lease/seed-3".to_owned())
}

#[test]
fn a_run_prints_its_table_and_writes_only_below_out() {
    let (dir, run) = with_a_saved_run();
    let names = |path: &Path| {
        let mut names: Vec<String> = std::fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(dir.path()), ["saved"]);
    let saved = dir.path().join("saved");
    assert_eq!(names(&saved), ["index.html", "report.json", "report.md", "runs"]);
    let files = ["history.jsonl", "plan.toml", "report.html", "verdict.json"];
    assert_eq!(names(&dir.path().join(run)), files);
}

#[test]
fn the_canary_ends_with_1_and_a_line_that_replays_it() {
    let dir = tempfile::tempdir().unwrap();
    let arguments = ["run", "canary", "--profile", "baseline", "--seed", "1", "--out", "o"];
    let ran = splitbrain(dir.path(), &arguments);
    assert_eq!(ran.status, 1, "{}", ran.out);
    assert!(ran.out.contains("run canary --profile baseline --seed 1"), "{}", ran.out);
}

#[test]
fn replay_reproduces_the_digest_of_a_saved_run() {
    let (dir, run) = with_a_saved_run();
    let ran = splitbrain(dir.path(), &["replay", &run]);
    assert_eq!(ran.status, 0, "{}{}", ran.out, ran.err);
    let verdict = std::fs::read_to_string(dir.path().join(&run).join("verdict.json")).unwrap();
    let digest = ran.out.split("The same digest: ").nth(1).expect("it is printed").trim();
    assert!(verdict.contains(digest));
    let plan = format!("{run}/plan.toml");
    assert_eq!(splitbrain(dir.path(), &["replay", &plan]).status, 0);
}

#[test]
fn replay_of_a_changed_plan_ends_with_3_and_names_the_first_event_that_differs() {
    let (dir, run) = with_a_saved_run();
    let plan = dir.path().join(&run).join("plan.toml");
    let text = std::fs::read_to_string(&plan).unwrap();
    std::fs::write(&plan, text.replace("pause_ms_min = 50", "pause_ms_min = 60")).unwrap();
    let ran = splitbrain(dir.path(), &["replay", &run]);
    assert_eq!(ran.status, 3, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("The first event that differs"), "{}", ran.out);
}

#[test]
fn a_tampered_or_broken_run_directory_is_refused_by_file_and_line() {
    let (dir, run) = with_a_saved_run();
    let history = dir.path().join(&run).join("history.jsonl");
    let text = std::fs::read_to_string(&history).unwrap();
    let tampered = text.replacen("\"version\":1", "\"version\":2", 1);
    assert_ne!(tampered, text);
    std::fs::write(&history, tampered).unwrap();
    let ran = splitbrain(dir.path(), &["replay", &run]);
    assert_eq!(ran.status, 2);
    assert!(ran.err.contains("one of them was changed"), "{}", ran.err);
    std::fs::write(&history, text.replacen("{\"number\":2", "{\"numb\":2", 1)).unwrap();
    let ran = splitbrain(dir.path(), &["replay", &run]);
    assert_eq!(ran.status, 2);
    assert!(ran.err.contains("history.jsonl: history line 3"), "{}", ran.err);
    std::fs::remove_file(&history).unwrap();
    let ran = splitbrain(dir.path(), &["replay", &run]);
    assert_eq!(ran.status, 2);
    assert!(ran.err.contains("history.jsonl"), "{}", ran.err);
}

#[test]
fn bad_input_ends_with_2_and_says_what_is_allowed() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("bad.toml"), "schema = 1\nseed = maybe\n").unwrap();
    let cases: [(&[&str], &str); 9] = [
        (&["run", "hung_master"], "did you mean `hung_master_returns`"),
        (&["run", "--profile", "leese"], "did you mean `lease`"),
        (&["run", "bad.toml"], "line 2, column 8"),
        (&["run", "--profile", "bad.toml"], "bad"),
        (&["run", "no_such_file.toml"], "no_such_file.toml"),
        (&["run", "--seeds", "9..3"], "allowed is A..B"),
        (&["run", "--jobs", "0"], "1..=1024"),
        (&["run", "no_fault", "no_fault", "--seed", "1"], "asked for twice"),
        (&["replay", "nowhere"], "nowhere"),
    ];
    for (arguments, expected) in cases {
        let ran = splitbrain(dir.path(), arguments);
        assert_eq!(ran.status, 2, "{arguments:?}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains(expected), "{arguments:?}: {}", ran.err);
    }
}

#[test]
fn a_profile_from_a_file_runs_and_says_how_to_replay_it() {
    let dir = tempfile::tempdir().unwrap();
    let text = include_str!("../profiles/lease.toml").replace("ttl_ms = 8000", "ttl_ms = 9000");
    std::fs::write(dir.path().join("mine.toml"), text).unwrap();
    let arguments = ["run", "no_fault", "--profile", "mine.toml", "--seed", "1", "--out", "o"];
    let ran = splitbrain(dir.path(), &arguments);
    assert_eq!(ran.status, 0, "{}", ran.err);
    let path = dir.path().join("o/runs/no_fault/mine/seed-1/verdict.json");
    let verdict = std::fs::read_to_string(path).unwrap();
    assert!(verdict.contains("-- replay o/runs/no_fault/mine/seed-1"), "{verdict}");
}

#[test]
fn a_lease_that_one_late_round_ends_is_warned_of() {
    let dir = tempfile::tempdir().unwrap();
    let text = include_str!("../profiles/lease.toml").replace("ttl_ms = 8000", "ttl_ms = 3999");
    std::fs::write(dir.path().join("mine.toml"), text).unwrap();
    let arguments = ["run", "no_fault", "--profile", "mine.toml", "--seed", "1", "--out", "o"];
    let ran = splitbrain(dir.path(), &arguments);
    let expected = "warning: profile mine: lease.ttl_ms is 3999, less than 4000";
    assert!(ran.err.contains(expected), "{}", ran.err);
}

#[test]
fn list_names_every_scenario_and_profile_in_both_formats() {
    let dir = tempfile::tempdir().unwrap();
    for format in ["text", "json"] {
        let ran = splitbrain(dir.path(), &["list", "--format", format]);
        assert_eq!(ran.status, 0);
        for name in scenarios::catalogue::all_names() {
            assert!(ran.out.contains(name), "{format}: {name}");
        }
        for name in scenarios::profile::built_in_names() {
            assert!(ran.out.contains(name), "{format}: {name}");
        }
    }
    let ran = splitbrain(dir.path(), &["list", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&ran.out).expect("valid JSON");
    assert_eq!(json["schema"], 1);
}
