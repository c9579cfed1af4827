//! Orders of operators: planned switchovers, with and without the rule `promotion-wait`, and the
//! activation of a node without the store.

use controller::ControllerConfig;

use super::cluster::{Cluster, INTERVAL_MS, TIMEOUT_MS, config, id};
use super::memory::{pass, run};

const TTL_MS: u64 = 8000;

fn settings(waits: bool) -> ControllerConfig {
    let mut config = config("controller-1");
    config.lease.as_mut().unwrap().ttl_ms = TTL_MS;
    config.rules.dated_heartbeat = true;
    config.rules.promotion_wait = waits;
    config
}

async fn settled(config: ControllerConfig) -> Cluster {
    let cluster = Cluster::start().await;
    cluster.nodes.iter().for_each(|node| node.stamps.set(Some(0)));
    cluster.start_controller(config);
    pass(INTERVAL_MS / 2).await;
    cluster.take_log();
    cluster
}

fn order(letter: char) -> String {
    format!("SWITCHOVER 0 {}", id(letter))
}

#[test]
fn a_switchover_pauses_writes_the_store_and_tells_both_before_it_ends_the_pause() {
    run(async {
        for (waits, pause) in [(false, "500"), (true, "8000")] {
            let cluster = settled(settings(waits)).await;
            assert_eq!(cluster.say("controller-1", &order('b')).await, id('b'));
            assert_eq!(cluster.versions(), [2, 2, 2]);
            let log = cluster.take_log();
            let place = |text: &str| {
                let found = log.iter().position(|line| line.contains(text));
                found.unwrap_or_else(|| panic!("no {text:?} in {log:#?}"))
            };
            let steps = [
                "tells FailoverBegun",
                "b gets INFO",
                &format!("a gets CLIENT PAUSE {pause} WRITE"),
                "committed 2, masters b",
                "a gets CLUSTERX SETNODES … 2",
                "a gets CLIENT UNPAUSE",
                "c gets CLUSTERX SETNODES … 2",
            ];
            assert!(steps.map(place).is_sorted(), "{log:#?}");
            assert!(place("committed 2") < place("b gets CLUSTERX SETNODES … 2"));
            assert!(place("lb gets REDIRECT 0 node-b 6666") > place("committed 2"));
            let granted =
                log.iter().filter(|line| line.contains("b gets CLUSTERX HEARTBEAT b 8000 1 b-"));
            assert!(
                granted.count() > 0,
                "a lease under the new version, without waiting: {log:#?}"
            );
        }
    });
}

#[test]
fn a_replica_that_does_not_catch_up_ends_it_unless_it_is_forced() {
    run(async {
        let cluster = settled(settings(true)).await;
        cluster.nodes[0].sequence.set(5);
        let reply = cluster.say("controller-1", &order('b')).await;
        assert_eq!(reply, "ERR the replica has not caught up within 100 ms");
        assert_eq!(cluster.network.lines("a gets CLIENT UNPAUSE").len(), 1);
        assert_eq!(cluster.network.lines("committed"), Vec::<String>::new());
        cluster.take_log();
        pass(INTERVAL_MS).await;
        assert_eq!(cluster.network.lines("a gets CLUSTERX HEARTBEAT").len(), 1, "granted again");

        assert_eq!(cluster.say("controller-1", &format!("{} FORCE", order('b'))).await, id('b'));
        assert_eq!(cluster.network.lines("committed"), ["committed 2, masters b"]);
    });
}

#[test]
fn an_old_master_that_cannot_be_paused_ends_it_unless_it_is_forced_and_waited_for() {
    run(async {
        let cluster = settled(settings(true)).await;
        cluster.nodes[0].hung.set(true);
        let reply = cluster.say("controller-1", &order('b')).await;
        assert_eq!(reply, "ERR the old master cannot be paused: no reply within 300 ms");
        // It was granted its lease at the very start.
        let forced = format!("{} FORCE", order('b'));
        let said = cluster.say("controller-1", &forced);
        let (reply, ()) = futures_util::future::join(said, async {
            pass(TTL_MS - INTERVAL_MS / 2 - 2 * TIMEOUT_MS - 2).await;
            assert_eq!(cluster.network.lines("committed"), Vec::<String>::new());
        })
        .await;
        assert_eq!(reply, id('b'));
        assert_eq!(cluster.network.lines("committed"), ["committed 2, masters b"]);
    });
}

#[test]
fn the_pause_of_an_old_master_that_does_not_take_the_topology_runs_out() {
    run(async {
        for (waits, unpaused) in [(true, 0), (false, 1)] {
            let cluster = settled(settings(waits)).await;
            let hang = cluster.nodes[0].clone();
            let deed = Box::pin(async move { hang.refuses_topologies.set(true) });
            cluster.nodes[0].before_reply.replace(Some(("CLIENT PAUSE", deed)));
            assert_eq!(cluster.say("controller-1", &order('b')).await, id('b'));
            assert_eq!(cluster.network.lines("a gets CLIENT UNPAUSE").len(), unpaused);
        }
    });
}

#[test]
fn what_cannot_be_switched_over_is_refused() {
    run(async {
        let cluster = settled(settings(false)).await;
        let refused = async |words: &str, why: &str| {
            let reply = cluster.say("controller-1", words).await;
            assert!(reply.contains(why), "{words}: {reply}");
        };
        refused("SWITCHOVER 7", "there is no shard 7").await;
        cluster.nodes[1].role.replace("master".to_owned());
        refused(&order('b'), "cannot be promoted").await;
        refused(&order('x'), "cannot be promoted").await;
        cluster.nodes[2].loading.set(true);
        refused("SWITCHOVER 0", "no replica can be promoted").await;
        assert_eq!(cluster.network.lines("committed"), Vec::<String>::new());

        cluster
            .start_controller(ControllerConfig { name: "controller-2".into(), ..settings(false) });
        pass(INTERVAL_MS).await;
        let reply = cluster.say("controller-2", "SWITCHOVER 0").await;
        let expected =
            "ERR this controller does not lead; the leader it has heard of: controller-1";
        assert_eq!(reply, expected);
    });
}

#[test]
fn an_activation_asks_neither_the_store_nor_who_leads() {
    run(async {
        let cluster = settled(settings(false)).await;
        cluster.network.kill("store");
        cluster.network.kill("controller-1");
        cluster.nodes[0].hung.set(true);
        cluster.nodes[2].version.set(4);
        cluster
            .start_controller(ControllerConfig { name: "controller-2".into(), ..settings(false) });
        pass(1).await;
        cluster.take_log();
        assert_eq!(cluster.say("controller-2", &format!("ACTIVATE 0 {}", id('b'))).await, "5");
        assert_eq!(cluster.versions(), [1, 5, 5]);
        assert_eq!(*cluster.nodes[1].role.borrow(), "master");
        assert_eq!(cluster.network.lines("committed"), Vec::<String>::new());
        assert_eq!(cluster.network.lines("CONFIG"), Vec::<String>::new());

        let order = format!("ACTIVATE 0 {} UNLEASED", id('b'));
        assert_eq!(cluster.say("controller-2", &order).await, "6");
        let expected = ["b gets CONFIG SET master-lease-mode disabled"];
        assert_eq!(cluster.network.lines("CONFIG"), expected);
        let reply = cluster.say("controller-2", &format!("ACTIVATE 0 {}", id('x'))).await;
        assert!(reply.contains("is no replica of shard 0"), "{reply}");
    });
}
