//! What a controller or an operator orders: slots, resets, what is kept on disk, and load
//! balancers in a topology.

use crate::machine::{Node, quick, run, start};
use host::Role;
use tempfile::{TempDir, tempdir};

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

async fn node(dir: &TempDir) -> Node {
    start(dir.path(), quick()).await
}

fn conf(dir: &TempDir) -> String {
    std::fs::read_to_string(dir.path().join("nodes.conf")).unwrap_or_else(|_| "none".to_owned())
}

#[test]
fn slots_are_set_and_kept() {
    run(async {
        let dir = tempdir().unwrap();
        let mut node = node(&dir).await;
        let set = |ranges: &str, id: &str, version: &str| {
            ["CLUSTERX", "SETSLOT", ranges, "NODE", id, version].map(str::to_owned)
        };
        async fn ask(node: &mut Node, request: [String; 6]) -> String {
            node.ask(&request.each_ref().map(String::as_str)).await
        }
        let reply = ask(&mut node, set("0", A, "0")).await;
        assert_eq!(reply, "-ERR Invalid cluster version", "there is no topology");
        let port = node.port;
        let text = format!("{A} 127.0.0.1 {port} master - 0-16383\n{B} other 7 master -");
        node.set_nodes(&text, 3).await;
        for (request, reply) in [
            (set("12182", B, "3"), "-ERR Invalid cluster version"),
            (set("12182", B, "5"), "-ERR Invalid cluster version"),
            (set("12182", &"c".repeat(40), "4"), "-ERR No this node in the cluster"),
            (set("12182 0-2", B, "4"), "OK"),
        ] {
            assert_eq!(ask(&mut node, request.clone()).await, reply, "{request:?}");
        }
        assert_eq!(node.say("GET foo").await, "-MOVED 12182 other:7");
        assert_eq!(node.say("CLUSTERX VERSION").await, "4");
        let nodes = node.say("CLUSTER NODES").await;
        assert!(nodes.contains(" 4 connected 3-12181 12183-16383\n"), "{nodes}");
        assert!(conf(&dir).contains(&format!("node {B} other 7 master -  0-2 12182\n")));
        assert_eq!(ask(&mut node, set("0-16383", B, "5")).await, "OK");
        assert!(!node.machine.status().authoritative, "it serves no slot any more");
    });
}

#[test]
fn a_reset_needs_an_empty_database() {
    run(async {
        let dir = tempdir().unwrap();
        let mut node = node(&dir).await;
        assert_eq!(node.say("CLUSTER RESET").await, "OK");
        let port = node.port;
        node.set_nodes(&format!("{A} 127.0.0.1 {port} master - 0-16383"), 3).await;
        node.say("SET k v").await;
        let refused = "-ERR Can't reset cluster while database is not empty";
        assert_eq!(node.say("CLUSTER RESET hard").await, refused);
        node.say("FLUSHALL").await;
        node.say("MULTI").await;
        assert_eq!(node.say("CLUSTER RESET").await, "-ERR Can't execute cluster in MULTI");
        node.say("DISCARD").await;
        assert_eq!(node.say("CLUSTER RESET soft").await, "OK");
        assert_eq!(node.say("CLUSTERX VERSION").await, "-1");
        assert_eq!(node.say("CLUSTERX MYID").await, "");
        assert_eq!(node.say("GET k").await, "-CLUSTERDOWN Hash slot not served");
        assert_eq!((node.machine.status().role, conf(&dir).as_str()), (Role::None, "none"));

        // A replica follows nobody afterwards.
        let text = format!("{A} 127.0.0.1 {port} slave {B}\n{B} 127.0.0.1 1 master - 0-16383");
        node.set_nodes(&text, 1).await;
        assert!(node.say("INFO replication").await.contains("role:slave"));
        assert_eq!(
            node.say("FLUSHALL").await,
            "-READONLY You can't write against a read only slave."
        );
        assert_eq!(node.say("WAIT 1 1").await, "-ERR WAIT command can only be executed on master");
        assert_eq!(node.say("CLUSTER RESET").await, "OK");
        assert!(node.say("INFO replication").await.contains("role:master"));
    });
}

#[test]
fn what_is_kept_on_disk_and_when() {
    run(async {
        let dir = tempdir().unwrap();
        let mut node = node(&dir).await;
        let text = format!("{A} 127.0.0.1 {} master - 0-5", node.port);
        node.set_nodes(&text, 3).await;
        let kept = conf(&dir);
        // The same version again writes the file, although it changes nothing.
        std::fs::remove_file(dir.path().join("nodes.conf")).unwrap();
        node.set_nodes("nonsense", 3).await;
        assert_eq!(conf(&dir), kept);
        assert_eq!(node.say("CONFIG SET persist-cluster-nodes-enabled no").await, "OK");
        assert_eq!(conf(&dir), "none");
        node.set_nodes(&text, 4).await;
        assert_eq!(conf(&dir), "none");
        assert_eq!(node.say("CONFIG SET persist-cluster-nodes-enabled yes").await, "OK");
        assert_eq!(conf(&dir), kept.replace("version 3", "version 4"));
        // A directory in the place of the file is one that cannot be renamed over.
        std::fs::remove_file(dir.path().join("nodes.conf")).unwrap();
        std::fs::create_dir(dir.path().join("nodes.conf")).unwrap();
        let refused = node.ask(&["CLUSTERX", "SETNODES", &text, "5"]).await;
        assert!(refused.starts_with("-ERR rename file encounter error: "), "{refused}");
    });
}

#[test]
fn load_balancers_are_shown_but_never_used() {
    run(async {
        let dir = tempdir().unwrap();
        let mut node = node(&dir).await;
        let port = node.port;
        // The other master's load balancer has this node's address.
        let text = format!(
            "{B} other 7 master - 6-16383 127.0.0.1 {port}\n{A} 127.0.0.1 {port} slave {B} lb-a 70"
        );
        node.set_nodes(&text, 1).await;
        assert_eq!(node.say("CLUSTERX MYID").await, A);
        assert!(node.say("INFO replication").await.contains("master_host:other\r\nmaster_port:7"));
        let nodes = node.say("CLUSTER NODES").await;
        assert!(nodes.contains(&format!("{A} lb-a:70@10070 myself,slave {B} ")), "{nodes}");
        let replicas = node.say(&format!("CLUSTER REPLICAS {B}")).await;
        assert!(replicas.starts_with(&format!("{A} lb-a:70@10070 slave {B} ")), "{replicas}");
        let slots = format!("[[6 16383 [127.0.0.1 {port} {B}] [lb-a 70 {A}]]]");
        assert_eq!(node.say("CLUSTER SLOTS").await, slots);
        assert!(conf(&dir).contains(&format!("slave {B} lb-a 70\n")));
        for (pair, error) in [
            ("lb-a", "Slot is out of range"),
            ("lb-a 0", "Invalid cluster node port"),
            ("lb-a 65536", "Invalid cluster node port"),
            ("lb-a 70 80", "Slot is out of range"),
        ] {
            let text = format!("{A} 127.0.0.1 {port} master - 0-5 {pair}");
            let refused = node.ask(&["CLUSTERX", "SETNODES", &text, "2"]).await;
            assert_eq!(refused, format!("-ERR {error}"), "{pair}");
        }
        assert_eq!(node.say("CLUSTERX VERSION").await, "1");
    });
}
