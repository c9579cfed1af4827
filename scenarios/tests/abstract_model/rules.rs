//! The rules of the hardened profile as switches (named as in the profiles), and the orderings
//! that they rely on, so that each can be taken away and its counter-example looked at.
//!
//! The trap: an ordering is part of a rule, not a rule of its own. It means something only while
//! its rule is on.

/// Which rules are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Deadlines and stamps are read from boottime, not from the wall clock.
    pub(crate) boottime_deadline: bool,
    /// A master without a lease takes no writes.
    pub(crate) closed_start: bool,
    /// A lease counts from a stamp that the node itself issued, not from processing.
    pub(crate) dated_heartbeat: bool,
    /// The gate is read again when a write is acknowledged.
    pub(crate) ack_recheck: bool,
    /// The election version outlives restarts and demotions.
    pub(crate) durable_version: bool,
    /// A controller acts only while its session is provably alive, and writes by compare-and-set.
    pub(crate) leader_guard: bool,
    /// The holder of a lease or session counts less than the other side, for drifting clocks.
    pub(crate) drift_margin: bool,
    /// A promotion waits until every lease that could have been granted has expired.
    pub(crate) promotion_wait: bool,
    /// No controller adopts a node's topology.
    pub(crate) store_is_truth: bool,
}

impl Rules {
    /// Every rule but `promotion-wait`: span is at most the TTL.
    pub(crate) const HARDENED: Rules = Rules {
        boottime_deadline: true,
        closed_start: true,
        dated_heartbeat: true,
        ack_recheck: true,
        durable_version: true,
        leader_guard: true,
        drift_margin: true,
        promotion_wait: false,
        store_is_truth: true,
    };

    /// Every rule: span is 0.
    pub(crate) const ZERO_WINDOW: Rules = Rules { promotion_wait: true, ..Rules::HARDENED };
}

/// Which orderings are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Orderings {
    /// `leader-guard`: what a controller acts on was read from the store in its present session.
    pub(crate) record_of_this_session: bool,
    /// `leader-guard`: the stamp is picked first, then the guard is checked.
    pub(crate) stamp_before_guard: bool,
    /// `leader-guard`: a session is proven from when its keepalive was sent, not answered.
    pub(crate) keepalive_dated_when_sent: bool,
    /// `leader-guard`: the restarted store elects nobody for one session TTL.
    pub(crate) store_waits_after_restart: bool,
    /// `leader-guard`: SETNODES is sent under the guard, too.
    pub(crate) guarded_push: bool,
    /// `leader-guard`: a controller writes the record, unchanged, before it acts on it: at the
    /// start of a session, and after each write of its own. What was in flight then fails.
    pub(crate) claim: bool,
    /// `leader-guard`: a node that has not applied the record, by its version, is granted nothing.
    pub(crate) topology_before_lease: bool,
    /// `dated-heartbeat`: the life id is compared.
    pub(crate) life_in_stamp: bool,
    /// `dated-heartbeat`: the election version is compared.
    pub(crate) election_in_stamp: bool,
    /// `promotion-wait`: the wait starts anew when a controller takes office.
    pub(crate) wait_from_office: bool,
    /// `promotion-wait`: once a promotion is sent the old record is void, whatever comes of it.
    pub(crate) silent_while_promoting: bool,
}

impl Orderings {
    /// All of them.
    pub(crate) const KEPT: Orderings = Orderings {
        record_of_this_session: true,
        stamp_before_guard: true,
        keepalive_dated_when_sent: true,
        store_waits_after_restart: true,
        guarded_push: true,
        claim: true,
        topology_before_lease: true,
        life_in_stamp: true,
        election_in_stamp: true,
        wait_from_office: true,
        silent_while_promoting: true,
    };
}
