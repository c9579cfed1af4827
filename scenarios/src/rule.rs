//! The eleven rules that make the bound hold (DESIGN section 7), each a switch of a profile.
//!
//! What this is not: the rules themselves. Each stands alone in its place in `node`,
//! `controller` or `lb`; `cluster` hands the switches on.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// The deadline is kept on a clock that neither steps nor suspends.
    BoottimeDeadline,
    /// In `block-write`, no lease means no writes: at the start, after a restart and after a
    /// promotion.
    ClosedStart,
    /// A lease counts from a moment that the node itself stamped before.
    DatedHeartbeat,
    /// The lease is checked again after the write is applied and before it is acknowledged.
    AckRecheck,
    /// The election version is persisted before a grant takes effect; lower ones are refused.
    DurableVersion,
    /// A controller acts only while its own session is provably alive; the store compares.
    LeaderGuard,
    /// The holder counts less than the TTL, by as much as clocks may differ.
    DriftMargin,
    /// A deposed master takes a full sync, and no empty node is promoted.
    TruncateRejoin,
    /// On a redirect a load balancer closes established connections, and refuses older ones.
    LbSever,
    /// Nobody is promoted before every lease that could have been granted has expired.
    PromotionWait,
    /// A controller never adopts a node's topology, address or election version.
    StoreIsTruth,
}

impl Rule {
    /// Every rule, in the order of DESIGN section 7.
    pub const ALL: [Rule; 11] = [
        Rule::BoottimeDeadline,
        Rule::ClosedStart,
        Rule::DatedHeartbeat,
        Rule::AckRecheck,
        Rule::DurableVersion,
        Rule::LeaderGuard,
        Rule::DriftMargin,
        Rule::TruncateRejoin,
        Rule::LbSever,
        Rule::PromotionWait,
        Rule::StoreIsTruth,
    ];

    /// Its name in profiles and tables.
    pub fn name(self) -> &'static str {
        match self {
            Rule::BoottimeDeadline => "boottime-deadline",
            Rule::ClosedStart => "closed-start",
            Rule::DatedHeartbeat => "dated-heartbeat",
            Rule::AckRecheck => "ack-recheck",
            Rule::DurableVersion => "durable-version",
            Rule::LeaderGuard => "leader-guard",
            Rule::DriftMargin => "drift-margin",
            Rule::TruncateRejoin => "truncate-rejoin",
            Rule::LbSever => "lb-sever",
            Rule::PromotionWait => "promotion-wait",
            Rule::StoreIsTruth => "store-is-truth",
        }
    }

    /// What it demands, in one line.
    pub fn about(self) -> &'static str {
        match self {
            Rule::BoottimeDeadline => {
                "the deadline is kept on a clock that neither steps nor suspends"
            }
            Rule::ClosedStart => "in `block-write`, no lease means no writes",
            Rule::DatedHeartbeat => {
                "a lease counts from a moment that the node itself stamped, so that what waited \
                 in a buffer grants nothing new"
            }
            Rule::AckRecheck => {
                "the lease is checked again after the write is applied and before it is \
                 acknowledged"
            }
            Rule::DurableVersion => {
                "the election version is persisted and synced before a grant takes effect, and \
                 lower ones are refused after a restart too"
            }
            Rule::LeaderGuard => {
                "a controller grants, promotes and writes the store only while its own session \
                 is provably alive; store writes compare and set"
            }
            Rule::DriftMargin => "the holder counts TTL·(1−ρ)/(1+ρ) for an assumed drift bound ρ",
            Rule::TruncateRejoin => {
                "a deposed master takes a full sync and drops its own data by it; a node without \
                 data is no candidate once the shard has taken a write"
            }
            Rule::LbSever => {
                "on redirect a load balancer closes established connections, and refuses a \
                 redirect older than the one it has"
            }
            Rule::PromotionWait => {
                "before a promotion every lease that could have been granted has expired"
            }
            Rule::StoreIsTruth => {
                "a controller never adopts a node's topology, address or election version"
            }
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_as_they_are_named() {
        for rule in Rule::ALL {
            let read: Rule = serde_json::from_value(rule.name().into()).expect("its own name");
            assert_eq!(read, rule);
        }
    }
}
