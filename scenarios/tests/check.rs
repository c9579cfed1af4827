//! `splitbrain check` as a person meets it: what it says of a saved run, of one that was changed,
//! and of a history that has no plan, each with its exit status.

#![expect(clippy::disallowed_methods, reason = "a test's own files, not simulated code")]

mod binary;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use binary::{Ran, splitbrain};

/// A folder with one saved run, and where that is.
fn with_a_saved_run(scenario: &str, profile: &str) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let arguments = ["run", scenario, "--profile", profile, "--seed", "3", "--out", "saved"];
    let ran = splitbrain(dir.path(), &arguments);
    assert!([0, 1].contains(&ran.status), "{}", ran.err);
    (dir, format!("saved/runs/{scenario}/{profile}/seed-3"))
}

fn check(dir: &Path, what: &str) -> Ran {
    splitbrain(dir, &["check", what])
}

/// All files below a folder, with their content.
fn files(dir: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.display().to_string(), fs::read_to_string(&path).unwrap());
        }
    }
    found
}

#[test]
fn a_saved_run_is_judged_as_before_and_nothing_is_written() {
    let (dir, run) = with_a_saved_run("no_fault", "lease");
    let before = files(dir.path());
    let ran = check(dir.path(), &run);
    assert_eq!(ran.status, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.ends_with("The same as was saved.\nKept: every promise that counts.\n"));
    for check in sim::check::ALL {
        let line = ran.out.lines().find(|line| line.contains(&format!(" {} ", check.name)));
        assert!(line.is_some_and(|line| line.starts_with("pass")), "{}: {}", check.name, ran.out);
    }
    assert_eq!(check(dir.path(), &format!("{run}/history.jsonl")).out, ran.out);
    assert_eq!(files(dir.path()), before);
}

#[test]
fn a_broken_promise_ends_with_1_whether_or_not_it_was_expected() {
    for (scenario, profile) in [("canary", "baseline"), ("hung_master_returns", "lease")] {
        let (dir, run) = with_a_saved_run(scenario, profile);
        let ran = check(dir.path(), &run);
        assert_eq!(ran.status, 1, "{}{}", ran.out, ran.err);
        assert!(ran.out.ends_with("Broken: span-within-ttl.\n"), "{}", ran.out);
        assert!(ran.out.contains("\nfail     span-within-ttl"), "{}", ran.out);
    }
}

#[test]
fn json_says_the_same_and_names_its_schema() {
    let (dir, run) = with_a_saved_run("hung_master_returns", "baseline");
    let ran = splitbrain(dir.path(), &["check", &run, "--format", "json"]);
    assert_eq!(ran.status, 1, "{}", ran.err);
    let json: serde_json::Value = serde_json::from_str(&ran.out).expect("valid JSON");
    assert_eq!((&json["schema"], &json["conclusion"]), (&1.into(), &"broken".into()));
    assert_eq!(json["differences"].as_array().map(Vec::len), Some(0));
    let saved = fs::read_to_string(dir.path().join(&run).join("verdict.json")).unwrap();
    let saved: serde_json::Value = serde_json::from_str(&saved).unwrap();
    for field in ["verdicts", "figures", "digest", "simulated_ms", "ttl_ms", "tick_ms"] {
        assert_eq!(json[field], saved[field], "{field}");
    }
    for format in ["junit", "markdown"] {
        assert_eq!(splitbrain(dir.path(), &["check", &run, "--format", format]).status, 2);
    }
}

#[test]
fn what_differs_from_the_saved_verdict_ends_with_3_and_is_named() {
    let (dir, run) = with_a_saved_run("no_fault", "lease");
    let verdict = dir.path().join(&run).join("verdict.json");
    let text = fs::read_to_string(&verdict).unwrap();
    let changed = |from: &str, to: &str| {
        assert!(text.contains(from), "{text}");
        fs::write(&verdict, text.replacen(from, to, 1)).unwrap();
        let ran = check(dir.path(), &run);
        assert_eq!(ran.status, 3, "{}{}", ran.out, ran.err);
        ran.out
    };
    let out = changed("\"outcome\": \"pass\"", "\"outcome\": \"fail\"");
    assert!(out.contains("Not what was saved:\n  span-within-ttl was fail (no failover"), "{out}");
    let out = changed("\"unavailable_ms\": 0", "\"unavailable_ms\": 7");
    assert!(out.contains("  figures.unavailable_ms was 7, is 0\n"), "{out}");
    fs::write(&verdict, &text).unwrap();
    let plan = dir.path().join(&run).join("plan.toml");
    let text = fs::read_to_string(&plan).unwrap();
    fs::write(&plan, text.replace("ttl_ms = 8000", "ttl_ms = 9000")).unwrap();
    let ran = check(dir.path(), &run);
    assert_eq!(ran.status, 3, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("plan.toml is not the plan that the history tells of"), "{}", ran.out);
}

#[test]
fn a_history_without_a_plan_is_judged_by_itself() {
    let (dir, run) = with_a_saved_run("no_fault", "lease");
    let history = dir.path().join(&run).join("history.jsonl");
    fs::copy(&history, dir.path().join("other.jsonl")).unwrap();
    fs::create_dir(dir.path().join("theirs")).unwrap();
    fs::copy(&history, dir.path().join("theirs/history.jsonl")).unwrap();
    for what in ["other.jsonl", "theirs", "theirs/history.jsonl"] {
        let ran = check(dir.path(), what);
        assert_eq!(ran.status, 0, "{what}: {}{}", ran.out, ran.err);
        assert!(!ran.out.contains("saved"), "{what}: {}", ran.out);
    }
}

#[test]
fn bad_input_ends_with_2_and_names_the_line() {
    let dir = tempfile::tempdir().unwrap();
    let setup = concat!(
        r#"{"number":0,"at_ms":0,"on":"driver","event":"setup","ttl_ms":8000,"tick_ms":5,"#,
        r#""members":[{"machine":"a","id":"id-a","shard":0}]}"#
    );
    let phase = r#"{"number":1,"at_ms":9,"on":"driver","event":"phase","phase":"settle"}"#;
    let commit = concat!(
        r#"{"number":1,"at_ms":9,"on":"store","event":"observe","life":1,"observation":"#,
        r#"{"what":"committed","version":1,"masters":[{"shard":0,"member":"id-b"}]}}"#
    );
    let second = |line: &str| format!("{setup}\n{line}\n");
    let cases = [
        ("no JSON", second("number 1"), "history line 2: expected"),
        ("no event", second(&phase.replace("settle", "settled")), "unknown variant `settled`"),
        ("a field", second(&phase.replace("\"on\"", "\"if\":1,\"on\"")), "unknown field `if`"),
        ("a number", second(&phase.replace(":1,", ":2,")), "event number 2, expected 1"),
        ("cut off", format!("{setup}\n{}", &phase[..40]), "history line 2: EOF"),
        ("an empty line", second(""), "history line 2: EOF"),
        (
            "time",
            format!("{setup}\n{phase}\n{}", phase.replace(":1,", ":2,").replace(":9", ":8")),
            "line 3: time goes back from 9 ms to 8 ms",
        ),
        ("nobody", second(commit), "history line 2: event 1: the member `id-b` is not in the"),
        ("no setup", phase.replace(":1,", ":0,"), "line 1: the first event of the history is not"),
        ("nothing", String::new(), "line 1: the first event of the history is not"),
    ];
    for (name, text, expected) in cases {
        fs::write(dir.path().join("bad.jsonl"), text).unwrap();
        let ran = check(dir.path(), "bad.jsonl");
        assert_eq!(ran.status, 2, "{name}: {}{}", ran.out, ran.err);
        assert!(
            ran.err.contains("bad.jsonl: history line") && ran.err.contains(expected),
            "{}",
            ran.err
        );
        assert_eq!(ran.out, "", "{name}");
    }
    let ran = check(dir.path(), "nowhere.jsonl");
    assert_eq!(ran.status, 2);
    assert!(ran.err.contains("nowhere.jsonl"), "{}", ran.err);
}

#[test]
fn a_history_that_decides_nothing_ends_with_4() {
    let (dir, run) = with_a_saved_run("no_fault", "lease");
    let text = fs::read_to_string(dir.path().join(&run).join("history.jsonl")).unwrap();
    let without: String = text
        .lines()
        .filter(|line| !line.contains("\"event\":\"final\""))
        .fold(String::new(), |text, line| text + line + "\n");
    fs::write(dir.path().join("unread.jsonl"), renumbered(&without)).unwrap();
    let ran = check(dir.path(), "unread.jsonl");
    assert_eq!(ran.status, 4, "{}{}", ran.out, ran.err);
    let conclusion = "Undecided: acknowledged-writes, whole-transactions, equal-replicas.\n";
    assert!(ran.out.ends_with(conclusion), "{}", ran.out);
}

/// The lines with numbers from 0 on.
fn renumbered(lines: &str) -> String {
    let renumber = |(number, line): (usize, &str)| {
        let rest = line.split_once(',').expect("an event begins with its number").1;
        format!("{{\"number\":{number},{rest}\n")
    };
    lines.lines().enumerate().map(renumber).collect()
}
