//! What a controller works with while it leads: one of it for each time that it takes office, so
//! that nothing that an earlier leadership knew outlives it.

use std::cell::RefCell;

use host::{Host, Observation};

use crate::cluster_store::{ClusterStore, ReadRecord};
use crate::config::ControllerConfig;
use crate::leader_guard::{NotProvablyLeading, TermGuard};
use crate::node_links::NodeLinks;
use crate::stamps::Stamps;
use crate::store::client::StoreClient;

/// Why no lease may be granted now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoGrant {
    #[error("the store has been written since the record was read")]
    VoidRecord,
    #[error(transparent)]
    NotProvablyLeading(#[from] NotProvablyLeading),
}

/// One leadership.
pub(crate) struct Term {
    pub(crate) host: Host,
    pub(crate) config: ControllerConfig,
    pub(crate) store: ClusterStore,
    pub(crate) links: NodeLinks,
    pub(crate) guard: TermGuard,
    /// The latest stamp of every node.
    pub(crate) stamps: RefCell<Stamps>,
}

impl Term {
    pub(crate) fn new(host: &Host, config: &ControllerConfig, guard: TermGuard) -> Self {
        let client = StoreClient::new(host, &config.store, config.store_timeouts());
        Self {
            host: host.clone(),
            config: config.clone(),
            store: ClusterStore::new(client, guard.clone()),
            links: NodeLinks::new(host, config.probe.timeouts()),
            guard,
            stamps: RefCell::default(),
        }
    }

    /// The last questions before a lease is granted under a record. Upstream asks none.
    pub(crate) fn may_grant(&self, read: &ReadRecord) -> Result<(), NoGrant> {
        let rules = self.config.rules;
        if (rules.leader_guard || rules.dated_heartbeat) && !self.store.is_current(read) {
            return Err(NoGrant::VoidRecord);
        }
        Ok(self.guard.check()?)
    }

    pub(crate) fn note(&self, text: String) {
        self.host.observe(Observation::Note { text });
    }
}
