//! Several load balancers in front of one master: in whole runs of scenarios, and one alone on a
//! simulated machine that loses its power.

mod support;

use std::collections::BTreeMap;

use host::Observation;
use lb::{LbConfig, ListenerConfig, OnRedirect, Target};
use scenarios::catalogue;
use scenarios::plan::Plan;
use scenarios::profile::Profile;
use scenarios::run::{self, Run};
use sim::check;
use sim::fault::{CutKind, Fault, Packets, PlannedFault};
use sim::history::{OpResult, What};
use sim::verdict::Outcome;
use support::*;

fn plan(scenario: &str, profile: &str, lbs: u32, seed: u64) -> Plan {
    let profile = Profile::built_in(profile).unwrap();
    let mut plan = catalogue::find(scenario).unwrap().plan(&profile, seed);
    plan.cluster.lbs = lbs;
    plan
}

/// When each load balancer was led to each of its targets, in order.
fn routes(run: &Run) -> BTreeMap<&str, Vec<(u64, &str)>> {
    let mut routes: BTreeMap<&str, Vec<(u64, &str)>> = BTreeMap::new();
    for event in run.history.events() {
        if let What::Observe { observation: Observation::Routed { target, .. }, .. } = &event.what {
            routes.entry(&event.on).or_default().push((event.at_ms, target));
        }
    }
    routes
}

/// When a load balancer was first led away from the first master.
fn redirected_ms(run: &Run, lb: &str) -> u64 {
    let of_lb = &routes(run)[lb];
    let moved = of_lb.iter().find(|(_, target)| *target != of_lb[0].1);
    moved.unwrap_or_else(|| panic!("{lb} was never redirected: {of_lb:?}")).0
}

fn outcome(plan: &Plan, run: &Run, check: &str) -> Outcome {
    let verdicts = run::judge(plan, run).verdicts;
    verdicts.into_iter().find(|verdict| verdict.check == check).unwrap().outcome
}

#[test]
fn all_lead_to_the_new_master_and_clients_write_through_each() {
    let plan = plan("crashed_master_restarts", "lb", 3, 1);
    let run = run::run(&plan).unwrap();
    assert_eq!(outcome(&plan, &run, check::CONVERGED), Outcome::Pass);
    let routes = routes(&run);
    assert_eq!(routes.keys().copied().collect::<Vec<_>>(), ["lb-1", "lb-2", "lb-3"]);
    let last = |lb: &str| routes[lb].last().unwrap().1;
    assert_eq!((last("lb-1"), last("lb-1")), (last("lb-2"), last("lb-3")));
    let redirected_ms =
        ["lb-1", "lb-2", "lb-3"].map(|lb| redirected_ms(&run, lb)).into_iter().max().unwrap();

    let mut asked = BTreeMap::new();
    let mut written_after: BTreeMap<&str, u64> = BTreeMap::new();
    for event in run.history.events().iter().filter(|event| event.at_ms > redirected_ms) {
        match &event.what {
            What::Invoke(invocation) => {
                asked.insert(invocation.op, invocation.client.as_str());
            }
            What::Return(end) if end.result == OpResult::Ok => {
                let client = asked.get(&end.op).copied().unwrap_or_default();
                *written_after.entry(client).or_default() += 1;
            }
            _ => {}
        }
    }
    for client in ["clients-1/lb", "clients-1/lb2", "clients-2/lb"] {
        assert!(written_after.get(client).is_some_and(|writes| *writes > 5), "{written_after:?}");
    }
}

#[test]
fn one_that_is_cut_off_delays_no_other_and_is_redirected_when_it_is_back() {
    let alone = plan("crashed_master_restarts", "lb", 2, 1);
    let mut cut = alone.clone();
    let fault = Fault::Nic { target: "lb".into(), packets: Packets::Both, kind: CutKind::Drop };
    let PlannedFault { at_ms, heal_at_ms, .. } = alone.faults[0];
    cut.faults.insert(0, PlannedFault::between(at_ms, heal_at_ms, fault));

    let (healthy, cut_off) = (run::run(&alone).unwrap(), run::run(&cut).unwrap());
    assert!(redirected_ms(&cut_off, "lb-1") > heal_at_ms);
    let late_ms = redirected_ms(&cut_off, "lb-2").abs_diff(redirected_ms(&healthy, "lb-2"));
    // A silent one costs a timeout of a second; the rest are different latencies.
    assert!(late_ms < 100, "{late_ms} ms");
    assert_eq!(outcome(&cut, &cut_off, check::CONVERGED), Outcome::Pass);
}

/// The master is cut off from the control plane only, so that established flows go on to it.
#[test]
fn established_flows_reach_the_old_master_unless_the_redirect_severs_them() {
    for (profile, expected) in [("lb", Outcome::Fail), ("lb+lb-sever", Outcome::Pass)] {
        for lbs in 1..=2 {
            let plan = plan("controller_cut_from_master_drop", profile, lbs, 1);
            let run = run::run(&plan).unwrap();
            let found = outcome(&plan, &run, check::LB_SEPARATES);
            assert_eq!(found, expected, "{profile} with {lbs} load balancers");
        }
    }
}

#[test]
fn what_was_acknowledged_to_be_in_force_is_so_after_a_power_loss() {
    let config = LbConfig {
        // Where the requests of these tests go.
        admin_port: PORT,
        connect_timeout_ms: 1_000,
        idle_timeout_ms: None,
        on_redirect: OnRedirect::Sever,
        drain_limit_ms: None,
        refuse_older: true,
        flows_max: None,
        listeners: vec![ListenerConfig {
            shard: 0,
            port: 7000,
            target: Some(Target::new("node-1", PORT)),
        }],
    };
    let mut world = world(&["lb-1"]);
    let serve = process(move |host| {
        let served = lb::serve(host, config.clone());
        async move { served.await.map_err(|error| error.to_string()) }
    });
    world.start("lb-1", serve).unwrap();
    run_to(&mut world, 50);
    assert_eq!(ask(&mut world, "lb-1", &["REDIRECT", "0", "node-2", "6666", "5"]), "OK");
    world.power_off("lb-1").unwrap();
    run_to(&mut world, 1_000);
    world.power_on("lb-1").unwrap();
    run_to(&mut world, 1_050);
    assert_eq!(ask(&mut world, "lb-1", &["ROUTE", "0"]), "node-2:6666 5");
    let older = ask(&mut world, "lb-1", &["REDIRECT", "0", "node-1", "6666", "4"]);
    assert_eq!(older, "-STALE redirect of version 4 refused, version 5 is in force");
}
