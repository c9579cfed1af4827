//! The cluster of these tests: a store, three nodes and a load balancer, and controllers' settings.

use std::rc::Rc;
use std::time::Duration;

use controller::cluster_record::{LbRecord, NodeRecord, NodeRole, ShardRecord};
use controller::store::client::StoreClient;
use controller::store::{CLUSTER_KEY, StoreConfig, serve_store};
use controller::{
    ClusterRecord, ControllerConfig, ControllerRules, Heartbeat, LeaseConfig, ProbeConfig,
    StoreAddress,
};
use host::{Host, LocalBoxFuture};
use node::client::{Client, Timeouts};
use node::resp::Frame;
use node::slot::SlotRange;

use super::fake::{FakeLb, FakeNode, NODE_PORT};
use super::memory::{Network, pass};
use super::tap::StoreTap;

pub const STORE_PORT: u16 = 2379;
pub const ADMIN_PORT: u16 = 7001;
pub const CONTROLLER_PORT: u16 = 7100;
pub const INTERVAL_MS: u64 = 1000;
pub const TIMEOUT_MS: u64 = 300;

/// The id of the node with this letter.
pub fn id(letter: char) -> String {
    format!("{letter:0>40}")
}

/// Settings with a lease and no rule.
pub fn config(name: &str) -> ControllerConfig {
    let node = |letter: char, role| NodeRecord {
        id: id(letter),
        host: format!("node-{letter}"),
        port: NODE_PORT,
        role,
        deposed: false,
        lb: None,
    };
    let nodes =
        vec![node('a', NodeRole::Master), node('b', NodeRole::Slave), node('c', NodeRole::Slave)];
    let lbs = vec![LbRecord { host: "lb".into(), port: 7000, admin_port: ADMIN_PORT }];
    let shards = vec![ShardRecord { slots: vec![SlotRange::ALL], nodes, lbs }];
    ControllerConfig {
        name: name.into(),
        store: StoreAddress { host: "store".into(), port: STORE_PORT },
        session_ttl_ms: 3000,
        probe: ProbeConfig {
            interval_ms: INTERVAL_MS,
            connect_timeout_ms: TIMEOUT_MS,
            request_timeout_ms: TIMEOUT_MS,
            failures: 3,
        },
        lease: Some(LeaseConfig { ttl_ms: 2000 }),
        heartbeat: Heartbeat::WithInfo,
        rules: ControllerRules::default(),
        admin_port: Some(CONTROLLER_PORT),
        admin_host: None,
        initial: ClusterRecord { version: 1, election_version: 0, shards },
    }
}

/// Divides the cluster into two shards: `a` with `b`, and `c` with `d`, which is to be started.
pub fn divide(config: &mut ControllerConfig) {
    let shards = &mut config.initial.shards;
    shards[0].slots = vec![SlotRange { first: 0, last: 99 }];
    let mut second = shards[0].clone();
    second.slots = vec![SlotRange { first: 100, last: 16383 }];
    second.nodes = vec![shards[0].nodes.remove(2), shards[0].nodes[1].clone()];
    second.nodes[0].role = NodeRole::Master;
    second.lbs[0].port += 1;
    (second.nodes[1].id, second.nodes[1].host) = (id('d'), "node-d".into());
    shards.push(second);
}

pub struct Cluster {
    pub network: Rc<Network>,
    pub nodes: [Rc<FakeNode>; 3],
    pub lb: Rc<FakeLb>,
    store_host: Host,
}

impl Cluster {
    /// A store, three nodes and a load balancer.
    pub async fn start() -> Self {
        let network = Network::new();
        let store_host = network.host("store");
        Self::start_with_store(network, store_host).await
    }

    /// The same with a tap between the controllers and the store.
    pub async fn start_tapped() -> (Self, Rc<StoreTap>) {
        let network = Network::new();
        let tap = StoreTap::start(&network, "store-behind", STORE_PORT);
        let store_host = network.host("store-behind");
        (Self::start_with_store(network, store_host).await, tap)
    }

    /// Two controllers, of which the first leads, half an interval after it began to.
    pub async fn with_two(config: impl Fn(&str) -> ControllerConfig) -> Self {
        let cluster = Self::start().await;
        cluster.start_controller(config("controller-1"));
        pass(1).await;
        cluster.start_controller(config("controller-2"));
        pass(INTERVAL_MS / 2).await;
        cluster
    }

    async fn start_with_store(network: Rc<Network>, store_host: Host) -> Self {
        let nodes = ['a', 'b', 'c'].map(|letter| FakeNode::start(&network, letter));
        let lb = FakeLb::start(&network, ADMIN_PORT);
        let cluster = Self { network, nodes, lb, store_host };
        cluster.start_store();
        pass(1).await;
        cluster
    }

    pub fn start_store(&self) {
        self.start_store_that_waits(0);
    }

    /// After a restart it elects nobody for so long.
    pub fn start_store_that_waits(&self, elect_after_restart_wait_ms: u64) {
        let config = StoreConfig { port: STORE_PORT, elect_after_restart_wait_ms };
        let serving = serve_store(self.store_host.clone(), config);
        self.store_host.spawn(async { serving.await.unwrap() });
    }

    pub fn start_controller(&self, config: ControllerConfig) {
        let host = self.network.host(&config.name);
        let serving = controller::serve(host.clone(), config);
        host.spawn(async { serving.await.unwrap() });
    }

    /// Writes a record to the store behind the controllers' backs.
    pub fn overwrite(&self, record: ClusterRecord) -> LocalBoxFuture<'static, ()> {
        let second = Duration::from_secs(1);
        let address = StoreAddress { host: self.store_host.name().into(), port: STORE_PORT };
        let timeouts = Timeouts { connect: second, request: second };
        let client = StoreClient::new(&self.network.host("operator"), &address, timeouts);
        Box::pin(async move {
            client.put(CLUSTER_KEY, &record.to_json()).await.unwrap();
        })
    }

    /// Says this to a controller's admin port; the reply as text.
    pub async fn say(&self, controller: &str, words: &str) -> String {
        let minute = Duration::from_secs(60);
        let timeouts = Timeouts { connect: minute, request: minute };
        let operator = self.network.host("operator");
        let client = Client::connect(&operator, controller, CONTROLLER_PORT, timeouts);
        let words: Vec<&str> = words.split(' ').collect();
        match client.await.unwrap().call(&words).await.unwrap() {
            Frame::SimpleString(text) | Frame::BulkString(text) => {
                String::from_utf8(text.to_vec()).unwrap()
            }
            Frame::Error(text) => text.to_string(),
            Frame::Integer(number) => number.to_string(),
            Frame::Null => "null".to_owned(),
            other => panic!("{other:?} is no answer of an admin port"),
        }
    }

    /// The log so far, which begins anew.
    pub fn take_log(&self) -> Vec<String> {
        self.network.log.take()
    }

    pub fn versions(&self) -> [i64; 3] {
        [0, 1, 2].map(|index: usize| self.nodes[index].version.get())
    }
}
