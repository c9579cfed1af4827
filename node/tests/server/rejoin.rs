//! A deposed master under the rule `truncate-rejoin`: it copies its successor whole, keeps its own
//! data until it has the copy, and is of no use to anybody until then.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::machine::{Node, quick, run, start};
use crate::scripted_master::{polite, scripted};
use host::{Link, Observation, Role};
use node::NodeConfig;
use tempfile::{TempDir, tempdir};

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const LOADING: &str = "-LOADING kvrocks is restoring the db from backup";
/// Where nobody listens.
const NOWHERE: u16 = 1;

fn with_rule() -> NodeConfig {
    NodeConfig { truncate_rejoin: true, ..quick() }
}

/// A topology in which the other one is master.
fn deposed(a_port: u16, b_port: u16) -> String {
    format!("{A} 127.0.0.1 {a_port} slave {B}\n{B} 127.0.0.1 {b_port} master - 0-16383")
}

fn promoted(port: u16) -> String {
    format!("{A} 127.0.0.1 {port} master - 0-16383")
}

/// A node that was master as `A`, took a write, and is told that `B` at this port is it now.
async fn deposed_master(dir: &Path, config: NodeConfig, b_port: u16) -> Node {
    let mut node = start(dir, config).await;
    node.set_nodes(&promoted(node.port), 1).await;
    assert_eq!(node.say("SET k old").await, "OK");
    node.set_nodes(&deposed(node.port, b_port), 2).await;
    node
}

/// A node that is master as `B`, with as many writes as the other one has.
async fn successor(dir: &Path) -> Node {
    let mut node = start(dir, with_rule()).await;
    node.ask(&["CLUSTERX", "SETNODEID", B]).await;
    node.set_nodes(&format!("{B} 127.0.0.1 {} master - 0-16383", node.port), 2).await;
    assert_eq!(node.say("SET l new").await, "OK");
    node
}

fn is_marked(dir: &TempDir) -> bool {
    dir.path().join("was-master").exists()
}

fn full_syncs(node: &Node) -> usize {
    let observations = node.machine.observations.borrow();
    let is_full_sync = |observation: &&Observation| match observation {
        Observation::Status { status } => status.link == Some(Link::FullSync),
        _ => false,
    };
    observations.iter().filter(is_full_sync).count()
}

/// What a node shows that has its copy yet to take.
async fn assert_waits(node: &mut Node) {
    for request in ["GET k", "SET k v", "PING", "DBSIZE", "PSYNC 1", "_fetch_meta"] {
        assert_eq!(node.say(request).await, LOADING, "{request}");
    }
    let info = node.say("INFO").await;
    assert!(!info.contains("role:") && !info.contains("sequence:"), "no candidate: {info}");
    let status = node.machine.status();
    assert_eq!((status.role, status.authoritative), (Role::Replica, false));
    assert!(node.say("CLUSTER INFO").await.contains("cluster_current_epoch:"), "orders pass");
}

async fn assert_copied(node: &mut Node) {
    node.until(|machine| machine.status().link == Some(Link::Streaming)).await;
    node.say("READONLY").await;
    assert_eq!(node.say("GET k").await, "nil", "its own write is gone");
    assert_eq!(node.say("GET l").await, "new");
    assert!(node.say("INFO").await.contains("role:slave\r\n"));
}

#[test]
fn what_it_wrote_on_its_own_is_dropped() {
    run(async {
        let dirs = [tempdir().unwrap(), tempdir().unwrap()];
        let mut b = successor(dirs[1].path()).await;
        let mut a = deposed_master(dirs[0].path(), with_rule(), b.port).await;
        assert_copied(&mut a).await;
        assert!(!is_marked(&dirs[0]) && is_marked(&dirs[1]));
        assert_eq!(b.say("SET k later").await, "OK");
        a.until_said("GET k", "later").await;
    });
}

#[test]
fn without_the_rule_it_is_continued_as_upstream_does() {
    run(async {
        let dirs = [tempdir().unwrap(), tempdir().unwrap()];
        let b = successor(dirs[1].path()).await;
        let mut a = deposed_master(dirs[0].path(), quick(), b.port).await;
        a.until(|machine| machine.status().link == Some(Link::Streaming)).await;
        a.say("READONLY").await;
        assert_eq!(a.say("GET k").await, "old");
        assert_eq!((full_syncs(&a), is_marked(&dirs[0])), (0, false));
    });
}

#[test]
fn a_replica_all_along_is_continued() {
    let dirs = [tempdir().unwrap(), tempdir().unwrap()];
    run(async {
        let b = successor(dirs[1].path()).await;
        let mut a = start(dirs[0].path(), with_rule()).await;
        a.ask(&["CLUSTERX", "SETNODEID", A]).await;
        a.set_nodes(&deposed(a.port, b.port), 2).await;
        assert_copied(&mut a).await;
        // Pointed elsewhere and back, and after a restart.
        a.set_nodes(&deposed(a.port, NOWHERE), 3).await;
        a.set_nodes(&deposed(a.port, b.port), 4).await;
        assert_copied(&mut a).await;
        let mut again = start(dirs[0].path(), with_rule()).await;
        assert_copied(&mut again).await;
        assert_eq!((full_syncs(&a), full_syncs(&again)), (0, 0));
        assert!(!is_marked(&dirs[0]));
    });
}

#[test]
fn a_restart_before_the_copy_does_not_lose_the_duty() {
    // Also when power loss brought back a topology in which it was no master yet, or none.
    for nodes_conf in ["kept", "lost"] {
        let dirs = [tempdir().unwrap(), tempdir().unwrap()];
        run(async {
            let mut a = deposed_master(dirs[0].path(), with_rule(), NOWHERE).await;
            assert_waits(&mut a).await;
        });
        if nodes_conf == "lost" {
            std::fs::remove_file(dirs[0].path().join("nodes.conf")).unwrap();
        }
        run(async {
            let mut a = start(dirs[0].path(), with_rule()).await;
            let b = successor(dirs[1].path()).await;
            if nodes_conf == "lost" {
                a.ask(&["CLUSTERX", "SETNODEID", A]).await;
                a.set_nodes(&deposed(a.port, NOWHERE), 2).await;
            }
            assert_waits(&mut a).await;
            a.set_nodes(&deposed(a.port, b.port), 3).await;
            assert_copied(&mut a).await;
            assert!(!is_marked(&dirs[0]));
        });
    }
}

#[test]
fn a_master_that_restarts_and_is_deposed_then_copies_too() {
    let dirs = [tempdir().unwrap(), tempdir().unwrap()];
    run(async {
        // It became master before there was the rule.
        let mut a = start(dirs[0].path(), quick()).await;
        a.set_nodes(&promoted(a.port), 1).await;
        assert_eq!(a.say("SET k old").await, "OK");
        assert!(!is_marked(&dirs[0]));
    });
    run(async {
        let mut a = start(dirs[0].path(), with_rule()).await;
        assert_eq!(a.say("GET k").await, "old");
        assert!(is_marked(&dirs[0]));
        let b = successor(dirs[1].path()).await;
        a.set_nodes(&deposed(a.port, b.port), 2).await;
        assert_copied(&mut a).await;
    });
}

#[test]
fn the_successor_dies_in_the_middle_of_the_copy() {
    run(async {
        let dirs = [tempdir().unwrap(), tempdir().unwrap()];
        let mut a = deposed_master(dirs[0].path(), with_rule(), NOWHERE).await;
        let before = std::fs::read_to_string(dirs[0].path().join("was-master")).unwrap();
        assert!(before.contains("was a master"), "whoever looks is told: {before}");
        let (dying, heard) = scripted(a.machine.os(), |request| match request {
            "_fetch_meta" => Some("snapshot-9\r\n"),
            "_fetch_file snapshot-9" => Some("1000\r\nonly some of it"),
            request => polite(request),
        })
        .await;
        a.set_nodes(&deposed(a.port, dying), 3).await;
        a.until(|_| heard.borrow().iter().any(|request| request.starts_with("_fetch_file"))).await;
        assert_eq!(a.machine.status().link, Some(Link::FullSync));
        assert!(!heard.borrow().iter().any(|request| request.starts_with("PSYNC")));
        assert_waits(&mut a).await;

        // Another replica takes over, and it copies that one.
        let b = successor(dirs[1].path()).await;
        a.set_nodes(&deposed(a.port, b.port), 4).await;
        assert_copied(&mut a).await;
    });
}

#[test]
fn its_own_data_stands_until_the_copy_is_complete_and_synced() {
    run(async {
        let dirs = [tempdir().unwrap(), tempdir().unwrap()];
        let b = successor(dirs[1].path()).await;
        let mut a = deposed_master(dirs[0].path(), with_rule(), NOWHERE).await;
        let log = || {
            let mut content = Vec::new();
            let mut file = File::open(dirs[0].path().join("data.log")).unwrap();
            file.read_to_end(&mut content).unwrap();
            content
        };
        let own = log();
        a.machine.slow_file.set(Some("data.log.tmp"));
        a.set_nodes(&deposed(a.port, b.port), 3).await;
        a.until(|machine| machine.stalled.get() > 0).await;
        assert_eq!((log(), is_marked(&dirs[0])), (own.clone(), true));
        assert_eq!(a.say("CLUSTER INFO").await, LOADING, "during the swap no order passes");
        a.machine.unsyncable_file.set(Some("data.log.tmp"));
        a.machine.open_gate();
        a.until_said("CLUSTERX VERSION", "3").await;
        assert_eq!((log(), is_marked(&dirs[0])), (own, true), "the copy could not be synced");
        a.machine.unsyncable_file.set(None);
        assert_copied(&mut a).await;
        assert!(!is_marked(&dirs[0]));
    });
}

#[test]
fn named_master_again_it_owes_nothing() {
    run(async {
        let dir = tempdir().unwrap();
        let mut a = deposed_master(dir.path(), with_rule(), NOWHERE).await;
        assert_waits(&mut a).await;
        a.set_nodes(&promoted(a.port), 3).await;
        assert!(a.machine.status().authoritative);
        assert_eq!(a.say("GET k").await, "old");
        assert_eq!(a.say("SET k newer").await, "OK");
        assert!(is_marked(&dir), "it is a master again");
        a.set_nodes(&deposed(a.port, NOWHERE), 4).await;
        assert_waits(&mut a).await;
    });
}

#[test]
fn nobody_becomes_a_master_whom_the_disk_does_not_mark() {
    let dir = tempdir().unwrap();
    run(async {
        let mut a = start(dir.path(), with_rule()).await;
        a.machine.unsyncable_file.set(Some("was-master"));
        let text = promoted(a.port);
        let refused = a.ask(&["CLUSTERX", "SETNODES", &text, "1"]).await;
        assert_eq!(refused, "-ERR cannot become a master: the disk failed");
        assert_eq!(a.say("CLUSTERX VERSION").await, "-1", "nothing has changed");
        a.machine.unsyncable_file.set(None);
        a.set_nodes(&text, 1).await;
        assert!(a.machine.status().authoritative);
    });
    std::fs::remove_file(dir.path().join("nodes.conf")).unwrap();
    run(async {
        // The mark that it found may not survive power loss: it is put down again.
        let mut a = start(dir.path(), with_rule()).await;
        a.machine.unsyncable_file.set(Some("was-master"));
        let refused = a.ask(&["CLUSTERX", "SETNODES", &promoted(a.port), "1"]).await;
        assert_eq!(refused, "-ERR cannot become a master: the disk failed");
        a.set_nodes(&deposed(a.port, NOWHERE), 1).await;
        assert_waits(&mut a).await;
    });
}
