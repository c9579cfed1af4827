//! The options of a node, under Kvrocks' names: as typed fields for whoever starts one, and as
//! text for the command line and `CONFIG GET|SET`.
//!
//! What this is not: `nodes.conf`, which keeps the topology.
//!
//! The trap: an idle timeout below the interval of pings cuts every quiet replication link.

use serde::{Deserialize, Serialize};

use crate::config_options::{ConfigOption, OPTIONS};
use crate::lease::LeaseMode;
use crate::lease_rules::LeaseClock;
use crate::wal_sync::WalSync;

/// What MOVED names: the setting `moved`, which the load balancer proposal leaves open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MovedAddress {
    /// The owner's own address, as the proposal leaves it.
    #[default]
    Node,
    /// The owner's load balancer where it has one.
    Lb,
}

/// The options of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeConfig {
    /// The port to listen on; 0 for any free one.
    pub port: u16,
    /// Further addresses that are this node's own, beside the machine's name: by them it finds
    /// itself in a topology when nobody has told it its id.
    pub bind: Vec<String>,
    /// Whether slots are routed and the cluster commands work.
    pub cluster_enabled: bool,
    /// Whether the topology is kept in `nodes.conf` and loaded at start.
    pub persist_cluster_nodes_enabled: bool,
    /// What an expired lease does.
    pub master_lease_mode: LeaseMode,
    /// The clock that the lease's deadline is kept on: rule `boottime-deadline` if it is
    /// boottime.
    pub master_lease_clock: LeaseClock,
    /// Whether a node that has no lease may not write: rule `closed-start`. Outside of a cluster,
    /// where nobody can grant one, `block-write` blocks for ever then.
    pub master_lease_closed_start: bool,
    /// Whether a lease counts from a moment that this node has stamped itself, so that a
    /// heartbeat which lay in a buffer grants nothing new: rule `dated-heartbeat`.
    pub master_lease_dated: bool,
    /// Whether the election version is kept in `election.conf` before a lease under it takes
    /// effect, and never falls: rule `durable-version`.
    pub master_lease_durable_version: bool,
    /// Whether the lease is asked again after a write was applied and before it is acknowledged:
    /// rule `ack-recheck`.
    pub master_lease_ack_recheck: bool,
    /// By how many millionths clocks are assumed to drift at most: rule `drift-margin` if that is
    /// more than 0. The node counts so much less of a lease that it has ended when whoever
    /// granted it has counted all of it.
    pub master_lease_drift_ppm: u64,
    /// The longest lease that a heartbeat may ask for; 0 for any.
    pub master_lease_ms_max: u64,
    /// What MOVED names.
    pub moved: MovedAddress,
    /// The name of the database; replication is refused between different ones.
    pub db_name: String,
    /// Within which a replica must reach its master.
    pub replication_connect_timeout_ms: u64,
    /// After how long without a message either end of a replication link gives it up.
    pub replication_idle_timeout_ms: u64,
    /// How often a master pings a replica that it has nothing to send to.
    pub replication_ping_interval_ms: u64,
    /// The least time between two acknowledgements of a replica.
    pub replication_ack_interval_ms: u64,
    /// How long a replica waits after a failed or lost connection.
    pub replication_connection_retry_ms: u64,
    /// How long a replica waits after any other error.
    pub replication_error_retry_ms: u64,
    /// What every connection must know, if that is not empty.
    pub requirepass: String,
    /// What a replica authenticates itself to its master with, if that is not empty.
    pub masterauth: String,
    /// What INFO calls the priority of a replica; nothing here heeds it.
    pub slave_priority: u32,
    /// Whether a replica is continued only if it got its last write from whom this master has it.
    pub use_rsid_psync: bool,
    /// Whether a replica may be continued inside a batch, without the rest of that batch.
    pub replication_enable_sequence_padding: bool,
    /// Whether a node that was a master takes a full copy of the master that it comes to follow,
    /// and is loading until it has it: rule `truncate-rejoin`.
    pub truncate_rejoin: bool,
    /// When the log is made to survive power loss.
    pub wal_sync: WalSync,
    /// How many bytes are written before the log is compacted; the size of the data, if that is
    /// more.
    pub wal_compact_bytes: usize,
    /// How many batches are kept for replicas at most.
    pub wal_keep_batches: usize,
    /// How many bytes of batches are kept for replicas at most.
    pub wal_keep_bytes: usize,
}

impl Default for NodeConfig {
    fn default() -> Self {
        Self {
            port: 6666,
            bind: Vec::new(),
            cluster_enabled: true,
            persist_cluster_nodes_enabled: true,
            master_lease_mode: LeaseMode::Disabled,
            master_lease_clock: LeaseClock::Wall,
            master_lease_closed_start: false,
            master_lease_dated: false,
            master_lease_durable_version: false,
            master_lease_ack_recheck: false,
            master_lease_drift_ppm: 0,
            master_lease_ms_max: 0,
            moved: MovedAddress::Node,
            db_name: "change.me.db".to_owned(),
            replication_connect_timeout_ms: 3100,
            replication_idle_timeout_ms: 5000,
            replication_ping_interval_ms: 2000,
            replication_ack_interval_ms: 1000,
            replication_connection_retry_ms: 1000,
            replication_error_retry_ms: 10_000,
            requirepass: String::new(),
            masterauth: String::new(),
            slave_priority: 100,
            use_rsid_psync: false,
            replication_enable_sequence_padding: false,
            truncate_rejoin: false,
            wal_sync: WalSync::No,
            wal_compact_bytes: 64 * 1024 * 1024,
            wal_keep_batches: 1_000_000,
            wal_keep_bytes: 64 * 1024 * 1024,
        }
    }
}

/// Why an option was not set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// There is no such option.
    #[error("Unsupported CONFIG parameter: {name}")]
    Unknown {
        /// The name as it was given.
        name: String,
    },
    /// The option stands fast once the node runs.
    #[error("Unable to change the value of '{name}' at runtime, it must be set at start")]
    ReadOnly {
        /// The option.
        name: &'static str,
    },
    /// The value is not allowed.
    #[error("invalid value '{value}' for '{name}': {allowed}")]
    Value {
        /// The option.
        name: &'static str,
        /// The value as it was given.
        value: String,
        /// What is allowed.
        allowed: &'static str,
    },
}

impl NodeConfig {
    /// Every option with its value, in the order of the table.
    pub fn options(&self) -> impl Iterator<Item = (&'static str, String)> {
        OPTIONS.iter().map(|option| (option.name, (option.get)(self)))
    }

    /// Sets an option before the start, by Kvrocks' name in any case.
    ///
    /// ```
    /// let mut config = node::NodeConfig::default();
    /// config.set("master-lease-mode", "block-write").unwrap();
    /// assert_eq!(config.master_lease_mode, node::LeaseMode::BlockWrite);
    /// assert!(config.set("master-lease-mode", "maybe").is_err());
    /// ```
    ///
    /// # Errors
    /// [`ConfigError::Unknown`] and [`ConfigError::Value`]; nothing has changed then.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), ConfigError> {
        self.assign(find(name)?, value)
    }

    /// Sets an option of a node that runs.
    ///
    /// # Errors
    /// As [`NodeConfig::set`], and [`ConfigError::ReadOnly`].
    pub(crate) fn set_at_runtime(&mut self, name: &str, value: &str) -> Result<(), ConfigError> {
        let option = find(name)?;
        if !option.at_runtime {
            return Err(ConfigError::ReadOnly { name: option.name });
        }
        self.assign(option, value)
    }

    fn assign(&mut self, option: &ConfigOption, value: &str) -> Result<(), ConfigError> {
        (option.set)(self, value).ok_or_else(|| ConfigError::Value {
            name: option.name,
            value: value.to_owned(),
            allowed: option.allowed,
        })
    }
}

fn find(name: &str) -> Result<&'static ConfigOption, ConfigError> {
    OPTIONS
        .iter()
        .find(|option| option.name.eq_ignore_ascii_case(name))
        .ok_or_else(|| ConfigError::Unknown { name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_reads_back_what_it_writes() {
        let config = NodeConfig {
            port: 7000,
            bind: vec!["a".to_owned(), "b".to_owned()],
            cluster_enabled: false,
            persist_cluster_nodes_enabled: false,
            master_lease_mode: LeaseMode::LogOnly,
            master_lease_clock: LeaseClock::Boottime,
            master_lease_closed_start: true,
            master_lease_dated: true,
            master_lease_durable_version: true,
            master_lease_ack_recheck: true,
            master_lease_drift_ppm: 12,
            master_lease_ms_max: 13,
            moved: MovedAddress::Lb,
            db_name: "x".to_owned(),
            replication_connect_timeout_ms: 1,
            replication_idle_timeout_ms: 2,
            replication_ping_interval_ms: 3,
            replication_ack_interval_ms: 4,
            replication_connection_retry_ms: 5,
            replication_error_retry_ms: 6,
            requirepass: "open".to_owned(),
            masterauth: "secret".to_owned(),
            slave_priority: 7,
            use_rsid_psync: true,
            replication_enable_sequence_padding: true,
            truncate_rejoin: true,
            wal_sync: WalSync::EveryMs(8),
            wal_compact_bytes: 9,
            wal_keep_batches: 10,
            wal_keep_bytes: 11,
        };
        let mut copy = NodeConfig::default();
        for (name, value) in config.options() {
            copy.set(&name.to_uppercase(), &value).unwrap();
        }
        assert_eq!(copy, config);
    }

    #[test]
    fn bad_values_change_nothing() {
        let mut config = NodeConfig::default();
        for (name, value) in [
            ("port", "65536"),
            ("cluster-enabled", "1"),
            ("moved", "lbs"),
            ("db-name", "a b"),
            ("db-name", ""),
            ("replication-ping-interval-ms", "0"),
            ("master-lease-clock", "monotonic"),
            ("master-lease-drift-ppm", "1000000"),
            ("master-lease-ms-max", "-1"),
            ("wal-sync", "often"),
            ("wal-keep-batches", "0"),
            ("no-such-option", "1"),
        ] {
            assert!(config.set(name, value).is_err(), "{name} {value}");
        }
        assert_eq!(config, NodeConfig::default());
    }

    #[test]
    fn some_options_stand_fast() {
        let mut config = NodeConfig::default();
        assert!(config.set_at_runtime("master-lease-mode", "log-only").is_ok());
        assert_eq!(config.set_at_runtime("port", "1"), Err(ConfigError::ReadOnly { name: "port" }));
    }
}
