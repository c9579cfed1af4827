//! The operator: a person at a machine of their own who gives the orders of the plan, each at its
//! time. What they are answered is noted in the history.
//!
//! The trap: an operator knows only what the plan knows. Who leads is found by asking every
//! controller in turn; who is master is what the record said at first.

use std::time::Duration;

use host::{Clock, Host, LocalBoxFuture, Observation};
use node::client::{Client, Timeouts};
use node::resp::Frame;
use serde::{Deserialize, Serialize};
use sim::Process;

/// An order at its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedOrder {
    /// When it is given, in simulated milliseconds since the start of the run.
    pub at_ms: u64,
    /// The order.
    pub order: Order,
}

/// What an operator can order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Order {
    /// `SWITCHOVER` of the shard, to the controller that leads.
    Switchover,
    /// `CLUSTERX SETNODES` of the first topology to one node by hand, past the store, with a
    /// version of the operator's own.
    SetNodes {
        /// The node, by its machine's name.
        node: String,
        /// The version.
        version: i64,
    },
    /// `ACTIVATE` of a node, to the first controller that answers, leader or not: the switch
    /// "activate this side" of kvrocks issue 3380, past the store. Where a lease blocks writes it
    /// is switched off at that node, since nobody on this side could grant one.
    Activate {
        /// The node, by its machine's name.
        node: String,
    },
}

impl Order {
    /// The data node that it names, if it names one.
    pub(crate) fn node(&self) -> Option<&str> {
        match self {
            Self::Switchover => None,
            Self::SetNodes { node, .. } | Self::Activate { node } => Some(node),
        }
    }
}

/// One request as it is sent, and where to; the first answer that is no error ends the order.
pub(crate) struct Request {
    pub(crate) to: Vec<(String, u16)>,
    pub(crate) words: Vec<String>,
}

/// The operator's process: every request at its time, in order.
pub(crate) fn process(orders: Vec<(u64, Request)>) -> Process {
    let orders = std::rc::Rc::new(orders);
    std::rc::Rc::new(move |host: Host| {
        let orders = orders.clone();
        Box::pin(async move {
            for (at_ms, request) in orders.iter() {
                let at = Duration::from_millis(*at_ms);
                host.sleep_until(Clock::Boottime, at).await;
                give(&host, request).await;
            }
            Ok(())
        }) as LocalBoxFuture<'static, Result<(), String>>
    })
}

async fn give(host: &Host, Request { to, words }: &Request) {
    for (name, port) in to {
        let answer = match Client::connect(host, name, *port, TIMEOUTS).await {
            Ok(mut client) => client.call(words).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        let (done, answer) = match answer {
            Ok(Frame::Error(text)) => (false, text.to_string()),
            Ok(_) => (true, "done".to_owned()),
            Err(error) => (false, error),
        };
        host.observe(Observation::Note { text: format!("{} at {name}: {answer}", words[0]) });
        if done {
            return;
        }
    }
}

/// An operator is patient: a planned switchover waits for replicas, and perhaps for a lease.
const TIMEOUTS: Timeouts =
    Timeouts { connect: Duration::from_millis(1_000), request: Duration::from_millis(20_000) };
