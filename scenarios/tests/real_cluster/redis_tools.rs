//! redis-cli and redis-benchmark of Debian's redis-tools against a real cluster of two shards.

use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use crate::cluster::{Cluster, Settings};

const SETTINGS: Settings =
    Settings { shards: 2, nodes_per_shard: 2, lease_mode: "disabled", heartbeat: None };

/// Whether they are there. Without them there is nothing to test.
fn installed() -> bool {
    let found = ["redis-cli", "redis-benchmark"]
        .iter()
        .all(|tool| Command::new(tool).arg("--version").output().is_ok());
    if !found {
        eprintln!("SKIPPED: no redis-cli or redis-benchmark; apt-get install redis-tools");
    }
    found
}

/// What a tool prints.
fn tool(name: &str, at: SocketAddr, arguments: &[&str], input: &str) -> String {
    let (host, port) = (at.ip().to_string(), at.port().to_string());
    let mut child = Command::new(name)
        .args(["-h", &host, "-p", &port])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{name} {arguments:?}: {text}{error}");
    text
}

#[test]
fn redis_cli_and_redis_benchmark_are_served() {
    if !installed() {
        return;
    }
    let cluster = Cluster::start(SETTINGS);
    let addresses: Vec<SocketAddr> = cluster.nodes().iter().map(|node| node.address).collect();
    let cli = |arguments: &[&str], input: &str| tool("redis-cli", addresses[0], arguments, input);
    moved_is_followed(&cli, addresses[2]);
    a_transaction_is_one(&cli);
    the_topology_is_shown(&cli, &addresses);
    pipelines_are_answered(addresses[0]);
}

type Cli<'a> = dyn Fn(&[&str], &str) -> String + 'a;

/// `b` lies in the first half of the slots, `a` in the second.
fn moved_is_followed(cli: &Cli<'_>, second: SocketAddr) {
    assert_eq!(cli(&["SET", "b", "1"], ""), "OK\n");
    assert_eq!(cli(&["GET", "b"], ""), "1\n");
    assert_eq!(cli(&["SET", "a", "2"], "").trim(), format!("MOVED 15495 {second}"));
    assert_eq!(cli(&["-c", "SET", "a", "2"], ""), "OK\n");
    assert_eq!(cli(&["-c", "GET", "a"], ""), "2\n");
    assert_eq!(cli(&["-c", "INCR", "a"], ""), "3\n");
}

fn a_transaction_is_one(cli: &Cli<'_>) {
    let replies = cli(&[], "MULTI\nSET {b}1 x\nAPPEND {b}1 y\nINCR {b}n\nEXEC\nGET {b}1\n");
    let lines: Vec<&str> = replies.lines().collect();
    assert_eq!(lines, ["OK", "QUEUED", "QUEUED", "QUEUED", "OK", "2", "1", "xy"]);
    let replies = cli(&[], "MULTI\nSET {b}1 z\nDISCARD\nGET {b}1\n");
    assert_eq!(replies.lines().collect::<Vec<_>>(), ["OK", "QUEUED", "OK", "xy"]);
}

fn the_topology_is_shown(cli: &Cli<'_>, addresses: &[SocketAddr]) {
    let nodes = cli(&["CLUSTER", "NODES"], "");
    for (at, address) in addresses.iter().enumerate() {
        let line = nodes.lines().find(|line| line.contains(&format!(" {address}@")));
        let line = line.unwrap_or_else(|| panic!("no {address} in {nodes}"));
        let role = if at % SETTINGS.nodes_per_shard == 0 { "master" } else { "slave" };
        assert!(line.contains(role), "{line}");
    }
    let slots = cli(&["CLUSTER", "SLOTS"], "");
    let lines: Vec<&str> = slots.lines().collect();
    let (first, second) = (addresses[0].port().to_string(), addresses[2].port().to_string());
    assert_eq!(lines[..2], ["0", "8191"]);
    assert!(lines.contains(&"8192") && lines.contains(&"16383"), "{slots}");
    assert!(lines.contains(&first.as_str()) && lines.contains(&second.as_str()), "{slots}");
}

fn pipelines_are_answered(at: SocketAddr) {
    for tests in ["set,get", "incr"] {
        let arguments = ["--cluster", "-c", "5", "-n", "2000", "-P", "16", "-q", "-t", tests];
        let report = tool("redis-benchmark", at, &arguments, "");
        let figures = report.matches("requests per second").count();
        assert_eq!(figures, tests.split(',').count(), "{report}");
        assert!(!report.contains("rror"), "{report}");
    }
}
