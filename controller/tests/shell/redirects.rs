//! Several load balancers, of a shard and of single nodes: each is redirected by itself.

use std::rc::Rc;

use controller::cluster_record::{LbRecord, NodeRecord, NodeRole, ShardRecord};
use controller::store::{StoreConfig, serve_store};
use controller::{
    ClusterRecord, ControllerConfig, ControllerRules, Heartbeat, ProbeConfig, StoreAddress,
};
use node::slot::SlotRange;

use super::fake::{FakeLb, FakeNode, NODE_PORT};
use super::memory::{Network, pass, run};

const STORE_PORT: u16 = 2379;
const ADMIN_PORT: u16 = 7001;
const INTERVAL_MS: u64 = 1000;
/// A silent peer is given up within a round, and within it a silent master is noticed.
const TIMEOUT_MS: u64 = 900;
const FAILURES: u32 = 2;

/// A shard of `a`, which is master, and `b`, with the load balancers `lb` and `lb-2`; both nodes
/// have one of their own.
fn config() -> ControllerConfig {
    let lb = |host: &str| LbRecord { host: host.into(), port: 7000, admin_port: ADMIN_PORT };
    let node = |letter: char, role| NodeRecord {
        id: format!("{letter:0>40}"),
        host: format!("node-{letter}"),
        port: NODE_PORT,
        role,
        deposed: false,
        lb: Some(lb(&format!("lb-{letter}"))),
    };
    let shard = ShardRecord {
        slots: vec![SlotRange::ALL],
        nodes: vec![node('a', NodeRole::Master), node('b', NodeRole::Slave)],
        lbs: vec![lb("lb"), lb("lb-2")],
    };
    ControllerConfig {
        name: "controller-1".into(),
        store: StoreAddress { host: "store".into(), port: STORE_PORT },
        session_ttl_ms: 3000,
        probe: ProbeConfig {
            interval_ms: INTERVAL_MS,
            connect_timeout_ms: TIMEOUT_MS,
            request_timeout_ms: TIMEOUT_MS,
            failures: FAILURES,
        },
        lease: None,
        heartbeat: Heartbeat::WithInfo,
        rules: ControllerRules::default(),
        admin_port: None,
        admin_host: None,
        initial: ClusterRecord { version: 1, election_version: 0, shards: vec![shard] },
    }
}

struct Cluster {
    network: Rc<Network>,
    master: Rc<FakeNode>,
    /// `lb`, `lb-2`, `lb-a` and `lb-b`.
    lbs: [Rc<FakeLb>; 4],
    _replica: Rc<FakeNode>,
}

impl Cluster {
    async fn start() -> Self {
        let network = Network::new();
        let (master, replica) = (FakeNode::start(&network, 'a'), FakeNode::start(&network, 'b'));
        let lbs =
            ["lb", "lb-2", "lb-a", "lb-b"].map(|name| FakeLb::start_at(&network, name, ADMIN_PORT));
        let store = network.host("store");
        let serving = serve_store(
            store.clone(),
            StoreConfig { port: STORE_PORT, elect_after_restart_wait_ms: 0 },
        );
        store.spawn(async { serving.await.unwrap() });
        pass(1).await;
        let controller = network.host("controller-1");
        let serving = controller::serve(controller.clone(), config());
        controller.spawn(async { serving.await.unwrap() });
        pass(INTERVAL_MS / 2).await;
        Self { network, master, lbs, _replica: replica }
    }

    /// Where each load balancer leads, and by which version.
    fn routes(&self) -> [String; 4] {
        [0, 1, 2, 3].map(|at: usize| match &*self.lbs[at].route.borrow() {
            Some((target, version)) => format!("{target} {version}"),
            None => "nowhere".to_owned(),
        })
    }

    /// Lets the master hang until the other node has been its successor for some rounds.
    async fn fail_over(&self) {
        self.master.hung.set(true);
        pass((u64::from(FAILURES) + 4) * INTERVAL_MS).await;
        assert_eq!(
            self.network.lines("committed"),
            ["committed 1, masters a", "committed 2, masters b"]
        );
    }
}

#[test]
fn all_of_a_shard_and_the_old_masters_own_are_led_to_the_new_master() {
    run(async {
        let cluster = Cluster::start().await;
        let [a, b] = ["node-a:6666 1", "node-b:6666 1"];
        assert_eq!(cluster.routes(), [a, a, a, b], "a replica's own one leads to the replica");
        cluster.fail_over().await;
        assert_eq!(cluster.routes(), ["node-b:6666 2"; 4]);

        cluster.master.hung.set(false);
        pass(3 * INTERVAL_MS).await;
        assert_eq!(*cluster.master.role.borrow(), "slave", "the old master is back");
        assert_eq!(cluster.routes(), ["node-b:6666 2"; 4], "and nothing leads to it");
    });
}

#[test]
fn one_of_two_that_is_silent_delays_the_other_by_nothing() {
    let redirected = async |silent: bool| {
        let cluster = Cluster::start().await;
        cluster.lbs[0].hung.set(silent);
        cluster.network.log.take();
        cluster.master.hung.set(true);
        let mut passed_ms = 0;
        while cluster.lbs[1].route.borrow().as_ref().is_some_and(|(_, version)| *version < 2) {
            assert!(passed_ms < 10 * INTERVAL_MS, "in vain: {:#?}", cluster.network.log);
            pass(1).await;
            passed_ms += 1;
        }
        let told = cluster.network.lines("lb gets REDIRECT 0 node-b");
        (passed_ms, cluster, told)
    };
    run(async {
        let (healthy_ms, ..) = redirected(false).await;
        let (silent_ms, cluster, told) = redirected(true).await;
        assert_eq!(silent_ms, healthy_ms);
        assert_eq!(told, ["lb gets REDIRECT 0 node-b 6666 2"], "it is told too, and says nothing");

        // It is asked again and again, and led to the new master when it is back.
        pass(3 * INTERVAL_MS).await;
        assert!(cluster.network.lines("redirect of shard 0 at lb:7001 to node-b:6666: ").len() > 1);
        assert_eq!(
            cluster.network.lines("lb-2 gets REDIRECT"),
            ["lb-2 gets REDIRECT 0 node-b 6666 2"]
        );
        cluster.lbs[0].hung.set(false);
        pass(2 * INTERVAL_MS).await;
        assert_eq!(cluster.routes()[0], "node-b:6666 2");
    });
}

#[test]
fn one_of_two_that_was_restarted_is_redirected_and_the_other_is_only_asked() {
    run(async {
        let cluster = Cluster::start().await;
        cluster.lbs[1].route.take();
        cluster.network.log.take();
        pass(2 * INTERVAL_MS).await;
        assert_eq!(cluster.network.lines("lb gets"), ["lb gets ROUTE 0"; 2]);
        let expected =
            ["lb-2 gets ROUTE 0", "lb-2 gets REDIRECT 0 node-a 6666 1", "lb-2 gets ROUTE 0"];
        assert_eq!(cluster.network.lines("lb-2 gets"), expected);
    });
}
