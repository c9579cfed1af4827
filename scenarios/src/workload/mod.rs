//! The clients: what they write, by which way, and what they record of it.
//!
//! Each client writes keys of its own, one operation after another, with unique values; an
//! operation that may have been done is never sent again. In every profile there are *direct*
//! clients (know the nodes, follow MOVED) and *sticky* ones (stay with the node they know);
//! where there is a load balancer, also ones that know only that.

mod client;
mod generator;
pub mod reader;
mod request;

use std::cell::Cell;
use std::rc::Rc;

use futures_util::future::join_all;
use host::{Host, LocalBoxFuture};
use sim::history::Via;
use sim::{OperationLog, Process};

use crate::plan::Workload;
use client::Client;

/// Where a client can go.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// The data nodes; the first one is the first master.
    pub nodes: Vec<String>,
    /// The load balancers that its clients share, if there are any.
    pub lbs: Vec<String>,
    /// The port of all of them.
    pub port: u16,
}

/// A way that a client goes.
struct Way {
    via: Via,
    /// Its name among the ways of a machine.
    name: String,
    /// The machine to which the client connects first.
    first: String,
}

impl Addresses {
    /// One way a kind of client, and one a load balancer.
    fn ways(&self) -> Vec<Way> {
        let way = |via, name: &str, first: &String| Way {
            via,
            name: name.to_owned(),
            first: first.clone(),
        };
        let mut ways = vec![
            way(Via::Direct, "direct", &self.nodes[0]),
            way(Via::Sticky, "sticky", &self.nodes[0]),
        ];
        for (at, lb) in self.lbs.iter().enumerate() {
            let name = if at == 0 { "lb".to_owned() } else { format!("lb{}", at + 1) };
            ways.push(way(Via::Lb, &name, lb));
        }
        ways
    }
}

/// The process of a client machine: one client for each way, until told to stop.
pub fn process(
    log: OperationLog,
    addresses: Addresses,
    workload: Workload,
    stop: Rc<Cell<bool>>,
) -> Process {
    let lives = Cell::new(1);
    Rc::new(move |host: Host| {
        // A client that begins again writes keys of its own again.
        let life = lives.replace(lives.get() + 1);
        let clients = addresses.ways().into_iter().map(|way| {
            let client = Client::new(
                host.clone(),
                log.clone(),
                addresses.clone(),
                workload.clone(),
                way,
                life,
            );
            client.run(stop.clone())
        });
        let all = join_all(clients);
        Box::pin(async move {
            all.await;
            Ok(())
        }) as LocalBoxFuture<'static, Result<(), String>>
    })
}
