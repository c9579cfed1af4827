//! A load balancer in front of a cluster, as the proposal to reach nodes only through load
//! balancers needs it: one port per shard, each of which leads to one target (the shard's
//! master), and an admin port on which a controller redirects them.
//!
//! In reading order: [`LbConfig`]; `lb` is the shell that listens; `route` says where a shard's
//! connections go; `flow` is one connection, passed on; `redirect` judges whether a redirect is
//! older than the one in force; `balancer` carries one out, with `kept` (what the disk has) and
//! `flows` (what is established); `calls` sees whether a request is under way; `admin_request`
//! and `admin` are what controllers say:
//!
//! | request | reply |
//! |---|---|
//! | `REDIRECT <shard> <host> <port> [version]` | `OK` once it is in force; an error that begins with `STALE` if it is older than the one that is, where older ones are [refused](LbConfig::refuse_older) |
//! | `ROUTE <shard>` | `[host:port, version]`, the version null if there is none; null without a target |
//! | `PING` | `PONG` |
//!
//! What this is not: a proxy that understands what it carries. It passes bytes on, picks no
//! replica, and checks nobody's health; only where it is to [drain](OnRedirect::Drain) flows it
//! looks at where requests and replies end.
//!
//! The trap: by default a redirect moves new connections only. Established flows stay with their
//! old target, as with any balancer on this layer, so a client that keeps its connection goes on
//! writing to a deposed master; and a redirect that comes late overwrites one that came before.
//! [`OnRedirect::Sever`] and [`LbConfig::refuse_older`] are the rule against both.

mod admin;
mod admin_request;
mod balancer;
mod calls;
mod config;
mod flow;
mod flows;
mod kept;
mod lb;
mod redirect;
mod route;

pub use config::{ConfigError, LbConfig, ListenerConfig, OnRedirect};
pub use kept::KeptError;
pub use lb::{LbError, Server, serve, start};
pub use route::{Target, TargetError};
