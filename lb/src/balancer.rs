//! What the tasks of a load balancer share: its routes, its flows, and the way by which a
//! redirect changes both: judge, keep, move new flows, end old ones, acknowledge.
//!
//! The trap: one redirect at a time, of whichever shard. Between judging one and its effect
//! stands the disk, and a second one that was judged meanwhile would be judged by the wrong
//! version.

use std::cell::RefCell;
use std::io;

use host::{Host, Observation, Stream};
use tokio::sync::{Mutex, Semaphore};

use crate::config::{LbConfig, OnRedirect};
use crate::flow;
use crate::flows::{Flows, Registration};
use crate::kept::Kept;
use crate::redirect::{Redirect, Refusal};
use crate::route::{Route, Routes, Target, UnknownShard};

/// The state of a running load balancer.
pub(crate) struct Balancer {
    host: Host,
    config: LbConfig,
    routes: RefCell<Routes>,
    flows: RefCell<Flows>,
    /// A permit for each flow that there may be.
    free: Semaphore,
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
        let (routes, flows) = (RefCell::new(routes), RefCell::default());
        let free = Semaphore::new(config.flows_max());
        Self { host, config, routes, flows, free, kept: Mutex::new(kept) }
    }

    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    pub(crate) fn config(&self) -> &LbConfig {
        &self.config
    }

    /// Tells where every shard's new flows go.
    pub(crate) fn observe_routes(&self) {
        for (shard, target, version) in self.routes.borrow().targets() {
            let target = target.to_string();
            self.host.observe(Observation::Routed { shard, target, version });
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
        let elsewhere = self.routes.borrow_mut().redirect(&redirect).map_err(Refusal::from)?;
        let Redirect { shard, target, version } = redirect;
        let target = target.to_string();
        self.host.observe(Observation::Routed { shard, target, version });
        if elsewhere {
            self.end_flows(shard).await;
        }
        Ok(())
    }

    async fn end_flows(&self, shard: u32) {
        if self.config.on_redirect == OnRedirect::Keep {
            return;
        }
        let overtaken = self.flows.borrow_mut().overtake(shard);
        if self.config.on_redirect == OnRedirect::Sever {
            overtaken.gone().await;
        }
    }

    /// Passes the connection of a shard's client on until it ends.
    pub(crate) async fn pass_on(&self, shard: u32, client: Stream, peer: String) {
        let Ok(_permit) = self.free.try_acquire() else {
            tracing::debug!(shard, peer, "too many flows: closed");
            return;
        };
        let Some((target, registration)) = self.begin_flow(shard) else {
            tracing::debug!(shard, peer, "no target yet: closed");
            return;
        };
        let passed_on = flow::run(&self.host, &self.config, client, target, registration);
        if let Err(error) = passed_on.await {
            tracing::debug!(shard, peer, "flow closed: {error}");
        }
    }

    /// Where a flow that begins now goes, and its registration: in one instant, so that each
    /// redirect finds either a flow that it overtakes or one that follows it.
    fn begin_flow(&self, shard: u32) -> Option<(Target, Registration)> {
        let target = self.routes.borrow().of(shard).ok()?.target.clone()?;
        Some((target, self.flows.borrow_mut().register(shard)))
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::future::{Either, poll_immediate, select};
    use host::os::{self, OsConfig, OsMachine};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::config::ListenerConfig;

    fn severing(host: &Host, target: Target) -> Balancer {
        let config = LbConfig {
            admin_port: 0,
            connect_timeout_ms: 10_000,
            idle_timeout_ms: None,
            on_redirect: OnRedirect::Sever,
            drain_limit_ms: None,
            refuse_older: false,
            flows_max: None,
            listeners: vec![ListenerConfig { shard: 0, port: 0, target: Some(target) }],
        };
        Balancer::new(host.clone(), config, Kept::default())
    }

    /// Both are ready at once: the order to end and a request.
    #[test]
    fn what_has_arrived_is_not_passed_on_after_a_severing_redirect_which_waits_for_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let host = OsMachine::new(OsConfig::new("lb", dir.path())).unwrap().host();
        os::run(async {
            let mut listener = host.bind(0).await.unwrap();
            let balancer = severing(&host, Target::new("127.0.0.1", listener.port()));
            let (mut client, of_client) = tokio::io::duplex(64);
            let mut flow = pin!(balancer.pass_on(0, Box::new(of_client), "client".to_owned()));
            client.write_all(b"before").await.unwrap();
            let arrives = async {
                let (mut target, _) = listener.accept().await.unwrap();
                target.read_exact(&mut [0; 6]).await.unwrap();
                target
            };
            let Either::Right((mut target, _)) = select(&mut flow, pin!(arrives)).await else {
                panic!("the flow has ended");
            };

            client.write_all(b"late").await.unwrap();
            let to_another = Redirect { shard: 0, target: Target::new("b", 1), version: None };
            let mut redirect = pin!(balancer.redirect(to_another));
            assert!(poll_immediate(&mut redirect).await.is_none(), "the flow is still there");
            assert_eq!(balancer.free.available_permits(), balancer.config.flows_max() - 1);
            assert!(poll_immediate(&mut flow).await.is_some(), "the flow ends");
            assert_eq!(balancer.free.available_permits(), balancer.config.flows_max());
            redirect.await.unwrap();
            let mut rest = String::new();
            target.read_to_string(&mut rest).await.unwrap();
            assert_eq!(rest, "");
        })
        .unwrap();
    }
}
