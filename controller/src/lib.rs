//! The controller of a cluster and the store that it trusts.
//!
//! [`serve`] probes every node round by round, counts failures, promotes a replica when a master
//! stays silent, and pushes the topology (the module `probe_loop` is the place to start reading).
//! [`store::serve_store`] keeps the cluster's record and says which of several controllers leads.
//!
//! It does what upstream does, accidents of timing included: the store is written first and the
//! nodes are told second, nothing waits for a lease to expire, a node with a higher version is
//! taken at its word, and a controller believes that it leads until it hears of another leader.
//! What differs from upstream:
//! - A lease setting of 0 ms is refused, where upstream silently switches the lease off; the
//!   lower bounds that upstream puts on the probe interval and the failure count are not set.
//!   [`ControllerConfig::warnings`] tells what is allowed and will surprise.
//! - HEARTBEAT is really sent, beside or after each CLUSTER INFO.
//! - Load balancers, of shards and of single nodes, are redirected, and asked in every round
//!   whether that still holds. When a topology is adopted from a node they stay as the record has
//!   them: the node's text does not know them, and upstream's record has none.
//! - A topology that this controller has written while a round was under way is not adopted from
//!   the nodes at the end of that round.
//! - A planned switchover to a node that cannot be promoted is refused; upstream takes another one.
//!
//! # Rules
//!
//! [`ControllerRules`] are what a sound lease needs beyond that, each off by default. The
//! argument for each stands where it is kept: `dated_heartbeat` (why no echoed stamp is younger
//! than the commit that deposed its node), `leader_guard` (why a provably alive session is the only
//! one), `cluster_store` (why no late write of an earlier leader lands), `promotion_wait`, and
//! `higher_version`. `peer_vote` is upstream's proposal 396; asking the other masters, as proposal
//! 374 has it, needs several shards and is not here.
//!
//! # Orders
//!
//! The admin port takes orders of operators (`admin`): planned switchovers, the activation of a
//! node without the store, and resignation.
//!
//! A fault may stall a controller at the points `before-store-write` (a successor is chosen),
//! `before-topology-push` (the store is written, nobody is told), `before-keepalive`,
//! `before-heartbeat` (a heartbeat is composed, and not yet checked for the last time) and
//! `after-guard-check` (it is, and not yet sent), and likewise at `after-write-check` and
//! `after-push-check`.
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
mod config_warning;
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
pub use config_warning::ConfigWarning;
pub use controller::{ControllerError, serve, serve_until};
pub use rules::ControllerRules;
