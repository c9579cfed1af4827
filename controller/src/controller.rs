//! The controller's process: campaign, and probe while leading.

use std::time::Duration;

use host::Host;
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::watch;

use crate::config::{ConfigError, ControllerConfig};
use crate::leader_guard::{LeaderGuard, TermGuard};
use crate::leadership::{self, Belief};
use crate::probe_loop::ProbeLoop;
use crate::promotion_wait::Waiting;

/// Why a controller could not start.
#[derive(Debug, thiserror::Error)]
pub enum ControllerError {
    /// Its settings are wrong.
    #[error("controller settings: {0}")]
    Config(#[from] ConfigError),
}

/// Runs a controller on this machine until it is killed.
///
/// When it begins to lead it knows nothing: failure counts start at zero and load balancers are
/// redirected anew. When it ceases to, calls under way are dropped where they stand.
///
/// # Errors
/// [`ControllerError`] if it cannot start.
pub async fn serve(host: Host, config: ControllerConfig) -> Result<(), ControllerError> {
    config.validate()?;
    let ttl = Duration::from_millis(config.session_ttl_ms);
    let guard = LeaderGuard::new(&host, ttl, config.rules.drift_ppm);
    let (belief, mut beliefs) = watch::channel(None);
    // Ends with this future.
    let campaign = leadership::campaign(host.clone(), config.clone(), guard.clone(), belief);
    let _campaign = host.spawn(campaign).guard();
    loop {
        let session = until_leading(&mut beliefs).await;
        let guard = match config.rules.leader_guard {
            true => TermGuard::Session(guard.clone(), session),
            false => TermGuard::Off,
        };
        let (waiting, begun) = unbounded_channel();
        let probing = ProbeLoop::new(&host, &config, guard, Waiting::new(waiting));
        tokio::select! {
            biased;
            () = until_other_than(&mut beliefs, session) => {}
            () = probing.run(begun) => {}
        }
    }
}

async fn until_leading(beliefs: &mut watch::Receiver<Belief>) -> u64 {
    let belief = beliefs.wait_for(Option::is_some).await.expect(NO_END);
    belief.expect("it was waited for")
}

async fn until_other_than(beliefs: &mut watch::Receiver<Belief>, session: u64) {
    beliefs.wait_for(|belief| *belief != Some(session)).await.expect(NO_END);
}

const NO_END: &str = "a campaign does not end";
