//! The rule `leader-guard`: whether this controller's session in the store is provably alive, so
//! that no other one can lead. Asked last before every grant, promotion, store write and push.
//!
//! The store keeps a session for its TTL S by its own clock, from when a keepalive arrived. Here
//! S·(1−ρ)/(1+ρ) is counted on `boottime`, from when the last keepalive that was answered was
//! *sent*. If no clock is off by more than ρ, the count lasts at most S/(1+ρ) of true time, and
//! the session at least that, from a later moment: the count is over first.
//!
//! What this is not: the belief to lead (see `leadership`), which outlasts it. And what comes
//! after the question may be late at will: the orders in which records are read, stamps put aside
//! and leadership claimed see to that (`dated_heartbeat`, `cluster_store`).
//!
//! A store that has restarted knows the session no more. As long as it elects nobody for a session
//! TTL (`elect_after_restart_wait_ms`), the proof holds all the same, until the count is over.
//!
//! The trap: the guard belongs to one session. A controller that leads again under another one
//! may have been deposed meanwhile, and everything that it knew is void.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use host::{Clock, Host};

/// What the campaign has heard about its sessions. Clones are the same.
#[derive(Clone)]
pub(crate) struct LeaderGuard {
    host: Host,
    /// How long an answered keepalive proves anything.
    counted: Duration,
    proofs: Rc<RefCell<BTreeMap<u64, Proof>>>,
}

/// The guard of one leadership.
#[derive(Clone)]
pub(crate) enum TermGuard {
    /// The rule is off: nothing has to be proven.
    Off,
    /// This session must be alive and lead.
    Session(LeaderGuard, u64),
}

/// It cannot be proven that this controller still leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session in the store is not provably alive")]
pub(crate) struct NotProvablyLeading;

/// What is known of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Proof {
    leads: bool,
    until: Duration,
}

impl LeaderGuard {
    /// For sessions of this TTL; no clock is off by more than `drift_ppm`.
    pub(crate) fn new(host: &Host, session_ttl: Duration, drift_ppm: u64) -> Self {
        let counted = counted(session_ttl, drift_ppm);
        Self { host: host.clone(), counted, proofs: Rc::default() }
    }

    /// The moment to give to [`LeaderGuard::kept`]; to be read before the keepalive is sent.
    pub(crate) fn now(&self) -> Duration {
        self.host.now(Clock::Boottime)
    }

    /// The store answered a keepalive of the session, or opened it, on a request sent then.
    pub(crate) fn kept(&self, session: u64, sent: Duration) {
        let until = sent.saturating_add(self.counted);
        let mut proofs = self.proofs.borrow_mut();
        let now = self.now();
        proofs.retain(|_, proof| now < proof.until);
        let proof = proofs.entry(session).or_insert(Proof { leads: false, until });
        *proof = proof.kept(until);
    }

    /// The store answered who leads: this session and no other, or somebody else.
    pub(crate) fn heard(&self, session: u64, leads: bool) {
        for (of, proof) in self.proofs.borrow_mut().iter_mut() {
            proof.leads = leads && *of == session;
        }
    }

    /// Every session is about to be given up.
    pub(crate) fn give_up(&self) {
        self.proofs.borrow_mut().clear();
    }

    fn check(&self, session: u64) -> Result<(), NotProvablyLeading> {
        let proof = self.proofs.borrow().get(&session).copied();
        let proven = proof.is_some_and(|proof| proof.proves(self.now()));
        if proven { Ok(()) } else { Err(NotProvablyLeading) }
    }
}

impl TermGuard {
    /// Whether the session provably leads now. To be asked last of all.
    pub(crate) fn check(&self) -> Result<(), NotProvablyLeading> {
        match self {
            TermGuard::Off => Ok(()),
            TermGuard::Session(guard, session) => guard.check(*session),
        }
    }

    /// Whether the rule is on.
    pub(crate) fn is_on(&self) -> bool {
        matches!(self, TermGuard::Session(..))
    }
}

impl Proof {
    fn kept(self, until: Duration) -> Proof {
        Proof { until: self.until.max(until), ..self }
    }

    fn proves(self, now: Duration) -> bool {
        self.leads && now < self.until
    }
}

/// What the holder of a right that another clock ends may count of its length: no longer than
/// the right lasts, if neither clock is off by more than `drift_ppm`.
fn counted(length: Duration, drift_ppm: u64) -> Duration {
    let (slow, fast) = (MILLION.saturating_sub(drift_ppm), MILLION.saturating_add(drift_ppm));
    let nanos = length.as_nanos() * u128::from(slow) / u128::from(fast);
    u64::try_from(nanos).map_or(Duration::MAX, Duration::from_nanos)
}

const MILLION: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TTL_MS: u64 = 6000;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    const PROOF: Proof = Proof { leads: true, until: Duration::from_millis(100) };

    #[test]
    fn a_session_that_leads_is_proven_until_the_count_is_over() {
        assert!(PROOF.proves(ms(99)));
        assert!(!PROOF.proves(ms(100)));
        assert!(!Proof { leads: false, ..PROOF }.proves(ms(0)));
    }

    #[test]
    fn a_keepalive_that_was_sent_earlier_takes_nothing_back() {
        assert_eq!(PROOF.kept(ms(50)), PROOF);
        assert_eq!(PROOF.kept(ms(150)).until, ms(150));
    }

    #[test]
    fn the_count_is_shorter_by_both_drifts() {
        assert_eq!(counted(ms(6000), 0), ms(6000));
        assert_eq!(counted(ms(6000), 500_000), ms(2000));
        assert_eq!(counted(ms(6000), 1_000_000), ms(0));
        assert_eq!(counted(Duration::MAX, 0), Duration::MAX);
    }

    /// What a clock shows after so much true time, both in µs.
    fn shown(true_us: u64, offset_us: u64, drift_ppm: i64) -> u64 {
        let rate = u64::try_from(1_000_000 + drift_ppm).unwrap();
        offset_us + true_us * rate / 1_000_000
    }

    proptest! {
        /// Each keepalive is sent after the one before it, and takes as long as it likes.
        #[test]
        fn the_count_is_over_before_the_session_is(
            bound_ppm in 0_i64..200_000,
            thousandths in (-1000_i64..=1000, -1000_i64..=1000),
            offsets_us in (0_u64..1_000_000_000, 0_u64..1_000_000_000),
            keepalives_us in proptest::collection::vec((0_u64..5_000_000, 0_u64..3_000_000), 1..6),
            asked_after_us in 0_u64..10_000_000,
        ) {
            let (bound, of_here, of_there) = (bound_ppm, thousandths.0, thousandths.1);
            let here = |at_us| shown(at_us, offsets_us.0, bound * of_here / 1000);
            let there = |at_us| shown(at_us, offsets_us.1, bound * of_there / 1000);
            let counted = counted(ms(TTL_MS), u64::try_from(bound_ppm).unwrap());
            let mut proof = Proof { leads: true, until: Duration::ZERO };
            let (mut at_us, mut deadline_us) = (0, 0);
            for (pause_us, way_us) in keepalives_us {
                at_us += pause_us;
                let sent = Duration::from_micros(here(at_us));
                at_us += way_us;
                deadline_us = there(at_us) + TTL_MS * 1000;
                proof = proof.kept(sent + counted);
            }
            let asked_us = at_us + asked_after_us;
            // A clock here shows whole microseconds, so one of slack.
            if proof.proves(Duration::from_micros(here(asked_us))) {
                prop_assert!(there(asked_us) <= deadline_us + 1);
            }
        }
    }
}
