//! Faults that are timed by what happens in the run, on a whole cluster.

use host::Observation;
use scenarios::catalogue;
use scenarios::plan::Plan;
use scenarios::profile::Profile;
use scenarios::run::{self, Run};
use sim::check::FAULTS_BIT;
use sim::fault::{Fault, PlannedFault, Trigger, TriggerEvent};
use sim::history::What;
use sim::verdict::Outcome;

/// A plan of the catalogue with one more fault, which waits for a trigger.
fn plan(event: TriggerEvent, count: u32, fault: Fault) -> Plan {
    let profile = Profile::built_in("baseline").unwrap();
    let mut plan = catalogue::find("controller_cut_from_master_drop").unwrap().plan(&profile, 5);
    let (at_ms, heal_at_ms) = (plan.phases.settle_ms, plan.phases.settle_ms + 1_500);
    let after = Some(Trigger { event, count, delay_ms: 100 });
    plan.faults.push(PlannedFault { after, ..PlannedFault::between(at_ms, heal_at_ms, fault) });
    // As it is read from a file.
    Plan::from_toml(&plan.to_toml()).unwrap()
}

/// When the last fault was injected and healed, and whom its roles named.
fn last_fault(plan: &Plan, run: &Run) -> Option<(u64, u64, Vec<String>)> {
    let last = plan.faults.len() - 1;
    let events = run.history.events();
    let (at_ms, targets) = events.iter().find_map(|event| match &event.what {
        What::Inject { fault, targets, .. } if *fault == last => {
            Some((event.at_ms, targets.values().flatten().cloned().collect()))
        }
        _ => None,
    })?;
    let healed = events
        .iter()
        .find(|event| matches!(event.what, What::Heal { fault, .. } if fault == last))?;
    Some((at_ms, healed.at_ms, targets))
}

fn faults_bit(plan: &Plan, run: &Run) -> (Outcome, String) {
    let verdicts = run::judge(plan, run).verdicts;
    let verdict = verdicts.into_iter().find(|verdict| verdict.check == FAULTS_BIT).unwrap();
    (verdict.outcome, verdict.reason)
}

#[test]
fn a_fault_may_strike_the_deposed_master_just_after_its_successor_took_over() {
    let plan = plan(TriggerEvent::Applied, 1, Fault::Kill { target: "deposed".into() });
    let run = run::run(&plan).unwrap();
    let p_ms = run::judge(&plan, &run).figures.failovers[0].effective_at_ms.unwrap();
    let (at_ms, healed_ms, targets) = last_fault(&plan, &run).expect("it struck");
    assert!((p_ms + 95..=p_ms + 105).contains(&at_ms), "p {p_ms}, struck at {at_ms}");
    assert!((1_495..=1_505).contains(&(healed_ms - at_ms)), "lasts as long as planned");
    assert_eq!(targets, ["node-1"]);
    assert_eq!(faults_bit(&plan, &run).0, Outcome::Pass);
}

#[test]
fn a_promotion_may_be_held_up_between_its_decision_and_the_store() {
    let (target, point) = ("leader".into(), "before-store-write".into());
    let stall = Fault::Stall { target, point };
    let mut plan = plan(TriggerEvent::FailoverBegun, 1, stall);
    // It comes there some time after it has begun: it asks the candidates first.
    plan.faults.last_mut().unwrap().after.as_mut().unwrap().delay_ms = 0;
    let run = run::run(&plan).unwrap();
    let (_, healed_ms, _) = last_fault(&plan, &run).expect("it struck");
    let committed_ms = run::judge(&plan, &run).figures.failovers[0].committed_at_ms;
    assert!(committed_ms > healed_ms, "healed at {healed_ms}, committed at {committed_ms}");
    assert_eq!(faults_bit(&plan, &run).0, Outcome::Pass);
}

#[test]
fn a_fault_whose_trigger_never_comes_makes_the_run_prove_nothing_and_the_run_ends() {
    let plan = plan(TriggerEvent::Commit, 2, Fault::Kill { target: "deposed".into() });
    let run = run::run(&plan).unwrap();
    let commits = run.history.events().iter().filter(|event| {
        matches!(&event.what, What::Observe { observation: Observation::Committed { .. }, .. })
    });
    assert_eq!(commits.count(), 2, "the first one and one failover");
    assert_eq!(last_fault(&plan, &run), None);
    let (outcome, reason) = faults_bit(&plan, &run);
    assert_eq!(outcome, Outcome::Fail);
    assert_eq!(reason, "of 2 faults never injected: 1");
    assert!(!run.bites[1].1.bit());
}
