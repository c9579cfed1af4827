//! A Kvrocks-like cluster node: a RESP server with slots, a pushed topology, a master lease,
//! storage behind a write-ahead log, and replication by sequence number. It knows the world
//! through [`host::Host`] only, and so runs unchanged on real sockets and in a simulation.
//!
//! [`start()`] or [`serve`] is the way in. In reading order: `connection` takes requests,
//! `command` is the table of them, `dispatch` the order of the checks, `routing` and
//! `cluster` say which slots are served, `data_commands` what a command answers and changes,
//! `storage` is the one write path with the `lease_gate` before it, and `replication` is both
//! ends of the stream. [`resp`],
//! [`client`], [`slot`] and [`topology`] also serve those who talk to nodes.
//!
//! What this is not: a complete Kvrocks. There are strings, hashes and lists, but no sets, no
//! sorted sets, no scripts, no publishing, no namespaces and one password for all. Slots do not
//! migrate (`CLUSTERX MIGRATE`, `IMPORT`, `FLUSHSLOTS`); `SETSLOT` gives them away without data.
//! A replica always serves stale data.
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
//! - With replication ids on, a node that starts writes a new one down only if it turns out to
//!   follow nobody; upstream does so before it knows, and a replica's restart costs a full sync.
//!
//! - `SETSLOT` to an unknown node leaves the topology as it was; upstream puts an empty entry
//!   into it. Ids with blanks or control characters, which `nodes.conf` could not keep, are
//!   refused as too short ones are.
//! - A write on an expired key deletes it first, as an operation of its own in the log. Reads and
//!   replicas hide expired keys by their own wall clock; upstream's compaction drops them, and no
//!   log tells of it.
//! - `WATCH` also sees a watched key expire.
//! - `CLIENT PAUSE … ALL`, the default, holds back what reads or writes data and nothing else, so
//!   that a switchover can order the paused node about; what waits holds no lock. A node that
//!   pauses has no authority.
//! - `WAIT` on a node that becomes a replica meanwhile ends with the error that it would have
//!   got then. Whether upstream's does is unknown.
//! - `GETEX` without an option and a `DEL` of nothing ask the lease, as every command that may
//!   write does; a refusal for another reason (`WRONGTYPE`) comes before the lease's.
//! - `COMMAND DOCS` is empty.
//!
//! # Rules
//!
//! What betters the proposed lease, and the way in which a deposed master comes back, each with
//! its option, which is off by default, and its place:
//! - `boottime-deadline`, `master-lease-clock boottime`: [`lease_rules::LeaseClock`], read by
//!   `lease_gate`.
//! - `closed-start`, `master-lease-closed-start yes`: [`lease::Lease::check`].
//! - `dated-heartbeat`, `master-lease-dated yes`: `lease_stamp`.
//! - `ack-recheck`, `master-lease-ack-recheck yes`: `ack_gate`.
//! - `durable-version`, `master-lease-durable-version yes`: `election_file`.
//! - `drift-margin`, `master-lease-drift-ppm N`: [`lease_rules::LeaseRules::counted_ms`].
//! - `truncate-rejoin`, `truncate-rejoin yes`: `former_master`.
//!
//! Whoever reckons with one length for all leases has nodes refuse longer ones by
//! `master-lease-ms-max N`. What controllers and load balancers have to keep stands with them.
//!
//! The trap: a grant, a role and a slot are only what this node believes. Nothing here may be
//! read as what is true in the cluster.

mod ack_gate;
mod apply;
mod arguments;
mod batch;
mod batch_log;
pub mod client;
mod client_commands;
mod clients;
mod cluster;
mod cluster_commands;
mod clusterx_commands;
mod command;
mod command_info;
mod config;
mod config_options;
mod connection;
mod counter_commands;
mod data_commands;
mod dispatch;
mod election_file;
mod error_reply;
mod exec;
mod expiry;
mod former_master;
pub mod gatekeeper;
mod glob;
mod hash_commands;
mod heartbeat;
mod hello;
mod info;
mod key_commands;
mod key_locks;
mod keyspace;
pub mod lease;
mod lease_gate;
pub mod lease_rules;
mod lease_stamp;
mod list_commands;
mod log_file;
mod log_keeper;
mod node;
pub mod nodes_conf;
mod operation;
mod pause;
mod rehearsal;
mod replication;
mod reply;
pub mod request_server;
pub mod resp;
mod routing;
mod scan;
mod server_commands;
mod session;
pub mod slot;
mod snapshot;
mod start;
mod status;
mod storage;
mod string_commands;
pub mod topology;
mod transaction;
mod view;
mod wait;
mod wal_sync;
mod watches;
mod write_ahead_log;

pub use ack_gate::NOT_ACKNOWLEDGED;
pub use config::{ConfigError, MovedAddress, NodeConfig};
pub use election_file::ElectionFileError;
pub use heartbeat::check_arguments as check_heartbeat;
pub use lease::LeaseMode;
pub use lease_rules::LeaseClock;
pub use start::{NodeError, Server, serve, start, start_with};
pub use wal_sync::WalSync;
