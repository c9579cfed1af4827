//! A former master that rejoins, case by case: `f` is the last sequence number that both have in
//! common, `m` the former master's last, `n` the new one's. Replication without ids accepts
//! wherever a batch of the new master begins, whoever wrote what lies before it. With ids on both
//! sides, a promotion costs one sequence number, and extra writes always end in a full sync.

use crate::machine::{Node, quick, run, start};
use host::{Link, Observation};
use node::NodeConfig;
use tempfile::{TempDir, tempdir};

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// A was master, B is; A has not heard of it. Both have two keys in common: `f` is 2, or 3 with
/// ids, and the new id is 4.
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
    async fn start(config: NodeConfig) -> Switchover {
        let dirs = [tempdir().unwrap(), tempdir().unwrap()];
        let a = start(dirs[0].path(), config.clone()).await;
        let b = start(dirs[1].path(), config).await;
        let mut pair = Switchover { a, b, _dirs: dirs };
        let before = pair.topology(A, B);
        pair.a.set_nodes(&before, 1).await;
        pair.b.ask(&["CLUSTERX", "SETNODEID", B]).await;
        pair.b.set_nodes(&before, 1).await;
        pair.b.until(|machine| machine.status().link == Some(Link::Streaming)).await;
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

fn with_ids() -> NodeConfig {
    NodeConfig { use_rsid_psync: true, ..quick() }
}

async fn rejoined(config: NodeConfig, on_a: &[&str], on_b: &[&str]) -> Rejoined {
    let mut pair = Switchover::start(config).await;
    pair.write([on_a, on_b]).await;
    pair.rejoin().await
}

/// One batch of three.
const BATCH: [&str; 5] = ["MULTI", "SET new 1", "SET newer 1", "SET newest 1", "EXEC"];

#[test]
fn behind_the_former_master_its_writes_are_dropped_by_a_full_sync() {
    run(async {
        // n = 3 < m = 4
        let after = rejoined(quick(), &["SET x old", "SET old 1"], &["SET new 1"]).await;
        assert!(after.full_sync);
        assert_eq!(after.contents[0], "sequence:4 x=1 y=1 old=nil new=1 newer=nil newest=nil");
        assert_eq!(after.contents[0], after.contents[1]);
    });
}

#[test]
fn as_far_as_the_former_master_contents_differ_for_ever() {
    run(async {
        // n = m = 3
        let after = rejoined(quick(), &["SET old 1"], &["SET new 1"]).await;
        assert!(!after.full_sync);
        assert_eq!(after.contents[0], "sequence:4 x=1 y=1 old=1 new=nil newer=nil newest=nil");
        assert_eq!(after.contents[1], "sequence:4 x=1 y=1 old=nil new=1 newer=nil newest=nil");
    });
}

#[test]
fn beyond_the_former_master_at_the_start_of_a_batch_it_diverges_in_silence() {
    run(async {
        // m = 3, n = 5
        let on_b = ["SET new 1", "SET newer 1", "SET x 2"];
        let after = rejoined(quick(), &["SET old 1"], &on_b).await;
        assert!(!after.full_sync);
        assert_eq!(after.contents[0], "sequence:6 x=2 y=1 old=1 new=nil newer=1 newest=nil");
        assert_eq!(after.contents[1], "sequence:6 x=2 y=1 old=nil new=1 newer=1 newest=nil");
    });
}

#[test]
fn beyond_the_former_master_inside_a_batch_is_a_full_sync() {
    run(async {
        // m = 3; one batch from 3 to 5
        let after = rejoined(quick(), &["SET old 1"], &BATCH).await;
        assert!(after.full_sync);
        assert_eq!(after.contents[0], "sequence:6 x=1 y=1 old=nil new=1 newer=1 newest=1");
        assert_eq!(after.contents[0], after.contents[1]);
    });
}

#[test]
fn with_padding_it_diverges_inside_a_batch_too() {
    run(async {
        let config = NodeConfig { replication_enable_sequence_padding: true, ..quick() };
        let after = rejoined(config, &["SET old 1"], &BATCH).await;
        assert!(!after.full_sync);
        assert_eq!(after.contents[0], "sequence:6 x=1 y=1 old=1 new=nil newer=nil newest=nil");
        assert_eq!(after.contents[1], "sequence:6 x=1 y=1 old=nil new=1 newer=1 newest=1");
    });
}

#[test]
fn a_former_master_without_extra_writes_is_continued_and_right() {
    run(async {
        // m = f
        for config in [quick(), with_ids()] {
            for on_b in [
                &[] as &[&str],
                &["SET new 1", "SET newer 1"],
                &["MULTI", "SET new 1", "SET newer 1", "EXEC"],
            ] {
                let ids = config.use_rsid_psync;
                let after = rejoined(config.clone(), &[], on_b).await;
                assert!(!after.full_sync, "{ids} {on_b:?}");
                assert_eq!(after.contents[0], after.contents[1], "{ids} {on_b:?}");
            }
        }
    });
}

#[test]
fn with_ids_extra_writes_end_in_a_full_sync() {
    run(async {
        let cases: [(&str, &[&str], &[&str]); 5] = [
            ("n = 4 < m = 5", &["SET x old", "SET old 1"], &[]),
            ("n = m = 4", &["SET old 1"], &[]),
            ("n = m = 5", &["SET old 1", "SET x old"], &["SET new 1"]),
            ("m = 4, n = 6", &["SET old 1"], &["SET new 1", "SET newer 1"]),
            ("m = 5, one batch from 5 to 7", &["SET old 1", "SET x old"], &BATCH),
        ];
        for (case, on_a, on_b) in cases {
            for pad in [false, true] {
                let config = NodeConfig { replication_enable_sequence_padding: pad, ..with_ids() };
                let after = rejoined(config, on_a, on_b).await;
                assert!(after.full_sync, "{case}, padding {pad}");
                assert_eq!(after.contents[0], after.contents[1], "{case}, padding {pad}");
                assert!(after.contents[0].contains("x=1 y=1 old=nil"), "{}", after.contents[0]);
            }
        }
    });
}

#[test]
fn what_the_log_does_not_have_any_more_is_a_full_sync() {
    run(async {
        for ids in [false, true] {
            let config = NodeConfig { use_rsid_psync: ids, wal_keep_batches: 1, ..quick() };
            let on_b = ["SET new 1", "SET newer 1", "SET newest 1"];
            let after = rejoined(config, &["SET old 1"], &on_b).await;
            assert!(after.full_sync, "{ids}");
            assert_eq!(after.contents[0], after.contents[1], "{ids}");
        }
    });
}

#[test]
fn ids_do_not_help_where_the_log_lacks_the_number_before() {
    run(async {
        // m = 4, n = 5; of B's log only 5 is left, and it begins there.
        let config = NodeConfig { wal_keep_batches: 1, ..with_ids() };
        let after = rejoined(config, &["SET old 1"], &["SET new 1"]).await;
        assert!(!after.full_sync);
        assert_eq!(after.contents[0], "sequence:6 x=1 y=1 old=1 new=1 newer=nil newest=nil");
        assert_eq!(after.contents[1], "sequence:6 x=1 y=1 old=nil new=1 newer=nil newest=nil");
    });
}

#[test]
fn one_side_with_ids_is_as_none() {
    run(async {
        let config = NodeConfig { use_rsid_psync: true, ..quick() };
        let dirs = [tempdir().unwrap(), tempdir().unwrap()];
        let a = start(dirs[0].path(), config).await;
        let b = start(dirs[1].path(), quick()).await;
        let mut pair = Switchover { a, b, _dirs: dirs };
        // A's new id took its first number; B's write has it too, and B asks nobody.
        pair.b.ask(&["CLUSTERX", "SETNODEID", B]).await;
        pair.b.set_nodes(&pair.topology(B, A), 1).await;
        pair.write([&[], &["SET new 1"]]).await;
        pair.a.ask(&["CLUSTERX", "SETNODEID", A]).await;
        let after = pair.rejoin().await;
        assert!(!after.full_sync);
        assert_eq!(
            after.contents[0],
            "sequence:2 x=nil y=nil old=nil new=nil newer=nil newest=nil"
        );
    });
}
