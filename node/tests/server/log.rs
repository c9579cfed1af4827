//! The log of a node that grows, is compacted, and does not have everything for ever.

use std::path::Path;

use crate::machine::{Node, quick, run, show, start};
use bytes::Bytes;
use host::{Link, Observation};
use node::NodeConfig;
use tempfile::{TempDir, tempdir};

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

fn alone(config: NodeConfig) -> NodeConfig {
    NodeConfig { cluster_enabled: false, ..config }
}

/// A directory with the log of another one.
fn copy_of(dir: &Path) -> TempDir {
    let copy = tempdir().unwrap();
    std::fs::copy(dir.join("data.log"), copy.path().join("data.log")).unwrap();
    copy
}

fn log_bytes(dir: &Path) -> u64 {
    std::fs::metadata(dir.join("data.log")).map_or(0, |metadata| metadata.len())
}

async fn psync(node: &Node, next: u64) -> String {
    let mut replica = node.connect().await;
    show(&replica.call(&["PSYNC", &next.to_string()]).await.unwrap())
}

const OUT_OF_RANGE: &str = "-ERR sequence out of range, please use fullsync";

#[test]
fn a_log_is_compacted_and_keeps_what_replicas_need() {
    run(async {
        let dir = tempdir().unwrap();
        let config = alone(NodeConfig { wal_compact_bytes: 2_000, wal_keep_batches: 3, ..quick() });
        let mut node = start(dir.path(), config.clone()).await;
        let mut longest = 0;
        for number in 0..300 {
            assert_eq!(node.say(&format!("SET key-{} {number}", number % 5)).await, "OK");
            longest = longest.max(log_bytes(dir.path()));
        }
        assert!((2_000..3_000).contains(&longest), "{longest}");

        let copy = copy_of(dir.path());
        let mut again = start(copy.path(), config).await;
        for node in [&mut node, &mut again] {
            assert_eq!(node.say("DBSIZE").await, "5");
            assert_eq!(node.say("GET key-4").await, "299");
            assert!(node.say("INFO keyspace").await.contains("sequence:300\r\n"));
            for (next, reply) in
                [(297, OUT_OF_RANGE), (298, "OK"), (300, "OK"), (301, "OK"), (302, OUT_OF_RANGE)]
            {
                assert_eq!(psync(node, next).await, reply, "{next}");
            }
        }
    });
}

#[test]
fn bytes_kept_for_replicas_are_bounded() {
    run(async {
        let dir = tempdir().unwrap();
        let config = alone(NodeConfig { wal_keep_bytes: 10_000, ..quick() });
        let mut node = start(dir.path(), config).await;
        let value = "v".repeat(3_000);
        for number in 0..10 {
            assert_eq!(node.ask(&["SET", &number.to_string(), &value]).await, "OK");
        }
        assert_eq!(psync(&node, 7).await, OUT_OF_RANGE);
        assert_eq!(psync(&node, 8).await, "OK");
    });
}

fn full_synced(node: &Node) -> bool {
    let observations = node.machine.observations.borrow();
    observations.iter().any(|observation| match observation {
        Observation::Status { status } => status.link == Some(Link::FullSync),
        _ => false,
    })
}

/// A master, and a node that is going to follow it.
async fn two(config: NodeConfig) -> ([Node; 2], [TempDir; 2]) {
    let dirs = [tempdir().unwrap(), tempdir().unwrap()];
    let mut a = start(dirs[0].path(), config.clone()).await;
    let b = start(dirs[1].path(), config).await;
    a.set_nodes(&format!("{A} 127.0.0.1 {} master - 0-16383", a.port), 1).await;
    ([a, b], dirs)
}

async fn join(a: &Node, b: &mut Node) {
    let text =
        format!("{A} 127.0.0.1 {} master - 0-16383\n{B} 127.0.0.1 {} slave {A}", a.port, b.port);
    b.ask(&["CLUSTERX", "SETNODEID", B]).await;
    b.set_nodes(&text, 2).await;
    b.until(|machine| machine.status().link == Some(Link::Streaming)).await;
    b.say("READONLY").await;
}

#[test]
fn a_replica_behind_the_log_takes_a_full_copy() {
    run(async {
        for (batches, full) in [(3, true), (10, false)] {
            let config = NodeConfig { wal_keep_batches: batches, ..quick() };
            let ([mut a, mut b], _dirs) = two(config).await;
            for number in 0..10 {
                assert_eq!(a.say(&format!("SET {number} v")).await, "OK");
            }
            join(&a, &mut b).await;
            b.until_said("GET 9", "v").await;
            assert_eq!(full_synced(&b), full, "{batches}");
            assert_eq!(b.say("DBSIZE").await, "10");
        }
    });
}

#[test]
fn a_replica_that_is_outrun_takes_a_full_copy() {
    run(async {
        let config = NodeConfig { wal_keep_batches: 1, ..quick() };
        let ([mut a, mut b], _dirs) = two(config).await;
        join(&a, &mut b).await;
        assert!(!full_synced(&b));
        // Executed one after another, before the replica's feed gets a turn.
        let set =
            |number: u32| ["SET".into(), number.to_string().into(), Bytes::from("v")].to_vec();
        let requests: Vec<Vec<Bytes>> = (0..50).map(set).collect();
        let replies = a.connect().await.pipeline(&requests).await.unwrap();
        assert!(replies.iter().all(|reply| show(reply) == "OK"));
        b.until_said("GET 49", "v").await;
        assert_eq!(b.say("DBSIZE").await, "50");
        assert!(full_synced(&b));
        assert_eq!(a.say("SET more v").await, "OK");
        b.until_said("GET more", "v").await;
    });
}

#[test]
fn a_master_that_restarts_has_a_new_id_and_continues_who_had_everything() {
    run(async {
        let config = NodeConfig { use_rsid_psync: true, ..quick() };
        let ([mut a, mut b], dirs) = two(config.clone()).await;
        assert_eq!(a.say("SET x 1").await, "OK");
        join(&a, &mut b).await;
        b.until_said("GET x", "1").await;
        let before = b.machine.observations.borrow().len();

        let copy = copy_of(dirs[0].path());
        let mut again = start(copy.path(), config).await;
        again.set_nodes(&format!("{A} 127.0.0.1 {} master - 0-16383", again.port), 3).await;
        assert!(again.say("INFO keyspace").await.contains("sequence:3\r\n"));
        let text = format!(
            "{A} 127.0.0.1 {} master - 0-16383\n{B} 127.0.0.1 {} slave {A}",
            again.port, b.port
        );
        b.set_nodes(&text, 3).await;
        assert_eq!(again.say("SET x 2").await, "OK");
        b.until_said("GET x", "2").await;
        let observations = b.machine.observations.borrow();
        let full = observations[before..].iter().any(|observation| match observation {
            Observation::Status { status } => status.link == Some(Link::FullSync),
            _ => false,
        });
        assert!(!full);
    });
}

#[test]
fn a_replica_that_restarts_is_continued() {
    run(async {
        let config = NodeConfig { use_rsid_psync: true, ..quick() };
        let ([mut a, mut b], dirs) = two(config.clone()).await;
        join(&a, &mut b).await;
        assert_eq!(a.say("SET x 1").await, "OK");
        b.until_said("GET x", "1").await;

        let copy = copy_of(dirs[1].path());
        std::fs::copy(dirs[1].path().join("nodes.conf"), copy.path().join("nodes.conf")).unwrap();
        let mut again = start(copy.path(), config).await;
        again.until(|machine| machine.status().link == Some(Link::Streaming)).await;
        assert!(!full_synced(&again));
        assert!(again.say("INFO keyspace").await.contains("sequence:2\r\n"));
    });
}

#[test]
fn a_failed_write_is_not_in_a_log_that_is_compacted_later() {
    run(async {
        let dir = tempdir().unwrap();
        let config = alone(NodeConfig { wal_compact_bytes: 500, ..quick() });
        let mut node = start(dir.path(), config.clone()).await;
        for number in 0..40 {
            node.machine.torn_appends.set(number % 7 == 3);
            let reply = node.say(&format!("SET {number} v")).await;
            assert_eq!(reply == "OK", number % 7 != 3, "{number}: {reply}");
        }
        let copy = copy_of(dir.path());
        let mut again = start(copy.path(), config).await;
        assert_eq!(again.say("EXISTS 3 10 17 24 31 38").await, "0");
        assert_eq!(again.say("DBSIZE").await, "34");
        assert_eq!(node.say("DBSIZE").await, "34");
    });
}
