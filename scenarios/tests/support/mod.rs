//! Nodes in a simulated world without a controller, and a client that asks them.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use host::{Host, Link};
use node::NodeConfig;
use node::client::{Client, Timeouts};
use node::resp::Frame;
use sim::{ClockPlan, Process, World, WorldConfig};

/// The port of every node.
pub const PORT: u16 = 6666;
/// The machine from which [`ask`] asks.
pub const ASKER: &str = "asker";

/// A world with these machines and [`ASKER`].
pub fn world(names: &[&str]) -> World {
    let mut world = World::new(7, &WorldConfig::default()).expect("a valid configuration");
    for name in names.iter().chain(&[ASKER]) {
        world.add_machine(name, ClockPlan::default());
    }
    world
}

/// A process from an async function.
pub fn process<F, Fut>(main: F) -> Process
where
    F: Fn(Host) -> Fut + 'static,
    Fut: Future<Output = Result<(), String>> + 'static,
{
    Rc::new(move |host| Box::pin(main(host)))
}

/// A node with this configuration, in each of its lives.
pub fn node_process(config: NodeConfig) -> Process {
    process(move |host| {
        let served = node::serve(host, config.clone());
        async move { served.await.map_err(|error| error.to_string()) }
    })
}

/// Steps until this time.
pub fn run_to(world: &mut World, until_ms: u64) {
    while world.now_ms() < until_ms {
        world.step().expect("nothing panics");
    }
}

/// Steps until a condition holds, and says when that was.
pub fn run_until(world: &mut World, limit_ms: u64, condition: impl Fn(&World) -> bool) -> u64 {
    let end = world.now_ms() + limit_ms;
    while !condition(world) {
        assert!(world.now_ms() < end, "waited in vain until {end} ms");
        world.step().expect("nothing panics");
    }
    world.now_ms()
}

/// The state of a replica's link to its master.
pub fn link(world: &World, name: &str) -> Option<Link> {
    let (_, status) = world.status(name).expect("the machine is there");
    status.and_then(|status| status.link)
}

/// A connection to a node.
pub async fn connect(host: &Host, to: &str) -> Result<Client, String> {
    let limit = Duration::from_millis(300);
    let timeouts = Timeouts { connect: limit, request: limit };
    Client::connect(host, to, PORT, timeouts).await.map_err(|error| error.to_string())
}

/// Sends a request from [`ASKER`] over a connection of its own; the reply as text.
pub fn ask(world: &mut World, to: &str, request: &[&str]) -> String {
    let answer: Rc<RefCell<Option<String>>> = Rc::default();
    let (told, to) = (answer.clone(), to.to_owned());
    let request: Vec<String> = request.iter().map(|word| (*word).to_owned()).collect();
    let asking = process(move |host| {
        let (told, to, request) = (told.clone(), to.clone(), request.clone());
        async move {
            let mut client = connect(&host, &to).await?;
            let reply = client.call(&request).await.map_err(|error| error.to_string())?;
            told.replace(Some(show(&reply)));
            Ok(())
        }
    });
    world.start(ASKER, asking).expect("the machine is there");
    run_until(world, 1_000, |_| answer.borrow().is_some());
    // Its process has ended before it is asked to ask again.
    let soon = world.now_ms() + 20;
    run_to(world, soon);
    answer.take().expect("waited for")
}

/// Sets a topology from [`ASKER`].
pub fn set_nodes(world: &mut World, to: &str, text: &str, version: u32) {
    let version = version.to_string();
    assert_eq!(ask(world, to, &["CLUSTERX", "SETNODES", text, &version]), "OK");
}

fn show(frame: &Frame) -> String {
    match frame {
        Frame::SimpleString(text) | Frame::BulkString(text) => {
            String::from_utf8_lossy(text).into_owned()
        }
        Frame::Error(text) => format!("-{text}"),
        Frame::Integer(number) => number.to_string(),
        Frame::Null => "nil".to_owned(),
        Frame::Array(elements) => elements.iter().map(show).collect::<Vec<_>>().join(" "),
    }
}
