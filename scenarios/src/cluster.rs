//! The cluster of a plan: which machines there are, what runs on each, and which machines a
//! role names at a moment.
//!
//! Machines are added in one fixed order, because that order is part of the seed.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use controller::cluster_record::{LbRecord, NodeRecord, NodeRole, ShardRecord};
use controller::store::{StoreConfig, serve_store};
use controller::{ClusterRecord, ControllerConfig, LeaseConfig, StoreAddress};
use host::{Clock, Host, LocalBoxFuture};
use lb::{LbConfig, ListenerConfig, Target};
use node::slot::SlotRange;
use node::{LeaseMode, NodeConfig};
use sha2::{Digest, Sha256};
use sim::history::{Gate, Member, Setup, What};
use sim::{Process, World, WorldError};

use crate::operator::{self, Order, PlannedOrder};
use crate::plan::Plan;
use crate::profile::Profile;
use crate::switches;
use crate::workload::{self, Addresses};

/// The port on which nodes, and load balancers, take clients.
pub const PORT: u16 = 6666;
const LB_ADMIN_PORT: u16 = 6667;
const STORE_PORT: u16 = 2379;
pub(crate) const STORE: &str = "store";
/// Clients on the master's side of a partition that takes clients along.
pub const NEAR_CLIENTS: &str = "clients-1";
/// Clients on the controller's side.
pub const FAR_CLIENTS: &str = "clients-2";
/// The operator, if the plan has orders.
const OPERATOR: &str = "operator";
const CONTROLLER_ADMIN_PORT: u16 = 9379;
/// The only shard.
pub const SHARD: u32 = 0;

/// How a data node serves: the program that runs in each of its lives, until it ends.
pub type ServeNode = fn(Host, NodeConfig) -> LocalBoxFuture<'static, Result<(), String>>;

/// The node of this project.
pub const NODE: ServeNode = |host, config| {
    let served = node::serve(host, config);
    Box::pin(async move { served.await.map_err(|error| error.to_string()) })
};

/// Builds the world of a plan and starts everything in it, with data nodes that serve so.
///
/// # Errors
/// If the plan's world allows no honest run.
pub fn build(
    plan: &Plan,
    serve_node: ServeNode,
    stop: &Rc<Cell<bool>>,
) -> Result<World, WorldError> {
    let mut world = World::new(plan.seed, &plan.world)?;
    for name in machines(plan) {
        let clocks = plan.clocks.get(&name).copied().unwrap_or_default();
        world.add_machine(&name, clocks);
    }
    world.record("driver", What::Setup(setup(plan)));
    for name in nodes(plan) {
        world.start(&name, node_process(plan, serve_node))?;
    }
    world.start(STORE, store_process(plan))?;
    for name in lbs(plan) {
        world.start(&name, lb_process(plan))?;
    }
    for name in controllers(plan) {
        world.start(&name, controller_process(plan, &name))?;
    }
    for name in [NEAR_CLIENTS, FAR_CLIENTS] {
        let log = world.operation_log(name)?;
        let addresses = addresses(plan, name);
        world
            .start(name, workload::process(log, addresses, plan.workload.clone(), stop.clone()))?;
    }
    if !plan.orders.is_empty() {
        world.start(OPERATOR, operator_process(plan))?;
    }
    Ok(world)
}

/// All machines of a plan, in the order in which they are added.
pub fn machines(plan: &Plan) -> Vec<String> {
    let mut names = nodes(plan);
    names.push(STORE.to_owned());
    names.extend(controllers(plan));
    names.extend(lbs(plan));
    names.extend([NEAR_CLIENTS, FAR_CLIENTS].map(str::to_owned));
    names.extend((!plan.orders.is_empty()).then(|| OPERATOR.to_owned()));
    names
}

/// The data nodes of a plan. The first one is the first master.
pub fn nodes(plan: &Plan) -> Vec<String> {
    (1..=plan.cluster.replicas + 1).map(|number| format!("node-{number}")).collect()
}

/// The controllers of a plan. The first one leads at first.
pub fn controllers(plan: &Plan) -> Vec<String> {
    (1..=plan.cluster.controllers).map(|number| format!("controller-{number}")).collect()
}

/// The load balancers of a plan, all of them in front of the master; none unless the profile has
/// them.
pub fn lbs(plan: &Plan) -> Vec<String> {
    let count = if plan.profile.lb { plan.cluster.lbs } else { 0 };
    (1..=count).map(|number| format!("lb-{number}")).collect()
}

/// The id of a data node: 40 hexadecimal digits derived from its name, so that it can be told
/// again from a report.
pub fn node_id(name: &str) -> String {
    let digest = Sha256::digest(name.as_bytes());
    digest.iter().take(20).map(|byte| format!("{byte:02x}")).collect()
}

/// What the history of a plan's run says at its start.
pub fn setup(plan: &Plan) -> Setup {
    let members = nodes(plan)
        .into_iter()
        .map(|machine| Member { id: node_id(&machine), machine, shard: SHARD })
        .collect();
    let gate = match plan.profile.lease_mode {
        LeaseMode::Disabled => Gate::Open,
        LeaseMode::LogOnly => Gate::Log,
        LeaseMode::BlockWrite => Gate::Block,
    };
    Setup {
        gate,
        promises: plan.promises.clone(),
        goals: plan.goals.clone(),
        faults: plan.faults.len(),
        recover_ms: Some(plan.profile.recovery_ms()),
        ..Setup::of(plan.profile.ttl_ms, plan.world.tick_ms, members)
    }
}

/// Where the clients on a machine go. The two machines share the load balancers: the near clients
/// take the first and every second one after it, the far ones those between, if there are any.
fn addresses(plan: &Plan, clients: &str) -> Addresses {
    let all = lbs(plan);
    let first = usize::from(clients == FAR_CLIENTS).min(all.len().saturating_sub(1));
    let lbs = all.into_iter().skip(first).step_by(2).collect();
    Addresses { nodes: nodes(plan), lbs, port: PORT }
}

/// The cluster as it is first written to the store.
fn initial_record(plan: &Plan) -> ClusterRecord {
    let nodes = nodes(plan).into_iter().enumerate().map(|(at, host)| NodeRecord {
        id: node_id(&host),
        host,
        port: PORT,
        role: if at == 0 { NodeRole::Master } else { NodeRole::Slave },
        deposed: false,
        lb: None,
    });
    let lb = |host| LbRecord { host, port: PORT, admin_port: LB_ADMIN_PORT };
    let shard = ShardRecord {
        slots: vec![SlotRange { first: 0, last: node::slot::SLOTS - 1 }],
        nodes: nodes.collect(),
        lbs: lbs(plan).into_iter().map(lb).collect(),
    };
    ClusterRecord { version: 1, election_version: 0, shards: vec![shard] }
}

fn node_process(plan: &Plan, serve: ServeNode) -> Process {
    let config = NodeConfig { port: PORT, ..switches::node(&plan.profile) };
    process(config, serve)
}

fn store_process(plan: &Plan) -> Process {
    let elect_after_restart_wait_ms = switches::elect_after_restart_wait_ms(&plan.profile);
    process(StoreConfig { port: STORE_PORT, elect_after_restart_wait_ms }, serve_store)
}

fn controller_config(profile: &Profile, name: &str, initial: ClusterRecord) -> ControllerConfig {
    let lease = LeaseConfig { ttl_ms: profile.ttl_ms };
    ControllerConfig {
        name: name.to_owned(),
        store: StoreAddress { host: STORE.to_owned(), port: STORE_PORT },
        session_ttl_ms: profile.session_ttl_ms,
        probe: profile.probe,
        lease: (profile.lease_mode != LeaseMode::Disabled).then_some(lease),
        heartbeat: profile.heartbeat,
        rules: switches::controller(profile),
        admin_port: Some(CONTROLLER_ADMIN_PORT),
        admin_host: None,
        initial,
    }
}

/// What a controller finds allowed and surprising about a profile's settings, each in a sentence.
pub fn warnings(profile: &Profile) -> Vec<String> {
    let none = ClusterRecord { version: 1, election_version: 0, shards: vec![] };
    let config = controller_config(profile, "controller-1", none);
    config.warnings().iter().map(ToString::to_string).collect()
}

fn controller_process(plan: &Plan, name: &str) -> Process {
    let mut config = controller_config(&plan.profile, name, initial_record(plan));
    if let (Some(lease), Some(ttl_ms)) = (&mut config.lease, plan.lease_ttl_ms.get(name)) {
        lease.ttl_ms = *ttl_ms;
    }
    // The first one is up first, so that it leads at first, whatever the seed.
    let number = controllers(plan).iter().position(|known| known == name).unwrap_or(0);
    let later = CONTROLLERS_APART * u32::try_from(number).expect("a few");
    process(config, move |host: Host, config| async move {
        host.sleep(Clock::Monotonic, later).await;
        controller::serve(host, config).await
    })
}

/// How long after the one before it a controller begins.
const CONTROLLERS_APART: Duration = Duration::from_millis(500);

fn operator_process(plan: &Plan) -> Process {
    let request = |planned: &PlannedOrder| {
        let shard = SHARD.to_string();
        let (to, words) = match &planned.order {
            Order::Switchover => (admin_ports(plan), vec!["SWITCHOVER".to_owned(), shard]),
            Order::SetNodes { node, version } => by_hand(&initial_record(plan), node, *version),
            Order::Activate { node } => {
                let mut words = vec!["ACTIVATE".to_owned(), shard, node_id(node)];
                words.extend(plan.profile.blocks_writes().then(|| "UNLEASED".to_owned()));
                (admin_ports(plan), words)
            }
        };
        (planned.at_ms, operator::Request { to, words })
    };
    operator::process(plan.orders.iter().map(request).collect())
}

fn admin_ports(plan: &Plan) -> Vec<(String, u16)> {
    controllers(plan).into_iter().map(|name| (name, CONTROLLER_ADMIN_PORT)).collect()
}

/// A topology for one node, past the store.
fn by_hand(record: &ClusterRecord, node: &str, version: i64) -> (Vec<(String, u16)>, Vec<String>) {
    let text = record.to_topology().to_setnodes();
    let words = ["CLUSTERX", "SETNODES", &text, &version.to_string()].map(str::to_owned);
    (vec![(node.to_owned(), PORT)], words.to_vec())
}

fn lb_process(plan: &Plan) -> Process {
    let (on_redirect, refuse_older) = switches::lb(&plan.profile);
    let listener = ListenerConfig {
        shard: SHARD,
        port: PORT,
        target: Some(Target { host: nodes(plan)[0].clone(), port: PORT }),
    };
    let config = LbConfig {
        listeners: vec![listener],
        admin_port: LB_ADMIN_PORT,
        connect_timeout_ms: 1_000,
        idle_timeout_ms: Some(30_000),
        on_redirect,
        drain_limit_ms: None,
        refuse_older,
        flows_max: None,
    };
    process(config, lb::serve)
}

/// A process that serves with this configuration in each of its lives.
fn process<C, F, Fut, E>(config: C, serve: F) -> Process
where
    C: Clone + 'static,
    F: Fn(Host, C) -> Fut + Copy + 'static,
    Fut: Future<Output = Result<(), E>> + 'static,
    E: std::fmt::Display,
{
    Rc::new(move |host| {
        let served = serve(host, config.clone());
        Box::pin(async move { served.await.map_err(|error| error.to_string()) })
            as LocalBoxFuture<'static, Result<(), String>>
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;
    use crate::profile::all_names;

    fn plan(profile: &str, lbs: u32) -> Plan {
        let profile = Profile::built_in(profile).expect("valid");
        let mut plan = catalogue::find("no_fault").expect("it exists").plan(&profile, 1);
        plan.cluster.lbs = lbs;
        plan
    }

    #[test]
    fn no_built_in_profile_surprises() {
        for name in all_names() {
            let profile = Profile::built_in(name).expect("valid");
            assert_eq!(warnings(&profile), Vec::<String>::new(), "{name}");
        }
    }

    #[test]
    fn load_balancers_are_there_if_the_profile_has_them_and_clients_share_them() {
        let shared = |profile, lbs| {
            let plan = plan(profile, lbs);
            [NEAR_CLIENTS, FAR_CLIENTS].map(|clients| addresses(&plan, clients).lbs.join(" "))
        };
        assert_eq!(shared("baseline", 3), ["", ""]);
        assert_eq!(shared("lb", 1), ["lb-1", "lb-1"]);
        assert_eq!(shared("lb", 2), ["lb-1", "lb-2"]);
        assert_eq!(shared("lb", 3), ["lb-1 lb-3", "lb-2"]);
    }
}
