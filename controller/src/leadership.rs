//! Leadership among controllers: a session in the store, keepalives, and the campaign.
//!
//! What this is not: a guard. As upstream with etcd, a controller that has once led believes so
//! until it hears of another leader: neither an unreachable store nor the end of its own session
//! changes its mind. With the rule `leader-guard` it begins anew when it leads under a new session,
//! and what the campaign hears feeds the guard.
//!
//! Giving up is another matter: a controller that resigns ends its session and believes nothing at
//! once, and keeps out of the next election.
//!
//! The trap: the same controller may lead twice under two sessions, and another one between.

use std::rc::Rc;

use futures_util::future::join;
use host::{Clock, Host, Observation};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{oneshot, watch};

use crate::config::ControllerConfig;
use crate::leader_guard::LeaderGuard;
use crate::leader_watch::LeaderWatch;
use crate::store::client::{Leader, StoreClient, StoreClientError};
use crate::ticker::Ticker;

/// The session under which this controller believes that it leads.
pub(crate) type Belief = Option<u64>;

/// A wish to give up leadership; told what became of it.
pub(crate) type Resignation = oneshot::Sender<Result<(), ResignError>>;

/// Why it is not known whether the store has heard of a resignation.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResignError {
    #[error(transparent)]
    Store(#[from] StoreClientError),
    #[error("the controller is ending")]
    Ending,
}

/// Campaigns for ever: keeps a session alive and asks who leads, three times in a session TTL and
/// when the store tells of a change.
pub(crate) async fn campaign(
    host: Host,
    config: ControllerConfig,
    guard: LeaderGuard,
    belief: watch::Sender<Belief>,
    watching: Rc<LeaderWatch>,
    resignations: UnboundedReceiver<Resignation>,
) {
    let store = StoreClient::new(&host, &config.store, config.store_timeouts());
    let (watched, settings) = (watching.clone(), config.clone());
    let campaign =
        Campaign { host: host.clone(), store, config, guard, belief, watching, session: None };
    join(campaign.run(resignations), watched.run(&host, &settings)).await;
}

/// What a controller believes after it has heard, or not heard, who leads; `session` is its own.
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
        Err(_) => before,
    }
}

struct Campaign {
    host: Host,
    store: StoreClient,
    config: ControllerConfig,
    guard: LeaderGuard,
    belief: watch::Sender<Belief>,
    watching: Rc<LeaderWatch>,
    session: Option<u64>,
}

impl Campaign {
    async fn run(mut self, mut resignations: UnboundedReceiver<Resignation>) {
        let mut ticker = Ticker::new(&self.host, self.config.keepalive_interval());
        let mut reached = true;
        loop {
            let heard = self.attend().await;
            if let Err(error) = &heard
                && reached
            {
                self.note(format!("campaign: {error}"));
            }
            reached = heard.is_ok();
            self.take_in(&heard);
            tokio::select! {
                biased;
                Some(resignation) = resignations.recv() => {
                    // Only the caller's loss if it is gone.
                    let _ = resignation.send(self.resign().await);
                    self.abstain(&mut resignations).await;
                }
                () = ticker.tick() => {}
                () = self.watching.changed() => {}
            }
        }
    }

    fn take_in(&self, heard: &Result<Leader, StoreClientError>) {
        let guarded = self.config.rules.leader_guard;
        let before = *self.belief.borrow();
        self.believe(believes(before, self.session, heard, guarded));
        self.watching.heard(match heard {
            Ok(Leader::Myself) => Some(&self.config.name),
            Ok(Leader::Other(name)) => Some(name),
            Err(_) => None,
        });
    }

    fn believe(&self, now: Belief) {
        let before = self.belief.send_replace(now);
        if now.is_some() != before.is_some() {
            self.host.observe(Observation::Leading { leads: now.is_some() });
        }
    }

    /// Gives up leadership, whatever the store makes of it: the guard and the belief end first.
    async fn resign(&mut self) -> Result<(), ResignError> {
        self.guard.give_up();
        self.believe(None);
        self.watching.heard(None);
        self.note("resigned".to_owned());
        match self.session.take() {
            Some(session) => Ok(self.store.close_session(session).await?),
            None => Ok(()),
        }
    }

    /// Leaves the office to others for as long as they may need to notice.
    async fn abstain(&self, resignations: &mut UnboundedReceiver<Resignation>) {
        let over = self.host.now(Clock::Monotonic).saturating_add(self.config.session_ttl());
        loop {
            tokio::select! {
                biased;
                Some(again) = resignations.recv() => {
                    let _ = again.send(Ok(()));
                }
                () = self.host.sleep_until(Clock::Monotonic, over) => return,
            }
        }
    }

    /// Keeps the session alive, opens another one if it has ended, and asks who leads.
    async fn attend(&mut self) -> Result<Leader, StoreClientError> {
        if let Some(stall) = self.host.point("before-keepalive") {
            stall.await;
        }
        if let Some(session) = self.session {
            let sent = self.guard.now();
            match self.store.keep_session(session).await {
                Err(StoreClientError::NoSession(_)) => self.session = None,
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
        let leader = self.store.lead(LEADER_KEY, session, &self.config.name).await;
        match &leader {
            Ok(leader) => self.guard.heard(session, *leader == Leader::Myself),
            Err(StoreClientError::NoSession(_)) => self.session = None,
            Err(_) => {}
        }
        leader
    }

    async fn open_session(&mut self) -> Result<u64, StoreClientError> {
        let sent = self.guard.now();
        let session = self.store.open_session(self.config.session_ttl()).await?;
        self.guard.kept(session, sent);
        self.session = Some(session);
        Ok(session)
    }

    fn note(&self, text: String) {
        self.host.observe(Observation::Note { text });
    }
}

/// The key that controllers lead under.
pub(crate) const LEADER_KEY: &str = "leader";

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
            (Some(1), Some(1), other(), None),
            (None, Some(1), other(), None),
            (Some(1), Some(1), silence(), Some(1)),
            (Some(1), Some(2), silence(), Some(1)),
            (Some(1), None, silence(), Some(1)),
            (None, Some(1), silence(), None),
        ] {
            for guarded in [false, true] {
                let believed = believes(before, session, &heard, guarded);
                assert_eq!(believed, after, "{before:?} {session:?} {heard:?} {guarded}");
            }
        }
    }

    #[test]
    fn with_the_guard_it_begins_anew_under_a_new_session() {
        let heard = Ok(Leader::Myself);
        assert_eq!(believes(Some(1), Some(2), &heard, false), Some(1));
        assert_eq!(believes(Some(1), Some(2), &heard, true), Some(2));
    }
}
