//! The rules that better the proposed lease, one by one, on a whole node.

use std::time::Duration;

use crate::machine::{Node, quick, run, start};
use host::Lease;
use node::{LeaseClock, LeaseMode, NodeConfig};
use tempfile::{TempDir, tempdir};

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const EXPIRED: &str = "-ERR Operation aborted: Write rejected: master lease expired \
    (master_lease_mode=block-write)";

fn block_write() -> NodeConfig {
    NodeConfig { master_lease_mode: LeaseMode::BlockWrite, ..quick() }
}

/// A node that is master of all slots as `A`.
async fn master(dir: &TempDir, config: NodeConfig) -> Node {
    let mut node = start(dir.path(), config).await;
    let text = format!("{A} 127.0.0.1 {} master - 0-16383", node.port);
    node.set_nodes(&text, 1).await;
    node
}

fn minutes(number: u64) -> Duration {
    Duration::from_secs(60 * number)
}

#[test]
fn a_deadline_on_boottime_heeds_suspends_and_no_steps() {
    run(async {
        for (clock, after_step, after_suspend) in
            [(LeaseClock::Wall, EXPIRED, "OK"), (LeaseClock::Boottime, "OK", EXPIRED)]
        {
            let dir = tempdir().unwrap();
            let config = NodeConfig { master_lease_clock: clock, ..block_write() };
            let mut node = master(&dir, config).await;
            node.say("CLUSTERX HEARTBEAT 1 300000").await;
            assert_eq!(node.machine.status().lease, Lease::Held);
            node.machine.wall_ahead.set(minutes(6));
            assert_eq!(node.say("SET k v").await, after_step, "{clock}");
            node.machine.wall_ahead.set(Duration::ZERO);
            assert_eq!(node.say("SET k v").await, "OK", "{clock}");
            node.machine.boot_ahead.set(minutes(6));
            assert_eq!(node.say("SET k v").await, after_suspend, "{clock}");
            let shown = format!("[master-lease-clock {clock}]");
            assert_eq!(node.say("CONFIG GET master-lease-clock").await, shown);
            let set = node.say("CONFIG SET master-lease-clock wall").await;
            assert!(set.starts_with("-ERR Unable to change"), "a rule stands fast: {set}");
        }
    });
}
