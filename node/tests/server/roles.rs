//! Roles that change again and again, and masters that are not what a replica expects.

use std::time::Duration;

use crate::machine::{Node, TestMachine, quick, run, show, start};
use crate::scripted_master::{Heard, polite, scripted};
use host::{Clock, Link, Observation};
use node::NodeConfig;
use tempfile::{TempDir, tempdir};

const IDS: [&str; 3] = [
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    "cccccccccccccccccccccccccccccccccccccccc",
];

/// Three nodes of one shard.
struct Shard {
    nodes: [Node; 3],
    version: i64,
    _dirs: [TempDir; 3],
}

impl Shard {
    /// The first one is master.
    async fn start(config: NodeConfig) -> Shard {
        let dirs = [tempdir().unwrap(), tempdir().unwrap(), tempdir().unwrap()];
        let mut nodes = [
            start(dirs[0].path(), config.clone()).await,
            start(dirs[1].path(), config.clone()).await,
            start(dirs[2].path(), config).await,
        ];
        for (node, id) in nodes.iter_mut().zip(IDS) {
            assert_eq!(node.ask(&["CLUSTERX", "SETNODEID", id]).await, "OK");
        }
        let mut shard = Shard { nodes, version: 0, _dirs: dirs };
        shard.promote(0).await;
        shard
    }

    /// This one is master from now on, and the others follow it.
    async fn promote(&mut self, master: usize) {
        self.version += 1;
        let line = |at: usize| {
            let role = if at == master {
                "master - 0-16383".to_owned()
            } else {
                format!("slave {}", IDS[master])
            };
            format!("{} 127.0.0.1 {} {role}", IDS[at], self.nodes[at].port)
        };
        let text = [line(0), line(1), line(2)].join("\n");
        // The new master hears of it first, as a controller would have it.
        for at in [master, (master + 1) % 3, (master + 2) % 3] {
            self.nodes[at].set_nodes(&text, self.version).await;
        }
        for at in [(master + 1) % 3, (master + 2) % 3] {
            let streaming = |m: &TestMachine| m.status().link == Some(Link::Streaming);
            self.nodes[at].until(streaming).await;
        }
        assert_eq!(self.nodes[master].machine.status().link, None);
    }

    /// A write on the master is on all of them.
    async fn replicates(&mut self, master: usize, key: &str) {
        let set = format!("SET {key} {master}");
        assert_eq!(self.nodes[master].say(&set).await, "OK");
        for node in &mut self.nodes {
            node.say("READONLY").await;
            node.until_said(&format!("GET {key}"), &master.to_string()).await;
        }
    }

    fn full_syncs(&self) -> usize {
        self.nodes.iter().map(full_syncs).sum()
    }
}

fn full_syncs(node: &Node) -> usize {
    let observations = node.machine.observations.borrow();
    let mut links: Vec<Option<Link>> = observations
        .iter()
        .filter_map(|observation| match observation {
            Observation::Status { status } => Some(status.link),
            _ => None,
        })
        .collect();
    links.dedup();
    links.iter().filter(|link| **link == Some(Link::FullSync)).count()
}

#[test]
fn roles_change_again_and_again() {
    run(async {
        for ids in [false, true] {
            let config = NodeConfig { use_rsid_psync: ids, ..quick() };
            let mut shard = Shard::start(config).await;
            shard.replicates(0, "first").await;
            // With ids each had written one of its own before it had a role.
            let at_first = if ids { 2 } else { 0 };
            assert_eq!(shard.full_syncs(), at_first, "{ids}");
            for (turn, master) in [1, 0, 1, 2, 0, 2].into_iter().enumerate() {
                shard.promote(master).await;
                shard.replicates(master, &format!("turn-{turn}")).await;
            }
            assert_eq!(shard.full_syncs(), at_first, "{ids}: nobody ever wrote on its own");
            let sequence = if ids { 1 + 1 + 6 * 2 } else { 1 + 6 };
            for node in &mut shard.nodes {
                let info = node.say("INFO keyspace").await;
                assert!(info.contains(&format!("sequence:{sequence}\r\n")), "{info}");
            }
        }
    });
}

async fn follow(node: &mut Node, port: u16, version: i64) {
    let text = format!(
        "{} 127.0.0.1 {port} master - 0-16383\n{} 127.0.0.1 {} slave {}",
        IDS[0], IDS[1], node.port, IDS[0]
    );
    node.ask(&["CLUSTERX", "SETNODEID", IDS[1]]).await;
    node.set_nodes(&text, version).await;
}

#[test]
fn a_replica_is_pointed_elsewhere_in_the_middle_of_a_full_sync() {
    run(async {
        let dirs = [tempdir().unwrap(), tempdir().unwrap()];
        let mut a = start(dirs[0].path(), quick()).await;
        let mut b = start(dirs[1].path(), quick()).await;
        a.set_nodes(&format!("{} 127.0.0.1 {} master - 0-16383", IDS[0], a.port), 1).await;
        assert_eq!(a.say("SET x 1").await, "OK");
        let (stalling, heard) = scripted(a.machine.os(), |request| match request {
            "PSYNC 1" => Some("-ERR sequence out of range, please use fullsync\r\n"),
            "_fetch_meta" => Some("snapshot-9\r\n"),
            "_fetch_file snapshot-9" => Some("1000\r\nonly some of it"),
            request => polite(request),
        })
        .await;
        follow(&mut b, stalling, 1).await;
        b.until(|_| heard.borrow().iter().any(|request| request.starts_with("_fetch_file"))).await;
        assert_eq!(b.machine.status().link, Some(Link::FullSync));
        assert_eq!(b.say("DBSIZE").await, "0", "it serves what it has meanwhile");

        follow(&mut b, a.port, 2).await;
        b.until(|machine| machine.status().link == Some(Link::Streaming)).await;
        b.say("READONLY").await;
        b.until_said("GET x", "1").await;
        a.until_said("ROLE", &format!("[master 1 [[127.0.0.1 {} 1]]]", b.port)).await;
    });
}

#[test]
fn the_password_comes_first_on_every_connection() {
    run(async {
        let dir = tempdir().unwrap();
        let config = NodeConfig { masterauth: "secret".to_owned(), ..quick() };
        let mut node = start(dir.path(), config).await;
        let (port, heard) = scripted(node.machine.os(), |request| match request {
            "PSYNC 1" => Some("-ERR sequence out of range, please use fullsync\r\n"),
            request => polite(request),
        })
        .await;
        follow(&mut node, port, 1).await;
        node.until(|_| heard.borrow().iter().any(|request| request == "_fetch_meta")).await;
        let listening = format!("replconf listening-port {}", node.port);
        let expected =
            ["AUTH secret", "_db_name", &listening, "PSYNC 1", "AUTH secret", "_fetch_meta"];
        assert_eq!(heard.borrow()[..6], expected);
    });
}

#[test]
fn a_wrong_password_is_tried_again_later() {
    run(async {
        let dir = tempdir().unwrap();
        let config = NodeConfig { masterauth: "wrong".to_owned(), ..quick() };
        let mut node = start(dir.path(), config).await;
        let (port, heard) =
            scripted(node.machine.os(), |_| Some("-ERR invalid password\r\n")).await;
        follow(&mut node, port, 1).await;
        node.until(|_| heard.borrow().len() >= 2).await;
        assert_eq!(heard.borrow()[..2], ["AUTH wrong", "AUTH wrong"]);
        assert_eq!(node.machine.status().link, Some(Link::Connecting));
        // The new one is used from the next connection on.
        assert_eq!(node.say("CONFIG SET masterauth right").await, "OK");
        node.until(|_| heard.borrow().iter().any(|request| request == "AUTH right")).await;
    });
}

#[test]
fn an_acknowledgement_that_is_asked_for_comes_at_once() {
    run(async {
        let dir = tempdir().unwrap();
        let config = NodeConfig { replication_ack_interval_ms: 1_000_000, ..quick() };
        let mut node = start(dir.path(), config).await;
        let (port, heard) = scripted(node.machine.os(), |request| match request {
            "PSYNC 1" => Some("+OK\r\n$4\r\nping\r\n$7\r\n_getack\r\n$4\r\nping\r\n"),
            "_db_name" => Some("change.me.db\r\n"),
            request if request.starts_with("replconf ack") => None,
            _ => Some("+OK\r\n"),
        })
        .await;
        follow(&mut node, port, 1).await;
        let acks = |heard: &Heard| heard.borrow().iter().filter(|r| *r == "replconf ack 0").count();
        node.until(|_| acks(&heard) == 2).await;
        node.machine.os().sleep(Clock::Monotonic, Duration::from_millis(30)).await;
        assert_eq!(acks(&heard), 2, "the first, and the one that was asked for");
    });
}

#[test]
fn a_master_that_knows_no_ids_is_asked_without() {
    run(async {
        let dir = tempdir().unwrap();
        let config = NodeConfig { use_rsid_psync: true, ..quick() };
        let mut node = start(dir.path(), config).await;
        let (port, heard) = scripted(node.machine.os(), |request| {
            let words: Vec<_> = request.split(' ').collect();
            match words[..] {
                ["PSYNC", _, _] => Some("-ERR wrong number of arguments\r\n"),
                ["replconf", "ack", _] => None,
                _ => polite(request),
            }
        })
        .await;
        follow(&mut node, port, 1).await;
        node.until(|machine| machine.status().link == Some(Link::Streaming)).await;
        let heard = heard.borrow();
        let id = heard[2].strip_prefix("PSYNC ").and_then(|rest| rest.strip_suffix(" 2"));
        assert_eq!(id.expect("an id and the next number").len(), 16);
        assert_eq!(heard[3], "PSYNC 2");
    });
}

#[test]
fn a_promise_of_too_much_ends_the_link_and_nothing_else() {
    run(async {
        let dir = tempdir().unwrap();
        let mut node = start(dir.path(), quick()).await;
        let (port, heard) = scripted(node.machine.os(), |request| match request {
            "PSYNC 1" => Some("+OK\r\n$5\r\nwrong\r\n$99999999999999\r\n"),
            request => polite(request),
        })
        .await;
        follow(&mut node, port, 1).await;
        let psyncs = |heard: &Heard| heard.borrow().iter().filter(|r| *r == "PSYNC 1").count();
        node.until(|_| psyncs(&heard) >= 2).await;
        assert_eq!(node.say("DBSIZE").await, "0");
        let info = node.say("INFO replication").await;
        assert!(info.contains("master_sync_unrecoverable_error:no\r\n"), "{info}");
    });
}

#[test]
fn replies_of_psync_are_upstreams() {
    run(async {
        let dir = tempdir().unwrap();
        let config = NodeConfig { use_rsid_psync: true, ..quick() };
        let node = start(dir.path(), config).await;
        for (request, reply) in [
            ("PSYNC x", "-ERR value is not an unsigned long long or out of range"),
            ("PSYNC short x", "-ERR value is not an unsigned long long or out of range"),
            ("PSYNC short 1", "-ERR Wrong replication id length"),
            ("PSYNC 0123456789abcdef 2", "-ERR wrong replication id of the last log"),
            ("PSYNC 0123456789abcdef 9", "-ERR sequence out of range, please use fullsync"),
            ("PSYNC 9", "-ERR sequence out of range, please use fullsync"),
            ("PSYNC 2", "OK"),
        ] {
            let mut replica = node.connect().await;
            let words: Vec<_> = request.split(' ').collect();
            assert_eq!(show(&replica.call(&words).await.unwrap()), reply, "{request}");
        }
    });
}
