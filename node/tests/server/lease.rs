//! The lease on a whole node: against a reference under random sequences of heartbeats, roles,
//! modes and clock steps, and in the way of everything that writes.

use std::time::Duration;

use node::client::Client;
use node::resp::Frame;
use node::{LeaseMode, NodeConfig};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use tempfile::tempdir;

use crate::machine::{Node, quick, run, show, start};

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const EXPIRED: &str = "master lease expired (master_lease_mode=block-write)";

/// Real time passes during a test, too: a unit is far more than that.
const UNIT_S: u64 = 100;

#[derive(Clone, Debug)]
enum Step {
    /// A heartbeat for this node, or for another one.
    Heartbeat {
        mine: bool,
        units: u64,
        version: u64,
    },
    /// The topology makes it master, or a replica.
    Role {
        master: bool,
    },
    Mode(LeaseMode),
    /// The wall clock is set, forwards or back.
    Clock {
        units: u64,
    },
    /// A write, directly or by EXEC.
    Write {
        transaction: bool,
    },
}

/// The node again, in a few lines: what a write is answered.
#[derive(Default)]
struct Reference {
    replica: bool,
    mode: LeaseMode,
    now: u64,
    /// The last heartbeat that counted: when it was processed, its length and version.
    lease: Option<(u64, u64, u64)>,
}

impl Reference {
    /// What the step is answered, in part: `OK`, or what the error says.
    fn play(&mut self, step: &Step) -> &'static str {
        match *step {
            Step::Heartbeat { mine, units, version } if mine && !self.replica => {
                if self.lease.is_some_and(|(_, _, local)| version < local) {
                    return "election version mismatch";
                }
                self.lease = Some((self.now, units, version));
            }
            Step::Heartbeat { .. } => {}
            Step::Role { master } => {
                self.replica = !master;
                self.lease = self.lease.filter(|_| master);
            }
            Step::Mode(mode) => self.mode = mode,
            Step::Clock { units } => self.now = units,
            Step::Write { .. } if self.replica => return "MOVED",
            Step::Write { .. } => {
                let expired = self.lease.is_some_and(|(at, units, _)| self.now > at + units);
                if expired && self.mode == LeaseMode::BlockWrite {
                    return EXPIRED;
                }
            }
        }
        "OK"
    }
}

fn step() -> impl Strategy<Value = Step> {
    let heartbeat = (proptest::bool::weighted(0.8), 1..5u64, 0..4u64)
        .prop_map(|(mine, units, version)| Step::Heartbeat { mine, units, version });
    let modes = [LeaseMode::Disabled, LeaseMode::LogOnly, LeaseMode::BlockWrite];
    prop_oneof![
        4 => heartbeat,
        1 => any::<bool>().prop_map(|master| Step::Role { master }),
        1 => proptest::sample::select(modes.to_vec()).prop_map(Step::Mode),
        4 => (0..30u64).prop_map(|units| Step::Clock { units }),
        6 => any::<bool>().prop_map(|transaction| Step::Write { transaction }),
    ]
}

async fn perform(node: &mut Node, version: &mut i64, step: &Step) -> String {
    match step {
        Step::Heartbeat { mine, units, version } => {
            let id = if *mine { A } else { B };
            // Half a unit more: still valid when the clock reads the last unit.
            let lease_ms = (units * UNIT_S + UNIT_S / 2) * 1000;
            node.say(&format!("CLUSTERX HEARTBEAT {id} {lease_ms} {version}")).await
        }
        Step::Role { master } => {
            *version += 1;
            let port = node.port;
            let text = if *master {
                format!("{A} 127.0.0.1 {port} master - 0-16383")
            } else {
                format!("{A} 127.0.0.1 {port} slave {B}\n{B} 127.0.0.1 1 master - 0-16383")
            };
            node.ask(&["CLUSTERX", "SETNODES", &text, &version.to_string()]).await
        }
        Step::Mode(mode) => node.say(&format!("CONFIG SET master-lease-mode {mode}")).await,
        Step::Clock { units } => {
            node.machine.wall_ahead.set(Duration::from_secs(units * UNIT_S));
            "OK".to_owned()
        }
        Step::Write { transaction: false } => node.say("SET k v").await,
        Step::Write { transaction: true } => {
            node.say("MULTI").await;
            let queued = node.say("SET k v").await;
            let reply = node.say("EXEC").await;
            if queued == "QUEUED" { reply } else { queued }
        }
    }
}

#[test]
fn agrees_with_the_reference() {
    run(async {
        let dir = tempdir().unwrap();
        let mut node = start(dir.path(), quick()).await;
        let mut version = 0;
        let mut runner = TestRunner::new(Config::default());
        for case in 0..60 {
            let steps = proptest::collection::vec(step(), 1..40);
            let steps = steps.new_tree(&mut runner).unwrap().current();
            // Every case begins as a master without a lease.
            for master in [false, true] {
                perform(&mut node, &mut version, &Step::Role { master }).await;
            }
            perform(&mut node, &mut version, &Step::Mode(LeaseMode::Disabled)).await;
            perform(&mut node, &mut version, &Step::Clock { units: 0 }).await;
            let mut reference = Reference::default();
            for (index, step) in steps.iter().enumerate() {
                let expected = reference.play(step);
                let reply = perform(&mut node, &mut version, step).await;
                let agrees = match expected {
                    "OK" => !reply.starts_with('-'),
                    error => reply.starts_with('-') && reply.contains(error),
                };
                let played = &steps[..=index];
                assert!(agrees, "case {case}: {expected}, not {reply}, after {played:?}");
            }
        }
    });
}

/// Every command of the table that writes, with arguments that it understands.
async fn writing_commands(client: &mut Client) -> Vec<Vec<String>> {
    let Frame::Array(rows) = client.call(&["COMMAND"]).await.unwrap() else {
        panic!("COMMAND answers with an array");
    };
    let mut requests = Vec::new();
    for row in rows {
        let Frame::Array(fields) = row else { panic!("a row is an array") };
        let [name, Frame::Integer(arity), Frame::Array(flags), Frame::Integer(first_key), ..] =
            fields.as_slice()
        else {
            panic!("{fields:?}");
        };
        if flags.iter().any(|flag| show(flag) == "write") {
            let name = show(name);
            let arguments = arity.unsigned_abs() as usize - 1;
            let mut request = vec![name.clone()];
            // Each on a key of its own, which none has made something else.
            request.extend((0..arguments).map(|index| match index {
                0 if *first_key == 1 => format!("key-of-{name}"),
                _ => "1".to_owned(),
            }));
            requests.push(request);
        }
    }
    requests
}

#[test]
fn everything_that_writes_asks_the_lease() {
    run(async {
        let dir = tempdir().unwrap();
        let config = NodeConfig { master_lease_mode: LeaseMode::BlockWrite, ..quick() };
        let mut node = start(dir.path(), config).await;
        let text = format!("{A} 127.0.0.1 {} master - 0-16383", node.port);
        node.set_nodes(&text, 1).await;
        let mut client = node.connect().await;
        let commands = writing_commands(&mut client).await;
        assert!(commands.len() >= 30, "{commands:?}");
        // With a lease each of them works on these arguments; some leave a key behind.
        for request in &commands {
            let reply = client.call(request).await.unwrap();
            assert!(!matches!(reply, Frame::Error(_)), "{request:?}: {reply:?}");
        }
        client.call(&["SET", "left", "v"]).await.unwrap();
        let keys = node.say("KEYS *").await;
        let before = node.acknowledged().len();

        node.say("CLUSTERX HEARTBEAT 1 1000").await;
        node.machine.wall_ahead.set(Duration::from_secs(2));
        for request in &commands {
            let reply = show(&client.call(request).await.unwrap());
            assert!(reply.starts_with('-') && reply.contains(EXPIRED), "{request:?}: {reply}");
            // And inside a transaction, which is refused whole.
            client.call(&["MULTI"]).await.unwrap();
            client.call(&["SET", "beside", "v"]).await.unwrap();
            assert_eq!(show(&client.call(request).await.unwrap()), "QUEUED");
            let reply = show(&client.call(&["EXEC"]).await.unwrap());
            assert!(reply.starts_with('-') && reply.contains(EXPIRED), "{request:?}: {reply}");
        }
        assert_eq!(node.say("KEYS *").await, keys);
        assert_eq!(node.acknowledged().len(), before);
        assert!(node.say("INFO keyspace").await.contains("sequence:"));
    });
}
