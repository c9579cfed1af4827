//! Telling load balancers where the masters are: `REDIRECT <shard> <host> <port>` on their admin
//! ports, repeated until it is acknowledged.
//!
//! The trap: what was acknowledged is known to one leader only. The next one sends it anew.

use std::collections::BTreeMap;

use node::client::ClientError;
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

impl Redirects {
    /// The redirects that this record calls for and that are not acknowledged.
    pub(crate) fn pending(&self, record: &ClusterRecord) -> Vec<Redirect> {
        let wanted = record.shards.iter().enumerate().filter_map(|(shard, of)| {
            let (lb, master) = (of.lb.as_ref()?, of.master()?);
            Some(Redirect {
                shard,
                lb_host: lb.host.clone(),
                admin_port: lb.admin_port,
                host: master.host.clone(),
                port: master.port,
            })
        });
        wanted
            .filter(|redirect| self.acknowledged.get(&redirect.shard) != Some(redirect))
            .collect()
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
        let words = [
            "REDIRECT",
            &self.shard.to_string(),
            &self.host,
            &self.port.to_string(),
        ];
        let reply: Result<Frame, ClientError> =
            links.call(&self.lb_host, self.admin_port, &words).await;
        match reply {
            Ok(Frame::SimpleString(_)) => Ok(()),
            Ok(Frame::Error(text)) => Err(text.to_string()),
            Ok(_) => Err("unexpected reply".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster_record::tests::{id, record};

    #[test]
    fn a_redirect_is_pending_until_it_is_acknowledged() {
        let mut redirects = Redirects::default();
        let pending = redirects.pending(&record());
        assert_eq!(pending.len(), 1);
        assert_eq!(
            (pending[0].shard, pending[0].target()),
            (0, "node-a:6666".to_owned())
        );
        redirects.acknowledge(pending[0].clone());
        assert_eq!(redirects.pending(&record()), []);

        let moved = record().promote(0, &id('b'), false).unwrap();
        let pending = redirects.pending(&moved);
        assert_eq!(pending[0].target(), "node-b:6666");
        redirects.forget(&pending[0]);
        assert_eq!(redirects.pending(&record())[0].target(), "node-a:6666");
    }

    #[test]
    fn a_shard_without_a_load_balancer_needs_none() {
        let mut record = record();
        record.shards[0].lb = None;
        assert_eq!(Redirects::default().pending(&record), []);
    }
}
