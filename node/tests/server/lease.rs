//! The lease in the way of everything that writes. What it lets through is compared with a
//! reference in `lease_reference`.

use std::time::Duration;

use node::client::Client;
use node::resp::Frame;
use node::{LeaseMode, NodeConfig};
use tempfile::tempdir;

use crate::machine::{quick, run, show, start};

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const EXPIRED: &str = "master lease expired (master_lease_mode=block-write)";

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
