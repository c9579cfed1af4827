//! The controller's process: campaign, probe while leading, and take orders on the admin port.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use host::{Host, Observation};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::{oneshot, watch};

use crate::activation::{Activation, ActivationError};
use crate::admin;
use crate::config::{ConfigError, ControllerConfig};
use crate::leader_guard::{LeaderGuard, TermGuard};
use crate::leader_watch::LeaderWatch;
use crate::leadership::{self, Belief, ResignError, Resignation};
use crate::peer_vote::Peers;
use crate::probe_loop::ProbeLoop;
use crate::promotion_wait::Waiting;
use crate::switchover::{Order, SwitchoverError, SwitchoverOrder};
use crate::term::LastRead;

/// Why a controller could not start.
#[derive(Debug, thiserror::Error)]
pub enum ControllerError {
    /// Its settings are wrong.
    #[error("controller settings: {0}")]
    Config(#[from] ConfigError),
    /// It cannot listen.
    #[error("cannot listen on port {port}: {source}")]
    Listen {
        /// The port.
        port: u16,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Runs a controller on this machine until it is killed.
///
/// When it begins to lead it knows nothing: failure counts start at zero and load balancers are
/// redirected anew. When it ceases to, calls under way are dropped where they stand.
///
/// # Errors
/// [`ControllerError`] if it cannot start.
pub async fn serve(host: Host, config: ControllerConfig) -> Result<(), ControllerError> {
    serve_until(host, config, std::future::pending()).await
}

/// Runs a controller on this machine until `end`. It resigns then, so that the next leader need
/// not wait for its session to expire.
///
/// # Errors
/// [`ControllerError`] if it cannot start.
pub async fn serve_until(
    host: Host,
    config: ControllerConfig,
    end: impl Future<Output = ()>,
) -> Result<(), ControllerError> {
    config.validate()?;
    let (belief, beliefs) = watch::channel(None);
    let (resignations, resigning) = unbounded_channel();
    let watching = Rc::new(LeaderWatch::default());
    let guard = LeaderGuard::new(&host, config.session_ttl(), config.rules.drift_ppm);
    let controller = Rc::new(Controller {
        host,
        config,
        beliefs,
        watching: watching.clone(),
        resignations,
        orders: RefCell::default(),
        last_read: Rc::default(),
    });
    let Controller { host, config, .. } = &*controller;
    // All of them end with this future.
    let _admin = match config.admin_port {
        Some(port) => {
            let listener = host.bind(port).await;
            let listener = listener.map_err(|source| ControllerError::Listen { port, source })?;
            Some(host.spawn(admin::listen(controller.clone(), listener)).guard())
        }
        None => None,
    };
    let campaign = leadership::campaign(
        host.clone(),
        config.clone(),
        guard.clone(),
        belief,
        watching,
        resigning,
    );
    let _campaign = host.spawn(campaign).guard();
    let peers = Peers::new(host, config);
    let registered = async move { peers.stay_registered().await };
    let _registered = config.rules.peer_vote.then(|| host.spawn(registered).guard());
    tokio::select! {
        biased;
        () = end => {}
        () = controller.lead(guard) => {}
    }
    if let Err(error) = controller.resign().await {
        controller.note(format!("resigned, but the session may last: {error}"));
    }
    Ok(())
}

/// What the parts of a controller share.
pub(crate) struct Controller {
    pub(crate) host: Host,
    config: ControllerConfig,
    beliefs: watch::Receiver<Belief>,
    watching: Rc<LeaderWatch>,
    resignations: UnboundedSender<Resignation>,
    /// To the probe loop, while there is one.
    orders: RefCell<Option<UnboundedSender<Order>>>,
    last_read: LastRead,
}

impl Controller {
    /// Probes while it believes that it leads, for ever.
    async fn lead(&self, guard: LeaderGuard) {
        let mut beliefs = self.beliefs.clone();
        loop {
            let session = until_leading(&mut beliefs).await;
            let guard = match self.config.rules.leader_guard {
                true => TermGuard::Session(guard.clone(), session),
                false => TermGuard::Off,
            };
            let (waiting, begun) = unbounded_channel();
            let (sender, orders) = unbounded_channel();
            self.orders.replace(Some(sender));
            let (waiting, last_read) = (Waiting::new(waiting), self.last_read.clone());
            let probing = ProbeLoop::new(&self.host, &self.config, guard, waiting, last_read);
            tokio::select! {
                biased;
                () = until_other_than(&mut beliefs, session) => {}
                () = probing.run(begun, orders) => {}
            }
            self.orders.take();
        }
    }

    /// The leader as this controller heard of it last.
    pub(crate) fn leader(&self) -> Option<String> {
        self.watching.leader()
    }

    /// Gives up leadership. The error says why it is not known whether the store has heard.
    pub(crate) async fn resign(&self) -> Result<(), ResignError> {
        let (resignation, outcome) = oneshot::channel();
        self.resignations.send(resignation).map_err(|_| ResignError::Ending)?;
        outcome.await.map_err(|_| ResignError::Ending)?
    }

    /// Switches a shard over, if this controller leads; the id of the new master.
    pub(crate) async fn switch_over(&self, what: SwitchoverOrder) -> Result<String, OrderError> {
        let (outcome, told) = oneshot::channel();
        let given = self.orders.borrow().as_ref().map(|to| to.send(Order { what, outcome }));
        match given {
            Some(Ok(())) => Ok(told.await.map_err(|_| OrderError::LedNoLonger)??),
            Some(Err(_)) | None => Err(OrderError::NotLeader(self.leader())),
        }
    }

    /// Whether this controller agrees that the master of a shard has failed.
    pub(crate) async fn vote(&self, shard: usize, failing: &str) -> bool {
        Peers::new(&self.host, &self.config).vote(shard, failing).await
    }

    /// Makes a node master without the store; its version then.
    pub(crate) async fn activate(&self, what: &Activation) -> Result<i64, ActivationError> {
        let known = self.last_read.borrow().clone();
        let known = known.as_ref().unwrap_or(&self.config.initial);
        what.run(&self.host, self.config.probe.timeouts(), known).await
    }

    pub(crate) fn note(&self, text: String) {
        self.host.observe(Observation::Note { text });
    }
}

/// Why an order was not carried out, or why it is not known whether it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OrderError {
    #[error("this controller does not lead; the leader it has heard of: {}", .0.as_deref().unwrap_or("none"))]
    NotLeader(Option<String>),
    #[error("leadership ended meanwhile, what became of it is not known")]
    LedNoLonger,
    #[error(transparent)]
    Switchover(#[from] SwitchoverError),
}

async fn until_leading(beliefs: &mut watch::Receiver<Belief>) -> u64 {
    let belief = beliefs.wait_for(Option::is_some).await.expect(NO_END);
    belief.expect("it was waited for")
}

async fn until_other_than(beliefs: &mut watch::Receiver<Belief>, session: u64) {
    beliefs.wait_for(|belief| *belief != Some(session)).await.expect(NO_END);
}

const NO_END: &str = "a campaign does not end";
