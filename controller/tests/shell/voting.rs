//! The vote of the other controllers before a promotion.

use controller::ControllerConfig;

use super::cluster::{Cluster, INTERVAL_MS, TIMEOUT_MS, config};
use super::memory::{pass, run};

/// How long a controller that died stays registered.
const REGISTERED_MS: u64 = 15_000;

fn settings(name: &str, votes: bool) -> ControllerConfig {
    let mut config = config(name);
    config.rules.peer_vote = votes;
    config
}

/// Two controllers of which the first leads.
async fn two(votes: bool) -> Cluster {
    let cluster = Cluster::with_two(|name| settings(name, votes)).await;
    cluster.take_log();
    cluster
}

#[test]
fn a_master_that_nobody_reaches_is_replaced() {
    run(async {
        let cluster = two(true).await;
        cluster.nodes[0].hung.set(true);
        // The vote takes time, too.
        pass(5 * INTERVAL_MS + TIMEOUT_MS).await;
        assert_eq!(cluster.network.lines("committed"), ["committed 2, masters c"]);
    });
}

#[test]
fn a_master_that_a_peer_reaches_is_left_in_office_if_peers_have_a_vote() {
    run(async {
        for votes in [true, false] {
            let cluster = two(votes).await;
            cluster.nodes[0].ignores.replace(Some("controller-1"));
            pass(8 * INTERVAL_MS).await;
            let no = cluster.network.lines("failover of shard 0: the peer controller-2 says no");
            assert_eq!(no.len() > 1, votes, "and it is asked again");
            assert_eq!(cluster.network.lines("committed").is_empty(), votes);
        }
    });
}

#[test]
fn a_peer_that_does_not_answer_says_no_until_it_is_registered_no_more() {
    run(async {
        let cluster = two(true).await;
        cluster.network.kill("controller-2");
        cluster.nodes[0].hung.set(true);
        pass(REGISTERED_MS - INTERVAL_MS).await;
        let no = "failover of shard 0: the peer controller-2 has not said yes: cannot connect";
        assert!(cluster.network.lines(no).len() > 1);
        assert_eq!(cluster.network.lines("committed"), Vec::<String>::new());
        pass(4 * INTERVAL_MS).await;
        assert_eq!(cluster.network.lines("committed"), ["committed 2, masters c"]);
    });
}

#[test]
fn without_peers_nobody_has_to_be_asked() {
    run(async {
        let cluster = Cluster::start().await;
        cluster.start_controller(settings("controller-1", true));
        pass(INTERVAL_MS / 2).await;
        cluster.nodes[0].hung.set(true);
        pass(4 * INTERVAL_MS).await;
        let committed = ["committed 1, masters a", "committed 2, masters c"];
        assert_eq!(cluster.network.lines("committed"), committed);
    });
}

#[test]
fn a_vote_is_for_the_master_that_the_record_names() {
    run(async {
        let cluster = two(true).await;
        cluster.nodes[1].hung.set(true);
        let vote = async |shard: u8, letter| {
            let words = format!("VOTE {shard} {}", super::cluster::id(letter));
            cluster.say("controller-2", &words).await
        };
        assert_eq!(vote(0, 'a').await, "NO", "it answers");
        assert_eq!(vote(0, 'b').await, "NO", "it is no master");
        assert_eq!(vote(7, 'a').await, "NO", "there is no such shard");
        cluster.nodes[0].loading.set(true);
        assert_eq!(vote(0, 'a').await, "NO", "it is busy");
        cluster.nodes[0].hung.set(true);
        assert_eq!(vote(0, 'a').await, "YES");
        cluster.network.kill("store");
        assert_eq!(vote(0, 'a').await, "NO", "who is master is not known");
    });
}
