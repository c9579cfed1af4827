//! What the tasks of a load balancer share: its routes, and the way by which a redirect
//! changes them: judge, keep, move new flows, acknowledge.
//!
//! The trap: one redirect at a time, of whichever shard. Between judging one and its effect
//! stands the disk, and a second one that was judged meanwhile would be judged by the wrong
//! version.

use std::cell::RefCell;
use std::io;

use host::{Host, Observation, Stream};
use tokio::sync::Mutex;

use crate::config::LbConfig;
use crate::flow::{self, Limits};
use crate::kept::Kept;
use crate::redirect::{Redirect, Refusal};
use crate::route::{Route, Routes, UnknownShard};

/// The state of a running load balancer.
pub(crate) struct Balancer {
    host: Host,
    config: LbConfig,
    routes: RefCell<Routes>,
    /// Held from the judgement of a redirect until it has taken effect.
    kept: Mutex<Kept>,
}

/// Why a redirect is not acknowledged, with the error code of the reply.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RedirectError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It is not in force; after a restart it may be.
    #[error("ERR the redirect cannot be kept: {0}")]
    NotKept(#[from] io::Error),
}

impl Balancer {
    /// Routes by the settings, and by the redirects that an earlier life was given.
    pub(crate) fn new(host: Host, config: LbConfig, kept: Kept) -> Self {
        let mut routes = Routes::new(&config.listeners);
        kept.restore(&mut routes);
        Self { host, config, routes: RefCell::new(routes), kept: Mutex::new(kept) }
    }

    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    pub(crate) fn config(&self) -> &LbConfig {
        &self.config
    }

    /// Tells where every shard's new flows go.
    pub(crate) fn observe_routes(&self) {
        for (shard, target) in self.routes.borrow().targets() {
            self.host.observe(Observation::Routed { shard, target: target.to_string() });
        }
    }

    /// Where new flows of the shard go.
    pub(crate) fn route(&self, shard: u32) -> Result<Route, UnknownShard> {
        self.routes.borrow().of(shard).cloned()
    }

    /// Does what a redirect asks for; it is to be acknowledged if this returns without an error.
    pub(crate) async fn redirect(&self, redirect: Redirect) -> Result<(), RedirectError> {
        if let Some(stall) = self.host.point("before-redirect") {
            stall.await;
        }
        let mut kept = self.kept.lock().await;
        redirect.judge(&self.routes.borrow(), self.config.refuse_older)?;
        if self.config.refuse_older {
            kept.keep(&self.host, &redirect).await?;
        }
        self.routes.borrow_mut().redirect(&redirect).map_err(Refusal::from)?;
        let Redirect { shard, target, .. } = redirect;
        self.host.observe(Observation::Routed { shard, target: target.to_string() });
        Ok(())
    }

    /// Passes the connection of a shard's client on until it ends.
    pub(crate) async fn pass_on(&self, shard: u32, client: Stream, peer: String) {
        let target = self.routes.borrow().of(shard).ok().and_then(|route| route.target.clone());
        let Some(target) = target else {
            tracing::debug!(shard, peer, "no target yet: closed");
            return;
        };
        let (connect, idle) = (self.config.connect_timeout(), self.config.idle_timeout());
        if let Err(error) = flow::run(&self.host, client, target, Limits { connect, idle }).await {
            tracing::debug!(shard, peer, "flow closed: {error}");
        }
    }
}
