//! The operating system as a machine keeps the contract, and what only it promises.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::time::Duration;

use host::contract::{self, NetworkPorts};
use host::os::{self, OsConfig, OsMachine};
use host::{Clock, Host, Lease, Observation, Role, Status};
use rand::Rng;
use tempfile::TempDir;

/// A machine with a directory of its own, and a loopback address that only this program uses,
/// so that its ports are free.
fn machine(name: &str) -> (OsMachine, TempDir, IpAddr) {
    let dir = tempfile::tempdir().unwrap();
    let [high, middle, low, ..] = std::process::id().to_le_bytes();
    let address = IpAddr::V4(Ipv4Addr::new(127, 64 | low, middle, high));
    let config = OsConfig { bind: address, ..OsConfig::new(name, dir.path()) };
    (OsMachine::new(config).unwrap(), dir, address)
}

/// Two ports that are free, and stay so until they are used.
async fn free_ports(host: &Host) -> NetworkPorts {
    let (served, silent) = (host.bind(0).await.unwrap(), host.bind(0).await.unwrap());
    NetworkPorts { served: served.port(), silent: silent.port() }
}

#[test]
fn network() {
    let (server, _server_dir, address) = machine("server");
    let (client, _client_dir, _) = machine("client");
    os::run(async {
        let ports = free_ports(&server.host()).await;
        let address = address.to_string();
        tokio::join!(
            contract::network_client(client.host(), &address, ports),
            contract::network_server(server.host(), ports),
        );
    })
    .unwrap();
}

#[test]
fn clock() {
    let (machine, _dir, _) = machine("clock");
    os::run(contract::clock(machine.host())).unwrap();
}

#[test]
fn disk() {
    let (machine, _dir, _) = machine("disk");
    os::run(contract::disk(machine.host())).unwrap();
}

#[test]
fn random() {
    let (machine, _dir, _) = machine("random");
    contract::random(&machine.host());
}

#[test]
fn task() {
    let (machine, _dir, _) = machine("task");
    os::run(contract::task(machine.host())).unwrap();
}

#[test]
fn a_restarted_process_does_not_repeat_its_draws() {
    let dir = tempfile::tempdir().unwrap();
    let draw = || -> [u64; 4] {
        let machine = OsMachine::new(OsConfig::new("node-1", dir.path())).unwrap();
        machine.host().random("life").random()
    };
    assert_ne!(draw(), draw());
}

#[test]
fn observations_and_status_reach_whoever_asked() {
    let told = Rc::new(RefCell::new(Vec::new()));
    let dir = tempfile::tempdir().unwrap();
    let config = OsConfig {
        on_observe: Some(Rc::new({
            let told = told.clone();
            move |observation| told.borrow_mut().push(observation)
        })),
        ..OsConfig::new("node-1", dir.path())
    };
    let machine = OsMachine::new(config).unwrap();
    machine.host().observe(Observation::LeaseRefused);
    assert_eq!(*told.borrow(), [Observation::LeaseRefused]);

    assert_eq!(machine.status(), None);
    let status = Status {
        role: Role::Master,
        topology_version: 1,
        election_version: 0,
        lease: Lease::None,
        authoritative: true,
        link: None,
    };
    machine.host().probe(Rc::new({
        let status = status.clone();
        move || status.clone()
    }));
    assert_eq!(machine.status(), Some(status));
}

#[test]
fn files_outlive_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let boot = || OsMachine::new(OsConfig::new("node-1", dir.path().join("data"))).unwrap();
    os::run(async {
        let first = boot().host().disk();
        first.write("kept", b"content".to_vec()).await.unwrap();
        assert_eq!(boot().host().disk().read("kept").await.unwrap(), b"content");
    })
    .unwrap();
}

#[test]
#[cfg(tokio_unstable)]
fn a_panic_of_any_task_is_a_panic_of_the_whole() {
    let (machine, _dir, _) = machine("panic");
    let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        os::run(async {
            let host = machine.host();
            drop(host.spawn(async { panic!("a bug") }));
            host.sleep(Clock::Monotonic, Duration::from_secs(5)).await;
        })
    }));
    assert!(run.is_err(), "the panic was swallowed");
}
