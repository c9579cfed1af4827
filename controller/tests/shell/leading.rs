//! Several controllers: who leads, how the others hear of it, and how a leader goes.

use controller::serve_until;
use tokio::sync::oneshot;

use super::cluster::{Cluster, INTERVAL_MS, config};
use super::memory::{pass, run};

/// That of the settings here.
const SESSION_TTL_MS: u64 = 3000;

#[test]
fn one_leads_until_it_hears_of_another_leader() {
    run(async {
        let cluster = Cluster::start().await;
        cluster.start_controller(config("controller-1"));
        pass(1).await;
        cluster.start_controller(config("controller-2"));
        pass(10 * INTERVAL_MS).await;
        assert_eq!(cluster.network.lines("leads"), ["controller-1 leads: true"]);

        // Sessions are forgotten, and the first to ask is the second controller.
        cluster.network.kill("store");
        pass(INTERVAL_MS - 1).await;
        cluster.start_store();
        pass(3 * INTERVAL_MS).await;
        let changes = cluster.network.lines("leads");
        assert_eq!(changes[1..], ["controller-2 leads: true", "controller-1 leads: false"]);
        cluster.take_log();
        pass(INTERVAL_MS).await;
        assert_eq!(cluster.network.lines("a gets").len(), 1, "only the leader probes");
    });
}

#[test]
fn a_follower_leads_as_soon_as_the_session_of_the_leader_expires() {
    run(async {
        let cluster = Cluster::with_two(config).await;
        // The last keepalive was that of the start, and the next one would come in half a second.
        cluster.network.kill("controller-1");
        pass(SESSION_TTL_MS - INTERVAL_MS / 2 - 2).await;
        assert_eq!(cluster.network.lines("controller-2 leads"), Vec::<String>::new());
        pass(2).await;
        assert_eq!(cluster.network.lines("controller-2 leads"), ["controller-2 leads: true"]);
        assert_eq!(cluster.say("controller-2", "LEADER").await, "controller-2");
    });
}

#[test]
fn who_resigns_is_followed_at_once_and_keeps_out_of_the_next_election() {
    run(async {
        let cluster = Cluster::with_two(config).await;
        cluster.take_log();
        assert_eq!(cluster.say("controller-1", "RESIGN").await, "OK");
        pass(1).await;
        let changes = ["controller-1 leads: false", "controller-2 leads: true"];
        assert_eq!(cluster.network.lines("leads"), changes);
        assert_eq!(cluster.say("controller-1", "LEADER").await, "null", "it has not heard yet");
        pass(SESSION_TTL_MS).await;
        assert_eq!(cluster.say("controller-1", "LEADER").await, "controller-2");
        assert_eq!(cluster.network.lines("leads"), changes);
    });
}

#[test]
fn alone_it_leads_again_after_a_while() {
    run(async {
        let cluster = Cluster::start().await;
        cluster.start_controller(config("controller-1"));
        pass(1).await;
        assert_eq!(cluster.say("controller-1", "RESIGN").await, "OK");
        pass(SESSION_TTL_MS - 1).await;
        assert_eq!(cluster.say("controller-1", "RESIGN").await, "OK", "once more changes nothing");
        cluster.take_log();
        pass(2).await;
        assert_eq!(cluster.network.lines("leads"), ["controller-1 leads: true"]);
    });
}

#[test]
fn a_controller_that_ends_resigns() {
    run(async {
        let cluster = Cluster::start().await;
        let (tell, told) = oneshot::channel::<()>();
        let host = cluster.network.host("controller-1");
        let end = async { told.await.unwrap() };
        let serving = serve_until(host.clone(), config("controller-1"), end);
        host.spawn(async { serving.await.unwrap() });
        pass(1).await;
        cluster.start_controller(config("controller-2"));
        pass(INTERVAL_MS / 2).await;
        cluster.take_log();
        tell.send(()).unwrap();
        pass(1).await;
        let changes = ["controller-1 leads: false", "controller-2 leads: true"];
        assert_eq!(cluster.network.lines("leads"), changes);
        pass(2 * INTERVAL_MS).await;
        let probes = cluster.network.lines("a gets CLUSTER INFO").len();
        assert_eq!(probes, 2, "only the second one probes");
    });
}

#[test]
fn a_resignation_that_the_store_does_not_hear_is_one_all_the_same() {
    run(async {
        let cluster = Cluster::start().await;
        cluster.start_controller(config("controller-1"));
        pass(1).await;
        cluster.network.kill("store");
        let reply = cluster.say("controller-1", "RESIGN").await;
        assert!(reply.starts_with("ERR store: "), "{reply}");
        assert_eq!(cluster.network.lines("leads: false").len(), 1);
    });
}

#[test]
fn the_admin_port_says_what_is_allowed() {
    run(async {
        let cluster = Cluster::start().await;
        cluster.start_controller(config("controller-1"));
        pass(1).await;
        assert_eq!(cluster.say("controller-1", "PING").await, "PONG");
        let reply = cluster.say("controller-1", "FLY").await;
        assert!(reply.starts_with("ERR unknown command 'FLY', allowed are"), "{reply}");
    });
}
