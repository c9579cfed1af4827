//! Leadership among controllers: a session in the store, keepalives, and the campaign.
//!
//! What this is not: a guard. As upstream with etcd, a controller that has once led believes so
//! until it hears of another leader: neither an unreachable store nor the end of its own session
//! changes its mind.

use std::time::Duration;

use host::{Host, Observation};
use tokio::sync::watch;

use crate::config::ControllerConfig;
use crate::store::client::{Leader, StoreClient, StoreClientError};
use crate::ticker::Ticker;

/// Campaigns for ever: keeps a session alive and asks who leads, three times in a session TTL.
/// `belief` has whether this controller believes that it leads.
pub(crate) async fn campaign(host: Host, config: ControllerConfig, belief: watch::Sender<bool>) {
    let mut ticker = Ticker::new(&host, config.keepalive_interval());
    let mut campaign = Campaign {
        store: StoreClient::new(&host, &config.store, config.store_timeouts()),
        ttl: Duration::from_millis(config.session_ttl_ms),
        name: config.name,
        session: None,
    };
    let mut reached = true;
    loop {
        let heard = campaign.attend().await;
        if let Err(error) = &heard
            && reached
        {
            host.observe(Observation::Note { text: format!("campaign: {error}") });
        }
        reached = heard.is_ok();
        let leads = believes(*belief.borrow(), &heard);
        if belief.send_replace(leads) != leads {
            host.observe(Observation::Leading { leads });
        }
        ticker.tick().await;
    }
}

/// What a controller believes after it has heard, or not heard, who leads.
fn believes(before: bool, heard: &Result<Leader, StoreClientError>) -> bool {
    match heard {
        Ok(Leader::Myself) => true,
        Ok(Leader::Other(_)) => false,
        Err(_) => before,
    }
}

struct Campaign {
    store: StoreClient,
    name: String,
    ttl: Duration,
    session: Option<u64>,
}

impl Campaign {
    /// Keeps the session alive, opens another one if it has ended, and asks who leads.
    async fn attend(&mut self) -> Result<Leader, StoreClientError> {
        if let Some(session) = self.session {
            match self.store.keep_session(session).await {
                Err(StoreClientError::NoSession(_)) => self.session = None,
                kept => kept?,
            }
        }
        let session = match self.session {
            Some(session) => session,
            None => *self.session.insert(self.store.open_session(self.ttl).await?),
        };
        self.store.lead(LEADER_KEY, session, &self.name).await
    }
}

const LEADER_KEY: &str = "leader";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_another_leader_ends_the_belief() {
        let silence = || Err(StoreClientError::Unexpected(String::new()));
        for (before, heard, after) in [
            (false, Ok(Leader::Myself), true),
            (true, Ok(Leader::Myself), true),
            (true, Ok(Leader::Other("x".into())), false),
            (false, Ok(Leader::Other("x".into())), false),
            (true, silence(), true),
            (false, silence(), false),
        ] {
            assert_eq!(believes(before, &heard), after, "{before} {heard:?}");
        }
    }
}
