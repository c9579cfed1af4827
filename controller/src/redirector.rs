//! Keeps load balancers redirected, each shard by itself and beside the probe loop: a load
//! balancer that does not answer delays neither the rounds, and with them the heartbeats, nor the
//! redirects of other shards.
//!
//! The trap: a shard whose load balancer is silent is a timeout behind. The redirect of a new
//! master waits until the one before it, or the question after it, was given up.

use std::cell::RefCell;

use futures_util::future::join_all;
use host::{Host, Observation};
use node::client::Timeouts;
use tokio::sync::watch;

use crate::cluster_record::ClusterRecord;
use crate::lb_redirect::{Redirect, Redirects, Step};
use crate::node_links::NodeLinks;

/// Redirects the load balancers of every shard to the masters of the latest record.
pub(crate) struct Redirector {
    host: Host,
    links: NodeLinks,
    redirects: RefCell<Redirects>,
    latest: watch::Sender<Option<ClusterRecord>>,
}

impl Redirector {
    pub(crate) fn new(host: &Host, timeouts: Timeouts) -> Self {
        Self {
            host: host.clone(),
            links: NodeLinks::new(host, timeouts),
            redirects: RefCell::default(),
            latest: watch::Sender::default(),
        }
    }

    /// The store has this. Every call makes each shard look once more, after what it is at.
    pub(crate) fn tell(&self, record: &ClusterRecord) {
        self.latest.send_replace(Some(record.clone()));
    }

    /// Works for ever, from the first record on. No controller adds shards to a record.
    pub(crate) async fn run(&self) {
        let mut latest = self.latest.subscribe();
        let shards = {
            let first = latest.wait_for(Option::is_some).await.expect(OWN_SENDER);
            first.as_ref().map_or(0, |record| record.shards.len())
        };
        join_all((0..shards).map(|shard| self.keep_redirected(shard))).await;
    }

    async fn keep_redirected(&self, shard: usize) {
        let mut latest = self.latest.subscribe();
        latest.mark_changed();
        loop {
            latest.changed().await.expect(OWN_SENDER);
            let step = {
                let record = latest.borrow_and_update();
                record.as_ref().and_then(|record| self.redirects.borrow().step(record, shard))
            };
            match step {
                Some(Step::Send(redirect)) => self.send(redirect).await,
                Some(Step::Confirm(redirect)) => self.confirm(redirect).await,
                None => {}
            }
        }
    }

    async fn send(&self, redirect: Redirect) {
        self.redirects.borrow_mut().forget(&redirect);
        let (shard, target) = (redirect.shard, redirect.target());
        match redirect.send(&self.links).await {
            Ok(()) => {
                self.redirects.borrow_mut().acknowledge(redirect);
                self.note(format!("redirect of shard {shard} to {target} acknowledged"));
            }
            Err(error) => self.note(format!("redirect of shard {shard} to {target}: {error}")),
        }
    }

    async fn confirm(&self, redirect: Redirect) {
        let shard = redirect.shard;
        match redirect.ask_route(&self.links).await {
            Ok(Some(route)) if route == redirect.route() => {}
            Ok(told) => {
                let told = told.map_or("nowhere".to_owned(), |route| route.to_string());
                self.note(format!(
                    "shard {shard} is routed to {told}, not to {}",
                    redirect.route()
                ));
                self.send(redirect).await;
            }
            Err(error) => self.note(format!("route of shard {shard}: {error}")),
        }
    }

    fn note(&self, text: String) {
        self.host.observe(Observation::Note { text });
    }
}

const OWN_SENDER: &str = "the sender is this redirector's own";
