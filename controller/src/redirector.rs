//! Keeps load balancers redirected, each by itself and beside the probe loop: a load balancer that
//! does not answer delays neither the rounds, and with them the heartbeats, nor the redirects of
//! other load balancers, those of the same shard included.
//!
//! The trap: a load balancer that is silent is a timeout behind. The redirect to a new master
//! waits until the one before it, or the question after it, was given up.

use std::cell::RefCell;

use futures_util::future::join_all;
use host::{Host, Observation};
use node::client::Timeouts;
use tokio::sync::watch;

use crate::cluster_record::ClusterRecord;
use crate::lb_redirect::{Front, Redirect, Redirects, Step, redirects};
use crate::node_links::NodeLinks;

/// Redirects every load balancer to where the latest record wants it to lead.
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

    /// The store has this. Every call is a reason to look at each load balancer once more, after what
    /// is under way with it.
    pub(crate) fn tell(&self, record: &ClusterRecord) {
        self.latest.send_replace(Some(record.clone()));
    }

    /// Works for ever, from the first record on. No controller adds load balancers to a record.
    pub(crate) async fn run(&self) {
        let mut latest = self.latest.subscribe();
        let fronts: Vec<Front> = {
            let first = latest.wait_for(Option::is_some).await.expect(OWN_SENDER);
            first.iter().flat_map(redirects).map(|redirect| redirect.front).collect()
        };
        join_all(fronts.iter().map(|front| self.keep_redirected(front))).await;
    }

    async fn keep_redirected(&self, front: &Front) {
        let mut latest = self.latest.subscribe();
        latest.mark_changed();
        loop {
            latest.changed().await.expect(OWN_SENDER);
            let step = {
                let record = latest.borrow_and_update();
                record.as_ref().and_then(|record| self.redirects.borrow().step(record, front))
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
        let about = format!("redirect of {} to {}", redirect.front, redirect.target());
        match redirect.send(&self.links).await {
            Ok(()) => {
                self.redirects.borrow_mut().acknowledge(redirect);
                self.note(format!("{about} acknowledged"));
            }
            Err(error) => self.note(format!("{about}: {error}")),
        }
    }

    async fn confirm(&self, redirect: Redirect) {
        let front = &redirect.front;
        match redirect.ask_route(&self.links).await {
            Ok(Some(route)) if route == redirect.route() => {}
            Ok(told) => {
                let told = told.map_or("nowhere".to_owned(), |route| route.to_string());
                self.note(format!("{front} is routed to {told}, not to {}", redirect.route()));
                self.send(redirect).await;
            }
            Err(error) => self.note(format!("route of {front}: {error}")),
        }
    }

    fn note(&self, text: String) {
        self.host.observe(Observation::Note { text });
    }
}

const OWN_SENDER: &str = "the sender is this redirector's own";
