//! The `redis` crate as a cluster client: it finds the topology, pipelines, runs transactions,
//! follows MOVED, and goes on after a failover.

use std::time::Duration;

use redis::cluster::{ClusterClient, ClusterConnection, cluster_pipe};
use redis::{Client, Commands};

use crate::cluster::{Cluster, Settings};
use crate::process::eventually;
use crate::raw;

fn client(cluster: &Cluster) -> ClusterClient {
    let urls = cluster.nodes().iter().map(|node| format!("redis://{}", node.address));
    ClusterClient::builder(urls)
        .connection_timeout(Duration::from_secs(1))
        .response_timeout(Duration::from_secs(1))
        .retries(2)
        .build()
        .unwrap()
}

#[test]
fn the_redis_crate_works_through_a_failover() {
    let cluster = Cluster::start(Settings {
        shards: 2,
        nodes_per_shard: 2,
        lease_mode: "block-write",
        heartbeat: Some("after-info"),
    });
    let client = client(&cluster);
    let mut connection = client.get_connection().unwrap();
    keys_are_routed(&mut connection);
    a_pipeline_over_both_shards_is_answered(&mut connection);
    a_transaction_is_one(&cluster);

    // This one learns the topology now, and is not used until that is out of date.
    let mut out_of_date = client.get_connection().unwrap();
    let _: () = out_of_date.set("b", "seen").unwrap();
    let [master, ..] = cluster.nodes() else { unreachable!("there are four") };
    master.process.pause();
    // A timeout does not make the crate ask for the topology anew, so that this connection waits
    // for the stopped master only; a new connection asks.
    let _: redis::RedisResult<()> = connection.set("b", "waited");
    let mut connection = eventually("a write gets through after the failover", || {
        let mut connection = client.get_connection().ok()?;
        connection.set::<_, _, ()>("b", "promoted").ok()?;
        Some(connection)
    });
    assert_eq!(connection.get::<_, String>("b").unwrap(), "promoted");
    assert_eq!(connection.get::<_, String>("a").unwrap(), "value of a", "the other shard");

    master.process.resume();
    eventually("the old master redirects", || {
        raw::ask(master.address, "SET b x").ok()?.starts_with("-MOVED").then_some(())
    });
    let _: () = out_of_date.set("b", "moved").unwrap();
    assert_eq!(connection.get::<_, String>("b").unwrap(), "moved", "MOVED was followed");
}

fn keys_are_routed(connection: &mut ClusterConnection) {
    let keys = ('a'..='z').map(String::from);
    for key in keys.clone() {
        let _: () = connection.set(&key, format!("value of {key}")).unwrap();
    }
    for key in keys {
        let value: String = connection.get(&key).unwrap();
        assert_eq!(value, format!("value of {key}"));
    }
}

fn a_pipeline_over_both_shards_is_answered(connection: &mut ClusterConnection) {
    let mut pipe = cluster_pipe();
    for key in ["p1", "p2", "p3", "p4"] {
        pipe.set(key, key).ignore().incr(format!("{{{key}}}n"), 2).get(key);
    }
    let replies: Vec<(i64, String)> = pipe.query(connection).unwrap();
    let expected = ["p1", "p2", "p3", "p4"].map(|key| (2, key.to_owned()));
    assert_eq!(replies, expected);
}

/// On a plain connection to the master of the slot: the crate's cluster connection has none.
fn a_transaction_is_one(cluster: &Cluster) {
    let client = Client::open(format!("redis://{}", cluster.nodes()[0].address)).unwrap();
    let mut connection = client.get_connection().unwrap();
    let mut transaction = redis::pipe();
    transaction.atomic().set("{b}k", "x").ignore().incr("{b}n", 1).get("{b}k");
    let reply: (i64, String) = transaction.query(&mut connection).unwrap();
    assert_eq!(reply, (1, "x".to_owned()));
    // Beside it, requests in one write without a transaction.
    let mut pipe = redis::pipe();
    pipe.incr("{b}n", 1).incr("{b}n", 1).incr("{b}n", 1);
    assert_eq!(pipe.query::<[i64; 3]>(&mut connection).unwrap(), [2, 3, 4]);
}
