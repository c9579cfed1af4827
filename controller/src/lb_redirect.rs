//! Telling load balancers where the masters are: `REDIRECT <shard> <host> <port>` on their admin
//! ports, repeated until it is acknowledged. From then on `ROUTE <shard>` asks in every round
//! whether it still holds: a load balancer that was restarted is back at its own settings, and a
//! redirect that was held up overwrites a later one.
//!
//! What this is not: the loop that takes these steps (see `redirector`).
//!
//! The trap: what was acknowledged is known to one leader only. The next one sends it anew.

use std::collections::BTreeMap;

use node::resp::Frame;

use crate::cluster_record::ClusterRecord;
use crate::node_links::NodeLinks;

/// Where clients of a shard are to be sent, and whom to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Redirect {
    pub(crate) shard: usize,
    lb_host: String,
    admin_port: u16,
    host: String,
    port: u16,
}

/// What each shard's load balancer has acknowledged last.
#[derive(Default)]
pub(crate) struct Redirects {
    acknowledged: BTreeMap<usize, Redirect>,
}

/// What is to be done in a round about a redirect that the record calls for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It is not acknowledged: send it.
    Send(Redirect),
    /// It was acknowledged: ask whether it still holds.
    Confirm(Redirect),
}

impl Redirects {
    /// The step for a shard of this record; `None` if it has no load balancer.
    pub(crate) fn step(&self, record: &ClusterRecord, shard: usize) -> Option<Step> {
        let of = record.shards.get(shard)?;
        let (lb, master) = (of.lb.as_ref()?, of.master()?);
        let redirect = Redirect {
            shard,
            lb_host: lb.host.clone(),
            admin_port: lb.admin_port,
            host: master.host.clone(),
            port: master.port,
        };
        Some(match self.acknowledged.get(&shard) {
            Some(acknowledged) if *acknowledged == redirect => Step::Confirm(redirect),
            _ => Step::Send(redirect),
        })
    }

    /// A redirect was acknowledged.
    pub(crate) fn acknowledge(&mut self, redirect: Redirect) {
        self.acknowledged.insert(redirect.shard, redirect);
    }

    /// A redirect was sent and not acknowledged: the load balancer may or may not have taken it,
    /// so that it is unknown where it sends clients.
    pub(crate) fn forget(&mut self, redirect: &Redirect) {
        self.acknowledged.remove(&redirect.shard);
    }
}

impl Redirect {
    /// Where to, as `host:port`.
    pub(crate) fn target(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Sends it; the error says why it is not acknowledged.
    pub(crate) async fn send(&self, links: &NodeLinks) -> Result<(), String> {
        let (shard, port) = (self.shard.to_string(), self.port.to_string());
        match self.call(links, &["REDIRECT", &shard, &self.host, &port]).await? {
            Frame::SimpleString(_) => Ok(()),
            _ => Err("unexpected reply".to_owned()),
        }
    }

    /// Asks where the load balancer sends the shard's clients, as `host:port`; `None` if nowhere.
    /// The error says why it is not known.
    pub(crate) async fn ask_route(&self, links: &NodeLinks) -> Result<Option<String>, String> {
        match self.call(links, &["ROUTE", &self.shard.to_string()]).await? {
            Frame::BulkString(target) => Ok(Some(String::from_utf8_lossy(&target).into_owned())),
            Frame::Null => Ok(None),
            _ => Err("unexpected reply".to_owned()),
        }
    }

    async fn call(&self, links: &NodeLinks, words: &[&str]) -> Result<Frame, String> {
        match links.call(&self.lb_host, self.admin_port, words).await {
            Ok(Frame::Error(text)) => Err(text.to_string()),
            Ok(reply) => Ok(reply),
            Err(error) => Err(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster_record::tests::{id, record};

    /// Whether the redirect of the only shard is to be sent, and what it is.
    fn only_step(redirects: &Redirects, record: &ClusterRecord) -> (bool, Redirect) {
        match redirects.step(record, 0) {
            Some(Step::Send(redirect)) => (true, redirect),
            Some(Step::Confirm(redirect)) => (false, redirect),
            None => panic!("there is a load balancer"),
        }
    }

    #[test]
    fn a_redirect_is_sent_until_it_is_acknowledged_and_then_confirmed() {
        let mut redirects = Redirects::default();
        let (send, redirect) = only_step(&redirects, &record());
        assert_eq!((send, redirect.shard, redirect.target()), (true, 0, "node-a:6666".to_owned()));
        redirects.acknowledge(redirect.clone());
        assert_eq!(only_step(&redirects, &record()), (false, redirect));

        let moved = record().promote(0, &id('b'), false).unwrap();
        let (send, redirect) = only_step(&redirects, &moved);
        assert_eq!((send, redirect.target()), (true, "node-b:6666".to_owned()));
        redirects.forget(&redirect);
        let (send, redirect) = only_step(&redirects, &record());
        assert_eq!((send, redirect.target()), (true, "node-a:6666".to_owned()));
    }

    #[test]
    fn a_shard_without_a_load_balancer_needs_none() {
        let mut record = record();
        record.shards[0].lb = None;
        assert_eq!(Redirects::default().step(&record, 0), None);
        assert_eq!(Redirects::default().step(&record, 1), None);
    }
}
