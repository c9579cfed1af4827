//! Two nodes, one following the other: partial and full synchronisation, and what upstream's
//! acceptance by sequence number does to a former master.

use crate::machine::{Node, quick, run, show, start};
use host::{Link, Role};
use tempfile::{TempDir, tempdir};

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// Two nodes, each master of everything in its own eyes.
struct Pair {
    a: Node,
    b: Node,
    dirs: [TempDir; 2],
}

impl Pair {
    async fn start() -> Pair {
        let dirs = [tempdir().unwrap(), tempdir().unwrap()];
        let mut a = start(dirs[0].path(), quick()).await;
        let mut b = start(dirs[1].path(), quick()).await;
        a.set_nodes(&format!("{A} 127.0.0.1 {} master - 0-16383", a.port), 1).await;
        b.set_nodes(&format!("{B} 127.0.0.1 {} master - 0-16383", b.port), 1).await;
        Pair { a, b, dirs }
    }

    /// A is master and B its replica.
    async fn join(&mut self, version: i64) {
        let (a, b) = (self.a.port, self.b.port);
        let text = format!("{A} 127.0.0.1 {a} master - 0-16383\n{B} 127.0.0.1 {b} slave {A}");
        self.a.set_nodes(&text, version).await;
        self.b.set_nodes(&text, version).await;
    }

    async fn streaming(&self) {
        self.b.until(|machine| machine.status().link == Some(Link::Streaming)).await;
    }

    /// The states of B's link so far, each once in a row.
    fn links(&self) -> Vec<Link> {
        let observations = self.b.machine.observations.borrow();
        let link = |o: &host::Observation| match o {
            host::Observation::Status { status } => status.link,
            _ => None,
        };
        let mut links: Vec<Link> = observations.iter().filter_map(link).collect();
        links.dedup();
        links
    }
}

async fn say_all(node: &mut Node, requests: &[&str]) {
    for request in requests {
        let reply = node.say(request).await;
        assert!(!reply.starts_with('-'), "{request}: {reply}");
    }
}

#[test]
fn a_replica_follows() {
    run(async {
        let mut pair = Pair::start().await;
        say_all(&mut pair.a, &["SET x 1", "SET y 2", "MULTI", "SET x 3", "INCR y", "EXEC"]).await;
        pair.join(2).await;
        pair.streaming().await;
        assert_eq!(pair.links(), [Link::Connecting, Link::Streaming], "no full copy");
        assert_eq!(pair.b.machine.status().role, Role::Replica);
        assert!(!pair.b.machine.status().authoritative);

        let moved = format!("-MOVED 16287 127.0.0.1:{}", pair.a.port);
        assert_eq!(pair.b.say("GET x").await, moved);
        assert_eq!(pair.b.say("READONLY").await, "OK");
        pair.b.until_said("GET x", "3").await;
        assert_eq!(pair.b.say("SET x 4").await, moved);
        assert_eq!(pair.a.say("SET x 4").await, "OK");
        pair.b.until_said("GET x", "4").await;
        assert_eq!(pair.b.say("READWRITE").await, "OK");
        assert_eq!(pair.b.say("GET x").await, moved);

        let (a, b) = (pair.a.port, pair.b.port);
        let info = pair.b.say("INFO replication").await;
        for line in [
            "role:slave".to_owned(),
            format!("master_port:{a}"),
            "master_link_status:up".to_owned(),
            "slave_repl_offset:5".to_owned(),
        ] {
            assert!(info.contains(&format!("{line}\r\n")), "{line} is not in {info}");
        }
        let role = format!("[slave 127.0.0.1 {a} connected 5]");
        assert_eq!(pair.b.say("ROLE").await, role);
        pair.a.until_said("ROLE", &format!("[master 5 [[127.0.0.1 {b} 5]]]")).await;
        let info = pair.a.say("INFO replication").await;
        let replica = format!("slave0:ip=127.0.0.1,port={b},offset=5,lag=0");
        assert!(info.contains("connected_slaves:1\r\n") && info.contains(&replica), "{info}");
    });
}

#[test]
fn a_promotion_ends_the_link() {
    run(async {
        let mut pair = Pair::start().await;
        pair.join(2).await;
        pair.streaming().await;
        let text = format!(
            "{A} 127.0.0.1 {} slave {B}\n{B} 127.0.0.1 {} master - 0-16383",
            pair.a.port, pair.b.port
        );
        pair.b.set_nodes(&text, 3).await;
        assert_eq!(pair.b.machine.status().link, None);
        assert!(pair.b.machine.status().authoritative);
        assert!(pair.a.machine.status().authoritative, "nobody told it");
        pair.a.until_said("ROLE", "[master 0 []]").await;

        // Both wrote while both believed; B has got as far, so A is simply continued.
        say_all(&mut pair.a, &["SET x old"]).await;
        say_all(&mut pair.b, &["SET y new", "SET z new"]).await;
        pair.a.set_nodes(&text, 3).await;
        pair.a.say("READONLY").await;
        pair.a.until_said("GET z", "new").await;
        assert_eq!(pair.a.say("GET x").await, "old", "upstream's silent divergence");
        assert_eq!(pair.a.say("GET y").await, "nil", "upstream's silent divergence");
    });
}

#[test]
fn a_replica_that_is_ahead_takes_a_full_copy() {
    run(async {
        let mut pair = Pair::start().await;
        say_all(&mut pair.a, &["SET x 1"]).await;
        say_all(&mut pair.b, &["SET x 9", "SET y 9", "SET z 9"]).await;
        pair.join(2).await;
        pair.streaming().await;
        let expected = [Link::Connecting, Link::FullSync, Link::Connecting, Link::Streaming];
        assert_eq!(pair.links(), expected);
        pair.b.say("READONLY").await;
        assert_eq!(pair.b.say("GET x").await, "1");
        assert_eq!(pair.b.say("DBSIZE").await, "1");
        say_all(&mut pair.a, &["SET y 2"]).await;
        pair.b.until_said("GET y", "2").await;
        assert!(pair.b.say("INFO keyspace").await.contains("sequence:2\r\n"));
    });
}

#[test]
fn nobody_is_continued_inside_a_batch() {
    run(async {
        let mut pair = Pair::start().await;
        say_all(&mut pair.a, &["MULTI", "SET x 1", "SET y 1", "EXEC"]).await;
        say_all(&mut pair.b, &["SET x 9"]).await;
        pair.join(2).await;
        pair.b.say("READONLY").await;
        pair.b.until_said("GET y", "1").await;
        assert_eq!(pair.b.say("GET x").await, "1");
        assert!(pair.links().contains(&Link::FullSync));
    });
}

#[test]
fn the_node_is_loading_while_its_data_is_swapped() {
    run(async {
        let mut pair = Pair::start().await;
        say_all(&mut pair.b, &["SET x 9"]).await;
        pair.b.machine.slow_file.set(Some("data.log.tmp"));
        pair.join(2).await;
        pair.b.until(|machine| machine.stalled.get() > 0).await;
        let loading = "-LOADING kvrocks is restoring the db from backup";
        for request in ["GET x", "CLUSTER INFO", "CLUSTERX HEARTBEAT 1 1", "PING"] {
            assert_eq!(pair.b.say(request).await, loading, "{request}");
        }
        let info = pair.b.say("INFO").await;
        assert!(!info.contains("role:") && !info.contains("sequence:"), "{info}");
        assert!(pair.b.say("ROLE").await.contains("sync"));
        pair.b.machine.open_gate();
        pair.streaming().await;
        pair.b.say("READONLY").await;
        assert_eq!(pair.b.say("GET x").await, "nil");
    });
}

#[test]
fn a_full_copy_survives_a_restart() {
    let dirs = [tempdir().unwrap(), tempdir().unwrap()];
    run(async {
        let mut pair = Pair::start().await;
        say_all(&mut pair.b, &["SET x 9", "SET y 9"]).await;
        pair.join(2).await;
        pair.streaming().await;
        say_all(&mut pair.a, &["SET x 1"]).await;
        pair.b.say("READONLY").await;
        pair.b.until_said("GET x", "1").await;
        for file in ["data.log", "nodes.conf"] {
            std::fs::copy(pair.dirs[1].path().join(file), dirs[1].path().join(file)).unwrap();
        }
    });
    run(async {
        let mut b = start(dirs[1].path(), quick()).await;
        assert_eq!(b.machine.status().role, Role::Replica);
        assert_eq!(b.say("DBSIZE").await, "1");
        b.say("READONLY").await;
        assert_eq!(b.say("GET x").await, "1");
    });
}

#[test]
fn a_silent_replica_is_given_up() {
    run(async {
        let dir = tempdir().unwrap();
        let config = node::NodeConfig { replication_idle_timeout_ms: 100, ..quick() };
        let mut node = start(dir.path(), config).await;
        let mut replica = node.connect().await;
        assert_eq!(show(&replica.call(&["PSYNC", "1"]).await.unwrap()), "OK");
        assert!(node.say("INFO replication").await.contains("connected_slaves:1\r\n"));
        assert_eq!(show(&replica.receive().await.unwrap()), "ping");
        node.until_said("ROLE", "[master 0 []]").await;
    });
}

#[test]
fn what_was_answered_before_psync_is_sent_before_the_stream() {
    run(async {
        let dir = tempdir().unwrap();
        let mut node = start(dir.path(), quick()).await;
        node.set_nodes(&format!("{A} 127.0.0.1 {} master - 0-16383", node.port), 1).await;
        say_all(&mut node, &["SET x 1"]).await;
        let mut replica = node.connect().await;
        let request = |text: &str| text.split(' ').map(|word| word.to_owned().into()).collect();
        let requests = ["PING", "replconf listening-port 1", "PSYNC 1"].map(request);
        let replies = replica.pipeline(&requests).await.unwrap();
        assert_eq!(replies.iter().map(show).collect::<Vec<_>>(), ["PONG", "OK", "OK"]);
        assert!(matches!(replica.receive().await.unwrap(), node::resp::Frame::BulkString(_)));
    });
}
