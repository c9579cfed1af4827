//! The table of a node's options: name, whether it may change at runtime, what is allowed, and
//! how it is written as text and read back.
//!
//! What this is not: what an option means (see [`NodeConfig`]).

use std::str::FromStr;

use crate::config::{MovedAddress, NodeConfig};
use crate::lease::LeaseMode;
use crate::lease_rules::{LeaseClock, MILLION};
use crate::wal_sync::WalSync;

/// One option.
pub(crate) struct ConfigOption {
    /// Its name.
    pub(crate) name: &'static str,
    /// Whether it may change while the node runs.
    pub(crate) at_runtime: bool,
    /// What is allowed, in words.
    pub(crate) allowed: &'static str,
    /// Its value as text.
    pub(crate) get: fn(&NodeConfig) -> String,
    /// Reads a text; `None`, and nothing changes, if that is not allowed.
    pub(crate) set: fn(&mut NodeConfig, &str) -> Option<()>,
}

macro_rules! option {
    ($name:literal, $at_runtime:literal, $field:ident, $allowed:expr, $write:expr, $read:expr) => {
        ConfigOption {
            name: $name,
            at_runtime: $at_runtime,
            allowed: $allowed,
            get: |config| $write(&config.$field),
            set: |config, value| $read(value).map(|value| config.$field = value),
        }
    };
}

const YES_NO: &str = "expected yes or no";
const MS: &str = "expected milliseconds, 1 or more";
const COUNT: &str = "expected a number, 1 or more";

/// Every option, in the order in which they are shown.
pub(crate) const OPTIONS: &[ConfigOption] = &[
    option!("port", false, port, "expected a port, 0 to 65535", u16::to_string, parse),
    option!("bind", false, bind, "expected addresses", write_words, read_words),
    option!("cluster-enabled", false, cluster_enabled, YES_NO, write_flag, read_flag),
    option!(
        "persist-cluster-nodes-enabled",
        true,
        persist_cluster_nodes_enabled,
        YES_NO,
        write_flag,
        read_flag
    ),
    option!(
        "master-lease-mode",
        true,
        master_lease_mode,
        "expected disabled, log-only or block-write",
        LeaseMode::to_string,
        parse
    ),
    option!(
        "master-lease-clock",
        false,
        master_lease_clock,
        "expected wall or boottime",
        LeaseClock::to_string,
        parse
    ),
    option!(
        "master-lease-closed-start",
        false,
        master_lease_closed_start,
        YES_NO,
        write_flag,
        read_flag
    ),
    option!("master-lease-dated", false, master_lease_dated, YES_NO, write_flag, read_flag),
    option!(
        "master-lease-durable-version",
        false,
        master_lease_durable_version,
        YES_NO,
        write_flag,
        read_flag
    ),
    option!(
        "master-lease-ack-recheck",
        false,
        master_lease_ack_recheck,
        YES_NO,
        write_flag,
        read_flag
    ),
    option!(
        "master-lease-drift-ppm",
        false,
        master_lease_drift_ppm,
        "expected millionths, 0 to 999999",
        u64::to_string,
        read_drift
    ),
    option!(
        "master-lease-ms-max",
        false,
        master_lease_ms_max,
        "expected milliseconds, or 0 for no maximum",
        u64::to_string,
        parse
    ),
    option!("moved", true, moved, "expected node or lb", write_moved, read_moved),
    option!("db-name", false, db_name, "expected one word", String::clone, read_word),
    option!(
        "replication-connect-timeout-ms",
        true,
        replication_connect_timeout_ms,
        MS,
        u64::to_string,
        read_ms
    ),
    option!(
        "replication-idle-timeout-ms",
        true,
        replication_idle_timeout_ms,
        MS,
        u64::to_string,
        read_ms
    ),
    option!(
        "replication-ping-interval-ms",
        true,
        replication_ping_interval_ms,
        MS,
        u64::to_string,
        read_ms
    ),
    option!(
        "replication-ack-interval-ms",
        true,
        replication_ack_interval_ms,
        MS,
        u64::to_string,
        read_ms
    ),
    option!(
        "replication-connection-retry-ms",
        true,
        replication_connection_retry_ms,
        MS,
        u64::to_string,
        read_ms
    ),
    option!(
        "replication-error-retry-ms",
        true,
        replication_error_retry_ms,
        MS,
        u64::to_string,
        read_ms
    ),
    option!("requirepass", true, requirepass, "expected a password", String::clone, parse),
    option!("masterauth", true, masterauth, "expected a password", String::clone, parse),
    option!("slave-priority", true, slave_priority, "expected a number", u32::to_string, parse),
    option!("use-rsid-psync", false, use_rsid_psync, YES_NO, write_flag, read_flag),
    option!(
        "replication-enable-sequence-padding",
        true,
        replication_enable_sequence_padding,
        YES_NO,
        write_flag,
        read_flag
    ),
    option!("truncate-rejoin", false, truncate_rejoin, YES_NO, write_flag, read_flag),
    option!("wal-sync", false, wal_sync, WalSync::ALLOWED, WalSync::to_string, parse),
    option!("wal-compact-bytes", false, wal_compact_bytes, COUNT, usize::to_string, read_count),
    option!("wal-keep-batches", false, wal_keep_batches, COUNT, usize::to_string, read_count),
    option!("wal-keep-bytes", false, wal_keep_bytes, COUNT, usize::to_string, read_count),
];

fn parse<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn read_ms(text: &str) -> Option<u64> {
    parse(text).filter(|ms| *ms > 0)
}

fn read_drift(text: &str) -> Option<u64> {
    parse(text).filter(|ppm| *ppm < MILLION)
}

fn read_count(text: &str) -> Option<usize> {
    parse(text).filter(|count| *count > 0)
}

fn write_flag(flag: &bool) -> String {
    if *flag { "yes" } else { "no" }.to_owned()
}

fn read_flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

fn write_moved(moved: &MovedAddress) -> String {
    match moved {
        MovedAddress::Node => "node",
        MovedAddress::Lb => "lb",
    }
    .to_owned()
}

fn read_moved(text: &str) -> Option<MovedAddress> {
    [MovedAddress::Node, MovedAddress::Lb]
        .into_iter()
        .find(|moved| write_moved(moved).eq_ignore_ascii_case(text))
}

fn write_words(words: &[String]) -> String {
    words.join(" ")
}

fn read_words(text: &str) -> Option<Vec<String>> {
    Some(text.split_whitespace().map(str::to_owned).collect())
}

fn read_word(text: &str) -> Option<String> {
    let one_word = !text.is_empty() && !text.contains(char::is_whitespace);
    one_word.then(|| text.to_owned())
}
