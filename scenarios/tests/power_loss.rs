//! What power loss leaves of a node's data under each `wal-sync`, and how a log that was torn by
//! it is taken up again.

mod support;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use host::Host;
use node::{NodeConfig, WalSync};
use sim::World;
use support::*;

/// The number of each acknowledged write, and when it was acknowledged.
type Acknowledged = Rc<RefCell<Vec<(u64, u64)>>>;

const POWER_OFF_MS: u64 = 2_000;

fn config(wal_sync: WalSync) -> NodeConfig {
    NodeConfig { cluster_enabled: false, wal_sync, ..NodeConfig::default() }
}

/// Writes the keys 0, 1, 2, … one after another until the node is gone.
async fn write_on(host: Host, acknowledged: Acknowledged) -> Result<(), String> {
    let mut client = connect(&host, "node").await?;
    for number in 0_u64.. {
        let request = ["SET".to_owned(), number.to_string(), "v".to_owned()];
        client.call(&request).await.map_err(|error| error.to_string())?;
        let now = host.now(host::Clock::Monotonic).as_millis();
        acknowledged.borrow_mut().push((number, u64::try_from(now).unwrap()));
    }
    Ok(())
}

/// A client writes until the plug of the node is pulled; the node has booted again.
fn lose_power(config: NodeConfig) -> (World, Vec<(u64, u64)>) {
    let mut world = world(&["node", "writer"]);
    let acknowledged = Acknowledged::default();
    let written = acknowledged.clone();
    world.start("node", node_process(config)).unwrap();
    run_to(&mut world, 50);
    world.start("writer", process(move |host| write_on(host, written.clone()))).unwrap();
    run_to(&mut world, POWER_OFF_MS);
    world.power_off("node").unwrap();
    run_to(&mut world, 3_000);
    world.power_on("node").unwrap();
    run_to(&mut world, 3_050);
    let acknowledged = acknowledged.take();
    assert!(acknowledged.len() > 30, "{}", acknowledged.len());
    (world, acknowledged)
}

/// How many keys are there. They are the first ones, without a hole.
fn survivors(world: &mut World) -> u64 {
    let count: u64 = ask(world, "node", &["DBSIZE"]).parse().unwrap();
    if let Some(last) = count.checked_sub(1) {
        assert_eq!(ask(world, "node", &["EXISTS", "0"]), "1");
        assert_eq!(ask(world, "node", &["EXISTS", &last.to_string()]), "1");
    }
    let sequence = format!("sequence:{count}\r\n");
    assert!(ask(world, "node", &["INFO", "keyspace"]).contains(&sequence));
    count
}

#[test]
fn with_every_write_synced_no_acknowledged_write_is_lost() {
    let (mut world, acknowledged) = lose_power(config(WalSync::EveryWrite));
    let written = acknowledged.len() as u64;
    // The last one may be there without its acknowledgement.
    assert!((written..=written + 1).contains(&survivors(&mut world)));
}

#[test]
fn without_syncs_what_was_acknowledged_is_lost() {
    let (mut world, _) = lose_power(config(WalSync::No));
    assert_eq!(survivors(&mut world), 0);
}

#[test]
fn with_a_period_only_what_is_younger_is_lost() {
    let (mut world, acknowledged) = lose_power(config(WalSync::EveryMs(400)));
    let survivors = survivors(&mut world);
    // A tick for the write to be noticed, and the way of the acknowledgement.
    let old_enough = POWER_OFF_MS - 400 - 5;
    for (number, at_ms) in &acknowledged {
        assert!(*number < survivors || *at_ms > old_enough, "{number} of {at_ms} ms is lost");
    }
    assert!((1..acknowledged.len() as u64).contains(&survivors), "{survivors}");
}

#[test]
fn a_compacted_log_survives_without_syncs() {
    let compacting = NodeConfig { wal_compact_bytes: 300, ..config(WalSync::No) };
    let (mut world, acknowledged) = lose_power(compacting);
    let survivors = survivors(&mut world);
    assert!((1..acknowledged.len() as u64).contains(&survivors), "{survivors}");
}

#[test]
fn a_torn_tail_is_cut_off_and_written_over() {
    let mut world = world(&["node"]);
    let lives = Rc::new(Cell::new(0));
    world.start("node", process(move |host| torn_in_its_second_life(host, lives.clone()))).unwrap();
    run_to(&mut world, 50);
    for key in ["0", "1", "2"] {
        assert_eq!(ask(&mut world, "node", &["SET", key, "before"]), "OK");
    }
    let reboot = |world: &mut World| {
        world.power_off("node").unwrap();
        let off_until = world.now_ms() + 1_000;
        run_to(world, off_until);
        world.power_on("node").unwrap();
        run_to(world, off_until + 50);
    };
    reboot(&mut world);
    assert_eq!(survivors(&mut world), 2);
    assert_eq!(ask(&mut world, "node", &["SET", "2", "after"]), "OK");
    reboot(&mut world);
    assert_eq!(survivors(&mut world), 3);
    assert_eq!(ask(&mut world, "node", &["MGET", "1", "2"]), "before after");
}

/// A node whose disk had written only a part of the last record when the power went.
async fn torn_in_its_second_life(host: Host, lives: Rc<Cell<u32>>) -> Result<(), String> {
    lives.set(lives.get() + 1);
    if lives.get() == 2 {
        let tear = async {
            let mut log = host.disk().read("data.log").await?;
            log.truncate(log.len() - 3);
            host.disk().write("data.log", log).await?;
            host.disk().sync("data.log").await
        };
        tear.await.map_err(|error: std::io::Error| error.to_string())?;
    }
    node::serve(host, config(WalSync::EveryWrite)).await.map_err(|error| error.to_string())
}
