//! The rule `store-is-truth`, on and off: what becomes of a node's higher version.

use controller::{ClusterRecord, ControllerConfig};

use super::cluster::{Cluster, INTERVAL_MS, TIMEOUT_MS, config, id};
use super::memory::{pass, run};

fn settings(rule: bool) -> ControllerConfig {
    let mut config = config("controller-1");
    config.rules.store_is_truth = rule;
    config
}

/// What a node shows of a cluster in which `b` is master, behind the load balancer.
fn text(version: i64) -> String {
    let [a, b, c] = ['a', 'b', 'c'].map(id);
    format!(
        "{a} node-a:6666@16666 slave {b} 99 100 {version} connected\n\
         {b} lb:7000@17000 master - 99 100 {version} connected 0-16383\n\
         {c} node-c:6666@16666 myself,slave {b} 99 100 {version} connected\n"
    )
}

/// A cluster of version 1 and election version 5, in which `b` and `c` tell higher ones.
async fn with_higher_nodes(rule: bool) -> Cluster {
    let cluster = Cluster::start().await;
    let initial = ClusterRecord { election_version: 5, ..config("other").initial };
    cluster.overwrite(initial).await;
    cluster.start_controller(settings(rule));
    pass(INTERVAL_MS + INTERVAL_MS / 2).await;
    for (node, version) in [(1, 8), (2, 9)] {
        cluster.nodes[node].version.set(version);
        cluster.nodes[node].cluster_nodes.replace(text(version));
    }
    cluster.take_log();
    pass(INTERVAL_MS).await;
    cluster
}

#[test]
fn without_the_rule_the_highest_node_is_taken_at_its_word() {
    run(async {
        let cluster = with_higher_nodes(false).await;
        assert_eq!(cluster.network.lines("committed"), ["committed 9, masters b"]);
        let note = "node-c:6666 has version 9, the store 1: adopted";
        assert_eq!(cluster.network.lines(note).len(), 1);
        assert_eq!(cluster.network.lines("SETNODES"), Vec::<String>::new(), "nobody is told");

        // The election version is gone, and a node's address is that of its load balancer.
        pass(INTERVAL_MS).await;
        assert_eq!(
            cluster.network.lines("c gets CLUSTER INFO + CLUSTERX HEARTBEAT b 2000 0").len(),
            1
        );
        assert_eq!(cluster.network.lines("probe of lb:7000 failed").len(), 1);
        assert_eq!(cluster.network.lines("a gets CLUSTERX SETNODES … 9").len(), 1);
    });
}

#[test]
fn with_the_rule_the_version_is_raised_above_it_and_the_record_pushed_back() {
    run(async {
        let cluster = with_higher_nodes(true).await;
        assert_eq!(cluster.network.lines("committed"), ["committed 10, masters a"]);
        let note = "node-c:6666 has version 9, the store 1: raised to 10";
        assert_eq!(cluster.network.lines(note).len(), 1);
        assert_eq!(cluster.versions(), [10, 10, 10]);
        assert_eq!(cluster.network.lines("CLUSTER NODES"), Vec::<String>::new());
        pass(INTERVAL_MS).await;
        assert_eq!(
            cluster.network.lines("a gets CLUSTER INFO + CLUSTERX HEARTBEAT a 2000 5").len(),
            2
        );
    });
}

#[test]
fn a_node_that_tells_nonsense_is_not_adopted() {
    run(async {
        let cluster = Cluster::start().await;
        cluster.start_controller(settings(false));
        pass(INTERVAL_MS / 2).await;
        cluster.nodes[2].version.set(9);
        cluster.nodes[2].cluster_nodes.replace("nonsense".to_owned());
        cluster.take_log();
        pass(INTERVAL_MS).await;
        assert_eq!(cluster.network.lines("not settled: a line of CLUSTER NODES").len(), 1);
        assert_eq!(cluster.network.lines("committed"), Vec::<String>::new());
    });
}

#[test]
fn the_last_version_of_all_cannot_be_raised() {
    run(async {
        let cluster = Cluster::start().await;
        cluster.start_controller(settings(true));
        pass(INTERVAL_MS / 2).await;
        cluster.nodes[2].version.set(i64::MAX);
        pass(INTERVAL_MS).await;
        assert_eq!(cluster.network.lines("there is no higher version").len(), 1);
        assert_eq!(cluster.network.lines("committed"), ["committed 1, masters a"]);
    });
}

#[test]
fn a_promotion_is_above_every_version_that_a_node_tells() {
    run(async {
        for (rule, version) in [(true, 8), (false, 2)] {
            let cluster = Cluster::start().await;
            cluster.start_controller(settings(rule));
            pass(3 * INTERVAL_MS + INTERVAL_MS / 2).await;
            cluster.nodes[0].hung.set(true);
            pass(2 * INTERVAL_MS + INTERVAL_MS / 2 + TIMEOUT_MS / 3).await;
            // By hand, in the very round that gives the master up.
            cluster.nodes[1].version.set(7);
            cluster.take_log();
            pass(INTERVAL_MS).await;
            let committed = [format!("committed {version}, masters c")];
            assert_eq!(cluster.network.lines("committed")[..1], committed);
        }
    });
}
