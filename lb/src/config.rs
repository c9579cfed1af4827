//! The settings of a load balancer, as plain data.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::route::{Target, TargetError};

/// The settings of one load balancer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LbConfig {
    /// The port for REDIRECT and ROUTE. 0: the machine picks one.
    pub admin_port: u16,
    /// How long a connection to a target may take before the client's is closed, in ms.
    #[serde(default = "connect_timeout_ms_default")]
    pub connect_timeout_ms: u64,
    /// How long nothing may move in a flow, or on an admin connection, before it is closed, in
    /// ms; by default 30 000. There is always such a limit: a peer that lost its power says
    /// nothing, and simulated links do not retransmit, so that a stream that lost a segment is
    /// silent for ever, without an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_timeout_ms: Option<u64>,
    /// What becomes of established flows when their shard is redirected.
    #[serde(default)]
    pub on_redirect: OnRedirect,
    /// How long a request may keep its flow open that is to be [drained](OnRedirect::Drain), in
    /// ms; by default 5 000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain_limit_ms: Option<u64>,
    /// Whether a redirect is refused that is older, by its version, than the one in force. The
    /// one in force is then kept on the disk and is in force again after a restart, in place of
    /// [`ListenerConfig::target`]; and every redirect needs a version.
    #[serde(default)]
    pub refuse_older: bool,
    /// How many flows there may be at once; by default 2 000, as in HAProxy. Connections beyond
    /// them are closed at once. It is what ends a load balancer that was told to lead to itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flows_max: Option<u32>,
    /// The ports for clients.
    pub listeners: Vec<ListenerConfig>,
}

/// What becomes of the established flows of a shard that is redirected elsewhere. A redirect to
/// the target that a shard has already leaves them alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnRedirect {
    /// They live on, with the old target, as with any balancer that works on connections.
    #[default]
    Keep,
    /// Each is closed at the first moment at which none of its requests is under way, and at a
    /// limit at the latest. The redirect is acknowledged at once.
    Drain,
    /// All are closed at once, those that are still connecting included, and only then the
    /// redirect is acknowledged.
    Sever,
}

/// A port for the clients of one shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListenerConfig {
    /// The shard, counted from 0.
    pub shard: u32,
    /// The port. 0: the machine picks one.
    pub port: u16,
    /// Where its connections go until the first redirect; without it they are closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
}

/// A setting that is not allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A number that must not be 0.
    #[error("{0} is 0, allowed are 1 and more")]
    Zero(&'static str),
    /// There is nothing to balance.
    #[error("listeners is empty, at least one is needed")]
    NoListener,
    /// Two listeners for one shard.
    #[error("listeners: shard {0} stands there twice, allowed is one listener for each shard")]
    ShardTwice(u32),
    /// Two uses of one port.
    #[error("port {0} stands there twice, among listeners and admin_port")]
    PortTwice(u16),
    /// A target that is none.
    #[error("listeners: target of shard {shard}: {error}")]
    Target {
        /// The shard.
        shard: u32,
        /// What is wrong with it.
        #[source]
        error: TargetError,
    },
}

impl LbConfig {
    /// Checks every setting.
    ///
    /// # Errors
    /// [`ConfigError`], which names the first setting that is not allowed.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.connect_timeout_ms == 0 {
            return Err(ConfigError::Zero("connect_timeout_ms"));
        }
        if self.idle_timeout_ms == Some(0) {
            return Err(ConfigError::Zero("idle_timeout_ms"));
        }
        if self.drain_limit_ms == Some(0) {
            return Err(ConfigError::Zero("drain_limit_ms"));
        }
        if self.flows_max == Some(0) {
            return Err(ConfigError::Zero("flows_max"));
        }
        if self.listeners.is_empty() {
            return Err(ConfigError::NoListener);
        }
        self.nothing_stands_twice()?;
        self.listeners.iter().try_for_each(ListenerConfig::validate)
    }

    fn nothing_stands_twice(&self) -> Result<(), ConfigError> {
        let mut shards = BTreeSet::new();
        let mut ports = BTreeSet::from([self.admin_port]);
        for listener in &self.listeners {
            if !shards.insert(listener.shard) {
                return Err(ConfigError::ShardTwice(listener.shard));
            }
            if !ports.insert(listener.port) && listener.port != 0 {
                return Err(ConfigError::PortTwice(listener.port));
            }
        }
        Ok(())
    }

    /// How long a connection to a target may take.
    pub fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    /// How long nothing may move in a flow.
    pub fn idle_timeout(&self) -> Duration {
        Duration::from_millis(self.idle_timeout_ms.unwrap_or(IDLE_TIMEOUT_MS_DEFAULT))
    }

    /// How many flows there may be at once.
    pub(crate) fn flows_max(&self) -> usize {
        self.flows_max.unwrap_or(FLOWS_MAX_DEFAULT) as usize
    }

    /// How long a request may keep its flow open that is to be drained.
    pub fn drain_limit(&self) -> Duration {
        Duration::from_millis(self.drain_limit_ms.unwrap_or(DRAIN_LIMIT_MS_DEFAULT))
    }
}

impl ListenerConfig {
    fn validate(&self) -> Result<(), ConfigError> {
        let check = self.target.as_ref().map_or(Ok(()), Target::validate);
        check.map_err(|error| ConfigError::Target { shard: self.shard, error })
    }
}

fn connect_timeout_ms_default() -> u64 {
    CONNECT_TIMEOUT_MS_DEFAULT
}

const CONNECT_TIMEOUT_MS_DEFAULT: u64 = 1000;
const IDLE_TIMEOUT_MS_DEFAULT: u64 = 30_000;
const FLOWS_MAX_DEFAULT: u32 = 2_000;
const DRAIN_LIMIT_MS_DEFAULT: u64 = 5_000;

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
admin_port = 7100

[[listeners]]
shard = 0
port = 7000
target = { host = "node-1", port = 6666 }

[[listeners]]
shard = 1
port = 7001
"#;

    fn config() -> LbConfig {
        toml::from_str(TEXT).unwrap()
    }

    #[test]
    fn what_is_left_out_has_defaults() {
        let config = config();
        config.validate().unwrap();
        assert_eq!(config.connect_timeout(), Duration::from_secs(1));
        assert_eq!(config.idle_timeout(), Duration::from_secs(30));
        assert_eq!(config.drain_limit(), Duration::from_secs(5));
        assert_eq!(config.flows_max(), 2_000);
        assert_eq!((config.on_redirect, config.refuse_older), (OnRedirect::Keep, false));
        assert_eq!(config.listeners[0].target, Some(Target::new("node-1", 6666)));
        assert_eq!(config.listeners[1].target, None);
    }

    #[test]
    fn settings_survive_being_saved() {
        let changed = LbConfig {
            idle_timeout_ms: Some(7),
            on_redirect: OnRedirect::Drain,
            drain_limit_ms: Some(8),
            refuse_older: true,
            flows_max: Some(9),
            ..config()
        };
        for config in [config(), changed] {
            let saved = toml::to_string(&config).unwrap();
            assert_eq!(toml::from_str::<LbConfig>(&saved).unwrap(), config);
        }
    }

    #[test]
    fn unknown_settings_are_refused() {
        let error = toml::from_str::<LbConfig>(&format!("idle_timeout = 3\n{TEXT}")).unwrap_err();
        assert!(error.to_string().contains("unknown field `idle_timeout`"), "{error}");
        let text = format!("on_redirect = \"close\"\n{TEXT}");
        let error = toml::from_str::<LbConfig>(&text).unwrap_err();
        assert!(error.to_string().contains("`keep`, `drain`, `sever`"), "{error}");
    }

    #[test]
    fn each_setting_that_is_not_allowed_is_named() {
        type Change = fn(&mut LbConfig);
        let cases: [(&str, Change); 10] = [
            ("connect_timeout_ms is 0", |c| c.connect_timeout_ms = 0),
            ("idle_timeout_ms is 0", |c| c.idle_timeout_ms = Some(0)),
            ("drain_limit_ms is 0", |c| c.drain_limit_ms = Some(0)),
            ("flows_max is 0", |c| c.flows_max = Some(0)),
            ("listeners is empty", |c| c.listeners.clear()),
            ("shard 0 stands there twice", |c| c.listeners[1].shard = 0),
            ("port 7000 stands there twice", |c| c.listeners[1].port = 7000),
            ("port 7100 stands there twice", |c| c.listeners[1].port = 7100),
            ("target of shard 0: host \"\"", |c| {
                c.listeners[0].target = Some(Target::new("", 6666));
            }),
            ("target of shard 1: port 0", |c| c.listeners[1].target = Some(Target::new("a", 0))),
        ];
        for (expected, change) in cases {
            let mut config = config();
            change(&mut config);
            let error = config.validate().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn ports_that_the_machine_picks_are_different() {
        let mut config = config();
        config.admin_port = 0;
        config.listeners.iter_mut().for_each(|listener| listener.port = 0);
        assert_eq!(config.validate(), Ok(()));
    }
}
