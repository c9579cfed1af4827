//! A Kvrocks-like cluster node: a RESP server with slots, a pushed topology, a master lease,
//! storage behind a write-ahead log, and replication by sequence number. It knows the world
//! through [`host::Host`] only, and so runs unchanged on real sockets and in a simulation.
//!
//! [`start()`] or [`serve`] is the way in. In reading order: `connection` takes requests,
//! `command` is the table of them, `dispatch` the order of the checks, `routing` and
//! `cluster` say which slots are served, `storage` is the one write path with the
//! `lease_gate` before it, and `replication` is both ends of the stream. [`resp`],
//! [`client`], [`slot`] and [`topology`] also serve those who talk to nodes.
//!
//! What this is not: a complete Kvrocks. There are strings only, no expiry, no namespaces, no
//! slot migration, and the log of writes is kept whole.
//!
//! # Differences from upstream
//!
//! Where upstream has an accident that nobody would want, the sane behaviour is built:
//! - `EXEC` under an expired lease rejects the whole transaction with one error and applies
//!   nothing; upstream answers every command with success and then sends one error too many.
//!   A transaction without a write does not ask for the lease.
//! - Slots that a new topology leaves out become unserved; upstream keeps pointing them at the
//!   node that had them.
//! - `SETNODEID` before any `SETNODES` does not break the next start; upstream refuses its own
//!   `nodes.conf` then (`version -1`).
//! - A lease too long for the clock's number saturates instead of wrapping.
//! - The later of two lines with one id does not replace the earlier: the topology is refused.
//! - `CLUSTERX` and `CONFIG` are refused inside `MULTI`, so that no transaction changes the
//!   rules under which it commits.
//! - A topology change does not wait for a replication thread that sleeps: the task is dropped,
//!   and only a batch whose writing has begun is waited for.
//!
//! The trap: a grant, a role and a slot are only what this node believes. Nothing here may be
//! read as what is true in the cluster.

mod arguments;
mod batch;
mod batch_log;
pub mod client;
mod cluster;
mod cluster_commands;
mod clusterx_commands;
mod command;
mod config;
mod connection;
mod data_commands;
mod dispatch;
mod error_reply;
mod heartbeat;
mod info;
mod key_locks;
pub mod lease;
mod lease_gate;
mod node;
pub mod nodes_conf;
mod replication;
pub mod resp;
mod routing;
mod server_commands;
mod session;
pub mod slot;
mod snapshot;
mod start;
mod status;
mod storage;
pub mod topology;
mod transaction;
mod write_ahead_log;

pub use config::{ConfigError, MovedAddress, NodeConfig};
pub use lease::LeaseMode;
pub use start::{NodeError, Server, serve, start};
