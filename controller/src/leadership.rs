//! Leadership among controllers: a session in the store, keepalives, and the campaign.
//!
//! What this is not: a guard. As upstream with etcd, a controller that has once led believes so
//! until it hears of another leader: neither an unreachable store nor the end of its own session
//! changes its mind. With the rule `leader-guard` the belief is bound to its session, and what the
//! campaign hears feeds the guard.
//!
//! The trap: the same controller may lead twice under two sessions, and another one between.

use std::time::Duration;

use host::{Host, Observation};
use tokio::sync::watch;

use crate::config::ControllerConfig;
use crate::leader_guard::LeaderGuard;
use crate::store::client::{Leader, StoreClient, StoreClientError};
use crate::ticker::Ticker;

/// The session under which this controller believes that it leads.
pub(crate) type Belief = Option<u64>;

/// Campaigns for ever: keeps a session alive and asks who leads, three times in a session TTL.
pub(crate) async fn campaign(
    host: Host,
    config: ControllerConfig,
    guard: LeaderGuard,
    belief: watch::Sender<Belief>,
) {
    let mut ticker = Ticker::new(&host, config.keepalive_interval());
    let mut campaign = Campaign {
        store: StoreClient::new(&host, &config.store, config.store_timeouts()),
        ttl: Duration::from_millis(config.session_ttl_ms),
        name: config.name,
        guard,
        session: None,
    };
    let mut reached = true;
    loop {
        let heard = campaign.attend(&host).await;
        if let Err(error) = &heard
            && reached
        {
            host.observe(Observation::Note { text: format!("campaign: {error}") });
        }
        reached = heard.is_ok();
        let before = *belief.borrow();
        let now = believes(before, campaign.session, &heard, config.rules.leader_guard);
        belief.send_replace(now);
        if now.is_some() != before.is_some() {
            host.observe(Observation::Leading { leads: now.is_some() });
        }
        ticker.tick().await;
    }
}

/// What a controller believes after it has heard, or not heard, who leads; `session` is its own
/// if that is not over.
fn believes(
    before: Belief,
    session: Option<u64>,
    heard: &Result<Leader, StoreClientError>,
    guarded: bool,
) -> Belief {
    match heard {
        Ok(Leader::Other(_)) => None,
        Ok(Leader::Myself) if guarded => session,
        Ok(Leader::Myself) => before.or(session),
        Err(_) if guarded => before.filter(|_| before == session),
        Err(_) => before,
    }
}

struct Campaign {
    store: StoreClient,
    name: String,
    ttl: Duration,
    guard: LeaderGuard,
    session: Option<u64>,
}

impl Campaign {
    /// Keeps the session alive, opens another one if it has ended, and asks who leads.
    async fn attend(&mut self, host: &Host) -> Result<Leader, StoreClientError> {
        if let Some(stall) = host.point("before-keepalive") {
            stall.await;
        }
        if let Some(session) = self.session {
            let sent = self.guard.now();
            match self.store.keep_session(session).await {
                Err(StoreClientError::NoSession(_)) => self.end_session(),
                kept => {
                    kept?;
                    self.guard.kept(session, sent);
                }
            }
        }
        let session = match self.session {
            Some(session) => session,
            None => self.open_session().await?,
        };
        let leader = self.store.lead(LEADER_KEY, session, &self.name).await;
        match &leader {
            Ok(leader) => self.guard.heard(session, *leader == Leader::Myself),
            Err(StoreClientError::NoSession(_)) => self.end_session(),
            Err(_) => {}
        }
        leader
    }

    async fn open_session(&mut self) -> Result<u64, StoreClientError> {
        let sent = self.guard.now();
        let session = self.store.open_session(self.ttl).await?;
        self.guard.kept(session, sent);
        self.session = Some(session);
        Ok(session)
    }

    fn end_session(&mut self) {
        self.guard.ended();
        self.session = None;
    }
}

const LEADER_KEY: &str = "leader";

#[cfg(test)]
mod tests {
    use super::*;

    fn silence() -> Result<Leader, StoreClientError> {
        Err(StoreClientError::Unexpected(String::new()))
    }

    #[test]
    fn only_another_leader_ends_the_belief() {
        let other = || Ok(Leader::Other("x".into()));
        for (before, session, heard, after) in [
            (None, Some(1), Ok(Leader::Myself), Some(1)),
            (Some(1), Some(1), Ok(Leader::Myself), Some(1)),
            (Some(1), Some(2), Ok(Leader::Myself), Some(1)),
            (Some(1), Some(1), other(), None),
            (None, Some(1), other(), None),
            (Some(1), Some(1), silence(), Some(1)),
            (Some(1), None, silence(), Some(1)),
            (None, Some(1), silence(), None),
        ] {
            assert_eq!(believes(before, session, &heard, false), after, "{before:?} {heard:?}");
        }
    }

    #[test]
    fn with_the_guard_the_end_of_the_session_ends_it_too() {
        let other = || Ok(Leader::Other("x".into()));
        for (before, session, heard, after) in [
            (None, Some(1), Ok(Leader::Myself), Some(1)),
            (Some(1), Some(2), Ok(Leader::Myself), Some(2)),
            (Some(1), Some(1), other(), None),
            (Some(1), Some(1), silence(), Some(1)),
            (Some(1), Some(2), silence(), None),
            (Some(1), None, silence(), None),
            (None, Some(1), silence(), None),
        ] {
            assert_eq!(believes(before, session, &heard, true), after, "{before:?} {heard:?}");
        }
    }
}
