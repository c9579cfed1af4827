//! What a profile's rules mean: the settings of nodes, controllers, store and load balancers that
//! each of them switches on.

use controller::ControllerRules;
use lb::OnRedirect;
use node::NodeConfig;
use node::lease_rules::LeaseClock;

use crate::profile::Profile;
use crate::rule::Rule;

/// A node's settings.
pub(crate) fn node(profile: &Profile) -> NodeConfig {
    let clock =
        if profile.has(Rule::BoottimeDeadline) { LeaseClock::Boottime } else { LeaseClock::Wall };
    NodeConfig {
        master_lease_mode: profile.lease_mode,
        master_lease_clock: clock,
        master_lease_closed_start: profile.has(Rule::ClosedStart),
        master_lease_dated: profile.has(Rule::DatedHeartbeat),
        master_lease_ack_recheck: profile.has(Rule::AckRecheck),
        master_lease_durable_version: profile.has(Rule::DurableVersion),
        master_lease_drift_ppm: drift_ppm(profile, Rule::DriftMargin),
        master_lease_ms_max: profile.lease_ms_max.unwrap_or(0),
        truncate_rejoin: profile.has(Rule::TruncateRejoin),
        ..NodeConfig::default()
    }
}

/// A controller's rules.
pub(crate) fn controller(profile: &Profile) -> ControllerRules {
    ControllerRules {
        dated_heartbeat: profile.has(Rule::DatedHeartbeat),
        leader_guard: profile.has(Rule::LeaderGuard),
        promotion_wait: profile.has(Rule::PromotionWait),
        store_is_truth: profile.has(Rule::StoreIsTruth),
        no_empty_candidate: profile.has(Rule::TruncateRejoin),
        peer_vote: profile.peer_vote,
        drift_ppm: drift_ppm(profile, Rule::LeaderGuard),
    }
}

/// How long a store that restarts elects nobody, in milliseconds.
pub(crate) fn elect_after_restart_wait_ms(profile: &Profile) -> u64 {
    if profile.has(Rule::LeaderGuard) { profile.session_ttl_ms } else { 0 }
}

/// What load balancers do about established flows, and whether they refuse older redirects.
pub(crate) fn lb(profile: &Profile) -> (OnRedirect, bool) {
    let severs = profile.has(Rule::LbSever);
    (if severs { OnRedirect::Sever } else { OnRedirect::Keep }, severs)
}

/// The assumed drift, for whoever goes by it.
fn drift_ppm(profile: &Profile, rule: Rule) -> u64 {
    if profile.has(rule) { profile.drift_ppm } else { 0 }
}
