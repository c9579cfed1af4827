//! The simulated machine keeps the contract that the real one keeps (`host::contract`).

mod support;

use host::contract::{self, NetworkPorts};
use sim::World;
use sim::history::ProcessState;
use support::{process, world};

/// Steps until these machines' processes have ended by themselves.
fn run_out(world: &mut World, names: &[&str]) {
    let running = |world: &World, name| world.status(name).unwrap().0 != ProcessState::Down;
    while names.iter().any(|name| running(world, name)) {
        world.step().expect("the contract is kept");
    }
}

#[test]
fn network() {
    let ports = NetworkPorts { served: 7001, silent: 7002 };
    let mut world = world(&["server", "client"]);
    let server = process(move |host| async move {
        contract::network_server(host, ports).await;
        Ok(())
    });
    let client = process(move |host| async move {
        contract::network_client(host, "server", ports).await;
        Ok(())
    });
    world.start("server", server).unwrap();
    world.start("client", client).unwrap();
    run_out(&mut world, &["server", "client"]);
}

#[test]
fn clock() {
    let mut world = world(&["machine"]);
    let clock = process(|host| async move {
        contract::clock(host).await;
        Ok(())
    });
    world.start("machine", clock).unwrap();
    run_out(&mut world, &["machine"]);
}

#[test]
fn disk() {
    let mut world = world(&["machine"]);
    let disk = process(|host| async move {
        contract::disk(host).await;
        Ok(())
    });
    world.start("machine", disk).unwrap();
    run_out(&mut world, &["machine"]);
}

#[test]
fn random_and_task() {
    let mut world = world(&["machine"]);
    let both = process(|host| async move {
        contract::random(&host);
        contract::task(host).await;
        Ok(())
    });
    world.start("machine", both).unwrap();
    run_out(&mut world, &["machine"]);
}
