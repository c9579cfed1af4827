//! A lease that is `disabled` is none: the history of a run is, event for event, that of a run
//! whose nodes ask a lease that always says yes, though heartbeats come and leases expire.
//!
//! What is compared is two programs under one plan: the plan, and with it what the controller
//! sends and what the history says of the run, is that of a lease that blocks.

use std::rc::Rc;

use host::{Host, LocalBoxFuture};
use node::gatekeeper::Gatekeeper;
use node::lease::{Gate, Lease};
use node::lease_rules::LeaseRules;
use node::{LeaseMode, NodeConfig};
use scenarios::catalogue;
use scenarios::cluster::ServeNode;
use scenarios::plan::Plan;
use scenarios::profile::Profile;
use scenarios::run;
use sim::history::{Event, History};

/// Says yes to every write, whatever was granted.
struct AlwaysYes;

impl Gatekeeper for AlwaysYes {
    fn ask(&self, _: &Lease, _: LeaseMode, _: &LeaseRules, _: u64) -> Gate {
        Gate::Open
    }
}

type Served = LocalBoxFuture<'static, Result<(), String>>;

/// Blocks writes as its mode says, and asks one that never does.
fn always_yes(host: Host, config: NodeConfig) -> Served {
    assert_eq!(config.master_lease_mode, LeaseMode::BlockWrite, "as the plan has it");
    Box::pin(async move {
        let started = node::start_with(host, config, Rc::new(AlwaysYes)).await;
        started.map_err(|error| error.to_string())?.run().await;
        Ok(())
    })
}

fn disabled(host: Host, config: NodeConfig) -> Served {
    in_mode(host, config, LeaseMode::Disabled)
}

fn log_only(host: Host, config: NodeConfig) -> Served {
    in_mode(host, config, LeaseMode::LogOnly)
}

fn block_write(host: Host, config: NodeConfig) -> Served {
    in_mode(host, config, LeaseMode::BlockWrite)
}

fn in_mode(host: Host, config: NodeConfig, master_lease_mode: LeaseMode) -> Served {
    let served = node::serve(host, NodeConfig { master_lease_mode, ..config });
    Box::pin(async move { served.await.map_err(|error| error.to_string()) })
}

fn plan(scenario: &str, profile: &str, seed: u64) -> Plan {
    let profile = Profile::built_in(profile).unwrap();
    catalogue::find(scenario).unwrap().plan(&profile, seed)
}

fn history(plan: &Plan, nodes: ServeNode) -> History {
    run::run_with(plan, nodes).unwrap().history
}

fn difference(plan: &Plan, other: ServeNode) -> Option<(Option<Event>, Option<Event>)> {
    let (yes, other) = (history(plan, always_yes), history(plan, other));
    let difference = yes.first_difference(&other);
    difference.map(|(yes, other)| (yes.cloned(), other.cloned()))
}

/// Under profiles with heartbeats, with and without load balancers and rules.
#[test]
fn a_disabled_lease_is_one_that_always_says_yes() {
    let scenarios = [
        "no_fault",
        "controller_cut_from_master_drop",
        "controller_cut_from_master_stall",
        "master_cut_with_its_clients_drop",
        "hung_master_returns",
        "crashed_master_restarts",
        "vm_suspend_with_a_lease",
        "stall_between_check_and_write",
    ];
    for (at, scenario) in scenarios.into_iter().enumerate() {
        for (profile, seed) in [("lease", 1), (["lease-lb", "hardened"][at % 2], 2)] {
            if let Some((yes, disabled)) = difference(&plan(scenario, profile, seed), disabled) {
                panic!("{scenario} under {profile}, seed {seed}:\n{yes:?}\n{disabled:?}");
            }
        }
    }
}

/// So the comparison above can fail: in these runs the lease runs out while clients write.
#[test]
fn any_other_lease_is_another_one() {
    for scenario in ["controller_cut_from_master_drop", "controller_cut_from_master_stall"] {
        for seed in 1..3 {
            let plan = plan(scenario, "lease", seed);
            for (mode, serve) in [("log-only", log_only as ServeNode), ("block-write", block_write)]
            {
                assert_ne!(difference(&plan, serve), None, "{scenario}, seed {seed}: {mode}");
            }
        }
    }
}
