//! The rules that better the proposed lease, one by one, on a whole node.

use std::time::Duration;

use crate::machine::{Node, quick, run, show, start};
use host::{Lease, Observation};
use node::{LeaseClock, LeaseMode, NodeConfig};
use tempfile::{TempDir, tempdir};

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const EXPIRED: &str = "-ERR Operation aborted: Write rejected: master lease expired \
    (master_lease_mode=block-write)";
const NO_LEASE: &str =
    "-ERR Operation aborted: Write rejected: no master lease (master_lease_mode=block-write)";

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

/// A heartbeat with the stamp of an earlier reply, or without; its own reply.
async fn heartbeat(node: &mut Node, version: u64, stamp: &str) -> String {
    node.say(format!("CLUSTERX HEARTBEAT {A} 300000 {version} {stamp}").trim_end()).await
}

/// The stamp in a heartbeat's reply.
fn stamp(reply: &str) -> String {
    let line = reply.lines().find_map(|line| line.strip_prefix("lease_stamp:"));
    line.unwrap_or_else(|| panic!("no stamp in {reply}")).to_owned()
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

#[test]
fn with_a_closed_start_nobody_writes_before_the_first_lease() {
    let dir = tempdir().unwrap();
    let config = NodeConfig { master_lease_closed_start: true, ..block_write() };
    run(async {
        let mut node = master(&dir, config.clone()).await;
        let no_lease = |node: &Node| {
            let status = node.machine.status();
            (status.lease, status.authoritative) == (Lease::None, false)
        };
        assert!(no_lease(&node), "at the start");
        for request in ["SET k v", "DEL none", "FLUSHALL"] {
            assert_eq!(node.say(request).await, NO_LEASE, "{request}");
        }
        assert_eq!(node.observed(&Observation::LeaseRefused), 3);
        node.say("CLUSTERX HEARTBEAT 1 300000").await;
        assert!(node.machine.status().authoritative);
        assert_eq!(node.say("SET k v").await, "OK");

        // A replica that is promoted has to be granted one of its own.
        let port = node.port;
        let text = format!("{A} 127.0.0.1 {port} slave {B}\n{B} 127.0.0.1 1 master - 0-16383");
        node.set_nodes(&text, 2).await;
        node.set_nodes(&format!("{A} 127.0.0.1 {port} master - 0-16383"), 3).await;
        assert!(no_lease(&node), "after a promotion");
        assert_eq!(node.say("SET k v").await, NO_LEASE);
        assert_eq!(node.say("GET k").await, "v", "reads are not guarded");

        assert_eq!(node.say("CONFIG SET master-lease-mode log-only").await, "OK");
        assert_eq!(node.say("SET k w").await, "OK");
        assert_eq!(node.observed(&Observation::LeaseExpiredLogged), 1);
        assert_eq!(node.say("CONFIG SET master-lease-mode disabled").await, "OK");
        assert_eq!(node.say("SET k x").await, "OK");
        assert_eq!(node.observed(&Observation::LeaseExpiredLogged), 1);
    });
    run(async {
        let mut node = start(dir.path(), config).await;
        assert!(!node.machine.status().authoritative, "after a restart");
        assert_eq!(node.say("SET k y").await, NO_LEASE);
        assert_eq!(node.say("GET k").await, "x");
    });
}

#[test]
fn the_holder_counts_less_than_it_was_granted() {
    run(async {
        // A third of ten minutes.
        for (drift_ppm, after_four) in [(0, "OK"), (500_000, EXPIRED)] {
            let dir = tempdir().unwrap();
            let config = NodeConfig { master_lease_drift_ppm: drift_ppm, ..block_write() };
            let mut node = master(&dir, config).await;
            node.say("CLUSTERX HEARTBEAT 1 600000").await;
            node.machine.wall_ahead.set(minutes(3));
            assert_eq!(node.say("SET k v").await, "OK", "{drift_ppm}");
            node.machine.wall_ahead.set(minutes(4));
            assert_eq!(node.say("SET k v").await, after_four, "{drift_ppm}");
        }
    });
}

#[test]
fn a_longer_lease_than_allowed_is_refused_by_everybody() {
    run(async {
        let dir = tempdir().unwrap();
        let config = NodeConfig { master_lease_ms_max: 5_000, ..block_write() };
        let mut node = master(&dir, config).await;
        let refused = "-ERR invalid lease_ms: 5001 is more than master-lease-ms-max, 5000";
        for meant in [A, B] {
            let request = format!("CLUSTERX HEARTBEAT {meant} 5001 3");
            assert_eq!(node.say(&request).await, refused);
        }
        assert_eq!(node.say("CLUSTERX HEARTBEAT 3 5001").await, refused);
        let status = node.machine.status();
        assert_eq!((status.lease, status.election_version), (Lease::None, 0));
        let info = node.say("CLUSTERX HEARTBEAT 3 5000").await;
        assert!(info.starts_with("# Replication"), "{info}");
        assert_eq!(node.machine.status().lease, Lease::Held);
    });
}

#[test]
fn a_dated_lease_counts_from_the_stamp() {
    run(async {
        let dir = tempdir().unwrap();
        let config = NodeConfig {
            master_lease_dated: true,
            master_lease_clock: LeaseClock::Boottime,
            ..block_write()
        };
        let mut node = master(&dir, config).await;
        let version_and_lease = |node: &Node| {
            let status = node.machine.status();
            (status.election_version, status.lease)
        };
        let first = stamp(&heartbeat(&mut node, 0, "").await);
        assert_eq!(version_and_lease(&node), (0, Lease::None), "no stamp grants nothing");
        let under_seven = stamp(&heartbeat(&mut node, 7, &first).await);
        assert_eq!(version_and_lease(&node), (7, Lease::None), "a higher version is taken over");
        let reply = node.say(&format!("CLUSTERX HEARTBEAT 7 300000 {under_seven}")).await;
        stamp(&reply);
        assert_eq!(version_and_lease(&node).1, Lease::None, "the form without an id");
        let foreign = under_seven.replace(A, B);
        for foreign in [&foreign, &first, "17", "\u{fe}"] {
            heartbeat(&mut node, 7, foreign).await;
            assert_eq!(version_and_lease(&node).1, Lease::None, "{foreign}");
        }
        heartbeat(&mut node, 7, &under_seven).await;
        assert_eq!(version_and_lease(&node), (7, Lease::Held));

        // What was sent before a hang of four minutes, and arrives after it.
        node.machine.boot_ahead.set(minutes(1));
        let before = stamp(&heartbeat(&mut node, 7, "").await);
        node.machine.boot_ahead.set(minutes(5));
        heartbeat(&mut node, 7, &before).await;
        assert_eq!(node.say("SET k v").await, "OK", "the lease still runs for a minute");
        node.machine.boot_ahead.set(minutes(7));
        let after = stamp(&heartbeat(&mut node, 7, &before).await);
        assert_eq!(node.say("SET k v").await, EXPIRED, "it counted from before the hang");
        heartbeat(&mut node, 7, &after).await;
        assert_eq!(node.say("SET k v").await, "OK");
        heartbeat(&mut node, 7, &before).await;
        assert_eq!(node.say("SET k v").await, "OK", "an older stamp takes nothing away");
        let renewed = |o: &&Observation| matches!(o, Observation::LeaseRenewed { .. });
        assert_eq!(node.machine.observations.borrow().iter().filter(renewed).count(), 3);

        let older = heartbeat(&mut node, 6, &after).await;
        assert_eq!(older, "-ERR election version mismatch: local=7, received=6");
        heartbeat(&mut node, 8, &after).await;
        assert_eq!(version_and_lease(&node), (8, Lease::Held), "and keeps what it had");
    });
}

#[test]
fn stamps_of_an_earlier_life_grant_nothing() {
    let dir = tempdir().unwrap();
    let config = NodeConfig { master_lease_dated: true, ..block_write() };
    let mut earlier = String::new();
    run(async {
        let mut node = master(&dir, config.clone()).await;
        // The boot after this one begins its count again.
        node.machine.boot_ahead.set(minutes(60));
        earlier = stamp(&heartbeat(&mut node, 3, "").await);
    });
    run(async {
        let mut node = start(dir.path(), config).await;
        let own = stamp(&heartbeat(&mut node, 3, &earlier).await);
        assert_eq!(node.machine.status().lease, Lease::None);
        heartbeat(&mut node, 3, &own).await;
        assert_eq!(node.machine.status().lease, Lease::Held);
    });
}

#[test]
fn every_reply_to_a_heartbeat_has_a_stamp_and_nothing_else_has() {
    run(async {
        let dir = tempdir().unwrap();
        let config = NodeConfig { master_lease_dated: true, ..block_write() };
        let mut node = master(&dir, config).await;
        for request in [
            format!("CLUSTERX HEARTBEAT {A} 1000 3"),
            format!("CLUSTERX HEARTBEAT {B} 1000 3"),
            "CLUSTERX HEARTBEAT 3 1000".to_owned(),
        ] {
            let reply = node.say(&request).await;
            let (replication, keyspace) = reply.split_once("# Keyspace").unwrap();
            assert!(stamp(replication).starts_with(A), "{reply}");
            assert!(keyspace.contains("sequence:0\r\n"), "{reply}");
        }
        let text =
            format!("{A} 127.0.0.1 {} slave {B}\n{B} 127.0.0.1 1 master - 0-16383", node.port);
        node.set_nodes(&text, 2).await;
        stamp(&heartbeat(&mut node, 3, "").await);
        assert!(!node.say("INFO").await.contains("lease_stamp"));
    });
    run(async {
        let dir = tempdir().unwrap();
        let mut node = master(&dir, block_write()).await;
        assert!(!heartbeat(&mut node, 3, "").await.contains("lease_stamp"));
    });
}

/// Sends a write that stalls at `point`, lets the lease expire, and shows what it is answered.
async fn stalled_write(node: &Node, point: &'static str, requests: &[&str]) -> String {
    node.machine.stall_at.set(Some(point));
    let stalled = node.machine.stalled.get();
    let mut writer = node.connect().await;
    for request in requests {
        writer.send(&request.split(' ').collect::<Vec<_>>()).await.unwrap();
    }
    node.until(|machine| machine.stalled.get() > stalled).await;
    node.machine.wall_ahead.set(minutes(6));
    node.machine.open_gate();
    let mut last = String::new();
    for _ in requests {
        last = show(&writer.receive().await.unwrap());
    }
    last
}

#[test]
fn a_write_that_outlasts_the_lease_is_applied_and_not_acknowledged() {
    let withheld = "-ERR Write applied but not acknowledged: master lease expired \
        (master_lease_mode=block-write)";
    let transaction: &[&str] = &["MULTI", "SET k v", "INCR n", "EXEC"];
    run(async {
        for point in ["after-lease-check", "before-reply"] {
            for (requests, reply) in [(&["SET k v"] as &[&str], "OK"), (transaction, "[OK 1]")] {
                for rule in [true, false] {
                    let dir = tempdir().unwrap();
                    let config = NodeConfig { master_lease_ack_recheck: rule, ..block_write() };
                    let mut node = master(&dir, config).await;
                    node.say("CLUSTERX HEARTBEAT 1 300000").await;
                    let answered = stalled_write(&node, point, requests).await;
                    assert_eq!(answered, if rule { withheld } else { reply }, "{point}");
                    assert_eq!(node.acknowledged().len(), usize::from(!rule), "{point}");
                    assert_eq!(node.say("GET k").await, "v", "it was applied all the same");
                    let note = Observation::Note { text: withheld[5..].to_owned() };
                    assert_eq!(node.observed(&note), usize::from(rule));
                }
            }
        }
    });
}

#[test]
fn a_lease_that_only_logs_withholds_nothing_and_logs_once() {
    run(async {
        let dir = tempdir().unwrap();
        let config = NodeConfig {
            master_lease_ack_recheck: true,
            master_lease_mode: LeaseMode::LogOnly,
            ..quick()
        };
        let mut node = master(&dir, config).await;
        node.say("CLUSTERX HEARTBEAT 1 300000").await;
        node.machine.wall_ahead.set(minutes(6));
        assert_eq!(node.say("SET k v").await, "OK");
        assert_eq!(node.observed(&Observation::LeaseExpiredLogged), 1);
        assert_eq!(stalled_write(&node, "before-reply", &["SET k w"]).await, "OK");
        assert_eq!(node.observed(&Observation::LeaseExpiredLogged), 2);
    });
}
