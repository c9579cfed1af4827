//! The vote of the other controllers before a promotion, as upstream's proposals 392 and 396 have
//! it: each controller registers in the store, and each that is registered must answer `YES`,
//! which it does if it does not reach the master itself. Whoever is registered and does not answer
//! in time says no; where nobody else is registered, nobody has to be asked.
//!
//! What this is not: a guard. The vote says who is reached, not who leads, and it is over when the
//! promotion is written. Asking the other *masters* of the cluster (proposal 374) is not here.
//!
//! The trap: unanimous and in time means that one hung controller forbids every promotion until
//! its registration expires.

use std::time::Duration;

use futures_util::future::join_all;
use host::{Clock, Host};
use node::client::Timeouts;
use node::resp::Frame;

use crate::cluster_store::ClusterStore;
use crate::config::ControllerConfig;
use crate::leader_guard::TermGuard;
use crate::node_links::NodeLinks;
use crate::probe_outcome::{ProbeOutcome, judge};
use crate::store::client::{StoreClient, StoreClientError};
use crate::ticker::Ticker;

/// Why a promotion is not agreed to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VoteError {
    #[error("the peers are not known: {0}")]
    Peers(#[from] StoreClientError),
    #[error("the peer {0} says no")]
    No(String),
    #[error("the peer {peer} has not said yes: {why}")]
    NoAnswer { peer: String, why: String },
}

/// One controller among its peers.
#[derive(Clone)]
pub(crate) struct Peers {
    host: Host,
    config: ControllerConfig,
}

impl Peers {
    pub(crate) fn new(host: &Host, config: &ControllerConfig) -> Self {
        Self { host: host.clone(), config: config.clone() }
    }

    /// Keeps this controller registered, for ever.
    pub(crate) async fn stay_registered(&self) {
        let mut ticker = Ticker::new(&self.host, REGISTRATION_TTL / 3);
        let store = self.store();
        let mut session = None;
        loop {
            session = self.register(&store, session).await.ok();
            ticker.tick().await;
        }
    }

    /// The session of the registration, which is a new one if the old one has ended.
    async fn register(
        &self,
        store: &StoreClient,
        session: Option<u64>,
    ) -> Result<u64, StoreClientError> {
        if let Some(session) = session
            && store.keep_session(session).await.is_ok()
        {
            return Ok(session);
        }
        let session = store.open_session(REGISTRATION_TTL).await?;
        let host = self.config.admin_host.as_deref().unwrap_or(self.host.name());
        let address = format!("{host} {}", self.config.admin_port.unwrap_or_default());
        store.register(&self.own_key(), session, &address).await?;
        Ok(session)
    }

    /// Asks every other controller whether this master of the shard has failed.
    pub(crate) async fn agree(&self, shard: usize, failing: &str) -> Result<(), VoteError> {
        let peers = self.store().registered(PREFIX).await?;
        // Not the timeouts of probes: a peer may need longer than those to say that it found nobody.
        let limit = Timeouts { connect: VOTE_MAX, request: VOTE_MAX };
        let links = NodeLinks::new(&self.host, limit);
        let others = peers.iter().filter(|(key, _)| *key != self.own_key());
        let votes = others.map(|(key, address)| self.ask(&links, key, address, shard, failing));
        join_all(votes).await.into_iter().collect()
    }

    async fn ask(
        &self,
        links: &NodeLinks,
        key: &str,
        address: &str,
        shard: usize,
        failing: &str,
    ) -> Result<(), VoteError> {
        let peer = key.trim_start_matches(PREFIX).to_owned();
        let no_answer = |why: String| VoteError::NoAnswer { peer: peer.clone(), why };
        let (host, port) = address.split_once(' ').unwrap_or((address, ""));
        let port = port.parse().map_err(|_| no_answer(format!("registered as {address:?}")))?;
        let shard = shard.to_string();
        let vote = ["VOTE", &shard, failing];
        let asked = links.call(host, port, &vote);
        match self.host.timeout(Clock::Monotonic, VOTE_MAX, asked).await {
            Ok(Ok(Frame::SimpleString(vote))) if vote == "YES" => Ok(()),
            Ok(Ok(Frame::SimpleString(_))) => Err(VoteError::No(peer.clone())),
            Ok(Ok(Frame::Error(text))) => Err(no_answer(text.to_string())),
            Ok(Ok(_)) => Err(no_answer("unexpected reply".to_owned())),
            Ok(Err(error)) => Err(no_answer(error.to_string())),
            Err(elapsed) => Err(no_answer(elapsed.to_string())),
        }
    }

    /// This controller's own vote: whether it does not reach the master either. What it cannot
    /// find out in time is no vote for a promotion.
    pub(crate) async fn vote(&self, shard: usize, failing: &str) -> bool {
        let limit = Timeouts { connect: PROBE_MAX, request: PROBE_MAX };
        let store = ClusterStore::new(&self.host, self.store(), TermGuard::Off);
        let read = self.host.timeout(Clock::Monotonic, VOTE_MAX, store.read()).await;
        let Ok(Ok(read)) = read else {
            return false;
        };
        if !read.names_master(shard, failing) {
            return false;
        }
        let Some(master) = read.record.shards.get(shard).and_then(|of| of.master()) else {
            return false;
        };
        let links = NodeLinks::new(&self.host, limit);
        let probe = links.call(&master.host, master.port, &["CLUSTER", "INFO"]);
        match self.host.timeout(Clock::Monotonic, PROBE_MAX, probe).await {
            Ok(reply) => matches!(judge(&reply), ProbeOutcome::Failed(_)),
            Err(_) => true,
        }
    }

    fn store(&self) -> StoreClient {
        StoreClient::new(&self.host, &self.config.store, self.config.store_timeouts())
    }

    fn own_key(&self) -> String {
        format!("{PREFIX}{}", self.config.name)
    }
}

/// Under which keys controllers are registered.
const PREFIX: &str = "peer/";
/// How long a silent controller stays registered.
const REGISTRATION_TTL: Duration = Duration::from_secs(15);
/// How long a peer may take for its vote.
const VOTE_MAX: Duration = Duration::from_millis(500);
/// How long a master may take to answer a peer: the vote has to be back in time.
const PROBE_MAX: Duration = Duration::from_millis(300);
