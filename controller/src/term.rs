//! What a controller works with while it leads: one of it for each time that it takes office, so
//! that nothing that an earlier leadership knew outlives it.

use std::cell::RefCell;

use host::{Host, Observation};

use crate::cluster_store::ClusterStore;
use crate::config::ControllerConfig;
use crate::node_links::NodeLinks;
use crate::stamps::Stamps;
use crate::store::client::StoreClient;

/// One leadership.
pub(crate) struct Term {
    pub(crate) host: Host,
    pub(crate) config: ControllerConfig,
    pub(crate) store: ClusterStore,
    pub(crate) links: NodeLinks,
    /// The latest stamp of every node.
    pub(crate) stamps: RefCell<Stamps>,
}

impl Term {
    pub(crate) fn new(host: &Host, config: &ControllerConfig) -> Self {
        let client = StoreClient::new(host, &config.store, config.store_timeouts());
        Self {
            host: host.clone(),
            config: config.clone(),
            store: ClusterStore::new(client),
            links: NodeLinks::new(host, config.probe.timeouts()),
            stamps: RefCell::default(),
        }
    }

    pub(crate) fn note(&self, text: String) {
        self.host.observe(Observation::Note { text });
    }
}
