//! A former master that rejoins, case by case: `f` is the last sequence number that both have in
//! common, `m` the former master's last, `n` the new one's. Replication without ids accepts
//! wherever a batch of the new master begins, whoever wrote what lies before it.

use crate::machine::{Node, quick, run, start};
use host::{Link, Observation};
use tempfile::{TempDir, tempdir};

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// A was master, B is; A has not heard of it. Both have two keys in common: `f` is 2.
struct Switchover {
    a: Node,
    b: Node,
    _dirs: [TempDir; 2],
}

/// How a former master came back.
struct Rejoined {
    full_sync: bool,
    /// Sequence number and keys, of A and of B.
    contents: [String; 2],
}

impl Switchover {
    async fn start() -> Switchover {
        let dirs = [tempdir().unwrap(), tempdir().unwrap()];
        let a = start(dirs[0].path(), quick()).await;
        let b = start(dirs[1].path(), quick()).await;
        let mut pair = Switchover { a, b, _dirs: dirs };
        let before = pair.topology(A, B);
        pair.a.set_nodes(&before, 1).await;
        pair.b.ask(&["CLUSTERX", "SETNODEID", B]).await;
        pair.b.set_nodes(&before, 1).await;
        pair.write([&["SET x 1", "SET y 1"], &[]]).await;
        pair.b.say("READONLY").await;
        pair.b.until_said("GET y", "1").await;
        pair.b.set_nodes(&pair.topology(B, A), 2).await;
        pair
    }

    fn topology(&self, master: &str, replica: &str) -> String {
        let port = |id| if id == A { self.a.port } else { self.b.port };
        let (of_master, of_replica) = (port(master), port(replica));
        format!(
            "{master} 127.0.0.1 {of_master} master - 0-16383\n\
             {replica} 127.0.0.1 {of_replica} slave {master}"
        )
    }

    /// Writes on A, then on B.
    async fn write(&mut self, requests: [&[&str]; 2]) {
        for (node, requests) in [&mut self.a, &mut self.b].into_iter().zip(requests) {
            for request in requests {
                let reply = node.say(request).await;
                assert!(!reply.starts_with('-'), "{request}: {reply}");
            }
        }
    }

    /// A hears of the new master, and follows it from then on.
    async fn rejoin(mut self) -> Rejoined {
        let heard_from = self.a.machine.observations.borrow().len();
        self.a.set_nodes(&self.topology(B, A), 2).await;
        self.a.until(|machine| machine.status().link == Some(Link::Streaming)).await;
        let is_full_sync = |observation: &Observation| match observation {
            Observation::Status { status } => status.link == Some(Link::FullSync),
            _ => false,
        };
        let full_sync = self.a.machine.observations.borrow()[heard_from..].iter().any(is_full_sync);
        // Whatever B writes from now on arrives at A, behind all that came before.
        self.a.say("READONLY").await;
        self.write([&[], &["SET last 1"]]).await;
        self.a.until_said("GET last", "1").await;
        let contents = [contents(&mut self.a).await, contents(&mut self.b).await];
        Rejoined { full_sync, contents }
    }
}

async fn contents(node: &mut Node) -> String {
    let keyspace = node.say("INFO keyspace").await;
    let sequence = keyspace.lines().find(|line| line.starts_with("sequence:"));
    let mut contents = sequence.expect("the section has the sequence").to_owned();
    for key in ["x", "y", "old", "new", "newer", "newest"] {
        let value = node.say(&format!("GET {key}")).await;
        contents.push_str(&format!(" {key}={value}"));
    }
    contents
}

async fn rejoined(on_a: &[&str], on_b: &[&str]) -> Rejoined {
    let mut pair = Switchover::start().await;
    pair.write([on_a, on_b]).await;
    pair.rejoin().await
}

#[test]
fn behind_the_former_master_its_writes_are_dropped_by_a_full_sync() {
    run(async {
        // n = 3 < m = 4
        let after = rejoined(&["SET x old", "SET old 1"], &["SET new 1"]).await;
        assert!(after.full_sync);
        assert_eq!(after.contents[0], "sequence:4 x=1 y=1 old=nil new=1 newer=nil newest=nil");
        assert_eq!(after.contents[0], after.contents[1]);
    });
}

#[test]
fn as_far_as_the_former_master_contents_differ_for_ever() {
    run(async {
        // n = m = 3
        let after = rejoined(&["SET old 1"], &["SET new 1"]).await;
        assert!(!after.full_sync);
        assert_eq!(after.contents[0], "sequence:4 x=1 y=1 old=1 new=nil newer=nil newest=nil");
        assert_eq!(after.contents[1], "sequence:4 x=1 y=1 old=nil new=1 newer=nil newest=nil");
    });
}

#[test]
fn beyond_the_former_master_at_the_start_of_a_batch_it_diverges_in_silence() {
    run(async {
        // m = 3, n = 5
        let after = rejoined(&["SET old 1"], &["SET new 1", "SET newer 1", "SET x 2"]).await;
        assert!(!after.full_sync);
        assert_eq!(after.contents[0], "sequence:6 x=2 y=1 old=1 new=nil newer=1 newest=nil");
        assert_eq!(after.contents[1], "sequence:6 x=2 y=1 old=nil new=1 newer=1 newest=nil");
    });
}

#[test]
fn beyond_the_former_master_inside_a_batch_is_a_full_sync() {
    run(async {
        // m = 3; one batch from 3 to 5
        let batch = ["MULTI", "SET new 1", "SET newer 1", "SET newest 1", "EXEC"];
        let after = rejoined(&["SET old 1"], &batch).await;
        assert!(after.full_sync);
        assert_eq!(after.contents[0], "sequence:6 x=1 y=1 old=nil new=1 newer=1 newest=1");
        assert_eq!(after.contents[0], after.contents[1]);
    });
}

#[test]
fn a_former_master_without_extra_writes_is_continued_and_right() {
    run(async {
        // m = f = 2
        for on_b in [
            &[] as &[&str],
            &["SET new 1", "SET newer 1"],
            &["MULTI", "SET new 1", "SET newer 1", "EXEC"],
        ] {
            let after = rejoined(&[], on_b).await;
            assert!(!after.full_sync, "{on_b:?}");
            assert_eq!(after.contents[0], after.contents[1], "{on_b:?}");
        }
    });
}
