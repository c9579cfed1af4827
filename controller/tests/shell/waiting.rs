//! The rule `promotion-wait`, on and off: when a master is replaced, and who is granted what
//! meanwhile.

use controller::ControllerConfig;

use super::cluster::{Cluster, INTERVAL_MS, TIMEOUT_MS, config, divide};
use super::fake::FakeNode;
use super::memory::{pass, run};

/// Far longer than it takes to give a master up.
const TTL_MS: u64 = 8000;
/// Three failing rounds of a node that hangs after the start, and asking it once more.
const GIVEN_UP_MS: u64 = 3 * INTERVAL_MS + 2 * TIMEOUT_MS;

fn settings(name: &str, waits: bool) -> ControllerConfig {
    let mut config = config(name);
    config.lease.as_mut().unwrap().ttl_ms = TTL_MS;
    config.rules.dated_heartbeat = true;
    config.rules.promotion_wait = waits;
    config
}

/// A cluster whose master hangs half a round after it was granted a lease.
async fn hung(config: ControllerConfig) -> Cluster {
    let cluster = Cluster::start().await;
    cluster.nodes.iter().for_each(|node| node.stamps.set(Some(0)));
    cluster.start_controller(config);
    pass(1).await;
    cluster.nodes[0].hung.set(true);
    cluster.take_log();
    cluster
}

#[test]
fn a_master_is_replaced_when_its_last_lease_has_expired() {
    run(async {
        let cluster = hung(settings("controller-1", true)).await;
        pass(TTL_MS - 2).await;
        assert_eq!(cluster.network.lines("committed"), Vec::<String>::new());
        assert_eq!(cluster.network.lines("leases may run for").len(), 1);
        assert_eq!(cluster.network.lines("tells FailoverBegun").len(), 1);
        // The old master is asked for its sequence once more.
        pass(TIMEOUT_MS + 5).await;
        assert_eq!(cluster.network.lines("committed"), ["committed 2, masters c"]);
        let granted =
            ["c gets CLUSTERX HEARTBEAT c 8000 1", "c gets CLUSTERX HEARTBEAT c 8000 1 c-1"];
        assert_eq!(cluster.network.lines("HEARTBEAT"), granted, "at once");
    });
}

#[test]
fn without_the_rule_it_is_replaced_when_it_is_given_up() {
    run(async {
        let cluster = hung(settings("controller-1", false)).await;
        pass(GIVEN_UP_MS).await;
        assert_eq!(cluster.network.lines("committed"), ["committed 2, masters c"]);
    });
}

#[test]
fn without_a_lease_there_is_nothing_to_wait_for() {
    run(async {
        let cluster =
            hung(ControllerConfig { lease: None, ..settings("controller-1", true) }).await;
        pass(GIVEN_UP_MS).await;
        assert_eq!(cluster.network.lines("committed"), ["committed 2, masters c"]);
    });
}

#[test]
fn the_wait_stretches_no_round_and_withholds_no_lease_of_another_shard() {
    run(async {
        let cluster = Cluster::start().await;
        let other = FakeNode::start(&cluster.network, 'd');
        [&cluster.nodes[2], &other].iter().for_each(|node| node.stamps.set(Some(0)));
        let mut config = settings("controller-1", true);
        divide(&mut config);
        cluster.start_controller(config);
        pass(1).await;
        cluster.nodes[0].hung.set(true);
        pass(GIVEN_UP_MS).await;
        cluster.take_log();
        pass(4 * INTERVAL_MS).await;
        assert_eq!(cluster.network.lines("committed"), Vec::<String>::new());
        assert_eq!(cluster.network.lines("c gets CLUSTER INFO").len(), 4);
        assert_eq!(cluster.network.lines("c gets CLUSTERX HEARTBEAT c").len(), 4);
    });
}

#[test]
fn a_master_that_answers_again_is_left_in_office_and_granted_in_that_round() {
    run(async {
        let cluster = hung(settings("controller-1", true)).await;
        pass(GIVEN_UP_MS).await;
        cluster.nodes[0].hung.set(false);
        cluster.take_log();
        pass(INTERVAL_MS).await;
        assert_eq!(cluster.network.lines("the master answers again").len(), 1);
        let granted =
            ["a gets CLUSTERX HEARTBEAT a 8000 0", "a gets CLUSTERX HEARTBEAT a 8000 0 a-3"];
        assert_eq!(cluster.network.lines("HEARTBEAT"), granted);
        pass(2 * TTL_MS).await;
        assert_eq!(cluster.network.lines("committed"), Vec::<String>::new());

        // The next time it is waited for anew, from the last grant on.
        cluster.nodes[0].hung.set(true);
        cluster.take_log();
        pass(TTL_MS - INTERVAL_MS - 2).await;
        assert_eq!(cluster.network.lines("committed"), Vec::<String>::new());
        pass(INTERVAL_MS + TIMEOUT_MS + 5).await;
        assert_eq!(cluster.network.lines("committed"), ["committed 2, masters c"]);
    });
}

#[test]
fn a_new_leader_waits_from_taking_office_on() {
    run(async {
        let cluster = hung(settings("controller-1", true)).await;
        cluster.network.kill("controller-1");
        cluster.start_controller(settings("controller-2", true));
        // The session of the first one, and the second one's next question.
        pass(4 * INTERVAL_MS).await;
        let led = cluster.network.lines("controller-2 leads: true").len();
        assert_eq!(led, 1, "it has taken office within the last second");
        pass(TTL_MS - INTERVAL_MS - 2).await;
        assert_eq!(cluster.network.lines("committed"), Vec::<String>::new());
        pass(INTERVAL_MS + TIMEOUT_MS + 5).await;
        assert_eq!(cluster.network.lines("committed"), ["committed 2, masters c"]);
    });
}

#[test]
fn while_a_master_is_waited_for_it_is_asked_and_not_granted() {
    run(async {
        let mut config = settings("controller-1", true);
        config.rules.dated_heartbeat = false;
        let cluster = hung(config).await;
        pass(GIVEN_UP_MS).await;
        cluster.take_log();
        pass(2 * INTERVAL_MS).await;
        assert_eq!(cluster.network.lines("a gets"), ["a gets CLUSTER INFO", "a gets CLUSTER INFO"]);
    });
}
