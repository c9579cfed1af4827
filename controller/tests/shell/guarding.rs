//! The rule `leader-guard`, on and off: what a controller does when its session is not provably
//! alive, and what becomes of writes that come late.

use controller::{ControllerConfig, Heartbeat};
use node::resp::Frame;

use super::cluster::{Cluster, INTERVAL_MS, TIMEOUT_MS, config};
use super::memory::{pass, run};

const SESSION_TTL_MS: u64 = 3000;

fn settings(name: &str, guarded: bool) -> ControllerConfig {
    let mut config = config(name);
    config.session_ttl_ms = SESSION_TTL_MS;
    config.rules.leader_guard = guarded;
    config
}

#[test]
fn who_takes_office_claims_the_record_before_anything_is_done_under_it() {
    run(async {
        let (cluster, _tap) = Cluster::start_tapped().await;
        cluster.overwrite(config("other").initial).await;
        cluster.start_controller(settings("controller-1", true));
        pass(INTERVAL_MS + 1).await;
        let log = cluster.take_log();
        let place = |text: &str| log.iter().position(|line| line.contains(text)).unwrap();
        assert!(place("controller-1 leads: true") < place("store is asked GET"));
        assert!(place("store is asked GET") < place("store is asked CAS"));
        assert!(place("store is asked CAS") < place("gets CLUSTER INFO"));
        let commits = log.iter().filter(|line| line.contains("committed 1, masters a")).count();
        assert_eq!(commits, 2, "the same record again, of the same version");

        pass(3 * INTERVAL_MS).await;
        assert_eq!(cluster.network.lines("asked CAS"), Vec::<String>::new(), "once is enough");
    });
}

/// The heartbeat that would follow an answer to CLUSTER INFO that took longer than a session.
fn heartbeats_after_a_slow_answer(guarded: bool) -> usize {
    let count = std::rc::Rc::new(std::cell::Cell::new(0));
    let counted = count.clone();
    run(async move {
        let cluster = Cluster::start().await;
        let mut config = settings("controller-1", guarded);
        config.heartbeat = Heartbeat::AfterInfo;
        config.probe.request_timeout_ms = 3 * SESSION_TTL_MS;
        cluster.start_controller(config);
        pass(INTERVAL_MS / 2).await;
        let slow = Box::pin(pass(SESSION_TTL_MS + 100));
        cluster.nodes[0].before_reply.replace(Some(("CLUSTER INFO", slow)));
        pass(INTERVAL_MS).await;
        cluster.network.kill("store");
        cluster.take_log();
        pass(2 * SESSION_TTL_MS).await;
        counted.set(cluster.network.lines("a gets CLUSTERX HEARTBEAT").len());
        let notes = cluster.network.lines("not provably alive").len();
        assert_eq!(notes > 0, guarded);
    });
    count.get()
}

#[test]
fn a_lease_is_granted_only_while_the_session_is_provably_alive() {
    assert_eq!(heartbeats_after_a_slow_answer(true), 0);
    assert_eq!(heartbeats_after_a_slow_answer(false), 1);
}

/// What becomes of a promotion that a leader sent before it died, when another one leads.
async fn late_promotion(guarded: bool) -> (Cluster, Vec<Frame>) {
    let (cluster, tap) = Cluster::start_tapped().await;
    cluster.start_controller(settings("controller-1", guarded));
    pass(INTERVAL_MS / 2).await;
    cluster.nodes[0].hung.set(true);
    pass(2 * INTERVAL_MS + TIMEOUT_MS).await;
    tap.holds_writes.set(true);
    pass(2 * TIMEOUT_MS + INTERVAL_MS / 2).await;
    assert_eq!(cluster.network.lines("promoting node-c:6666").len(), 1);
    cluster.network.kill("controller-1");
    tap.holds_writes.set(false);
    cluster.nodes[0].hung.set(false);
    cluster.start_controller(settings("controller-2", guarded));
    pass(2 * SESSION_TTL_MS).await;
    assert_eq!(cluster.network.lines("controller-2 leads"), ["controller-2 leads: true"]);
    cluster.take_log();
    let replies = tap.release().await;
    (cluster, replies)
}

#[test]
fn a_late_write_of_an_earlier_leader_meets_the_claim() {
    run(async {
        let (cluster, replies) = late_promotion(true).await;
        let refused = |reply: &Frame| matches!(reply, Frame::Error(e) if e.contains("CONFLICT"));
        assert!(replies.len() == 1 && refused(&replies[0]), "{replies:?}");
        assert_eq!(cluster.network.lines("committed"), Vec::<String>::new());
    });
}

#[test]
fn without_the_rule_it_promotes_somebody() {
    run(async {
        let (cluster, replies) = late_promotion(false).await;
        assert!(matches!(replies.as_slice(), [Frame::Integer(_)]), "{replies:?}");
        assert_eq!(cluster.network.lines("committed"), ["committed 2, masters c"]);
    });
}

#[test]
fn after_a_write_of_unknown_outcome_the_record_is_claimed_again() {
    run(async {
        let (cluster, tap) = Cluster::start_tapped().await;
        cluster.start_controller(settings("controller-1", true));
        pass(INTERVAL_MS / 2).await;
        cluster.nodes[0].hung.set(true);
        pass(2 * INTERVAL_MS + TIMEOUT_MS).await;
        tap.holds_writes.set(true);
        pass(2 * TIMEOUT_MS + INTERVAL_MS / 2).await;
        cluster.nodes[0].hung.set(false);
        tap.holds_writes.set(false);
        pass(TIMEOUT_MS).await;
        cluster.take_log();
        pass(2 * INTERVAL_MS).await;
        let log = cluster.take_log();
        let place = |text: &str| log.iter().position(|line| line.contains(text)).unwrap();
        assert!(place("failover of shard 0: store: no reply") < place("store is asked CAS"));
        assert!(place("store is asked CAS") < place("gets CLUSTER INFO + CLUSTERX HEARTBEAT a"));
        let replies = tap.release().await;
        assert!(matches!(replies.as_slice(), [Frame::Error(_)]), "{replies:?}");
        assert_eq!(cluster.network.lines("committed"), Vec::<String>::new());
    });
}

#[test]
fn a_new_session_forgets_what_the_one_before_it_knew() {
    run(async {
        for (guarded, counts) in [(true, ["1 of 3", "2 of 3"]), (false, ["2 of 3", "3 of 3"])] {
            let cluster = Cluster::start().await;
            cluster.start_controller(settings("controller-1", guarded));
            pass(INTERVAL_MS / 2).await;
            cluster.nodes[0].hung.set(true);
            pass(INTERVAL_MS).await;
            assert_eq!(cluster.network.lines("failed, 1 of 3").len(), 1);
            cluster.network.kill("store");
            cluster.start_store();
            pass(1).await;
            cluster.take_log();
            pass(3 * INTERVAL_MS).await;
            let failed = cluster.network.lines("node-a:6666 failed");
            assert!(failed[0].contains(counts[0]) && failed[1].contains(counts[1]), "{failed:?}");
        }
    });
}

#[test]
fn a_store_that_restarts_and_waits_takes_no_proof_back() {
    run(async {
        let cluster = Cluster::start().await;
        cluster.start_controller(settings("controller-1", true));
        // The keepalive of half a second ago is the last one that the store answers.
        pass(INTERVAL_MS + INTERVAL_MS / 2).await;
        cluster.network.kill("store");
        cluster.start_store_that_waits(SESSION_TTL_MS);
        pass(1).await;
        cluster.take_log();
        pass(SESSION_TTL_MS - INTERVAL_MS / 2 - 10).await;
        assert_eq!(cluster.network.lines("a gets CLUSTER INFO + CLUSTERX HEARTBEAT").len(), 2);
        cluster.take_log();
        pass(INTERVAL_MS).await;
        assert_eq!(cluster.network.lines("HEARTBEAT"), Vec::<String>::new());
        assert_eq!(cluster.network.lines("no heartbeat to node-a:6666: the session").len(), 1);

        // The store elects again, and the record is claimed under the new session.
        pass(2 * INTERVAL_MS).await;
        assert_eq!(cluster.network.lines("committed"), ["committed 1, masters a"]);
        assert_eq!(cluster.network.lines("a gets CLUSTER INFO + CLUSTERX HEARTBEAT").len(), 1);
        assert_eq!(cluster.network.lines("leads"), Vec::<String>::new(), "it never ceased to");
    });
}
