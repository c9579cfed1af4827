//! A replication link whose other end lost power: nobody says so, and each end finds out by
//! itself within the idle timeout, and follows again afterwards.

mod support;

use host::Link;
use node::{NodeConfig, WalSync};
use sim::World;
use support::*;

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const TOPOLOGY: &str = "\
    aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa master 6666 master - 0-16383\n\
    bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb replica 6666 slave \
    aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// What the two have by default.
const IDLE_MS: u64 = 5_000;
const PING_MS: u64 = 2_000;
/// Messages under way, and the ticks of the simulation.
const SLACK_MS: u64 = 100;

/// A master and a replica that follows it.
fn followed(ids: bool) -> World {
    let config =
        NodeConfig { wal_sync: WalSync::EveryWrite, use_rsid_psync: ids, ..NodeConfig::default() };
    assert_eq!(config.replication_idle_timeout_ms, IDLE_MS);
    assert_eq!(config.replication_ping_interval_ms, PING_MS);
    let mut world = world(&["master", "replica"]);
    for name in ["master", "replica"] {
        world.start(name, node_process(config.clone())).unwrap();
    }
    run_to(&mut world, 50);
    take_roles(&mut world);
    run_until(&mut world, 5_000, |world| link(world, "replica") == Some(Link::Streaming));
    world
}

/// Power loss may have taken the file in which a node keeps its topology.
fn take_roles(world: &mut World) {
    for (name, id) in [("master", A), ("replica", B)] {
        assert_eq!(ask(world, name, &["CLUSTERX", "SETNODEID", id]), "OK");
        set_nodes(world, name, TOPOLOGY, 1);
    }
}

fn says(world: &mut World, name: &str, line: &str) -> bool {
    ask(world, name, &["INFO", "replication"]).contains(&format!("{line}\r\n"))
}

/// A write reaches the replica.
fn replicates(world: &mut World, value: &str) {
    assert_eq!(ask(world, "master", &["SET", "k", value]), "OK");
    let sequence = ask(world, "master", &["INFO", "keyspace"]);
    let soon = world.now_ms() + 100;
    run_to(world, soon);
    assert_eq!(ask(world, "replica", &["INFO", "keyspace"]), sequence);
}

#[test]
fn a_replica_notices_that_its_master_lost_power_and_follows_again() {
    for ids in [false, true] {
        let mut world = followed(ids);
        replicates(&mut world, "before");
        assert!(says(&mut world, "replica", "master_link_status:up"));
        let off_ms = world.now_ms();
        world.power_off("master").unwrap();
        let noticed_ms = run_until(&mut world, 2 * IDLE_MS, |world| {
            link(world, "replica") == Some(Link::Connecting)
        });
        let silent_ms = noticed_ms - off_ms;
        assert!((IDLE_MS - PING_MS..=IDLE_MS + SLACK_MS).contains(&silent_ms), "{silent_ms}");
        assert!(says(&mut world, "replica", "master_link_status:down"));

        world.power_on("master").unwrap();
        let booted = world.now_ms() + 50;
        run_to(&mut world, booted);
        take_roles(&mut world);
        run_until(&mut world, 15_000, |world| link(world, "replica") == Some(Link::Streaming));
        assert!(says(&mut world, "replica", "master_link_status:up"));
        replicates(&mut world, "after");
    }
}

#[test]
fn a_master_drops_a_replica_that_lost_power_and_feeds_it_again() {
    let mut world = followed(false);
    replicates(&mut world, "before");
    assert!(says(&mut world, "master", "connected_slaves:1"));
    let off_ms = world.now_ms();
    world.power_off("replica").unwrap();
    run_to(&mut world, off_ms + IDLE_MS - PING_MS - SLACK_MS);
    assert!(says(&mut world, "master", "connected_slaves:1"), "nobody told it");
    run_to(&mut world, off_ms + IDLE_MS + SLACK_MS);
    assert!(says(&mut world, "master", "connected_slaves:0"));

    world.power_on("replica").unwrap();
    let booted = world.now_ms() + 50;
    run_to(&mut world, booted);
    take_roles(&mut world);
    run_until(&mut world, 5_000, |world| link(world, "replica") == Some(Link::Streaming));
    assert!(says(&mut world, "master", "connected_slaves:1"));
    replicates(&mut world, "after");
}

#[test]
fn a_link_on_which_nothing_is_written_stays_up() {
    let mut world = followed(false);
    let end = world.now_ms() + 6 * IDLE_MS;
    while world.now_ms() < end {
        assert_eq!(link(&world, "replica"), Some(Link::Streaming));
        world.step().unwrap();
    }
    assert!(says(&mut world, "master", "connected_slaves:1"));
}
