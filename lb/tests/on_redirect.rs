//! What becomes of established flows when their shard is redirected, on real sockets. That they
//! are kept by default stands in `flows`.

mod support;

use std::time::Duration;

use host::Clock;
use lb::{LbConfig, OnRedirect};
use node::resp;
use support::*;

fn severing(targets: &[Option<&lb::Target>]) -> LbConfig {
    LbConfig { on_redirect: OnRedirect::Sever, ..config(targets) }
}

fn draining(targets: &[Option<&lb::Target>]) -> LbConfig {
    LbConfig { on_redirect: OnRedirect::Drain, ..config(targets) }
}

#[test]
fn nothing_reaches_the_old_target_through_a_severed_flow_after_the_acknowledgement() {
    run(async |bench| {
        let (a, b) = (Scripted::start(&bench, "a").await, Scripted::start(&bench, "b").await);
        let lb = bench.lb_on(&bench.host, severing(&[Some(&a.target)])).await;
        let (mut idle, mut busy) = (lb.client(0).await, lb.client(0).await);
        assert_eq!(idle.ask("before").await, "+a before");
        busy.say("later").await;
        a.told("got later").await;

        assert_eq!(lb.redirect(0, &b.target).await, resp::ok());
        idle.say_if_open("late").await;
        assert_eq!((idle.rest_if_open().await, busy.rest().await), (String::new(), String::new()));
        assert_eq!(lb.client(0).await.ask("after").await, "+b after");
        a.answer();
        // Both flows are closed at the old target too, and nothing came before that.
        a.told_times("closed", 2).await;
        let log = a.log();
        let got: Vec<_> = log.iter().filter(|line| line.starts_with("got")).collect();
        assert_eq!(got, ["got before", "got later"]);
        assert_eq!(bench.routed(), [format!("0 {}", a.target), format!("0 {}", b.target)]);
    });
}

#[test]
fn a_flow_that_still_connects_is_severed_before_the_acknowledgement() {
    run(async |bench| {
        let (a, b) = (Scripted::start(&bench, "a").await, Scripted::start(&bench, "b").await);
        let gate = Gate::closed();
        let machine = Altered::new(&bench.host).with_gate_to(&a.target, &gate).host();
        let lb = bench.lb_on(&machine, severing(&[Some(&a.target)])).await;
        let mut client = lb.client(0).await;
        client.say("before").await;
        gate.reached().await;

        assert_eq!(lb.redirect(0, &b.target).await, resp::ok());
        assert_eq!(gate.waiting(), 0, "given up before the acknowledgement");
        gate.open();
        assert_eq!(client.rest_if_open().await, "");
        assert_eq!(lb.client(0).await.ask("after").await, "+b after");
        assert_eq!(a.log(), [""; 0]);
    });
}

#[test]
fn a_redirect_to_where_a_shard_is_and_one_of_another_shard_end_no_flow() {
    run(async |bench| {
        let (a, b) = (Scripted::start(&bench, "a").await, Scripted::start(&bench, "b").await);
        for on_redirect in [OnRedirect::Drain, OnRedirect::Sever] {
            let targets = [Some(&a.target), Some(&a.target)];
            let config = LbConfig { on_redirect, ..config(&targets) };
            let lb = bench.lb_on(&bench.host, config).await;
            let mut client = lb.client(0).await;
            assert_eq!(client.ask("1").await, "+a 1");
            assert_eq!(lb.redirect_of(7, 0, &a.target).await, resp::ok());
            assert_eq!(lb.redirect(1, &b.target).await, resp::ok());
            assert_eq!(client.ask("2").await, "+a 2");
        }
    });
}

#[test]
fn a_flow_without_a_request_under_way_is_drained_at_once() {
    run(async |bench| {
        let (a, b) = (Scripted::start(&bench, "a").await, Scripted::start(&bench, "b").await);
        let lb = bench.lb_on(&bench.host, draining(&[Some(&a.target)])).await;
        let (mut silent, mut answered) = (lb.client(0).await, lb.client(0).await);
        assert_eq!(answered.ask("before").await, "+a before");
        a.told_times("connected", 2).await;
        assert_eq!(lb.redirect(0, &b.target).await, resp::ok());
        assert_eq!((silent.rest().await, answered.rest().await), (String::new(), String::new()));
        assert_eq!(lb.client(0).await.ask("after").await, "+b after");
    });
}

#[test]
fn a_flow_is_drained_after_every_reply_that_is_under_way() {
    run(async |bench| {
        let (a, b) = (Scripted::start(&bench, "a").await, Scripted::start(&bench, "b").await);
        let lb = bench.lb_on(&bench.host, draining(&[Some(&a.target)])).await;
        let mut client = lb.client(0).await;
        client.say("later 1\nlarge\n2").await;
        a.told("got later 1").await;
        assert_eq!(lb.redirect(0, &b.target).await, resp::ok(), "it waits for no reply");
        assert_eq!(lb.client(0).await.ask("after").await, "+b after");
        a.answer();
        let large = "0123456789".repeat(100_000);
        let expected = format!("+a later 1\r\n$1000000\r\n{large}\r\n+a 2\r\n");
        assert!(client.rest().await == expected, "every reply in full, and then the end");
    });
}

#[test]
fn a_request_that_is_not_answered_keeps_its_flow_up_to_a_limit() {
    run(async |bench| {
        let (a, b) = (Scripted::start(&bench, "a").await, Scripted::start(&bench, "b").await);
        let config = LbConfig { drain_limit_ms: Some(100), ..draining(&[Some(&a.target)]) };
        let lb = bench.lb_on(&bench.host, config).await;
        let mut client = lb.client(0).await;
        client.say("later").await;
        a.told("got later").await;
        let start = bench.host.now(Clock::Monotonic);
        assert_eq!(lb.redirect(0, &b.target).await, resp::ok());
        assert_eq!(client.rest().await, "");
        assert!(bench.host.now(Clock::Monotonic) - start >= Duration::from_millis(100));
    });
}
