//! What a controller works with while it leads: one of it for each time that it takes office, so
//! that nothing that an earlier leadership knew outlives it.

use std::cell::RefCell;
use std::rc::Rc;

use host::{Clock, Host, Observation};

use crate::cluster_record::{ClusterRecord, ShardRecord};
use crate::cluster_store::{ClusterStore, ReadRecord};
use crate::config::ControllerConfig;
use crate::grants::Grants;
use crate::leader_guard::{NotProvablyLeading, TermGuard};
use crate::node_links::NodeLinks;
use crate::peer_vote::Peers;
use crate::rules::ControllerRules;
use crate::stamps::Stamps;
use crate::store::client::StoreClient;

/// Why no lease may be granted now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoGrant {
    #[error("none is granted to the shard while its master is replaced")]
    Withheld,
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
    pub(crate) grants: RefCell<Grants>,
    /// Who has to agree to a promotion, if anybody has.
    pub(crate) peers: Option<Peers>,
    /// For orders that do without the store; it outlives the term.
    pub(crate) last_read: LastRead,
}

/// The record as any leadership of this process read it last.
pub(crate) type LastRead = Rc<RefCell<Option<ClusterRecord>>>;

impl Term {
    pub(crate) fn new(
        host: &Host,
        config: &ControllerConfig,
        guard: TermGuard,
        last_read: LastRead,
    ) -> Self {
        let client = StoreClient::new(host, &config.store, config.store_timeouts());
        Self {
            host: host.clone(),
            config: config.clone(),
            store: ClusterStore::new(host, client, guard.clone()),
            links: NodeLinks::new(host, config.probe.timeouts()),
            guard,
            stamps: RefCell::default(),
            grants: RefCell::new(Grants::new(host.now(Clock::Boottime))),
            peers: config.rules.peer_vote.then(|| Peers::new(host, config)),
            last_read,
        }
    }

    /// Asks the last questions before a lease is granted to a shard under a record, and counts it
    /// as granted. Upstream asks none.
    pub(crate) fn grant_now(&self, read: &ReadRecord, shard: usize) -> Result<(), NoGrant> {
        let ControllerRules { dated_heartbeat, leader_guard, promotion_wait, .. } =
            self.config.rules;
        let mut grants = self.grants.borrow_mut();
        if grants.is_withheld(shard) {
            return Err(NoGrant::Withheld);
        }
        let strict = dated_heartbeat || leader_guard || promotion_wait;
        if strict && !self.store.is_current(read) {
            return Err(NoGrant::VoidRecord);
        }
        self.guard.check()?;
        if let Some(master) = read.record.shards.get(shard).and_then(ShardRecord::master) {
            grants.made(&master.id, self.host.now(Clock::Boottime));
        }
        Ok(())
    }

    pub(crate) fn note(&self, text: String) {
        self.host.observe(Observation::Note { text });
    }
}
