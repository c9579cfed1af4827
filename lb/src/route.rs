//! Where the connections of each shard go: the table that redirects change.
//!
//! What this is not: a record of flows (see `flows`). It is asked once for each, when it begins.
//! Nor does it judge a redirect (see `redirect`).

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::config::ListenerConfig;
use crate::redirect::Redirect;

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

/// Where new connections of one shard go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// `None` before the first redirect if the settings named no target.
    pub(crate) target: Option<Target>,
    /// The version of the redirect that set the target; `None` if it named none, or if the
    /// target is that of the settings.
    pub(crate) version: Option<i64>,
}

/// The route of every shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Routes(BTreeMap<u32, Route>);

impl Routes {
    /// The table at the start.
    pub(crate) fn new(listeners: &[ListenerConfig]) -> Self {
        let route = |listener: &ListenerConfig| {
            (listener.shard, Route { target: listener.target.clone(), version: None })
        };
        Self(listeners.iter().map(route).collect())
    }

    /// Where new connections of the shard go.
    pub(crate) fn of(&self, shard: u32) -> Result<&Route, UnknownShard> {
        self.0.get(&shard).ok_or_else(|| self.unknown(shard))
    }

    /// New connections of the shard go there from now on. Returns whether they went elsewhere
    /// before.
    pub(crate) fn redirect(&mut self, redirect: &Redirect) -> Result<bool, UnknownShard> {
        let unknown = self.unknown(redirect.shard);
        let route = self.0.get_mut(&redirect.shard).ok_or(unknown)?;
        let before = route.target.replace(redirect.target.clone());
        route.version = redirect.version;
        Ok(before.is_some_and(|before| before != redirect.target))
    }

    /// The shards that have a target, in order, with the versions of their redirects.
    pub(crate) fn targets(&self) -> impl Iterator<Item = (u32, &Target, Option<i64>)> {
        let routes = self.0.iter();
        routes.filter_map(|(shard, route)| Some((*shard, route.target.as_ref()?, route.version)))
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

    fn route(host: &str, port: u16, version: Option<i64>) -> Route {
        Route { target: Some(Target::new(host, port)), version }
    }

    fn redirect(shard: u32, host: &str, port: u16, version: Option<i64>) -> Redirect {
        Redirect { shard, target: Target::new(host, port), version }
    }

    #[test]
    fn a_redirect_changes_its_shard_and_no_other() {
        let mut routes = routes();
        assert_eq!(routes.of(0), Ok(&route("a", 1, None)));
        assert_eq!(routes.of(3), Ok(&Route { target: None, version: None }));

        assert_eq!(routes.redirect(&redirect(3, "b", 2, Some(7))), Ok(false), "from nowhere");
        assert_eq!(routes.of(0), Ok(&route("a", 1, None)));
        assert_eq!(routes.of(3), Ok(&route("b", 2, Some(7))));

        assert_eq!(routes.redirect(&redirect(3, "b", 2, Some(8))), Ok(false), "where it was");
        assert_eq!(routes.redirect(&redirect(3, "c", 3, None)), Ok(true));
        assert_eq!(routes.of(3), Ok(&route("c", 3, None)), "the last one wins");
    }

    #[test]
    fn only_shards_with_a_target_have_one() {
        let routes = routes();
        let shards: Vec<_> =
            routes.targets().map(|(shard, to, _)| (shard, to.to_string())).collect();
        assert_eq!(shards, [(0, "a:1".to_owned())]);
    }

    #[test]
    fn an_unknown_shard_is_told_the_known_ones() {
        let mut routes = routes();
        let before = routes.clone();
        let text = "unknown shard 1, known here: 0, 3";
        assert_eq!(routes.of(1).unwrap_err().to_string(), text);
        let refused = routes.redirect(&redirect(1, "b", 2, None)).unwrap_err();
        assert_eq!(refused.to_string(), text);
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
