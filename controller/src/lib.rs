//! The controller of a cluster and the store that it trusts.
//!
//! [`serve`] probes every node round by round, counts failures, promotes a replica when a master
//! stays silent, and pushes the topology (the module `probe_loop` is the place to start reading).
//! [`store::serve_store`] keeps the cluster's record and says which controller leads.
//!
//! It does what upstream does, accidents of timing included: the store is written first and the
//! nodes are told second, nothing waits for a lease to expire, and a controller believes that it
//! leads until it hears of another leader. What differs from upstream:
//! - When a topology is adopted from a node, load balancers stay as the record has them: the
//!   node's text does not know them, and upstream's record has none.
//! - A lease setting of 0 ms is refused, where upstream silently switches the lease off; the
//!   lower bounds that upstream puts on the probe interval and the failure count are not set.
//! - HEARTBEAT is really sent, beside or after each CLUSTER INFO.
//! - Load balancers, of shards and of single nodes, are redirected, and asked in every round
//!   whether that still holds.
//!
//! A fault may stall it at the points `before-store-write` (a successor is chosen) and
//! `before-topology-push` (the store is written, nobody is told).
//!
//! What this is not: an HTTP API, slot migration, or several clusters in one store.

pub mod cluster_record;
pub mod config;
pub mod controller;
pub mod store;

mod activation;
mod admin;
mod admin_request;
mod cluster_nodes;
mod cluster_store;
mod dated_heartbeat;
mod failover;
mod failure_count;
mod grants;
mod heartbeat;
mod higher_version;
mod lb_record;
mod lb_redirect;
mod leader_guard;
mod leader_watch;
mod leadership;
mod node_links;
mod peer_vote;
mod probe_loop;
mod probe_outcome;
mod promotion_wait;
mod redirector;
mod rules;
mod stamps;
mod successor;
mod switchover;
mod term;
mod ticker;
mod topology_push;

pub use cluster_record::ClusterRecord;
pub use config::{ControllerConfig, Heartbeat, LeaseConfig, ProbeConfig, StoreAddress};
pub use controller::{ControllerError, serve, serve_until};
pub use rules::ControllerRules;
