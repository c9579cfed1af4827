//! The pages in `docs` say what is: their histories are judged, and their names are held against
//! the code's own.

#![expect(clippy::disallowed_methods, reason = "a test's own files, not simulated code")]

mod binary;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use binary::splitbrain;
use host::{Clock, Lease, Link, Observation, Role};
use reports::judgement::{Judgement, verdict_line};
use reports::vacuity;
use scenarios::catalogue;
use scenarios::profile::Profile;
use scenarios::rule::Rule;
use scenarios::run;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sim::check;
use sim::fault::{Bite, CutKind, DiskTrouble, Fault, Packets, Way};
use sim::goal::Goal;
use sim::history::{Gate, History, Intent, OpResult, Phase, ProcessState, Via, What};
use sim::promise::Promise;
use sim::verdict::Outcome;

fn page(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a crate of the workspace");
    fs::read_to_string(root.join(name)).expect("the page is there")
}

/// The first block of this kind in a text.
fn block<'t>(text: &'t str, kind: &str) -> Option<&'t str> {
    let rest = text.split_once(&format!("```{kind}\n"))?.1;
    rest.split_once("\n```").map(|(block, _)| block)
}

/// The sections of a page, each with its heading.
fn sections(page: &str) -> Vec<(&str, &str)> {
    let sections = page.split("\n## ").skip(1);
    sections.map(|section| section.split_once('\n').expect("a heading ends")).collect()
}

/// That its figures are those of the code is for the long run of CI, which prints it anew.
#[test]
fn the_page_on_the_rules_has_every_rule_with_each_scenario_that_shows_it() {
    let page = page("docs/rules.md");
    let row = |rule: Rule, scenario: &str| format!("| `{rule}` | `{scenario}` | ");
    for rule in Rule::ALL {
        assert!(page.contains(&format!("- `{rule}`: {}", rule.about())), "{rule}");
        let shown = catalogue::ALL
            .iter()
            .filter(|scenario| scenario.shows.as_ref().is_some_and(|shows| shows.rule == rule));
        let rows: Vec<bool> =
            shown.map(|scenario| page.contains(&row(rule, scenario.name))).collect();
        assert!(!rows.is_empty(), "no scenario shows {rule}");
        assert!(rows.iter().all(|there| *there), "{rule}: `splitbrain rules` prints the page");
    }
}

#[test]
fn every_check_has_a_section_at_its_place() {
    let page = page("docs/checks.md");
    let told: Vec<&str> = sections(&page).iter().map(|(name, _)| *name).collect();
    let registered: Vec<&str> = check::ALL.iter().map(|check| check.name).collect();
    assert_eq!(
        told, registered,
        "docs/checks.md needs a section `## <name>` for each check of `sim::check::ALL`, in that \
         order: the promise as it is registered, `Looks at`, `Unknown` and `Counts`, a tiny history \
         that breaks just this check in a ```jsonl block, and the line that `splitbrain check` \
         then prints for it in a ```text block"
    );
    for (check, (_, text)) in check::ALL.iter().zip(sections(&page)) {
        for part in [check.promise, "- **Looks at:** ", "- **Unknown:** ", "- **Counts:** "] {
            assert!(text.contains(part), "docs/checks.md, {}: {part} is missing", check.name);
        }
    }
}

#[test]
fn the_history_of_each_section_breaks_just_its_check() {
    let page = page("docs/checks.md");
    for (name, text) in sections(&page) {
        let lines = block(text, "jsonl").unwrap_or_else(|| panic!("{name} has no history"));
        let history = History::from_json_lines(lines.as_bytes())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let judgement = Judgement::of(&history).unwrap_or_else(|error| panic!("{name}: {error}"));
        let counted = judgement.verdicts.iter().filter(|verdict| !verdict.informative);
        let failed = counted.filter(|verdict| verdict.outcome == Outcome::Fail);
        let failed: Vec<_> = failed.collect();
        let names: Vec<&str> = failed.iter().map(|verdict| verdict.check.as_str()).collect();
        assert_eq!(names, [name], "what its history breaks of what it promises");
        assert_eq!(block(text, "text"), Some(verdict_line(failed[0]).as_str()), "{name}");
        let status = if vacuity::is_vacuity(name) { 3 } else { 1 };
        assert_eq!(judgement.exit_status(), status, "{name}: {}", judgement.reason);
    }
}

#[test]
fn the_example_of_the_format_is_judged_as_its_page_says() {
    let page = page("docs/history-format.md");
    let dir = tempfile::tempdir().unwrap();
    let example = block(&page, "jsonl").expect("the page has an example");
    fs::write(dir.path().join("FILE.jsonl"), format!("{example}\n")).unwrap();
    let ran = splitbrain(dir.path(), &["check", "FILE.jsonl"]);
    assert_eq!(ran.status, 0, "{}{}", ran.out, ran.err);
    let said = format!("\n{}\n", block(&page, "text").expect("the page tells the outcome"));
    assert!(ran.out.ends_with(&said), "docs/history-format.md says otherwise than:\n{}", ran.out);
}

/// The names that a type can have, or the fields, from what serde says of one that it has not.
fn names<T: DeserializeOwned>(unknown: Value) -> Vec<String> {
    let error = serde_json::from_value::<T>(unknown).err().expect("nothing is named `?`");
    let error = error.to_string();
    let expected = error.split_once("expected").expect("it lists what there is").1;
    let names: Vec<String> = expected.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    assert!(!names.is_empty(), "{error}");
    names
}

#[test]
fn the_page_on_the_format_names_all_that_an_event_may_be() {
    let page = page("docs/history-format.md");
    let all = [
        ("events", names::<What>(json!({"event": "?"}))),
        ("observations", names::<Observation>(json!({"what": "?"}))),
        ("intents", names::<Intent>(json!({"do": "?"}))),
        ("results", names::<OpResult>(json!({"result": "?"}))),
        ("faults", names::<Fault>(json!({"fault": "?"}))),
        ("packets", names::<Packets>(json!("?"))),
        ("ways", names::<Way>(json!("?"))),
        ("kinds of cuts", names::<CutKind>(json!("?"))),
        ("troubles of disks", names::<DiskTrouble>(json!("?"))),
        ("clocks", names::<Clock>(json!("?"))),
        ("phases", names::<Phase>(json!("?"))),
        ("states", names::<ProcessState>(json!("?"))),
        ("ways of clients", names::<Via>(json!("?"))),
        ("gates", names::<Gate>(json!("?"))),
        ("promises", names::<Promise>(json!("?"))),
        ("goals", names::<Goal>(json!("?"))),
        ("roles", names::<Role>(json!("?"))),
        ("leases", names::<Lease>(json!("?"))),
        ("links", names::<Link>(json!("?"))),
    ];
    for (kind, names) in all {
        for name in names {
            let told = page.contains(&format!("`{name}`"));
            assert!(told, "docs/history-format.md does not tell of `{name}`, one of the {kind}");
        }
    }
}

#[test]
fn the_page_on_the_format_names_every_field_that_a_run_writes() {
    let page = page("docs/history-format.md");
    let mut fields = BTreeSet::new();
    let runs = [
        ("crashed_master_restarts", "lease-lb"),
        ("hung_master_returns", "lease-log"),
        ("nic_fails_and_returns_drop", "lease"),
        ("master_cut_with_its_clients_stall", "baseline"),
    ];
    for (scenario, profile) in runs {
        let profile = Profile::built_in(profile).unwrap();
        let plan = catalogue::find(scenario).unwrap().plan(&profile, 1);
        for event in run::run(&plan).unwrap().history.events() {
            collect(&serde_json::to_value(event).unwrap(), &mut fields);
        }
    }
    // Not every run has every fault.
    for fault in names::<Fault>(json!({"fault": "?"})) {
        fields.extend(names::<Fault>(json!({"?": 0, "fault": fault})));
    }
    collect(&serde_json::to_value(Bite::default()).unwrap(), &mut fields);
    for known in ["bytes_waited", "topology_shown", "answers", "step_ms", "way", "member"] {
        assert!(fields.contains(known), "the runs are too poor: {known}");
    }
    for field in fields {
        let told = page.contains(&format!("`{field}`"));
        assert!(told, "docs/history-format.md does not tell of the field `{field}`");
    }
}

/// Every name of a field; below `values` and `targets` stand keys and roles.
fn collect(value: &Value, fields: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                fields.insert(name.clone());
                if !["values", "targets"].contains(&name.as_str()) {
                    collect(value, fields);
                }
            }
        }
        Value::Array(array) => array.iter().for_each(|value| collect(value, fields)),
        _ => {}
    }
}

#[test]
fn the_readme_leads_to_the_pages() {
    let readme = page("README.md");
    let pages = ["checks", "history-format", "measured", "rules", "why-the-bound-holds"];
    for name in pages.map(|page| format!("docs/{page}.md")) {
        assert!(readme.contains(&format!("]({name})")), "README.md has no link to {name}");
    }
}
