//! The rule `dated-heartbeat`: which stamp goes where, and after which read of the store.

use controller::ControllerConfig;

use super::cluster::{Cluster, INTERVAL_MS, TIMEOUT_MS, config, id};
use super::memory::{pass, run};

fn dated() -> ControllerConfig {
    let mut config = config("controller-1");
    config.rules.dated_heartbeat = true;
    config
}

fn give_stamps(cluster: &Cluster) {
    cluster.nodes.iter().for_each(|node| node.stamps.set(Some(0)));
}

/// What the store was asked and which heartbeats were sent.
fn reads_and_heartbeats(log: &[String]) -> Vec<&str> {
    log.iter()
        .filter(|line| line.contains("asked GET") || line.contains("HEARTBEAT"))
        .map(String::as_str)
        .collect()
}

#[test]
fn a_new_master_is_granted_with_its_topology_and_then_by_one_heartbeat_a_round() {
    run(async {
        let (cluster, _tap) = Cluster::start_tapped().await;
        give_stamps(&cluster);
        cluster.start_controller(dated());
        pass(1).await;
        let log = cluster.take_log();
        let pushed = log.iter().position(|line| line.contains("a gets CLUSTERX SETNODES")).unwrap();
        let expected = [
            "a gets CLUSTERX HEARTBEAT a 2000 0",
            "store is asked GET",
            "a gets CLUSTERX HEARTBEAT a 2000 0 a-1",
        ];
        let told = reads_and_heartbeats(&log[pushed..]);
        assert_eq!(told[..3], expected, "a stamp is fetched, then the store read, then granted");

        for stamp in ["a-2", "a-3"] {
            pass(INTERVAL_MS).await;
            let granted = format!("a gets CLUSTERX HEARTBEAT a 2000 0 {stamp}");
            let log = cluster.take_log();
            assert_eq!(reads_and_heartbeats(&log), ["store is asked GET", &granted]);
            let place = |text: &str| log.iter().position(|line| line == text).unwrap();
            assert!(place("store is asked GET") < place("a gets CLUSTER INFO"));
            assert!(place("a gets CLUSTER INFO") < place(&granted), "each in a piece of its own");
        }
    });
}

#[test]
fn nobody_but_a_master_with_the_topology_of_the_record_is_granted() {
    run(async {
        let cluster = Cluster::start().await;
        give_stamps(&cluster);
        cluster.start_controller(dated());
        pass(INTERVAL_MS / 2).await;
        cluster.take_log();

        cluster.nodes[0].version.set(9);
        pass(INTERVAL_MS).await;
        assert_eq!(cluster.network.lines("HEARTBEAT"), Vec::<String>::new());
        cluster.nodes[0].loading.set(true);
        pass(INTERVAL_MS).await;
        assert_eq!(cluster.network.lines("HEARTBEAT"), Vec::<String>::new());

        // An older one is told, and asked again.
        cluster.nodes[0].loading.set(false);
        cluster.nodes[0].version.set(0);
        cluster.take_log();
        pass(INTERVAL_MS).await;
        let of_a = cluster.network.lines("a gets");
        let expected = [
            "a gets CLUSTER INFO",
            "a gets CLUSTERX SETNODEID a",
            "a gets CLUSTERX SETNODES … 1",
            "a gets CLUSTERX HEARTBEAT a 2000 0",
            "a gets CLUSTER INFO",
            "a gets CLUSTERX HEARTBEAT a 2000 0 a-3",
        ];
        assert_eq!(of_a, expected);
    });
}

#[test]
fn a_promoted_master_is_granted_under_the_new_version_at_once() {
    run(async {
        let cluster = Cluster::start().await;
        give_stamps(&cluster);
        cluster.start_controller(dated());
        pass(INTERVAL_MS / 2).await;
        cluster.nodes[0].hung.set(true);
        cluster.nodes[1].sequence.set(8);
        cluster.take_log();
        // Three failing rounds, and asking the old master once more.
        pass(3 * INTERVAL_MS + 2 * TIMEOUT_MS - INTERVAL_MS / 2 + 1).await;
        let granted =
            ["b gets CLUSTERX HEARTBEAT b 2000 1", "b gets CLUSTERX HEARTBEAT b 2000 1 b-1"];
        assert_eq!(cluster.network.lines("HEARTBEAT"), granted, "and the hung one gets none");
        let mut next = cluster.network.lines("committed");
        next.extend(cluster.network.lines("b gets CLUSTERX SETNODES"));
        assert_eq!(next, ["committed 2, masters b", "b gets CLUSTERX SETNODES … 2"]);
    });
}

#[test]
fn a_stamp_is_echoed_once_and_one_that_went_unused_is_fetched_anew() {
    run(async {
        let cluster = Cluster::start().await;
        give_stamps(&cluster);
        cluster.start_controller(dated());
        pass(INTERVAL_MS / 2).await;
        cluster.nodes[0].loading.set(true);
        pass(INTERVAL_MS).await;
        cluster.nodes[0].loading.set(false);
        cluster.take_log();
        pass(INTERVAL_MS).await;
        let expected =
            ["a gets CLUSTERX HEARTBEAT a 2000 0", "a gets CLUSTERX HEARTBEAT a 2000 0 a-3"];
        assert_eq!(cluster.network.lines("HEARTBEAT"), expected);
    });
}

#[test]
fn the_second_heartbeat_waits_for_a_read_that_still_names_the_master() {
    run(async {
        let cluster = Cluster::start().await;
        give_stamps(&cluster);
        cluster.start_controller(dated());
        pass(INTERVAL_MS / 2).await;
        // Somebody else deposes `a` after it gave its stamp: no stamp may follow under the old
        // record, and none does, because the store is read between the two.
        cluster.nodes[0].loading.set(true);
        pass(INTERVAL_MS).await;
        cluster.nodes[0].loading.set(false);
        let promoted = config("other").initial.promote(0, &id('b'), true).unwrap();
        let promoted = controller::ClusterRecord { version: 2, ..promoted };
        cluster.nodes[0].before_reply.replace(Some(("HEARTBEAT", cluster.overwrite(promoted))));
        cluster.take_log();
        pass(INTERVAL_MS).await;
        assert_eq!(cluster.network.lines("HEARTBEAT"), ["a gets CLUSTERX HEARTBEAT a 2000 0"]);
        assert_eq!(cluster.network.lines("committed"), ["committed 2, masters b"]);
    });
}

#[test]
fn and_for_an_answer_with_the_version_of_that_read() {
    run(async {
        let cluster = Cluster::start().await;
        give_stamps(&cluster);
        cluster.start_controller(dated());
        pass(INTERVAL_MS / 2).await;
        cluster.nodes[0].loading.set(true);
        pass(INTERVAL_MS).await;
        cluster.nodes[0].loading.set(false);
        // It restarts after it was asked, and has forgotten its topology.
        let node = cluster.nodes[0].clone();
        let restart = Box::pin(async move { node.version.set(-1) });
        cluster.nodes[0].before_reply.replace(Some(("HEARTBEAT", restart)));
        cluster.take_log();
        pass(INTERVAL_MS).await;
        assert_eq!(cluster.network.lines("HEARTBEAT"), ["a gets CLUSTERX HEARTBEAT a 2000 0"]);
        pass(INTERVAL_MS).await;
        assert_eq!(cluster.versions(), [1, 1, 1]);
        assert_eq!(cluster.network.lines("HEARTBEAT a 2000 0 a-").len(), 1);
    });
}
