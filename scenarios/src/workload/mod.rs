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
    /// The load balancer, if there is one.
    pub lb: Option<String>,
    /// The port of all of them.
    pub port: u16,
}

/// The process of a client machine: one client of each kind, until told to stop.
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
        let mut kinds = vec![Via::Direct, Via::Sticky];
        kinds.extend(addresses.lb.iter().map(|_| Via::Lb));
        let clients = kinds.into_iter().map(|via| {
            let client = Client::new(
                host.clone(),
                log.clone(),
                addresses.clone(),
                workload.clone(),
                via,
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
