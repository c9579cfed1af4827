//! A node by itself, as its clients and its controller meet it: on real sockets.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::time::Duration;

use crate::machine::{Node, quick, run, show, start, start_error};
use host::{Lease, Observation, Role};
use node::{LeaseMode, MovedAddress, NodeConfig};
use tempfile::tempdir;

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const REFUSED: &str = "-ERR Operation aborted: Write rejected: master lease expired \
    (master_lease_mode=block-write)";

/// A node that is master of all slots as `A`.
async fn master(dir: &tempfile::TempDir, config: NodeConfig) -> Node {
    let mut node = start(dir.path(), config).await;
    let text = format!("{A} 127.0.0.1 {} master - 0-16383", node.port);
    node.set_nodes(&text, 1).await;
    node
}

fn block_write() -> NodeConfig {
    NodeConfig { master_lease_mode: LeaseMode::BlockWrite, ..quick() }
}

#[test]
fn data_commands() {
    run(async {
        let dir = tempdir().unwrap();
        let mut node = start(dir.path(), quick()).await;
        for (request, reply) in [
            ("PING", "PONG"),
            ("ECHO x", "x"),
            ("SET k v", "-CLUSTERDOWN Hash slot not served"),
            ("CLUSTER INFO", "-CLUSTERDOWN The cluster is not initialized"),
            ("CLUSTERX VERSION", "-1"),
            ("CLUSTERX MYID", ""),
            ("DBSIZE", "0"),
            ("NONSENSE a", "-ERR unknown command `NONSENSE`, with args beginning with: `a`"),
            ("GET", "-ERR wrong number of arguments"),
        ] {
            assert_eq!(node.say(request).await, reply, "{request}");
        }
        let text = format!("{A} 127.0.0.1 {} master - 0-16383", node.port);
        node.set_nodes(&text, 1).await;
        for (request, reply) in [
            ("SET k v", "OK"),
            ("SET k w NX", "nil"),
            ("SET k w EX", "-ERR syntax error"),
            ("GET k", "v"),
            ("MGET {k}1 k", "[nil v]"),
            ("MGET k l", "-CROSSSLOT Attempted to access keys that don't hash to the same slot"),
            ("INCR n", "1"),
            ("INCRBY n 9", "10"),
            ("DECR n", "9"),
            ("INCR k", "-ERR value is not an integer or out of range"),
            ("APPEND k w", "2"),
            ("STRLEN k", "2"),
            ("EXISTS k k", "2"),
            ("DEL k", "1"),
            ("DEL k", "0"),
            ("DBSIZE", "1"),
            ("SELECT 0", "OK"),
            ("CLIENT GETNAME", "nil"),
            ("CLIENT SETNAME me", "OK"),
            ("CLIENT GETNAME", "me"),
            ("COMMAND INFO get", "[[get 2 [readonly] 1 1 1]]"),
            ("CLUSTER KEYSLOT foo", "12182"),
            ("CLUSTERX MYID", A),
            ("QUIT", "OK"),
        ] {
            assert_eq!(node.say(request).await, reply, "{request}");
        }
        let acknowledged = ["k=v", "n=1", "n=10", "n=9", "k=w", "k="];
        assert_eq!(node.acknowledged(), acknowledged);
    });
}

#[test]
fn topologies_are_taken_whole_and_in_order() {
    run(async {
        let dir = tempdir().unwrap();
        let mut node = master(&dir, quick()).await;
        let port = node.port;
        let here = format!("{A} 127.0.0.1 {port} master - 0-16383");
        let elsewhere =
            format!("{A} 127.0.0.1 {port} master -\n{B} other 7 master - 0-16383 lb 70");
        for (text, version, reply) in [
            (here.as_str(), "0", "-ERR Invalid cluster version"),
            ("nonsense", "1", "OK"),
            ("nonsense", "2", "-ERR Invalid cluster nodes info"),
            (&elsewhere, "5", "OK"),
        ] {
            assert_eq!(node.ask(&["CLUSTERX", "SETNODES", text, version]).await, reply);
        }
        assert_eq!(node.say("SET foo v").await, "-MOVED 12182 other:7");
        assert!(node.say("CLUSTER NODES").await.contains(&format!("{B} lb:70@10070 master")));
        assert_eq!(node.say("CONFIG SET moved lb").await, "OK");
        assert_eq!(node.say("SET foo v").await, "-MOVED 12182 lb:70");
        assert_eq!(node.say("CONFIG GET moved").await, "[moved lb]");
        assert_eq!(node.ask(&["CLUSTERX", "SETNODES", &here, "3", "force"]).await, "OK");
        assert_eq!(node.say("CLUSTERX VERSION").await, "3");
        assert_eq!(node.say("SET foo v").await, "OK");
        assert_eq!(node.machine.status().role, Role::Master);
        // Slots that a topology leaves out are nobody's.
        node.set_nodes(&format!("{A} 127.0.0.1 {port} master - 0-5"), 6).await;
        assert_eq!(node.say("GET foo").await, "-CLUSTERDOWN Hash slot not served");
    });
}

#[test]
fn an_expired_lease_blocks_writes_in_block_write_only() {
    run(async {
        let dir = tempdir().unwrap();
        let mut node = master(&dir, block_write()).await;
        assert_eq!(node.say("SET k 1").await, "OK", "no lease was ever granted");
        assert!(node.machine.status().authoritative);

        let info = node.say(&format!("CLUSTERX HEARTBEAT {A} 1000 4")).await;
        assert!(info.contains("role:master\r\n") && info.contains("sequence:1\r\n"), "{info}");
        assert_eq!(node.machine.status().lease, Lease::Held);
        assert_eq!(node.machine.status().election_version, 4);
        assert_eq!(node.say("SET k 2").await, "OK");

        node.machine.wall_ahead.set(Duration::from_secs(2));
        assert_eq!(node.machine.status().lease, Lease::Expired);
        assert!(!node.machine.status().authoritative);
        for request in ["SET k 3", "INCR k", "DEL k", "DEL none", "APPEND k x"] {
            assert_eq!(node.say(request).await, REFUSED, "{request}");
        }
        assert_eq!(node.observed(&Observation::LeaseRefused), 5);
        assert_eq!(node.say("GET k").await, "2", "reads are not guarded");

        assert_eq!(node.say("CONFIG SET master-lease-mode log-only").await, "OK");
        assert!(node.machine.status().authoritative);
        assert_eq!(node.say("SET k 3").await, "OK");
        assert_eq!(node.observed(&Observation::LeaseExpiredLogged), 1);
        assert_eq!(node.say("CONFIG SET master-lease-mode disabled").await, "OK");
        assert_eq!(node.say("SET k 4").await, "OK");
        assert_eq!(node.observed(&Observation::LeaseExpiredLogged), 1);
        assert_eq!(node.acknowledged(), ["k=1", "k=2", "k=3", "k=4"]);
    });
}

#[test]
fn heartbeats_renew_whom_they_mean() {
    run(async {
        let dir = tempdir().unwrap();
        let mut node = master(&dir, block_write()).await;
        let renewals = |node: &Node| {
            let observations = node.machine.observations.borrow();
            let renewed = |o: &&Observation| matches!(o, Observation::LeaseRenewed { .. });
            observations.iter().filter(renewed).count()
        };
        for (request, renews) in [
            (format!("CLUSTERX HEARTBEAT {A} 1000 4"), 1),
            (format!("CLUSTERX HEARTBEAT {B} 1000 5"), 1),
            ("CLUSTERX HEARTBEAT 4 1000".to_owned(), 2),
            ("CLUSTERX HEARTBEAT 4 1000 some-stamp".to_owned(), 3),
            (format!("CLUSTERX HEARTBEAT {A} 18446744073709551615 4"), 4),
        ] {
            assert!(node.say(&request).await.starts_with("# Replication"), "{request}");
            assert_eq!(renewals(&node), renews, "{request}");
        }
        assert_eq!(
            node.say(&format!("CLUSTERX HEARTBEAT {A} 1000 3")).await,
            "-ERR election version mismatch: local=4, received=3"
        );
        assert_eq!(renewals(&node), 4);

        // A replica takes no lease and forgets the one it had.
        let port = node.port;
        let text = format!("{A} 127.0.0.1 {port} slave {B}\n{B} 127.0.0.1 1 master - 0-16383");
        node.set_nodes(&text, 2).await;
        assert_eq!(node.machine.status().lease, Lease::None);
        assert_eq!(node.machine.status().election_version, 0);
        assert!(node.say(&format!("CLUSTERX HEARTBEAT {A} 1000 9")).await.contains("role:slave"));
        assert_eq!(renewals(&node), 4);
    });
}

#[test]
fn a_transaction_commits_whole_or_not_at_all() {
    run(async {
        let dir = tempdir().unwrap();
        let mut node = master(&dir, block_write()).await;
        for (request, reply) in [
            ("EXEC", "-ERR EXEC without MULTI"),
            ("DISCARD", "-ERR DISCARD without MULTI"),
            ("MULTI", "OK"),
            ("MULTI", "-ERR MULTI calls can not be nested"),
            ("SET a 1", "QUEUED"),
            ("APPEND a 2", "QUEUED"),
            ("GET a", "QUEUED"),
            ("PING", "QUEUED"),
            ("INCR b", "QUEUED"),
            ("EXEC", "[OK 2 12 PONG 1]"),
            ("MULTI", "OK"),
            ("SET a 9", "QUEUED"),
            ("CONFIG SET moved lb", "-ERR Can't execute config in MULTI"),
            ("EXEC", "-EXECABORT Transaction discarded"),
            ("MULTI", "OK"),
            ("NONSENSE", "-ERR unknown command `NONSENSE`, with args beginning with: "),
            ("EXEC", "-EXECABORT Transaction discarded"),
            ("MULTI", "OK"),
            ("SET a 9", "QUEUED"),
            ("DISCARD", "OK"),
            ("GET a", "12"),
        ] {
            assert_eq!(node.say(request).await, reply, "{request}");
        }
        assert_eq!(node.acknowledged(), ["a=1 a=2 b=1"], "one reply, one acknowledgement");

        node.say("CLUSTERX HEARTBEAT 1 1000").await;
        node.machine.wall_ahead.set(Duration::from_secs(2));
        for (request, reply) in [
            ("MULTI", "OK"),
            ("SET a 9", "QUEUED"),
            ("SET c 9", "QUEUED"),
            ("EXEC", REFUSED),
            ("PING", "PONG"),
            ("GET a", "12"),
            ("EXISTS c", "0"),
            ("MULTI", "OK"),
            ("GET a", "QUEUED"),
            ("EXEC", "[12]"),
        ] {
            assert_eq!(node.say(request).await, reply, "{request}");
        }
    });
}

#[test]
fn a_restart_brings_data_and_role_back_but_no_lease() {
    let dir = tempdir().unwrap();
    run(async {
        let mut node = master(&dir, block_write()).await;
        node.say("SET k v").await;
        node.say("CLUSTERX HEARTBEAT 7 1").await;
        let port = node.port;
        let conf = std::fs::read_to_string(dir.path().join("nodes.conf")).unwrap();
        let line = format!("node {A} 127.0.0.1 {port} master -  0-16383");
        assert_eq!(conf, format!("version 1\nid {A}\n{line}\n"));
    });
    // A process that died while it appended.
    let log = dir.path().join("data.log");
    let mut log = OpenOptions::new().append(true).open(log).unwrap();
    log.write_all(&[0, 0, 0, 99, 1]).unwrap();
    for expected in ["v", "w"] {
        run(async {
            let mut node = start(dir.path(), block_write()).await;
            let status = node.machine.status();
            assert_eq!((status.role, status.lease), (Role::Master, Lease::None));
            assert_eq!((status.authoritative, status.election_version), (true, 0));
            assert_eq!(node.say("GET k").await, expected);
            assert_eq!(node.say("SET k w").await, "OK");
        });
    }
}

#[test]
fn an_id_without_a_topology_survives_a_restart() {
    let dir = tempdir().unwrap();
    run(async {
        let mut node = start(dir.path(), quick()).await;
        assert_eq!(node.say(&format!("CLUSTERX SETNODEID {B}")).await, "OK");
    });
    run(async {
        let mut node = start(dir.path(), quick()).await;
        assert_eq!(node.say("CLUSTERX MYID").await, B);
        assert_eq!(node.say("CLUSTERX VERSION").await, "-1");
        assert_eq!(node.say("CONFIG SET persist-cluster-nodes-enabled no").await, "OK");
        assert!(!dir.path().join("nodes.conf").exists());
    });
}

#[test]
fn a_bad_nodes_conf_stops_the_start() {
    run(async {
        for (text, error) in [
            ("epoch 1", "failed to load cluster nodes info: unknown key: epoch"),
            ("version 1\nnode x", "failed to load cluster nodes info: Invalid cluster nodes info"),
        ] {
            let dir = tempdir().unwrap();
            let mut file = File::create(dir.path().join("nodes.conf")).unwrap();
            file.write_all(text.as_bytes()).unwrap();
            assert_eq!(start_error(dir.path(), quick()).await, error);
        }
    });
}

#[test]
fn without_cluster_mode_every_key_is_served() {
    run(async {
        let dir = tempdir().unwrap();
        let config = NodeConfig { cluster_enabled: false, moved: MovedAddress::Lb, ..quick() };
        let mut node = start(dir.path(), config).await;
        assert_eq!(node.say("SET k v").await, "OK");
        for request in ["CLUSTER NODES", "CLUSTERX VERSION", "CLUSTERX HEARTBEAT 1 1"] {
            assert_eq!(node.say(request).await, "-ERR Cluster mode is not enabled");
        }
        assert!(node.machine.status().authoritative);
    });
}

#[test]
fn a_topology_change_waits_for_the_writes_that_run() {
    run(async {
        let dir = tempdir().unwrap();
        let node = master(&dir, quick()).await;
        for point in ["after-lease-check", "before-reply"] {
            node.machine.stall_at.set(Some(point));
            let stalled = node.machine.stalled.get();
            let mut writer = node.connect().await;
            writer.send(&["SET", point, "v"]).await.unwrap();
            node.until(|machine| machine.stalled.get() > stalled).await;
            assert_eq!(node.acknowledged().len(), 0);
        }
        let mut controller = node.connect().await;
        let text = format!("{B} 127.0.0.1 1 master - 0-16383");
        controller.send(&["CLUSTERX", "SETNODES", text.as_str(), "2"]).await.unwrap();
        node.pause().await;
        assert_eq!(node.machine.status().topology_version, 1);
        node.machine.open_gate();
        assert_eq!(show(&controller.receive().await.unwrap()), "OK");
        let told = node.machine.observations.borrow();
        let acknowledged = |o: &Observation| matches!(o, Observation::Acknowledged { .. });
        let deposed = |o: &Observation| matches!(o, Observation::Status { status } if status.topology_version == 2);
        assert_eq!(told.iter().filter(|o| acknowledged(o)).count(), 2);
        let last = told.iter().rposition(acknowledged);
        assert!(last < told.iter().position(deposed), "acknowledged before it was deposed");
    });
}

#[test]
fn what_a_client_sent_before_it_left_is_executed() {
    run(async {
        let dir = tempdir().unwrap();
        let mut node = master(&dir, quick()).await;
        node.machine.stall_at.set(Some("before-reply"));
        let mut client = node.connect().await;
        for number in 0..50 {
            client.send(&["APPEND", "k", &format!("{number},")]).await.unwrap();
        }
        node.until(|machine| machine.stalled.get() > 0).await;
        drop(client);
        node.machine.stall_at.set(None);
        node.machine.open_gate();
        let all: String = (0..50).map(|number| format!("{number},")).collect();
        node.until_said("GET k", &all).await;
        assert_eq!(node.acknowledged().len(), 50);
    });
}

#[test]
fn a_torn_append_is_repaired_by_the_next_write() {
    let dir = tempdir().unwrap();
    run(async {
        let mut node = master(&dir, quick()).await;
        node.say("SET k 1").await;
        node.machine.torn_appends.set(true);
        assert_eq!(node.say("SET k 2").await, "-ERR IO error: the disk tore");
        assert_eq!(node.say("GET k").await, "1");
        node.machine.torn_appends.set(false);
        assert_eq!(node.say("SET l 3").await, "OK");
        assert_eq!(node.say("SET l 4").await, "OK");
        assert_eq!(node.acknowledged(), ["k=1", "l=3", "l=4"]);
    });
    run(async {
        let mut node = start(dir.path(), quick()).await;
        assert_eq!(node.say("GET k").await, "1");
        assert_eq!(node.say("GET l").await, "4");
        assert!(node.say("INFO keyspace").await.contains("sequence:3\r\n"));
    });
}

#[test]
fn nonsense_is_answered_and_the_connection_closed() {
    run(async {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let dir = tempdir().unwrap();
        let node = master(&dir, quick()).await;
        let machine = host::os::OsMachine::new(host::os::OsConfig::new("client", dir.path()));
        let host = machine.unwrap().host();
        for (sent, received) in [
            ("PING\r\nQUIT\r\nPING\r\n", "+PONG\r\n+OK\r\n"),
            ("*1\r\n:1\r\n", "-ERR Protocol error: expected '$'\r\n"),
        ] {
            let mut stream = host.connect("127.0.0.1", node.port).await.unwrap();
            stream.write_all(sent.as_bytes()).await.unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).await.unwrap();
            assert_eq!(text, received);
        }
    });
}
