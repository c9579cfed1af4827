//! The settings of a controller process, as plain data.

use std::time::Duration;

use node::client::Timeouts;
use serde::{Deserialize, Serialize};

use crate::cluster_record::{ClusterRecord, RecordError};
use crate::rules::ControllerRules;

/// The settings of one controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ControllerConfig {
    /// Its name in elections, different from other controllers' names.
    pub name: String,
    /// Where the store listens.
    pub store: StoreAddress,
    /// How long the store keeps a session that is not kept alive, in ms (upstream: 6000 with
    /// etcd). Keepalives go out three times in it, and no call to the store takes longer than
    /// the time between two of them.
    pub session_ttl_ms: u64,
    /// How nodes are probed.
    #[serde(default)]
    pub probe: ProbeConfig,
    /// Whether masters hold leases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<LeaseConfig>,
    /// When a HEARTBEAT is sent.
    #[serde(default)]
    pub heartbeat: Heartbeat,
    /// Which rules it follows beyond what upstream does.
    #[serde(default)]
    pub rules: ControllerRules,
    /// The port on which it takes orders of operators and questions of other controllers; none by
    /// default. Whoever reaches it is obeyed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin_port: Option<u16>,
    /// By which host other controllers reach that port; by default the machine's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin_host: Option<String>,
    /// The cluster to write if the store has none.
    pub initial: ClusterRecord,
}

/// Where a store listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreAddress {
    /// Its host name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// How nodes are probed. The defaults are upstream's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProbeConfig {
    /// The time from the start of one round to the start of the next, in ms.
    pub interval_ms: u64,
    /// How long a connection may take, in ms.
    pub connect_timeout_ms: u64,
    /// How long a reply may take, counted from when its request was sent, in ms.
    pub request_timeout_ms: u64,
    /// After how many failed probes in a row a master's replica is promoted.
    pub failures: u32,
}

/// The lease that heartbeats grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaseConfig {
    /// How long a grant lasts, in ms.
    pub ttl_ms: u64,
}

/// When a HEARTBEAT is sent to a node in a round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Heartbeat {
    /// In one write with the CLUSTER INFO of the round: a hung node finds both in its buffer.
    #[default]
    WithInfo,
    /// Only after a good reply to it: a hung node finds no HEARTBEAT.
    AfterInfo,
}

/// A setting that is not allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A number that must not be 0.
    #[error("{0} is 0, allowed are 1 and more")]
    Zero(&'static str),
    /// A clock that is off by so much stands still or runs backwards.
    #[error("rules.drift_ppm is {0}, allowed are 0 to 999999")]
    Drift(u64),
    /// Nobody could ask this controller for its vote.
    #[error("rules.peer_vote needs an admin_port")]
    NoPortForVotes,
    /// A text that must not be empty.
    #[error("{0} is empty")]
    Empty(&'static str),
    /// The initial record is wrong.
    #[error("initial: {0}")]
    Initial(#[from] RecordError),
}

impl Default for ProbeConfig {
    fn default() -> Self {
        Self { interval_ms: 3000, connect_timeout_ms: 3200, request_timeout_ms: 3000, failures: 5 }
    }
}

impl ProbeConfig {
    /// The time from the start of one round to the start of the next.
    pub fn interval(&self) -> Duration {
        Duration::from_millis(self.interval_ms)
    }

    /// The limits of calls to nodes and load balancers.
    pub fn timeouts(&self) -> Timeouts {
        Timeouts {
            connect: Duration::from_millis(self.connect_timeout_ms),
            request: Duration::from_millis(self.request_timeout_ms),
        }
    }
}

impl ControllerConfig {
    /// Checks every setting.
    ///
    /// # Errors
    /// [`ConfigError`], which names the first setting that is not allowed.
    pub fn validate(&self) -> Result<(), ConfigError> {
        for (setting, text) in [("name", &self.name), ("store.host", &self.store.host)] {
            if text.is_empty() {
                return Err(ConfigError::Empty(setting));
            }
        }
        for (setting, number) in [
            ("store.port", u64::from(self.store.port)),
            ("session_ttl_ms", self.session_ttl_ms),
            ("probe.interval_ms", self.probe.interval_ms),
            ("probe.connect_timeout_ms", self.probe.connect_timeout_ms),
            ("probe.request_timeout_ms", self.probe.request_timeout_ms),
            ("probe.failures", u64::from(self.probe.failures)),
            ("admin_port", self.admin_port.map_or(1, u64::from)),
            ("lease.ttl_ms", self.lease.map_or(1, |lease| lease.ttl_ms)),
        ] {
            if number == 0 {
                return Err(ConfigError::Zero(setting));
            }
        }
        if self.rules.drift_ppm >= 1_000_000 {
            return Err(ConfigError::Drift(self.rules.drift_ppm));
        }
        if self.rules.peer_vote && self.admin_port.is_none() {
            return Err(ConfigError::NoPortForVotes);
        }
        Ok(self.initial.validate()?)
    }

    /// How long the store keeps a silent session.
    pub fn session_ttl(&self) -> Duration {
        Duration::from_millis(self.session_ttl_ms)
    }

    /// The time between two keepalives.
    pub fn keepalive_interval(&self) -> Duration {
        self.session_ttl() / 3
    }

    /// The limits of calls to the store.
    pub fn store_timeouts(&self) -> Timeouts {
        Timeouts { connect: self.keepalive_interval(), request: self.keepalive_interval() }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Settings that are allowed.
    pub(crate) fn config() -> ControllerConfig {
        ControllerConfig {
            name: "controller-1".into(),
            store: StoreAddress { host: "store".into(), port: 2379 },
            session_ttl_ms: 6000,
            probe: ProbeConfig::default(),
            lease: Some(LeaseConfig { ttl_ms: 5000 }),
            heartbeat: Heartbeat::WithInfo,
            rules: ControllerRules::default(),
            admin_port: Some(7100),
            admin_host: None,
            initial: crate::cluster_record::tests::record(),
        }
    }

    #[test]
    fn each_setting_that_is_not_allowed_is_named() {
        config().validate().unwrap();
        type Change = fn(&mut ControllerConfig);
        let cases: [(&str, Change); 12] = [
            ("rules.peer_vote needs", |c| (c.rules.peer_vote, c.admin_port) = (true, None)),
            ("admin_port is 0", |c| c.admin_port = Some(0)),
            ("rules.drift_ppm is 1000000,", |c| c.rules.drift_ppm = 1_000_000),
            ("name is empty", |c| c.name.clear()),
            ("store.host is empty", |c| c.store.host.clear()),
            ("store.port is 0", |c| c.store.port = 0),
            ("session_ttl_ms is 0", |c| c.session_ttl_ms = 0),
            ("probe.interval_ms is 0", |c| c.probe.interval_ms = 0),
            ("probe.request_timeout_ms is 0", |c| c.probe.request_timeout_ms = 0),
            ("probe.failures is 0", |c| c.probe.failures = 0),
            ("lease.ttl_ms is 0", |c| c.lease = Some(LeaseConfig { ttl_ms: 0 })),
            ("initial: there is no shard", |c| c.initial.shards.clear()),
        ];
        for (text, change) in cases {
            let mut config = config();
            change(&mut config);
            let error = config.validate().unwrap_err().to_string();
            assert!(error.starts_with(text), "{error:?} for {text:?}");
        }
    }

    #[test]
    fn settings_read_back_and_unknown_ones_are_refused() {
        let json = serde_json::to_string(&config()).unwrap();
        assert_eq!(serde_json::from_str::<ControllerConfig>(&json).unwrap(), config());
        assert!(json.contains(r#""heartbeat":"with-info""#), "{json}");
        let typo = json.replace("session_ttl_ms", "session_ttl");
        assert!(serde_json::from_str::<ControllerConfig>(&typo).is_err());
    }
}
