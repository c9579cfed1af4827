//! The controller's process: campaign, and probe while leading.

use host::Host;
use tokio::sync::watch;

use crate::config::{ConfigError, ControllerConfig};
use crate::leadership;
use crate::probe_loop::ProbeLoop;

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
    let (belief, mut leads) = watch::channel(false);
    // Ends with this future.
    let _campaign = host.spawn(leadership::campaign(host.clone(), config.clone(), belief)).guard();
    loop {
        until(&mut leads, true).await;
        let probing = ProbeLoop::new(&host, &config);
        tokio::select! {
            biased;
            () = until(&mut leads, false) => {}
            () = probing.run() => {}
        }
    }
}

async fn until(leads: &mut watch::Receiver<bool>, wanted: bool) {
    leads.wait_for(|leads| *leads == wanted).await.expect("a campaign does not end");
}
