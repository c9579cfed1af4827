//! Where the connections of each shard go: the table that redirects change.
//!
//! What this is not: a record of flows. It is asked once for each, when it begins.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::config::ListenerConfig;

/// Where the connections of a shard go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Host name or address.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Target {
    /// A target, not checked.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port }
    }

    /// Whether this can be a place to connect to.
    pub(crate) fn validate(&self) -> Result<(), TargetError> {
        let blank = |c: char| c.is_whitespace() || c.is_control();
        if self.host.is_empty() || self.host.contains(blank) {
            return Err(TargetError::Host(self.host.clone()));
        }
        if self.port == 0 {
            return Err(TargetError::Port("0".to_owned()));
        }
        Ok(())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Why something is no target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// No host name.
    #[error("host {0:?}: must be a name or an address, without blanks")]
    Host(String),
    /// No port.
    #[error("port {0}: must be a number from 1 to 65535")]
    Port(String),
}

/// A shard that this load balancer has no port for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown shard {shard}, known here: {known}")]
pub(crate) struct UnknownShard {
    shard: u32,
    known: String,
}

/// The target of every shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Routes(BTreeMap<u32, Option<Target>>);

impl Routes {
    /// The table at the start.
    pub(crate) fn new(listeners: &[ListenerConfig]) -> Self {
        let route = |listener: &ListenerConfig| (listener.shard, listener.target.clone());
        Self(listeners.iter().map(route).collect())
    }

    /// Where new connections of the shard go; `None` before the first redirect if the settings
    /// named no target.
    pub(crate) fn target(&self, shard: u32) -> Result<Option<&Target>, UnknownShard> {
        match self.0.get(&shard) {
            Some(target) => Ok(target.as_ref()),
            None => Err(self.unknown(shard)),
        }
    }

    /// New connections of the shard go there from now on.
    pub(crate) fn redirect(&mut self, shard: u32, target: Target) -> Result<(), UnknownShard> {
        match self.0.get_mut(&shard) {
            Some(present) => {
                *present = Some(target);
                Ok(())
            }
            None => Err(self.unknown(shard)),
        }
    }

    /// The shards that have a target, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Target)> {
        self.0.iter().filter_map(|(shard, target)| Some((*shard, target.as_ref()?)))
    }

    fn unknown(&self, shard: u32) -> UnknownShard {
        let known: Vec<_> = self.0.keys().map(u32::to_string).collect();
        UnknownShard { shard, known: known.join(", ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes() -> Routes {
        let listener = |shard, target| ListenerConfig { shard, port: 7000 + shard as u16, target };
        Routes::new(&[listener(0, Some(Target::new("a", 1))), listener(3, None)])
    }

    #[test]
    fn a_redirect_changes_its_shard_and_no_other() {
        let mut routes = routes();
        assert_eq!(routes.target(0), Ok(Some(&Target::new("a", 1))));
        assert_eq!(routes.target(3), Ok(None));

        routes.redirect(3, Target::new("b", 2)).unwrap();
        assert_eq!(routes.target(0), Ok(Some(&Target::new("a", 1))));
        assert_eq!(routes.target(3), Ok(Some(&Target::new("b", 2))));

        routes.redirect(3, Target::new("c", 3)).unwrap();
        assert_eq!(routes.target(3), Ok(Some(&Target::new("c", 3))), "the last one wins");
    }

    #[test]
    fn only_shards_with_a_target_are_routed() {
        let shards: Vec<_> = routes().iter().map(|(shard, to)| (shard, to.to_string())).collect();
        assert_eq!(shards, [(0, "a:1".to_owned())]);
    }

    #[test]
    fn an_unknown_shard_is_told_the_known_ones() {
        let mut routes = routes();
        let before = routes.clone();
        let text = "unknown shard 1, known here: 0, 3";
        assert_eq!(routes.target(1).unwrap_err().to_string(), text);
        assert_eq!(routes.redirect(1, Target::new("b", 2)).unwrap_err().to_string(), text);
        assert_eq!(routes, before);
    }

    #[test]
    fn hosts_without_a_name_and_port_0_are_no_targets() {
        Target::new("10.0.0.1", 65535).validate().unwrap();
        for target in [("", 1), ("a b", 1), ("a\r\n", 1), ("a", 0)] {
            Target::new(target.0, target.1).validate().unwrap_err();
        }
    }
}
