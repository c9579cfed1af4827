//! A controller's rounds: what goes to whom in which order, promotion, redirects, leadership.

use controller::Heartbeat;

use super::cluster::{ADMIN_PORT, Cluster, INTERVAL_MS, TIMEOUT_MS, config, divide};
use super::fake::{FakeLb, FakeNode};
use super::memory::{pass, run};

#[test]
fn a_new_cluster_is_stored_then_pushed_then_probed() {
    run(async {
        let cluster = Cluster::start().await;
        cluster.start_controller(config("controller-1"));
        pass(1).await;
        assert_eq!(cluster.versions(), [1, 1, 1]);
        let log = cluster.take_log();
        let place = |text: &str| log.iter().position(|line| line.contains(text)).unwrap();
        assert!(place("controller-1 leads: true") < place("committed 1, masters a"));
        assert!(place("committed 1, masters a") < place("a gets CLUSTERX SETNODEID a"));
        assert!(place("a gets CLUSTERX SETNODEID a") < place("a gets CLUSTERX SETNODES … 1"));
        assert!(place("lb gets REDIRECT 0 node-a 6666 1") < log.len());
        assert!(!log.iter().any(|line| line.contains("CLUSTER INFO")), "{log:?}");

        pass(INTERVAL_MS).await;
        let mut log = cluster.take_log();
        log.sort();
        let mut expected: Vec<String> = ["a", "b", "c"]
            .map(|node| format!("{node} gets CLUSTER INFO + CLUSTERX HEARTBEAT a 2000 0"))
            .into();
        expected.push("lb gets ROUTE 0".to_owned());
        assert_eq!(log, expected, "one piece per node, one question, and nothing else");
    });
}

#[test]
fn a_heartbeat_after_info_waits_for_the_reply() {
    run(async {
        let cluster = Cluster::start().await;
        let mut config = config("controller-1");
        config.heartbeat = Heartbeat::AfterInfo;
        cluster.start_controller(config);
        pass(INTERVAL_MS / 2).await;
        cluster.nodes[1].hung.set(true);
        cluster.nodes[2].loading.set(true);
        cluster.take_log();
        pass(INTERVAL_MS).await;
        let network = &cluster.network;
        assert_eq!(
            network.lines("a gets"),
            ["a gets CLUSTER INFO", "a gets CLUSTERX HEARTBEAT a 2000 0"]
        );
        assert_eq!(network.lines("b gets CLUSTER"), ["b gets CLUSTER INFO"]);
        assert_eq!(network.lines("c gets"), ["c gets CLUSTER INFO"]);
        assert_eq!(network.lines("failed").len(), 1, "loading is no failure");
    });
}

#[test]
fn a_hung_master_is_replaced_after_three_failures_store_first_nodes_second() {
    run(async {
        let cluster = Cluster::start().await;
        cluster.start_controller(config("controller-1"));
        pass(INTERVAL_MS / 2).await;
        cluster.nodes[0].hung.set(true);
        cluster.nodes[1].sequence.set(8);
        cluster.nodes[2].sequence.set(7);
        pass(2 * INTERVAL_MS + 2 * TIMEOUT_MS).await;
        assert_eq!(cluster.network.lines("of 3: no reply within 300 ms").len(), 2);
        assert_eq!(cluster.network.lines("promoting"), Vec::<String>::new());
        cluster.take_log();

        pass(2 * INTERVAL_MS).await;
        assert_eq!(cluster.versions(), [1, 2, 2]);
        assert_eq!(*cluster.nodes[1].role.borrow(), "master");
        let log = cluster.take_log();
        let place = |text: &str| {
            let found = log.iter().position(|line| line.contains(text));
            found.unwrap_or_else(|| panic!("no {text:?} in {log:#?}"))
        };
        assert!(place("node-a:6666 failed, 3 of 3") < place("committed 2, masters b"));
        for told in ["b gets CLUSTERX SETNODES … 2", "c gets CLUSTERX SETNODES … 2"] {
            assert!(place("committed 2, masters b") < place(told));
        }
        assert!(place("committed 2, masters b") < place("lb gets REDIRECT 0 node-b 6666 2"));
        assert!(place("push of version 2 to node-a") > place("committed 2"));
        assert!(place("c gets CLUSTER INFO + CLUSTERX HEARTBEAT b 2000 1") > place("committed 2"));

        cluster.nodes[0].hung.set(false);
        pass(2 * INTERVAL_MS).await;
        assert_eq!(cluster.versions(), [2, 2, 2], "the old master is told when it is back");
        assert_eq!(*cluster.nodes[0].role.borrow(), "slave");
    });
}

#[test]
fn of_two_failovers_at_once_the_second_is_refused_and_tried_again() {
    run(async {
        let cluster = Cluster::start().await;
        FakeNode::start(&cluster.network, 'd');
        let mut config = config("controller-1");
        divide(&mut config);
        cluster.start_controller(config);
        pass(INTERVAL_MS / 2).await;
        cluster.nodes[0].hung.set(true);
        cluster.nodes[2].hung.set(true);
        pass(5 * INTERVAL_MS).await;
        assert_eq!(
            cluster.network.lines("committed"),
            ["committed 1, masters ac", "committed 2, masters bc", "committed 3, masters bd"]
        );
        assert_eq!(cluster.network.lines("the cluster has been updated by others").len(), 1);
    });
}

#[test]
fn one_silent_node_stretches_the_rounds_of_all_to_its_timeout() {
    run(async {
        let cluster = Cluster::start().await;
        let mut config = config("controller-1");
        config.probe.request_timeout_ms = INTERVAL_MS + INTERVAL_MS / 2;
        cluster.start_controller(config);
        pass(INTERVAL_MS / 2).await;
        cluster.nodes[2].hung.set(true);
        cluster.take_log();
        // Each round takes one and a half intervals; ticks that are missed collapse into one.
        pass(6 * INTERVAL_MS).await;
        assert_eq!(cluster.network.lines("a gets CLUSTER INFO + CLUSTERX HEARTBEAT").len(), 4);
    });
}

#[test]
fn nobody_is_promoted_without_a_candidate() {
    run(async {
        let cluster = Cluster::start().await;
        cluster.start_controller(config("controller-1"));
        pass(INTERVAL_MS / 2).await;
        cluster.nodes.iter().for_each(|node| node.hung.set(true));
        pass(6 * INTERVAL_MS).await;
        assert!(cluster.network.lines("no replica can be promoted").len() > 1);
        assert_eq!(cluster.network.lines("committed"), ["committed 1, masters a"]);
        cluster.nodes[2].hung.set(false);
        pass(3 * INTERVAL_MS).await;
        assert_eq!(cluster.network.lines("committed 2"), ["committed 2, masters c"]);
    });
}

#[test]
fn a_replica_that_has_nothing_is_promoted_over_a_silent_master_unless_a_rule_forbids_it() {
    run(async {
        for forbidden in [false, true] {
            let cluster = Cluster::start().await;
            let mut config = config("controller-1");
            config.rules.no_empty_candidate = forbidden;
            cluster.start_controller(config);
            pass(INTERVAL_MS / 2).await;
            cluster.nodes[0].hung.set(true);
            cluster.nodes[1].loading.set(true);
            cluster.nodes[2].sequence.set(0);
            cluster.take_log();
            pass(5 * INTERVAL_MS).await;
            let committed = cluster.network.lines("committed");
            let expected: &[&str] = if forbidden { &[] } else { &["committed 2, masters c"] };
            assert_eq!(committed, expected, "and a loading one never is");
        }
    });
}

#[test]
fn an_older_node_is_told() {
    run(async {
        let cluster = Cluster::start().await;
        cluster.start_controller(config("controller-1"));
        pass(INTERVAL_MS / 2).await;
        cluster.nodes[1].version.set(-1);
        cluster.take_log();
        pass(INTERVAL_MS).await;
        assert_eq!(cluster.versions(), [1, 1, 1]);
        assert_eq!(cluster.network.lines("SETNODES"), ["b gets CLUSTERX SETNODES … 1"]);
        assert_eq!(cluster.network.lines("failed"), Vec::<String>::new());
    });
}

#[test]
fn a_redirect_is_repeated_until_it_is_acknowledged_and_by_the_next_leader() {
    run(async {
        let cluster = Cluster::start().await;
        cluster.lb.refuses.set(true);
        cluster.start_controller(config("controller-1"));
        pass(2 * INTERVAL_MS + INTERVAL_MS / 2).await;
        let sent = cluster.network.lines("lb gets REDIRECT 0 node-a 6666 1").len();
        assert!(sent >= 3, "{sent}");
        cluster.lb.refuses.set(false);
        pass(INTERVAL_MS).await;
        cluster.take_log();
        pass(3 * INTERVAL_MS).await;
        let questions = ["lb gets ROUTE 0"; 3];
        assert_eq!(cluster.network.lines("lb gets"), questions, "acknowledged, and it holds");

        cluster.network.kill("controller-1");
        cluster.take_log();
        cluster.start_controller(config("controller-2"));
        pass(5 * INTERVAL_MS).await;
        assert_eq!(cluster.network.lines("controller-2 leads"), ["controller-2 leads: true"]);
        assert_eq!(cluster.network.lines("lb gets REDIRECT"), ["lb gets REDIRECT 0 node-a 6666 1"]);
    });
}

#[test]
fn a_load_balancer_that_was_restarted_is_redirected_again() {
    run(async {
        let mut cluster = Cluster::start().await;
        cluster.start_controller(config("controller-1"));
        pass(INTERVAL_MS / 2).await;
        cluster.network.kill("lb");
        pass(INTERVAL_MS).await;
        assert_eq!(cluster.network.lines("notes route of shard 0").len(), 1);

        cluster.lb = FakeLb::start(&cluster.network, ADMIN_PORT);
        cluster.take_log();
        pass(2 * INTERVAL_MS).await;
        let expected = ["lb gets ROUTE 0", "lb gets REDIRECT 0 node-a 6666 1", "lb gets ROUTE 0"];
        assert_eq!(cluster.network.lines("lb gets"), expected);

        // A redirect that was held up on its way, of an earlier leader perhaps.
        cluster.lb.route.replace(Some(("node-c:6666".to_owned(), 0)));
        pass(INTERVAL_MS).await;
        let note = "routed to node-c:6666 by version 0, not to node-a:6666 by version 1";
        assert_eq!(cluster.network.lines(note).len(), 1);
        assert_eq!(*cluster.lb.route.borrow(), Some(("node-a:6666".to_owned(), 1)));
    });
}

#[test]
fn a_hung_load_balancer_delays_no_heartbeat() {
    run(async {
        let cluster = Cluster::start().await;
        let mut config = config("controller-1");
        config.probe.request_timeout_ms = 3 * INTERVAL_MS;
        cluster.start_controller(config);
        pass(INTERVAL_MS / 2).await;
        cluster.lb.hung.set(true);
        cluster.take_log();
        pass(6 * INTERVAL_MS).await;
        assert_eq!(cluster.network.lines("a gets CLUSTER INFO + CLUSTERX HEARTBEAT").len(), 6);
        assert_eq!(cluster.network.lines("lb gets").len(), 2, "one question at a time");
        cluster.lb.hung.set(false);
        cluster.lb.route.take();
        pass(4 * INTERVAL_MS).await;
        assert_eq!(*cluster.lb.route.borrow(), Some(("node-a:6666".to_owned(), 1)));
    });
}

#[test]
fn without_the_store_a_leader_probes_nobody_and_goes_on_believing() {
    run(async {
        let cluster = Cluster::start().await;
        cluster.start_controller(config("controller-1"));
        pass(INTERVAL_MS / 2).await;
        cluster.network.kill("store");
        cluster.take_log();
        pass(10 * INTERVAL_MS).await;
        assert_eq!(cluster.network.lines("round skipped").len(), 10);
        assert_eq!(cluster.network.lines("gets"), Vec::<String>::new());

        cluster.start_store();
        pass(2 * INTERVAL_MS).await;
        assert!(!cluster.network.lines("a gets CLUSTER INFO").is_empty());
        assert_eq!(cluster.network.lines("leads"), Vec::<String>::new());
    });
}
