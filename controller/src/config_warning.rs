//! Settings that are allowed and do what nobody expects. Pure: who shows them is the caller's
//! choice.

use crate::config::ControllerConfig;

/// A combination of settings that will surprise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigWarning {
    /// A lease does not outlast a round that is stretched by one silent node.
    #[error(
        "lease.ttl_ms is {ttl_ms}, less than {enough_ms} (three times probe.interval_ms and the \
         longer probe timeout): a healthy master will lose its lease, and its shard take no \
         writes, whenever one round of probes is late, as every round is while one node is silent"
    )]
    ShortLease {
        /// The lease's time to live.
        ttl_ms: u64,
        /// The least that is enough.
        enough_ms: u64,
    },
    /// The wait rests on rules that are off.
    #[error(
        "rules.promotion_wait is on without {missing}: an old master may be granted a lease \
         after the wait began, and two masters may take writes at once"
    )]
    UnsoundWait {
        /// The rule that is missing.
        missing: &'static str,
    },
    /// There is nothing to wait for or to date.
    #[error("rules.{rule} is on and there is no lease: it does nothing")]
    NoLease {
        /// The rule.
        rule: &'static str,
    },
}

impl ControllerConfig {
    /// What will surprise in these settings, which [`ControllerConfig::validate`] allows.
    pub fn warnings(&self) -> Vec<ConfigWarning> {
        let rules = self.rules;
        let mut warnings = Vec::new();
        let Some(lease) = self.lease else {
            let on = [
                ("promotion_wait", rules.promotion_wait),
                ("dated_heartbeat", rules.dated_heartbeat),
            ];
            let on = on.into_iter().filter(|(_, on)| *on);
            return on.map(|(rule, _)| ConfigWarning::NoLease { rule }).collect();
        };
        let (ttl_ms, enough_ms) = (lease.ttl_ms, self.lease_enough_ms());
        if ttl_ms < enough_ms {
            warnings.push(ConfigWarning::ShortLease { ttl_ms, enough_ms });
        }
        let needed =
            [("dated_heartbeat", rules.dated_heartbeat), ("leader_guard", rules.leader_guard)];
        let missing = needed.into_iter().filter(|(_, on)| rules.promotion_wait && !on);
        warnings.extend(missing.map(|(missing, _)| ConfigWarning::UnsoundWait { missing }));
        warnings
    }

    /// A lease that lasts for so long survives a round that is late by one timeout.
    fn lease_enough_ms(&self) -> u64 {
        let timeout = self.probe.connect_timeout_ms.max(self.probe.request_timeout_ms);
        self.probe.interval_ms.saturating_mul(3).saturating_add(timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LeaseConfig;
    use crate::config::tests::config;

    fn with_ttl(ttl_ms: u64) -> ControllerConfig {
        ControllerConfig { lease: Some(LeaseConfig { ttl_ms }), ..config() }
    }

    #[test]
    fn a_lease_that_one_late_round_ends_is_warned_of() {
        // 3 × 3000 + 3200
        assert_eq!(with_ttl(12_200).warnings(), []);
        let short = ConfigWarning::ShortLease { ttl_ms: 12_199, enough_ms: 12_200 };
        assert_eq!(with_ttl(12_199).warnings(), std::slice::from_ref(&short));
        let text = short.to_string();
        assert!(text.contains("a healthy master will lose its lease"), "{text}");
        let mut huge = with_ttl(u64::MAX);
        huge.probe.interval_ms = u64::MAX;
        assert_eq!(huge.warnings(), [], "as long as can be");
    }

    #[test]
    fn a_wait_needs_the_rules_that_it_rests_on() {
        let mut config = with_ttl(60_000);
        config.rules.promotion_wait = true;
        let unsound = |missing| ConfigWarning::UnsoundWait { missing };
        assert_eq!(config.warnings(), [unsound("dated_heartbeat"), unsound("leader_guard")]);
        (config.rules.dated_heartbeat, config.rules.leader_guard) = (true, true);
        assert_eq!(config.warnings(), []);
    }

    #[test]
    fn rules_of_a_lease_do_nothing_without_one() {
        let mut config = ControllerConfig { lease: None, ..config() };
        assert_eq!(config.warnings(), []);
        (config.rules.dated_heartbeat, config.rules.promotion_wait) = (true, true);
        let no_lease = |rule| ConfigWarning::NoLease { rule };
        assert_eq!(config.warnings(), [no_lease("promotion_wait"), no_lease("dated_heartbeat")]);
    }
}
