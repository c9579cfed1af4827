//! What `splitbrain serve` takes and refuses, and how it ends.

use std::process::{Command, Output};

use crate::cluster::own_address;
use crate::process::{Process, eventually};
use crate::raw::{self, Raw};

#[test]
fn what_is_wrong_is_refused_with_2_and_what_is_allowed() {
    let dir = tempfile::tempdir().unwrap();
    let cases: [(&str, &str); 12] = [
        ("node --dir d --prot 1", "'--port'"),
        ("node --dir d --xyz 1", "master-lease-mode"),
        ("node --dir d --master-lease-mode maybe", "disabled, log-only or block-write"),
        ("node --dir d --bind 0.0.0.0", "allowed only with --requirepass"),
        ("node --dir d --bind localhost", "allowed is one IP address"),
        ("node --port 7000", "--dir"),
        ("store --dir d --port 0", "1..=65535"),
        ("store --dir d --port 1 --bind 0.0.0.0", "loopback addresses"),
        ("lb --listen 7000 --admin-port 7000", "port 7000 stands there twice"),
        ("controller --store a:1", "--nodes"),
        ("controller --store a:1 --nodes b", "allowed is HOST:PORT"),
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
