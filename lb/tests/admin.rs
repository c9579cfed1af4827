//! What controllers of a load balancer meet on its admin port, on real sockets.

mod support;

use std::time::Duration;

use bytes::Bytes;
use host::Clock;
use node::client::ClientError;
use node::resp::{self, Frame};
use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[test]
fn a_route_is_told_and_follows_redirects() {
    run(async |bench| {
        let a = bench.target("a").await;
        let lb = bench.lb(&[Some(&a), None]).await;
        assert_eq!(lb.tell("PING").await, Frame::SimpleString("PONG".into()));
        assert_eq!(lb.tell("ROUTE 0").await, route(&a, None));
        assert_eq!(lb.tell("ROUTE 1").await, Frame::Null);
        assert_eq!(lb.tell("REDIRECT 1 node-7 6666").await, resp::ok());
        assert_eq!(lb.tell("ROUTE 1").await, route("node-7:6666", None));
        assert_eq!(lb.tell("REDIRECT 1 node-8 6666 3").await, resp::ok());
        assert_eq!(lb.tell("ROUTE 1").await, route("node-8:6666", Some(3)));
        assert_eq!(lb.tell("REDIRECT 1 node-9 6666 2").await, resp::ok(), "the last one wins");
        let told = ["1 node-7:6666", "1 node-8:6666", "1 node-9:6666"].map(str::to_owned);
        assert_eq!(bench.routed(), [&[format!("0 {a}")], &told[..]].concat());
    });
}

#[test]
fn a_redirect_is_told_each_time_also_to_the_same_target() {
    run(async |bench| {
        let lb = bench.lb(&[None]).await;
        for _ in 0..2 {
            assert_eq!(lb.tell("REDIRECT 0 node-1 6666").await, resp::ok());
        }
        assert_eq!(bench.routed(), ["0 node-1:6666"; 2]);
    });
}

#[test]
fn a_request_that_is_wrong_changes_nothing_and_leaves_the_connection_usable() {
    run(async |bench| {
        let a = bench.target("a").await;
        let lb = bench.lb(&[Some(&a)]).await;
        let mut admin = lb.admin().await;
        for (line, expected) in [
            ("REDIRECT 7 node-1 6666", "ERR unknown shard 7, known here: 0"),
            ("ROUTE 7", "ERR unknown shard 7, known here: 0"),
            ("REDIRECT 0 node-1 70000", "ERR port 70000: must be a number from 1 to 65535"),
            ("REDIRECT 0 node-1", "ERR wrong number of arguments"),
            ("FLUSHALL", "ERR unknown command 'FLUSHALL'"),
        ] {
            let words: Vec<_> = line.split(' ').collect();
            match admin.call(&words).await.unwrap() {
                Frame::Error(text) => assert!(text.starts_with(expected), "{line}: {text}"),
                other => panic!("{line}: {other:?}"),
            }
        }
        assert_eq!(admin.call(&["ROUTE", "0"]).await.unwrap(), route(&a, None));
        assert_eq!(bench.routed(), [format!("0 {a}")]);
    });
}

#[test]
fn requests_in_one_write_are_answered_in_order() {
    run(async |bench| {
        let lb = bench.lb(&[None]).await;
        let request = |line: &'static str| -> Vec<Bytes> {
            line.split(' ').map(|word| Bytes::from_static(word.as_bytes())).collect()
        };
        let requests = [request("ROUTE 0"), request("REDIRECT 0 node-1 1"), request("ROUTE 0")];
        let replies = lb.admin().await.pipeline(&requests).await.unwrap();
        assert_eq!(replies, [Frame::Null, resp::ok(), route("node-1:1", None)]);
    });
}

#[test]
fn a_broken_protocol_is_answered_with_why_and_closed() {
    run(async |bench| {
        let lb = bench.lb(&[None]).await;
        let mut stream = bench.host.connect(&bench.address, lb.admin_port()).await.unwrap();
        stream.write_all(b"*1\r\n+PING\r\n").await.unwrap();
        let mut told = String::new();
        stream.read_to_string(&mut told).await.unwrap();
        assert_eq!(told, "-ERR Protocol error: expected '$'\r\n");
    });
}

#[test]
fn a_silent_admin_connection_is_closed() {
    run(async |bench| {
        let config = lb::LbConfig { idle_timeout_ms: Some(100), ..config(&[None]) };
        let lb = bench.lb_on(&bench.host, config).await;
        let mut admin = lb.admin().await;
        let start = bench.host.now(Clock::Monotonic);
        assert!(matches!(admin.receive().await, Err(ClientError::Closed)));
        assert!(bench.host.now(Clock::Monotonic) - start < Duration::from_secs(10));
        assert_eq!(lb.tell("PING").await, Frame::SimpleString("PONG".into()));
    });
}
