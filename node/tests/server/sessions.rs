//! What a connection may say of itself: protocol, password, transactions with WATCH, pauses and
//! waits, on real sockets.

use std::time::Duration;

use host::Host;
use host::os::{OsConfig, OsMachine};
use node::NodeConfig;
use tempfile::{TempDir, tempdir};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::machine::{Node, quick, run, show, start};

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

async fn master(dir: &TempDir, config: NodeConfig) -> Node {
    let mut node = start(dir.path(), config).await;
    let text = format!("{A} 127.0.0.1 {} master - 0-16383", node.port);
    node.set_nodes(&text, 1).await;
    node
}

fn client_machine(dir: &TempDir) -> Host {
    OsMachine::new(OsConfig::new("client", dir.path())).unwrap().host()
}

/// Everything that the node sends for these lines and a QUIT.
async fn talk(dir: &TempDir, node: &Node, lines: &[&str]) -> String {
    let mut stream = client_machine(dir).connect("127.0.0.1", node.port).await.unwrap();
    let text: String = lines.iter().chain(&["QUIT"]).map(|line| format!("{line}\r\n")).collect();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut received = String::new();
    stream.read_to_string(&mut received).await.unwrap();
    received.strip_suffix("+OK\r\n").expect("the reply of QUIT").to_owned()
}

#[test]
fn replies_of_both_protocols() {
    run(async {
        let dir = tempdir().unwrap();
        let node = master(&dir, quick()).await;
        let said = talk(&dir, &node, &["HSET h f v", "HGETALL h", "GET none", "LPOP none 1"]).await;
        assert_eq!(said, ":1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n$-1\r\n*-1\r\n");
        let lines = ["HELLO 3", "HGETALL h", "GET none", "LPOP none 1", "CONFIG GET moved"];
        let said = talk(&dir, &node, &lines).await;
        assert!(said.starts_with("%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n"), "{said}");
        assert!(said.contains("$5\r\nproto\r\n:3\r\n"), "{said}");
        let rest = "%1\r\n$1\r\nf\r\n$1\r\nv\r\n_\r\n_\r\n%1\r\n$5\r\nmoved\r\n$4\r\nnode\r\n";
        assert!(said.ends_with(rest), "{said}");
        for request in ["INFO", "CLUSTER NODES", "CLUSTER INFO", "CLUSTERX HEARTBEAT 1 1000"] {
            let resp2 = talk(&dir, &node, &[request]).await;
            assert!(resp2.starts_with('$'), "{resp2}");
            let resp3 = talk(&dir, &node, &["HELLO 3", request]).await;
            assert!(resp3.contains("\r\n=") && resp3.contains("\r\ntxt:"), "{resp3}");
        }
        let said = talk(&dir, &node, &["HELLO 2"]).await;
        assert!(said.starts_with("*14\r\n$6\r\nserver\r\n"), "{said}");
        let said = talk(&dir, &node, &["HELLO 3", "RESET", "GET none"]).await;
        assert!(said.ends_with("+RESET\r\n$-1\r\n"), "{said}");
    });
}

#[test]
fn a_password_is_asked_for() {
    run(async {
        let dir = tempdir().unwrap();
        let config = NodeConfig { requirepass: "secret".to_owned(), ..quick() };
        let mut node = start(dir.path(), config).await;
        for (request, reply) in [
            ("PING", "-NOAUTH Authentication required."),
            ("CLUSTERX VERSION", "-NOAUTH Authentication required."),
            ("NONSENSE", "-ERR unknown command `NONSENSE`, with args beginning with: "),
            ("HELLO 3", "-NOAUTH Authentication required."),
            ("AUTH wrong", "-ERR invalid password"),
            ("HELLO 2 AUTH default wrong", "-ERR invalid password"),
            ("AUTH", "-ERR wrong number of arguments"),
            ("AUTH default secret", "OK"),
            ("PING", "PONG"),
            ("RESET", "RESET"),
            ("PING", "-NOAUTH Authentication required."),
            ("AUTH secret", "OK"),
            ("CONFIG SET requirepass ", "OK"),
            ("AUTH secret", "-ERR Client sent AUTH, but no password is set"),
        ] {
            assert_eq!(node.say(request).await, reply, "{request}");
        }
        let said = talk(&dir, &node, &["PING"]).await;
        assert_eq!(said, "+PONG\r\n");
    });
}

#[test]
fn what_is_watched_and_touched_is_not_executed() {
    run(async {
        let dir = tempdir().unwrap();
        let mut node = master(&dir, quick()).await;
        let mut other = node.connect().await;
        for (touch, reply) in [
            ("", "[OK]"),
            ("GET k", "[OK]"),
            ("SET other v", "[OK]"),
            ("SET k v", "nil"),
            ("DEL k", "nil"),
            ("FLUSHALL", "nil"),
        ] {
            node.say("SET k v").await;
            assert_eq!(node.say("WATCH k {k}none").await, "OK");
            node.say("MULTI").await;
            assert_eq!(node.say("WATCH x").await, "-ERR WATCH inside MULTI is not allowed");
            node.say("SET done yes").await;
            if !touch.is_empty() {
                let words: Vec<&str> = touch.split(' ').collect();
                other.call(&words).await.unwrap();
            }
            assert_eq!(node.say("EXEC").await, reply, "{touch}");
        }
        // EXEC, DISCARD and UNWATCH end it.
        for end in ["UNWATCH", "MULTI DISCARD", "MULTI EXEC"] {
            node.say("WATCH k").await;
            for word in end.split(' ') {
                node.say(word).await;
            }
            other.call(&["SET", "k", "w"]).await.unwrap();
            node.say("MULTI").await;
            node.say("PING").await;
            assert_eq!(node.say("EXEC").await, "[PONG]", "{end}");
        }
        // A key that expires is touched by nobody, and yet it is not what it was.
        node.say("PSETEX k 1000 v").await;
        node.say("WATCH k").await;
        node.machine.wall_ahead.set(Duration::from_secs(2));
        node.say("MULTI").await;
        assert_eq!(node.say("EXEC").await, "nil");
    });
}

#[test]
fn a_transaction_sees_its_own_writes_only() {
    run(async {
        let dir = tempdir().unwrap();
        let mut node = master(&dir, quick()).await;
        node.say("RPUSH l a b c").await;
        for request in ["MULTI", "LPOP l", "RPUSH l d", "HSET l f v", "LRANGE l 0 -1", "DBSIZE"] {
            node.say(request).await;
        }
        node.say("INFO keyspace").await;
        let replies = node.say("EXEC").await;
        let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        assert!(replies.starts_with(&format!("[a 3 {wrong} [b c d] 1 # Keyspace")), "{replies}");
        assert_eq!(node.say("LRANGE l 0 -1").await, "[b c d]");
    });
}

#[test]
fn a_paused_node_has_no_authority_and_obeys_orders() {
    run(async {
        let dir = tempdir().unwrap();
        let mut node = master(&dir, quick()).await;
        assert_eq!(node.say("CLIENT PAUSE 60000 WRITE").await, "OK");
        assert!(!node.machine.status().authoritative);
        assert_eq!(node.say("GET k").await, "nil", "reads are not paused");
        let mut writer = node.connect().await;
        writer.send(&["SET", "k", "v"]).await.unwrap();
        let mut committer = node.connect().await;
        for request in [&["MULTI"][..], &["SET", "l", "v"]] {
            committer.call(request).await.unwrap();
        }
        committer.send(&["EXEC"]).await.unwrap();
        node.pause().await;
        assert_eq!(node.acknowledged().len(), 0);
        assert_eq!(node.say("CLIENT UNPAUSE").await, "OK");
        assert!(node.machine.status().authoritative);
        assert_eq!(show(&writer.receive().await.unwrap()), "OK");
        assert_eq!(show(&committer.receive().await.unwrap()), "[OK]");

        // A topology comes through, and what waited is answered under it.
        node.say("CLIENT PAUSE 60000").await;
        writer.send(&["SET", "foo", "w"]).await.unwrap();
        let mut reader = node.connect().await;
        reader.send(&["GET", "k"]).await.unwrap();
        node.pause().await;
        node.set_nodes(&format!("{B} other 7 master - 0-16383"), 2).await;
        node.say("CLIENT UNPAUSE").await;
        assert_eq!(show(&writer.receive().await.unwrap()), "-MOVED 12182 other:7");
        assert!(show(&reader.receive().await.unwrap()).starts_with("-MOVED"));
        // And it ends by itself.
        node.say("CLIENT PAUSE 20").await;
        assert!(node.say("SET foo w").await.starts_with("-MOVED"));
    });
}

#[test]
fn waiting_for_replicas() {
    run(async {
        let dirs = [tempdir().unwrap(), tempdir().unwrap()];
        let mut a = master(&dirs[0], quick()).await;
        for (request, reply) in [
            ("WAIT 0 1", "-ERR numreplicas should be a positive integer"),
            ("WAIT x 1", "-ERR numreplicas should be a positive integer"),
            ("WAIT 1 -1", "-ERR timeout should be a non-negative integer"),
            ("WAIT 1 1", "0"),
            ("SET k v", "OK"),
        ] {
            assert_eq!(a.say(request).await, reply, "{request}");
        }
        let mut waiter = a.connect().await;
        waiter.call(&["SET", "k", "w"]).await.unwrap();
        waiter.send(&["WAIT", "1", "0"]).await.unwrap();
        a.pause().await;
        // The wait holds up no order, and ends when the replica has come.
        let mut b = start(dirs[1].path(), quick()).await;
        let text = format!(
            "{A} 127.0.0.1 {} master - 0-16383\n{B} 127.0.0.1 {} slave {A}",
            a.port, b.port
        );
        a.set_nodes(&text, 2).await;
        b.set_nodes(&text, 2).await;
        assert_eq!(show(&waiter.receive().await.unwrap()), "1");
        a.say("SET k x").await;
        assert_eq!(a.say("WAIT 1 5000").await, "1");
        assert_eq!(a.say("WAIT 2 1").await, "1");
        // Who becomes a replica meanwhile does not wait for ever.
        waiter.send(&["WAIT", "2", "0"]).await.unwrap();
        a.pause().await;
        let text = format!(
            "{A} 127.0.0.1 {} slave {B}\n{B} 127.0.0.1 {} master - 0-16383",
            a.port, b.port
        );
        a.set_nodes(&text, 3).await;
        let ended = show(&waiter.receive().await.unwrap());
        assert_eq!(ended, "-ERR WAIT command can only be executed on master");
    });
}

#[test]
fn connections_tell_of_themselves() {
    run(async {
        let dir = tempdir().unwrap();
        let mut node = master(&dir, quick()).await;
        let mut other = node.connect().await;
        other.call(&["CLIENT", "SETNAME", "other"]).await.unwrap();
        for (request, reply) in [
            ("CLIENT SETINFO LIB-NAME lib", "OK"),
            ("CLIENT SETINFO LIB-VER 1.2", "OK"),
            ("CLIENT NO-EVICT ON", "OK"),
            ("CLIENT ID", "1"),
            ("COMMAND DOCS get", "[]"),
            ("READONLY", "OK"),
            ("READWRITE", "OK"),
            ("ASKING", "OK"),
            ("PING hello", "hello"),
        ] {
            assert_eq!(node.say(request).await, reply, "{request}");
        }
        let info = node.say("CLIENT INFO").await;
        assert!(
            info.starts_with("id=1 ") && info.ends_with("resp=2 lib-name=lib lib-ver=1.2\n"),
            "{info}"
        );
        assert!(node.say("CLIENT LIST").await.contains("name=other"));
        drop(other);
        while node.say("CLIENT LIST").await.lines().count() > 1 {
            node.pause().await;
        }
    });
}
