//! What `splitbrain serve` takes and refuses, and how it ends.

use std::process::{Command, Output};

use crate::cluster::own_address;
use crate::process::{Process, eventually};
use crate::raw::{self, Raw};

#[test]
fn what_is_wrong_is_refused_with_2_and_what_is_allowed() {
    let dir = tempfile::tempdir().unwrap();
    let cases: [(&str, &str); 17] = [
        ("node --dir d --prot 1", "'--port'"),
        ("node --dir d --xyz 1", "master-lease-mode"),
        ("node --dir d --master-lease-mode maybe", "disabled, log-only or block-write"),
        ("node --dir d --bind 0.0.0.0", "allowed only with --requirepass"),
        ("node --dir d --bind localhost", "allowed is one IP address"),
        ("node --port 7000", "--dir"),
        ("store --dir d --port 0", "1..=65535"),
        ("store --dir d --port 1 --bind 0.0.0.0", "loopback addresses"),
        ("lb --listen 7000 --admin-port 7000", "port 7000 stands there twice"),
        ("lb --listen 7000 --admin-port 7001 --refuse-older", "--dir"),
        ("lb --listen 7000 --admin-port 7001 --on-redirect close", "keep, drain, sever"),
        ("controller --store a:1", "--nodes"),
        ("controller --store a:1 --nodes b:1 --lb 1=l:2:3", "there is no shard 1"),
        ("controller --store a:1 --nodes b", "allowed is HOST:PORT"),
        ("controller --store a:1 --nodes b:1 --peer-vote", "needs an admin_port"),
        ("controller --store a:1 --nodes b:1 --drift-ppm 1000000", "allowed are 0 to 999999"),
        ("controller --config nowhere.toml", "nowhere.toml"),
    ];
    for (arguments, expected) in cases {
        let Output { status, stderr, .. } = Command::new(env!("CARGO_BIN_EXE_splitbrain"))
            .arg("serve")
            .args(arguments.split(' '))
            .current_dir(dir.path())
            .output()
            .unwrap();
        let error = String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(2), "{arguments}: {error}");
        assert!(error.contains(expected), "{arguments}: {error}");
    }
}

#[test]
fn a_node_that_is_told_to_end_answers_what_had_arrived_and_keeps_it() {
    let dir = tempfile::tempdir().unwrap();
    let ip = own_address();
    let (address, host) = ((ip, 7001).into(), ip.to_string());
    let start = || {
        let arguments =
            ["node", "--bind", &host, "--port", "7001", "--dir", "d", "--cluster-enabled", "no"];
        let process = Process::serve(dir.path(), "node", &arguments);
        eventually("it listens", || raw::ask(address, "PING").ok());
        process
    };
    let node = start();
    let (mut idle, mut busy) = (Raw::connect(address).unwrap(), Raw::connect(address).unwrap());
    assert_eq!(idle.call("PING").unwrap(), "+PONG");
    assert_eq!(busy.call("SET first x").unwrap(), "+OK");
    // It finds the request in its socket and the signal at once.
    node.pause();
    busy.send("SET second y").unwrap();
    node.terminate();
    node.resume();
    assert_eq!(node.wait().code(), Some(0));
    assert_eq!(busy.receive().unwrap(), "+OK");
    assert!(busy.receive().is_err() && idle.receive().is_err(), "both are closed");

    let _again = start();
    assert_eq!(raw::ask(address, "GET first").unwrap(), "x");
    assert_eq!(raw::ask(address, "GET second").unwrap(), "y");
}

#[test]
fn a_load_balancer_that_refuses_older_redirects_still_does_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let ip = own_address();
    let (address, host) = ((ip, 7001).into(), ip.to_string());
    let start = || {
        let ports = ["lb", "--bind", &host, "--listen", "7000", "--admin-port", "7001"];
        let rules = ["--on-redirect", "sever", "--refuse-older", "--dir", "d"];
        let process = Process::serve(dir.path(), "lb", &[&ports[..], &rules].concat());
        eventually("it listens", || raw::ask(address, "PING").ok());
        process
    };
    let lb = start();
    assert_eq!(raw::ask(address, "REDIRECT 0 node-2 6666 5").unwrap(), "+OK");
    lb.terminate();
    assert_eq!(lb.wait().code(), Some(0));

    let _again = start();
    let mut admin = Raw::connect(address).unwrap();
    assert_eq!(admin.call("ROUTE 0").unwrap(), "*2");
    assert_eq!(admin.receive().unwrap(), "node-2:6666");
    assert_eq!(admin.receive().unwrap(), ":5");
    let stale = "-STALE redirect of version 4 refused, version 5 is in force";
    assert_eq!(admin.call("REDIRECT 0 node-1 6666 4").unwrap(), stale);
}

#[test]
fn a_controller_that_is_told_to_end_resigns() {
    let dir = tempfile::tempdir().unwrap();
    let own = own_address();
    let ip = own.to_string();
    let (store, nodes) = (format!("{ip}:2379"), format!("{ip}:7001"));
    let arguments = ["store", "--bind", &ip, "--port", "2379", "--dir", "s"];
    let _store = Process::serve(dir.path(), "store", &arguments);
    let address = (own, 2379).into();
    eventually("the store listens", || raw::ask(address, "PING").is_ok().then_some(()));
    let controller = |name: &str| {
        // Far longer than anything may take here.
        let ttl = ["--session-ttl-ms", "600000"];
        let mut arguments = vec!["controller", "--store", &store, "--nodes", &nodes];
        arguments.extend(["--name", name].into_iter().chain(ttl));
        Process::serve(dir.path(), name, &arguments)
    };
    let leads = |process: &Process| process.log().contains("leads from now on").then_some(());
    let one = controller("one");
    eventually("the first leads", || leads(&one));
    let two = controller("two");
    one.terminate();
    eventually("the second leads", || leads(&two));
    assert!(one.log().contains("resigned"));
    assert_eq!(one.wait().code(), Some(0));
}
