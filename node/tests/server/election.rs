//! The election version that a node keeps on disk, under the rule `durable-version`.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use crate::machine::{Node, quick, run, show, start, start_error};
use host::{Lease, Observation};
use node::{LeaseMode, NodeConfig};
use tempfile::tempdir;

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

fn durable() -> NodeConfig {
    NodeConfig {
        master_lease_mode: LeaseMode::BlockWrite,
        master_lease_durable_version: true,
        ..quick()
    }
}

async fn set_master(node: &mut Node, version: i64) {
    let text = format!("{A} 127.0.0.1 {} master - 0-16383", node.port);
    node.set_nodes(&text, version).await;
}

async fn master(dir: &Path, config: NodeConfig) -> Node {
    let mut node = start(dir, config).await;
    set_master(&mut node, 1).await;
    node
}

fn heartbeat(version: u64) -> String {
    format!("CLUSTERX HEARTBEAT {A} 300000 {version}")
}

fn file(dir: &Path) -> Option<String> {
    std::fs::read_to_string(dir.join("election.conf")).ok()
}

fn damage(dir: &Path, content: &str) {
    let mut file = File::create(dir.join("election.conf")).unwrap();
    file.write_all(content.as_bytes()).unwrap();
}

fn version_and_lease(node: &Node) -> (u64, Lease) {
    let status = node.machine.status();
    (status.election_version, status.lease)
}

#[test]
fn lower_versions_are_refused_in_later_roles_and_lives() {
    let dir = tempdir().unwrap();
    let refused = "-ERR election version mismatch: local=7, received=6";
    run(async {
        let mut node = master(dir.path(), durable()).await;
        node.say(&heartbeat(0)).await;
        assert_eq!(file(dir.path()), None, "0 is where every node begins");
        node.say(&heartbeat(7)).await;
        assert_eq!(file(dir.path()).as_deref(), Some("election_version 7\n"));
        assert_eq!(version_and_lease(&node), (7, Lease::Held));
        assert_eq!(node.say(&heartbeat(6)).await, refused);

        let port = node.port;
        let text = format!("{A} 127.0.0.1 {port} slave {B}\n{B} 127.0.0.1 1 master - 0-16383");
        node.set_nodes(&text, 2).await;
        assert_eq!(version_and_lease(&node), (7, Lease::None), "a replica keeps it");
        assert!(node.say(&heartbeat(9)).await.contains("role:slave"), "and raises nothing");
        set_master(&mut node, 3).await;
        assert_eq!(node.say(&heartbeat(6)).await, refused);
        assert_eq!(version_and_lease(&node), (7, Lease::None));
        node.say(&heartbeat(7)).await;
        assert_eq!(version_and_lease(&node), (7, Lease::Held), "an equal one renews");
    });
    run(async {
        let mut node = start(dir.path(), durable()).await;
        assert_eq!(version_and_lease(&node), (7, Lease::None));
        assert_eq!(node.say(&heartbeat(6)).await, refused);
        node.say(&heartbeat(8)).await;
        assert_eq!(file(dir.path()).as_deref(), Some("election_version 8\n"));
        node.say("FLUSHALL").await;
        assert_eq!(node.say("CLUSTER RESET").await, "OK");
        assert_eq!(node.machine.status().election_version, 8, "a reset does not lower it");
    });
}

#[test]
fn without_the_rule_nothing_is_kept_or_read() {
    run(async {
        let dir = tempdir().unwrap();
        damage(dir.path(), "damaged");
        let mut node = master(dir.path(), quick()).await;
        node.say(&heartbeat(7)).await;
        assert_eq!(file(dir.path()).as_deref(), Some("damaged"));
    });
}

#[test]
fn a_damaged_file_stops_the_start() {
    run(async {
        let dir = tempdir().unwrap();
        damage(dir.path(), "election_version 1");
        assert_eq!(
            start_error(dir.path(), durable()).await,
            "failed to load the election version: election.conf: allowed is one line, \
             `election_version N`, N from 0 to 18446744073709551615, and not `election_version 1`"
        );
    });
}

#[test]
fn comparing_keeping_and_granting_are_one_step() {
    run(async {
        let dir = tempdir().unwrap();
        let mut node = master(dir.path(), durable()).await;
        node.say(&heartbeat(3)).await;
        node.machine.slow_file.set(Some("election.conf.tmp"));
        let mut newer = node.connect().await;
        newer.send(&heartbeat(5).split(' ').collect::<Vec<_>>()).await.unwrap();
        node.until(|machine| machine.stalled.get() > 0).await;
        assert_eq!(version_and_lease(&node), (3, Lease::Held), "what is not kept has no effect");

        // An older one that comes meanwhile, and a topology that takes the role away.
        let mut older = node.connect().await;
        older.send(&heartbeat(4).split(' ').collect::<Vec<_>>()).await.unwrap();
        node.pause().await;
        let mut orders = node.connect().await;
        let text = format!("{B} 127.0.0.1 1 master - 0-16383\n{A} 127.0.0.1 2 slave {B}");
        orders.send(&["CLUSTERX", "SETNODES", text.as_str(), "2"]).await.unwrap();
        node.pause().await;
        assert_eq!(node.machine.status().topology_version, 1);
        node.machine.open_gate();

        assert!(show(&newer.receive().await.unwrap()).starts_with("# Replication"));
        let refused = "-ERR election version mismatch: local=5, received=4";
        assert_eq!(show(&older.receive().await.unwrap()), refused);
        assert_eq!(show(&orders.receive().await.unwrap()), "OK");
        assert_eq!(version_and_lease(&node), (5, Lease::None));
        let grants: Vec<u64> = {
            let observations = node.machine.observations.borrow();
            let version = |observation: &Observation| match observation {
                Observation::LeaseRenewed { election_version, .. } => Some(*election_version),
                _ => None,
            };
            observations.iter().filter_map(version).collect()
        };
        assert_eq!(grants, [3, 5]);
    });
}

#[test]
fn what_cannot_be_kept_grants_nothing_and_is_not_gone_back_on() {
    let dir = tempdir().unwrap();
    run(async {
        let mut node = master(dir.path(), durable()).await;
        node.say(&heartbeat(3)).await;
        for broken in ["election.conf.tmp", "election.conf"] {
            node.machine.unsyncable_file.set(Some(broken));
            let error = "-ERR cannot keep election version 5: the disk failed";
            assert_eq!(node.say(&heartbeat(5)).await, error, "{broken}");
            assert_eq!(version_and_lease(&node).0, 3, "{broken}");
        }
        node.machine.unsyncable_file.set(None);
        let refused = "-ERR election version mismatch: local=5, received=4";
        assert_eq!(node.say(&heartbeat(4)).await, refused, "5 may be on the disk");
    });
    run(async {
        let mut node = start(dir.path(), durable()).await;
        assert_eq!(version_and_lease(&node).0, 5, "and is");
        // What was read may not survive power loss yet: it is written again.
        node.machine.unsyncable_file.set(Some("election.conf"));
        assert!(node.say(&heartbeat(5)).await.starts_with("-ERR cannot keep"));
        node.machine.unsyncable_file.set(None);
        node.say(&heartbeat(5)).await;
        assert_eq!(version_and_lease(&node), (5, Lease::Held));
        assert_eq!(file(dir.path()).as_deref(), Some("election_version 5\n"));
    });
}

#[test]
fn a_deadline_never_falls() {
    run(async {
        for (durable_version, lease) in [(true, Lease::Held), (false, Lease::Expired)] {
            let dir = tempdir().unwrap();
            let config = NodeConfig { master_lease_durable_version: durable_version, ..durable() };
            let mut node = master(dir.path(), config).await;
            node.say(&heartbeat(1)).await;
            node.say(&format!("CLUSTERX HEARTBEAT {A} 1 1")).await;
            node.machine.wall_ahead.set(Duration::from_secs(60));
            assert_eq!(node.machine.status().lease, lease, "{durable_version}");
        }
    });
}
