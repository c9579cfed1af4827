//! Telling load balancers where to lead: `REDIRECT <shard> <host> <port> <version>` on their
//! admin ports, repeated until it is acknowledged; the version is that of the topology, by which
//! a load balancer may tell an older redirect from a newer one. From then on `ROUTE <shard>` asks
//! in every round whether it still holds: a load balancer that was restarted may be back at its
//! own settings, and a redirect that was held up may overwrite a later one.
//!
//! What this is not: the loop that takes these steps (see `redirector`), or the choice of the node
//! to which each is to lead (see `lb_record`).
//!
//! The trap: what was acknowledged is known to one leader only. The next one sends it anew.

use std::collections::BTreeMap;
use std::fmt;

use node::resp::Frame;

use crate::cluster_record::ClusterRecord;
use crate::lb_record::Lead;
use crate::node_links::NodeLinks;

/// A load balancer as one that takes a shard's clients. It is the same in each record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Front {
    pub(crate) shard: usize,
    host: String,
    admin_port: u16,
}

impl fmt::Display for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shard {} at {}:{}", self.shard, self.host, self.admin_port)
    }
}

/// Where clients of a shard are to be sent, and whom to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Redirect {
    pub(crate) front: Front,
    host: String,
    port: u16,
    version: i64,
}

/// The redirects that a record calls for, one a load balancer.
pub(crate) fn redirects(record: &ClusterRecord) -> impl Iterator<Item = Redirect> {
    record.leads().map(|Lead { shard, lb, target }| Redirect {
        front: Front { shard, host: lb.host.clone(), admin_port: lb.admin_port },
        host: target.host.clone(),
        port: target.port,
        version: record.version,
    })
}

/// Where a load balancer says that it sends a shard's clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ToldRoute {
    /// As `host:port`.
    target: String,
    /// The version of the redirect that led it there; `None` if it is that of its settings.
    version: Option<i64>,
}

impl fmt::Display for ToldRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version {
            Some(version) => write!(f, "{} by version {version}", self.target),
            None => write!(f, "{} by no version", self.target),
        }
    }
}

/// What each load balancer has acknowledged last.
#[derive(Default)]
pub(crate) struct Redirects {
    acknowledged: BTreeMap<Front, Redirect>,
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
    /// The step for a load balancer under this record; `None` if it is not in it.
    pub(crate) fn step(&self, record: &ClusterRecord, front: &Front) -> Option<Step> {
        let redirect = redirects(record).find(|redirect| redirect.front == *front)?;
        Some(match self.acknowledged.get(front) {
            Some(acknowledged) if *acknowledged == redirect => Step::Confirm(redirect),
            _ => Step::Send(redirect),
        })
    }

    /// A redirect was acknowledged.
    pub(crate) fn acknowledge(&mut self, redirect: Redirect) {
        self.acknowledged.insert(redirect.front.clone(), redirect);
    }

    /// A redirect was sent and not acknowledged: the load balancer may or may not have taken it,
    /// so that it is unknown where it sends clients.
    pub(crate) fn forget(&mut self, redirect: &Redirect) {
        self.acknowledged.remove(&redirect.front);
    }
}

impl Redirect {
    /// Where to, as `host:port`.
    pub(crate) fn target(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The route that holds once it is acknowledged.
    pub(crate) fn route(&self) -> ToldRoute {
        ToldRoute { target: self.target(), version: Some(self.version) }
    }

    /// Sends it; the error says why it is not acknowledged.
    pub(crate) async fn send(&self, links: &NodeLinks) -> Result<(), String> {
        let [shard, port, version] =
            [self.front.shard.to_string(), self.port.to_string(), self.version.to_string()];
        match self.call(links, &["REDIRECT", &shard, &self.host, &port, &version]).await? {
            Frame::SimpleString(_) => Ok(()),
            _ => Err("unexpected reply".to_owned()),
        }
    }

    /// Asks where the load balancer sends the shard's clients; `None` if nowhere. The error says
    /// why it is not known.
    pub(crate) async fn ask_route(&self, links: &NodeLinks) -> Result<Option<ToldRoute>, String> {
        let reply = self.call(links, &["ROUTE", &self.front.shard.to_string()]).await?;
        told_route(&reply).ok_or_else(|| "unexpected reply".to_owned())
    }

    async fn call(&self, links: &NodeLinks, words: &[&str]) -> Result<Frame, String> {
        match links.call(&self.front.host, self.front.admin_port, words).await {
            Ok(Frame::Error(text)) => Err(text.to_string()),
            Ok(reply) => Ok(reply),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// `[host:port, version]`, with null for no version; or null.
fn told_route(reply: &Frame) -> Option<Option<ToldRoute>> {
    let parts = match reply {
        Frame::Null => return Some(None),
        Frame::Array(parts) => parts.as_slice(),
        _ => return None,
    };
    let (target, version) = match parts {
        [Frame::BulkString(target), Frame::Null] => (target, None),
        [Frame::BulkString(target), Frame::Integer(version)] => (target, Some(*version)),
        _ => return None,
    };
    Some(Some(ToldRoute { target: String::from_utf8_lossy(target).into_owned(), version }))
}

#[cfg(test)]
mod tests {
    use node::resp;

    use super::*;
    use crate::cluster_record::tests::{id, lb, record};

    fn front(host: &str) -> Front {
        Front { shard: 0, host: host.into(), admin_port: 7001 }
    }

    /// Whether the redirect of a load balancer is to be sent, and what it is.
    fn step_of(redirects: &Redirects, record: &ClusterRecord, host: &str) -> (bool, Redirect) {
        match redirects.step(record, &front(host)) {
            Some(Step::Send(redirect)) => (true, redirect),
            Some(Step::Confirm(redirect)) => (false, redirect),
            None => panic!("there is such a load balancer"),
        }
    }

    #[test]
    fn a_redirect_is_sent_until_it_is_acknowledged_and_then_confirmed() {
        let mut redirects = Redirects::default();
        let (send, redirect) = step_of(&redirects, &record(), "lb");
        assert_eq!((send, redirect.target()), (true, "node-a:6666".to_owned()));
        redirects.acknowledge(redirect.clone());
        assert_eq!(step_of(&redirects, &record(), "lb"), (false, redirect));

        let moved = record().promote(0, &id('b'), false).unwrap();
        let (send, redirect) = step_of(&redirects, &moved, "lb");
        assert_eq!((send, redirect.target()), (true, "node-b:6666".to_owned()));
        redirects.forget(&redirect);
        let (send, redirect) = step_of(&redirects, &record(), "lb");
        assert_eq!((send, redirect.target()), (true, "node-a:6666".to_owned()));
    }

    #[test]
    fn each_load_balancer_has_acknowledged_for_itself() {
        let mut record = record();
        record.shards[0].lbs.push(lb("lb-2"));
        let mut redirects = Redirects::default();
        redirects.acknowledge(step_of(&redirects, &record, "lb").1);
        assert!(!step_of(&redirects, &record, "lb").0);
        let (send, other) = step_of(&redirects, &record, "lb-2");
        assert_eq!((send, other.target()), (true, "node-a:6666".to_owned()));
        redirects.acknowledge(other.clone());
        redirects.forget(&step_of(&redirects, &record, "lb").1);
        assert_eq!(step_of(&redirects, &record, "lb-2"), (false, other));
    }

    #[test]
    fn a_later_version_is_sent_although_the_master_is_the_same() {
        let mut redirects = Redirects::default();
        let (_, redirect) = step_of(&redirects, &record(), "lb");
        redirects.acknowledge(redirect.clone());
        let later = ClusterRecord { version: 2, ..record() };
        let (send, later) = step_of(&redirects, &later, "lb");
        assert_eq!((send, later.target()), (true, redirect.target()));
        assert_ne!(later.route(), redirect.route());
    }

    #[test]
    fn replies_to_route_are_understood() {
        let told = |version| ToldRoute { target: "a:1".to_owned(), version };
        let reply = |version| resp::array(vec![resp::bulk("a:1"), version]);
        assert_eq!(told_route(&reply(Frame::Integer(7))), Some(Some(told(Some(7)))));
        assert_eq!(told_route(&reply(Frame::Null)), Some(Some(told(None))));
        assert_eq!(told_route(&Frame::Null), Some(None));
        for other in [resp::ok(), resp::bulk("a:1"), resp::array(vec![]), reply(resp::ok())] {
            assert_eq!(told_route(&other), None, "{other:?}");
        }
        assert_eq!(told(Some(7)).to_string(), "a:1 by version 7");
    }

    #[test]
    fn a_load_balancer_that_is_not_in_the_record_is_told_nothing() {
        assert_eq!(Redirects::default().step(&record(), &front("lb-2")), None);
        let of_another_shard = Front { shard: 1, ..front("lb") };
        assert_eq!(Redirects::default().step(&record(), &of_another_shard), None);
    }
}
