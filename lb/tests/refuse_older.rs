//! A load balancer that refuses redirects older than the one in force, also after a restart.

mod support;

use std::cell::RefCell;
use std::rc::Rc;

use lb::{LbConfig, LbError, Target};
use node::resp::{self, Frame};
use support::*;

fn refusing(targets: &[Option<&Target>]) -> LbConfig {
    LbConfig { refuse_older: true, ..config(targets) }
}

fn stale(reply: &Frame) -> bool {
    matches!(reply, Frame::Error(text) if text.starts_with("STALE "))
}

#[test]
fn an_older_redirect_is_refused_and_an_equal_one_only_elsewhere() {
    run(async |bench| {
        let (a, b) = (bench.target("a").await, bench.target("b").await);
        let lb = bench.lb_on(&bench.host, refusing(&[Some(&a)])).await;
        assert_eq!(lb.tell("ROUTE 0").await, route(&a, None));
        assert_eq!(lb.redirect_of(5, 0, &b).await, resp::ok());
        assert_eq!(
            lb.redirect_of(3, 0, &a).await,
            resp::error("STALE redirect of version 3 refused, version 5 is in force")
        );
        assert!(stale(&lb.redirect_of(5, 0, &a).await));
        assert!(matches!(lb.redirect(0, &a).await, Frame::Error(_)), "no version");
        assert_eq!(lb.redirect_of(5, 0, &b).await, resp::ok());
        assert_eq!(lb.tell("ROUTE 0").await, route(&b, Some(5)));
        assert_eq!(lb.who_answers(0).await, "b");
        assert_eq!(bench.routed(), [format!("0 {a}"), format!("0 {b}"), format!("0 {b}")]);
    });
}

#[test]
fn a_restarted_one_is_back_with_its_last_redirects_and_not_with_its_settings() {
    run(async |bench| {
        let (a, b) = (bench.target("a").await, bench.target("b").await);
        let settings = refusing(&[Some(&a), Some(&a)]);
        let before = bench.lb_on(&bench.host, settings.clone()).await;
        assert_eq!(before.redirect_of(5, 0, &b).await, resp::ok());

        let after = bench.lb_on(&bench.host, settings).await;
        assert_eq!(after.tell("ROUTE 0").await, route(&b, Some(5)));
        assert_eq!(after.tell("ROUTE 1").await, route(&a, None));
        assert_eq!(after.who_answers(0).await, "b");
        assert!(stale(&after.redirect_of(4, 0, &a).await));
        assert_eq!(bench.routed()[3..], [format!("0 {b}"), format!("1 {a}")]);

        let careless = bench.lb(&[Some(&a)]).await;
        assert_eq!(careless.tell("ROUTE 0").await, route(&a, None), "it keeps and reads nothing");
    });
}

#[test]
fn a_redirect_is_in_force_and_acknowledged_only_once_it_is_kept() {
    run(async |bench| {
        let (a, b) = (bench.target("a").await, bench.target("b").await);
        let gate = Gate::closed();
        let machine = Altered::new(&bench.host).with_gate_before_syncs(&gate).host();
        let lb = bench.lb_on(&machine, refusing(&[Some(&a)])).await;
        let opens = async {
            gate.reached().await;
            assert_eq!(lb.tell("ROUTE 0").await, route(&a, None));
            assert_eq!(bench.routed(), [format!("0 {a}")]);
            gate.open();
        };
        let (reply, ()) = tokio::join!(lb.redirect_of(5, 0, &b), opens);
        assert_eq!(reply, resp::ok());
        assert_eq!(lb.tell("ROUTE 0").await, route(&b, Some(5)));
    });
}

#[test]
fn an_older_redirect_that_arrives_while_the_newer_waits_for_the_disk_is_refused() {
    run(async |bench| {
        let (a, b) = (bench.target("a").await, bench.target("b").await);
        let (syncs, points) = (Gate::closed(), Gate::closed());
        let machine = Altered::new(&bench.host).with_gate_before_syncs(&syncs);
        let machine = machine.with_gate_at_points(&points).host();
        let lb = bench.lb_on(&machine, refusing(&[None])).await;
        points.open();
        let older = async {
            syncs.reached().await;
            let both_are_there = async {
                points.passed(2).await;
                syncs.open();
            };
            tokio::join!(lb.redirect_of(4, 0, &a), both_are_there).0
        };
        let (newer, older) = tokio::join!(lb.redirect_of(5, 0, &b), older);
        assert_eq!(newer, resp::ok());
        assert!(stale(&older), "{older:?}");
        assert_eq!(lb.tell("ROUTE 0").await, route(&b, Some(5)));
    });
}

#[test]
fn a_redirect_that_cannot_be_kept_is_neither_in_force_nor_acknowledged() {
    run(async |bench| {
        let (a, b) = (bench.target("a").await, bench.target("b").await);
        let broken = Rc::new(RefCell::new(true));
        let machine = Altered::new(&bench.host).with_broken_syncs(&broken).host();
        let lb = bench.lb_on(&machine, refusing(&[Some(&a)])).await;
        let error = resp::error("ERR the redirect cannot be kept: the disk is broken");
        assert_eq!(lb.redirect_of(5, 0, &b).await, error);
        assert_eq!(lb.tell("ROUTE 0").await, route(&a, None));
        assert_eq!(bench.routed(), [format!("0 {a}")]);

        broken.replace(false);
        assert_eq!(lb.redirect_of(5, 0, &b).await, resp::ok());
        assert_eq!(lb.tell("ROUTE 0").await, route(&b, Some(5)));
    });
}

#[test]
fn a_damaged_file_is_named_and_stops_the_start() {
    run(async |bench| {
        let a = bench.target("a").await;
        bench.host.disk().write("redirects", b"redirects 1\n0 x b 1\n".to_vec()).await.unwrap();
        let error = lb::serve(bench.host.clone(), refusing(&[Some(&a)])).await.unwrap_err();
        assert!(matches!(error, LbError::Kept(_)), "{error}");
        let expected = "redirects is damaged in line 2: expected `<shard> <version> <host> <port>`";
        assert_eq!(error.to_string(), expected);
    });
}
