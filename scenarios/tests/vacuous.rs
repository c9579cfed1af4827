//! Runs that prove nothing: a nemesis that was switched off by mistake, a fault that hits nothing,
//! clients that never get through. Each keeps every promise, and each ends with 3, not with 0.

#![expect(clippy::disallowed_methods, reason = "a test's own files, not simulated code")]

mod binary;

use std::fs;
use std::path::Path;

use binary::{Ran, splitbrain};
use scenarios::catalogue;
use scenarios::plan::Plan;
use scenarios::profile::Profile;
use scenarios::run;
use sim::fault::{CutKind, Fault, PlannedFault, Way};
use sim::history::{History, What};

fn plan(scenario: &str) -> Plan {
    let profile = Profile::built_in("lease-lb").unwrap();
    catalogue::find(scenario).unwrap().plan(&profile, 1)
}

/// Runs a plan by its file, as somebody does who has edited it.
fn run_edited(plan: &Plan) -> Ran {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("plan.toml"), plan.to_toml()).unwrap();
    splitbrain(dir.path(), &["run", "plan.toml", "--out", "o"])
}

fn assert_vacuous(ran: &Ran, why: &str) {
    assert_eq!(ran.status, 3, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains(&format!("proves nothing: {why}")), "{}", ran.out);
}

#[test]
fn a_plan_whose_faults_were_taken_out() {
    let mut plan = plan("controller_cut_from_master_drop");
    assert_eq!(run_edited(&plan).status, 0, "as it is it proves something");
    plan.faults.clear();
    assert_vacuous(&run_edited(&plan), "not reached: a promotion took effect");
}

/// The run was disturbed, but its history has no trace of who did so.
#[test]
fn a_nemesis_that_does_nothing() {
    let plan = plan("controller_cut_from_master_drop");
    let history = run::run(&plan).unwrap().history;
    let disturbs = |what: &What| matches!(what, What::Inject { .. } | What::Heal { .. });
    let rest = history.events().iter().filter(|event| !disturbs(&event.what));
    let rest = rest.map(|event| (event.at_ms, event.on.clone(), event.what.clone()));
    let undisturbed = History::from_events(rest);
    let dir = tempfile::tempdir().unwrap();
    let judged = |name: &str, history: &History| check(dir.path(), name, history);
    assert_eq!(judged("whole.jsonl", &history).status, 0);
    let ran = judged("undisturbed.jsonl", &undisturbed);
    assert_eq!(ran.status, 3, "{}{}", ran.out, ran.err);
    let why = "Proves nothing: of 1 faults never injected: 0.\n";
    assert!(ran.out.ends_with(why), "{}", ran.out);
}

#[test]
fn a_fault_that_hits_nothing() {
    let mut plan = plan("no_fault");
    let between = |a: &str, b: &str| Fault::Partition {
        a: vec![a.into()],
        b: vec![b.into()],
        way: Way::Both,
        kind: CutKind::Drop,
    };
    // These two have nothing to say to each other.
    let fault = between("near-clients", "far-clients");
    plan.faults = vec![PlannedFault { at_ms: 6_000, heal_at_ms: 7_000, after: None, fault }];
    assert_vacuous(&run_edited(&plan), "fault 0 (partition) did nothing: nothing");
}

/// Their timeout is shorter than the way to a node and back.
#[test]
fn clients_that_never_connect() {
    let mut plan = plan("no_fault");
    plan.workload.timeout_ms = 1;
    let why = "not reached: clients wrote before the faults and after the heal; clients behind a \
               load balancer wrote after the heal";
    assert_vacuous(&run_edited(&plan), why);
    plan.goals.clear();
    assert_vacuous(&run_edited(&plan), "no operation of a client was acknowledged");
}

fn check(dir: &Path, name: &str, history: &History) -> Ran {
    fs::write(dir.join(name), history.to_json_lines()).unwrap();
    splitbrain(dir, &["check", name])
}
