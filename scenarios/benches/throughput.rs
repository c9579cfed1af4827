//! SET and GET of `splitbrain serve node` beside Debian's redis-server: redis-benchmark with 50
//! clients against both, in turns, and the ratio of the medians.
//!
//! `cargo bench -p scenarios --bench throughput`; needs redis-server and redis-benchmark.
//!
//! What this is not: a test. Nothing is asserted; the figures depend on the machine.
//!
//! The trap: client and server share the cores, so the ratio is of what is left for the server.

#![expect(clippy::disallowed_methods, reason = "real processes in real time")]

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

const ROUNDS: usize = 5;
/// The commands, how many of them are sent at once, and how many in all.
const LOADS: [(&str, &str, &str); 4] = [
    ("set", "1", "100000"),
    ("set", "16", "300000"),
    ("get", "1", "100000"),
    ("get", "16", "300000"),
];
const START_MAX: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    for tool in ["redis-server", "redis-benchmark"] {
        if Command::new(tool).arg("--version").output().is_err() {
            eprintln!("{tool} is missing: apt-get install redis-server redis-tools");
            return ExitCode::from(2);
        }
    }
    let dir = tempfile::tempdir().expect("a folder for files");
    let (ours, theirs) = (Server::splitbrain(dir.path()), Server::redis(dir.path()));
    println!("50 clients, {ROUNDS} rounds in turns, median of requests a second");
    println!("{:<18}{:>12}{:>12}{:>8}", "", "splitbrain", "redis", "ratio");
    for (command, pipelined, requests) in LOADS {
        let (mut own, mut other) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            own.push(ours.measure(command, pipelined, requests));
            other.push(theirs.measure(command, pipelined, requests));
        }
        let (own, other) = (median(own), median(other));
        let load = format!("{command}, {pipelined} at once");
        println!("{load:<18}{own:>12.0}{other:>12.0}{:>8.2}", own / other);
    }
    ExitCode::SUCCESS
}

/// A server that ends with this value.
struct Server {
    process: Child,
    port: String,
}

impl Server {
    fn splitbrain(dir: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_splitbrain"));
        command.args(["serve", "node", "--cluster-enabled", "no", "--dir"]).arg(dir.join("node"));
        Self::start(command)
    }

    fn redis(dir: &Path) -> Self {
        let mut command = Command::new("redis-server");
        command.args(["--save", "", "--appendonly", "no", "--daemonize", "no", "--dir"]).arg(dir);
        Self::start(command)
    }

    fn start(mut command: Command) -> Self {
        let port = free_port();
        command.args(["--port", &port.to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().expect("the server starts");
        let server = Server { process, port: port.to_string() };
        let started = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(started.elapsed() < START_MAX, "{command:?} does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        server
    }

    /// Requests a second.
    fn measure(&self, command: &str, pipelined: &str, requests: &str) -> f64 {
        let output = Command::new("redis-benchmark")
            .args(["-p", &self.port, "-c", "50", "-r", "100000", "--csv"])
            .args(["-t", command, "-P", pipelined, "-n", requests])
            .output()
            .expect("redis-benchmark runs");
        let text = String::from_utf8_lossy(&output.stdout);
        // "test","rps",… and below it "SET","123456.78",…
        let row = text.lines().find(|line| !line.contains("rps")).unwrap_or_default();
        let figure = row.split(',').nth(1).map(|figure| figure.trim_matches('"'));
        figure.and_then(|figure| figure.parse().ok()).unwrap_or_else(|| {
            panic!("no figure in {text:?} {:?}", String::from_utf8_lossy(&output.stderr))
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; there is nobody to tell.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
