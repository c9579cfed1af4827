//! A load balancer in front of a cluster, as the proposal to reach nodes only through load
//! balancers needs it: one port per shard, each of which leads to one target (the shard's
//! master), and an admin port on which a controller redirects them.
//!
//! In reading order: [`LbConfig`]; `lb` is the shell that listens; `route` says where a shard's
//! connections go; `flow` is one connection, passed on; `admin_request` and `admin` are what
//! controllers say.
//!
//! What this is not: a proxy that understands what it carries. It passes bytes on, picks no
//! replica, and checks nobody's health.
//!
//! The trap: a redirect moves new connections only. Established flows stay with their old
//! target, as with any balancer on this layer, so a client that keeps its connection goes on
//! writing to a deposed master; and a redirect that comes late overwrites one that came before.

mod admin;
mod admin_request;
mod config;
mod flow;
mod lb;
mod route;

pub use config::{ConfigError, LbConfig, ListenerConfig};
pub use lb::{LbError, Server, serve, start};
pub use route::{Target, TargetError};
