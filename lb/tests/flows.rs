//! What clients of a load balancer meet, on real sockets.

mod support;

use std::time::Duration;

use host::Clock;
use lb::LbError;
use node::resp;
use support::*;

/// The checks before and after the redirect are the same question with different answers, so a
/// load balancer that acknowledges a redirect and ignores it is caught by the second.
#[test]
fn a_redirect_moves_new_flows_and_keeps_established_ones() {
    run(async |bench| {
        let (a, b) = (bench.target("a").await, bench.target("b").await);
        let lb = bench.lb(&[Some(&a)]).await;
        let mut established = lb.client(0).await;
        assert_eq!(established.ask("before").await, "a before");
        assert_eq!(lb.who_answers(0).await, "a");

        assert_eq!(lb.redirect(0, &b).await, resp::ok());

        assert_eq!(lb.who_answers(0).await, "b");
        assert_eq!(established.ask("after").await, "a after");
        assert_eq!(bench.routed(), [format!("0 {a}"), format!("0 {b}")]);
    });
}

#[test]
fn each_shard_has_its_own_route() {
    run(async |bench| {
        let (a, b, c) = (bench.target("a").await, bench.target("b").await, bench.target("c").await);
        let lb = bench.lb(&[Some(&a), Some(&b)]).await;
        assert_eq!((lb.who_answers(0).await, lb.who_answers(1).await), ("a".into(), "b".into()));
        lb.redirect(1, &c).await;
        assert_eq!((lb.who_answers(0).await, lb.who_answers(1).await), ("a".into(), "c".into()));
    });
}

#[test]
fn a_client_whose_target_is_down_is_closed() {
    run(async |bench| {
        let down = bench.nobody().await;
        let lb = bench.lb(&[Some(&down)]).await;
        assert_eq!(lb.client(0).await.rest().await, "");

        let up = bench.target("up").await;
        lb.redirect(0, &up).await;
        assert_eq!(lb.who_answers(0).await, "up", "the load balancer goes on");
    });
}

#[test]
fn a_client_is_closed_while_there_is_no_target() {
    run(async |bench| {
        let lb = bench.lb(&[None]).await;
        assert_eq!(bench.routed(), [""; 0]);
        assert_eq!(lb.client(0).await.rest().await, "");

        let a = bench.target("a").await;
        lb.redirect(0, &a).await;
        assert_eq!(lb.who_answers(0).await, "a");
    });
}

#[test]
fn a_client_whose_target_is_silent_is_closed_after_the_connect_timeout() {
    run(async |bench| {
        let a = bench.target("a").await;
        let machine = Altered::new(&bench.host).without_way_to(&a).host();
        let config = lb::LbConfig { connect_timeout_ms: 100, ..config(&[Some(&a)]) };
        let lb = bench.lb_on(&machine, config).await;

        let start = bench.host.now(Clock::Monotonic);
        assert_eq!(lb.client(0).await.rest().await, "");
        assert!(bench.host.now(Clock::Monotonic) - start >= Duration::from_millis(100));
    });
}

#[test]
fn connections_beyond_the_most_flows_are_closed() {
    run(async |bench| {
        let a = bench.target("a").await;
        let config = lb::LbConfig { flows_max: Some(2), ..config(&[Some(&a)]) };
        let lb = bench.lb_on(&bench.host, config).await;
        let (mut one, mut two) = (lb.client(0).await, lb.client(0).await);
        assert_eq!((one.ask("1").await, two.ask("2").await), ("a 1".into(), "a 2".into()));
        assert_eq!(lb.client(0).await.rest().await, "");
        assert_eq!((one.ask("3").await, two.ask("4").await), ("a 3".into(), "a 4".into()));
    });
}

#[test]
fn a_target_that_closes_closes_the_client() {
    run(async |bench| {
        let a = bench.target("a").await;
        let lb = bench.lb(&[Some(&a)]).await;
        let mut client = lb.client(0).await;
        assert_eq!(client.ask("1").await, "a 1");
        client.say("die").await;
        assert_eq!(client.rest().await, "");
    });
}

#[test]
fn a_client_that_has_said_all_still_gets_its_answers() {
    run(async |bench| {
        let a = bench.target("a").await;
        let lb = bench.lb(&[Some(&a)]).await;
        let mut client = lb.client(0).await;
        client.say("1").await;
        client.say("2").await;
        client.finish().await;
        assert_eq!(client.rest().await, "a 1\na 2\na bye\n");
    });
}

#[test]
fn what_is_larger_than_any_buffer_passes_unchanged() {
    run(async |bench| {
        let a = bench.target("a").await;
        let lb = bench.lb(&[Some(&a)]).await;
        let large = "0123456789".repeat(100_000);
        let answer = lb.client(0).await.ask(&large).await;
        assert!(answer == format!("a {large}"), "{} bytes came back", answer.len());
    });
}

#[test]
fn a_flow_in_which_nothing_moves_is_closed() {
    run(async |bench| {
        let a = bench.target("a").await;
        let config = lb::LbConfig { idle_timeout_ms: Some(100), ..config(&[Some(&a)]) };
        let lb = bench.lb_on(&bench.host, config).await;
        let mut client = lb.client(0).await;
        assert_eq!(client.ask("1").await, "a 1");
        assert_eq!(client.rest().await, "");
    });
}

#[test]
fn a_flow_in_which_something_moves_is_kept() {
    run(async |bench| {
        let a = bench.target("a").await;
        let config = lb::LbConfig { idle_timeout_ms: Some(1_500), ..config(&[Some(&a)]) };
        let lb = bench.lb_on(&bench.host, config).await;
        let mut client = lb.client(0).await;
        let start = bench.host.now(Clock::Monotonic);
        while bench.host.now(Clock::Monotonic) - start < Duration::from_secs(2) {
            assert_eq!(client.ask("still here").await, "a still here");
            bench.host.sleep(Clock::Monotonic, Duration::from_millis(200)).await;
        }
    });
}

#[test]
fn a_port_that_is_taken_is_named() {
    run(async |bench| {
        let taken = bench.host.bind(0).await.unwrap();
        let config = lb::LbConfig { admin_port: taken.port(), ..config(&[None]) };
        let error = lb::serve(bench.host.clone(), config).await.unwrap_err();
        assert!(matches!(&error, LbError::Listen { port, .. } if *port == taken.port()), "{error}");
    });
}

#[test]
fn settings_are_checked_before_anything_is_bound() {
    run(async |bench| {
        let error = lb::serve(bench.host.clone(), config(&[])).await.unwrap_err();
        assert!(matches!(error, LbError::Config(lb::ConfigError::NoListener)), "{error}");
    });
}
