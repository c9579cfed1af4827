//! Profiles: which protection a cluster has, and its timing. Plain data in TOML; the built-in
//! ones stand in `scenarios/profiles`, others are read from a file.

use std::collections::BTreeSet;

use controller::{Heartbeat, ProbeConfig};
use node::LeaseMode;
use serde::{Deserialize, Serialize};
use sim::promise::Promise;

use crate::names;
use crate::profile_variant::{self, VariantError};
use crate::rule::Rule;

/// A protection under test, with its timing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Its name: the file's name without `.toml`.
    #[serde(default)]
    pub name: String,
    /// What it is, in one line.
    pub about: String,
    /// What a node does about an expired lease.
    pub lease_mode: LeaseMode,
    /// Whether clients can reach nodes through a load balancer.
    pub lb: bool,
    /// The lease's time to live in milliseconds; the yardstick also where there is no lease.
    pub ttl_ms: u64,
    /// The longest lease that a node takes, in milliseconds; any if none.
    #[serde(default)]
    pub lease_ms_max: Option<u64>,
    /// How long the controller's leadership outlives its last keepalive, in milliseconds.
    pub session_ttl_ms: u64,
    /// What it promises besides what is judged of every profile.
    #[serde(default)]
    pub promises: Vec<Promise>,
    /// The rules that are on, beyond what upstream proposes.
    #[serde(default)]
    pub rules: BTreeSet<Rule>,
    /// Whether a master is replaced only if every other controller says that it does not reach it
    /// either, as upstream's proposals 374 and 396 have it. None of the rules of the lease.
    #[serde(default)]
    pub peer_vote: bool,
    /// How far any clock that leases or sessions are counted on may run too fast or too slow, as
    /// the rules assume it, in parts per million.
    #[serde(default)]
    pub drift_ppm: u64,
    /// When a heartbeat is sent, unless rule `dated-heartbeat` says so.
    pub heartbeat: Heartbeat,
    /// The controller's probes.
    pub probe: ProbeConfig,
}

/// A profile that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// No built-in profile has this name.
    #[error("no profile is named `{name}`; {}", names::near(name, &all_names()))]
    Unknown {
        /// The name asked for.
        name: String,
    },
    /// A built-in profile with a rule that there is not.
    #[error(transparent)]
    Variant(#[from] VariantError),
    /// The TOML is malformed.
    #[error("profile {from}: {error}")]
    Toml {
        /// The file.
        from: String,
        /// What is wrong, with line and column.
        error: Box<toml::de::Error>,
    },
    /// A value makes no sense.
    #[error("profile {profile}: {field} is {value}; allowed is {allowed}")]
    Value {
        /// The profile.
        profile: String,
        /// The field.
        field: &'static str,
        /// Its value.
        value: u64,
        /// What is allowed.
        allowed: &'static str,
    },
}

/// The built-in profiles, in the order of the tables.
const BUILT_IN: [(&str, &str); 7] = [
    ("baseline", include_str!("../profiles/baseline.toml")),
    ("lb", include_str!("../profiles/lb.toml")),
    ("lease-log", include_str!("../profiles/lease-log.toml")),
    ("lease", include_str!("../profiles/lease.toml")),
    ("lease-lb", include_str!("../profiles/lease-lb.toml")),
    ("hardened", include_str!("../profiles/hardened.toml")),
    ("zero-window", include_str!("../profiles/zero-window.toml")),
];

/// Built-in profiles that are played only when named.
const WHEN_NAMED: [(&str, &str); 2] = [
    ("upstream-timing", include_str!("../profiles/upstream-timing.toml")),
    ("peer-vote", include_str!("../profiles/peer-vote.toml")),
];

/// The names of the built-in profiles that are played by default, in the order of the tables.
pub fn built_in_names() -> Vec<&'static str> {
    BUILT_IN.iter().map(|(name, _)| *name).collect()
}

/// The names of all built-in profiles.
pub fn all_names() -> Vec<&'static str> {
    BUILT_IN.iter().chain(&WHEN_NAMED).map(|(name, _)| *name).collect()
}

impl Profile {
    /// A built-in profile, or one with rules switched on or off: `lease+closed-start`,
    /// `hardened-dated-heartbeat`.
    ///
    /// # Errors
    /// If there is none of that name; the error lists near ones.
    pub fn built_in(name: &str) -> Result<Self, ProfileError> {
        let unknown = || ProfileError::Unknown { name: name.to_owned() };
        let all = BUILT_IN.iter().chain(&WHEN_NAMED);
        let known = all.filter(|(known, _)| profile_variant::is_of(name, known));
        // `lease-lb` is no variant of `lease`.
        let (known, text) = known.max_by_key(|(known, _)| known.len()).ok_or_else(unknown)?;
        let mut profile = Self::parse(known, text)?;
        profile_variant::switch(&mut profile.rules, &name[known.len()..])?;
        name.clone_into(&mut profile.name);
        Ok(profile)
    }

    /// Whether a rule is on.
    pub fn has(&self, rule: Rule) -> bool {
        self.rules.contains(&rule)
    }

    /// Reads a profile's TOML.
    ///
    /// # Errors
    /// If it is malformed, or a value makes no sense.
    pub fn parse(name: &str, text: &str) -> Result<Self, ProfileError> {
        let error = |error| ProfileError::Toml { from: name.to_owned(), error: Box::new(error) };
        let mut profile: Self = toml::from_str(text).map_err(error)?;
        if profile.name.is_empty() {
            name.clone_into(&mut profile.name);
        }
        profile.validate()?;
        Ok(profile)
    }

    /// Refuses values that make no sense.
    ///
    /// # Errors
    /// Names the field and what is allowed.
    pub fn validate(&self) -> Result<(), ProfileError> {
        let ProbeConfig { interval_ms, connect_timeout_ms, request_timeout_ms, failures } =
            self.probe;
        let positive = [
            ("ttl_ms", self.ttl_ms),
            ("session_ttl_ms", self.session_ttl_ms),
            ("probe.interval_ms", interval_ms),
            ("probe.connect_timeout_ms", connect_timeout_ms),
            ("probe.request_timeout_ms", request_timeout_ms),
            ("probe.failures", u64::from(failures)),
        ];
        for (field, value) in positive {
            if value == 0 || value > MAX {
                let (profile, allowed) = (self.name.clone(), "1 to 86400000");
                return Err(ProfileError::Value { profile, field, value, allowed });
            }
        }
        Ok(())
    }

    /// Whether an expired lease rejects writes.
    pub fn blocks_writes(&self) -> bool {
        self.lease_mode == LeaseMode::BlockWrite
    }

    /// The longest that a round of probes lasts, in milliseconds.
    pub fn round_ms(&self) -> u64 {
        let ProbeConfig { interval_ms, connect_timeout_ms, request_timeout_ms, .. } = self.probe;
        interval_ms.max(connect_timeout_ms).max(request_timeout_ms)
    }

    /// How long until a master that fails silently is replaced, at most, in milliseconds: a
    /// round that had just begun, the failing rounds, asking the old master once more, the push,
    /// and the wait of rule `promotion-wait`.
    pub fn detection_ms(&self) -> u64 {
        let ProbeConfig { interval_ms, connect_timeout_ms, failures, .. } = self.probe;
        let wait_ms = if self.has(Rule::PromotionWait) { self.ttl_ms } else { 0 };
        interval_ms + self.round_ms() * u64::from(failures) + 2 * connect_timeout_ms + wait_ms
    }

    /// How long after the last heal a shard may be without a master that takes writes, in
    /// milliseconds: the leader is gone and its session runs out, the others hear so, each within
    /// a third of it, the store elects nobody for a session more if it restarted (rule
    /// `leader-guard`); the master is gone and is replaced; and the new one is told, takes a whole
    /// copy if need be, and is granted its lease, for which there are three rounds.
    pub fn recovery_ms(&self) -> u64 {
        let waits = u64::from(self.has(Rule::LeaderGuard));
        let leader_ms = self.session_ttl_ms * (1 + waits) + self.session_ttl_ms / 3;
        leader_ms + self.round_ms() + self.detection_ms() + 3 * self.round_ms()
    }
}

/// A day, in milliseconds: longer is a typo.
const MAX: u64 = 86_400_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_profile_is_valid_and_its_ttl_exceeds_detection() {
        for name in all_names() {
            let profile = Profile::built_in(name).expect("valid");
            assert_eq!(profile.name, name);
            let waits = profile.has(Rule::PromotionWait);
            let ends_after_p = profile.ttl_ms > profile.detection_ms();
            assert!(waits || ends_after_p, "else `holds` would be empty");
        }
    }

    #[test]
    fn an_unknown_profile_lists_the_near_ones() {
        let error = Profile::built_in("leese").expect_err("there is none").to_string();
        assert!(error.contains("did you mean `lease`"), "{error}");
    }

    #[test]
    fn malformed_toml_points_at_line_and_column() {
        let error = Profile::parse("mine", "about = \"x\"\nlb = maybe\n").expect_err("malformed");
        let text = error.to_string();
        assert!(text.contains("line 2, column 6"), "{text}");
        let error = Profile::parse("mine", "about = \"x\"\nlbb = true\n").expect_err("unknown");
        assert!(error.to_string().contains("lbb"), "{error}");
    }

    #[test]
    fn zero_is_refused_by_name() {
        let mut profile = Profile::built_in("lease").expect("valid");
        profile.probe.interval_ms = 0;
        let error = profile.validate().expect_err("zero").to_string();
        assert!(error.contains("probe.interval_ms is 0; allowed is 1 to"), "{error}");
    }
}
