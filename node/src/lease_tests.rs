//! The lease by itself, case by case and against a reference under every combination of rules.

use proptest::prelude::*;

use super::*;

const MODES: [LeaseMode; 3] = [LeaseMode::Disabled, LeaseMode::LogOnly, LeaseMode::BlockWrite];

fn as_proposed() -> LeaseRules {
    LeaseRules::default()
}

fn offer(began_ms: u64, counted_ms: u64, election_version: u64) -> Offer {
    Offer { election_version, began_ms: Some(began_ms), counted_ms }
}

fn granted(now_ms: u64, counted_ms: u64) -> Lease {
    let mut lease = Lease::default();
    lease.heartbeat(&as_proposed(), offer(now_ms, counted_ms, 1)).unwrap();
    lease
}

#[test]
fn what_each_mode_does() {
    let never = Lease::default();
    let until_150 = granted(100, 50);
    let table = [
        (never, 0, [Gate::Open, Gate::Open, Gate::Open]),
        (never, u64::MAX, [Gate::Open, Gate::Open, Gate::Open]),
        (until_150, 100, [Gate::Open, Gate::Open, Gate::Open]),
        (until_150, 150, [Gate::Open, Gate::Open, Gate::Open]),
        (until_150, 151, [Gate::Open, Gate::OpenWithLog, Gate::Closed]),
        // The clock stepped back: the same lease is good again.
        (until_150, 99, [Gate::Open, Gate::Open, Gate::Open]),
    ];
    for (lease, now_ms, expected) in table {
        let gates = MODES.map(|mode| lease.check(mode, &as_proposed(), now_ms));
        assert_eq!(gates, expected, "at {now_ms}");
    }
}

#[test]
fn with_a_closed_start_no_lease_is_as_an_expired_one() {
    let rules = LeaseRules { closed_start: true, ..as_proposed() };
    let gates = |lease: Lease, now_ms| MODES.map(|mode| lease.check(mode, &rules, now_ms));
    let lacking = [Gate::Open, Gate::OpenWithLog, Gate::Closed];
    assert_eq!(gates(Lease::default(), 0), lacking);
    assert_eq!(gates(granted(100, 50), 150), [Gate::Open; 3]);
    assert_eq!(gates(granted(100, 50), 151), lacking);
    assert_eq!(Lease::default().state(0), host::Lease::None);
}

#[test]
fn versions_rise_or_stay() {
    let mut lease = Lease::default();
    let mut heartbeat =
        |now_ms, version| lease.heartbeat(&as_proposed(), offer(now_ms, 5, version));
    let grant = Grant { deadline_ms: 15, election_version: 3 };
    assert_eq!(heartbeat(10, 3), Ok(Some(grant)));
    let mismatch = heartbeat(20, 2).unwrap_err();
    assert_eq!(mismatch.to_string(), "election version mismatch: local=3, received=2");
    assert_eq!(lease.state(20), host::Lease::Expired);
    assert!(lease.heartbeat(&as_proposed(), offer(20, 5, 3)).is_ok());
    assert_eq!(lease.state(20), host::Lease::Held);
}

#[test]
fn a_version_is_taken_over_even_if_nothing_is_granted() {
    let mut lease = granted(100, 50);
    let nothing = Offer { began_ms: None, ..offer(0, 50, 7) };
    assert_eq!(lease.heartbeat(&as_proposed(), nothing), Ok(None));
    assert_eq!((lease.election_version(), lease.state(151)), (7, host::Lease::Expired));
    assert!(lease.heartbeat(&as_proposed(), offer(120, 50, 6)).is_err());
}

#[test]
fn a_lease_counts_from_when_it_began() {
    let rules = LeaseRules { dated: true, ..as_proposed() };
    let mut lease = Lease::default();
    let mut until = |began_ms| {
        let grant = lease.heartbeat(&rules, offer(began_ms, 50, 1)).unwrap();
        grant.map(|grant| grant.deadline_ms)
    };
    assert_eq!(until(70), Some(120));
    assert_eq!(until(100), Some(150));
    assert_eq!(until(75), None, "an older stamp takes nothing away");
    assert_eq!(until(100), None, "the same one adds nothing");
    assert_eq!(until(249), Some(299), "it has begun and ended");
    assert_eq!(lease.state(300), host::Lease::Expired);
}

#[test]
fn a_durable_version_outlives_the_role_and_the_process() {
    let rules = LeaseRules { durable_version: true, ..as_proposed() };
    let mut lease = Lease::after_restart(7);
    assert_eq!((lease.election_version(), lease.state(0)), (7, host::Lease::None));
    assert!(lease.heartbeat(&rules, offer(100, 50, 6)).is_err());
    assert!(lease.heartbeat(&rules, offer(100, 50, 8)).is_ok());
    lease.end(&rules);
    assert_eq!((lease.election_version(), lease.state(100)), (8, host::Lease::None));
}

#[test]
fn a_lease_that_ended_is_as_new() {
    let mut lease = granted(100, 50);
    lease.end(&as_proposed());
    assert_eq!(lease, Lease::default());
    assert_eq!(lease.state(1000), host::Lease::None);
    assert_eq!(lease.check(LeaseMode::BlockWrite, &as_proposed(), 1000), Gate::Open);
}

#[test]
fn states_are_told() {
    let lease = granted(100, 50);
    assert_eq!(lease.state(150), host::Lease::Held);
    assert_eq!(lease.state(151), host::Lease::Expired);
    assert_eq!(granted(100, u64::MAX).state(u64::MAX), host::Lease::Held);
}

#[test]
fn modes_are_read_as_they_are_written() {
    for mode in MODES {
        assert_eq!(mode.to_string().parse(), Ok(mode));
    }
    assert_eq!("BLOCK-WRITE".parse(), Ok(LeaseMode::BlockWrite));
    assert_eq!("on".parse::<LeaseMode>(), Err(UnknownLeaseMode));
}

/// The lease again, as lists of what was accepted in this life and role.
#[derive(Default)]
struct Reference {
    rules: LeaseRules,
    deadlines_ms: Vec<u64>,
    versions: Vec<u64>,
}

impl Reference {
    fn heartbeat(&mut self, offer: Offer) -> bool {
        let fits = self.versions.iter().all(|earlier| *earlier <= offer.election_version);
        if fits {
            self.versions.push(offer.election_version);
            self.deadlines_ms.extend(offer.began_ms.map(|began_ms| began_ms + offer.counted_ms));
        }
        fits
    }

    fn gate(&self, mode: LeaseMode, now_ms: u64) -> Gate {
        let deadline_ms = if self.rules.dated || self.rules.durable_version {
            self.deadlines_ms.iter().max()
        } else {
            self.deadlines_ms.last()
        };
        let open = deadline_ms.map_or(!self.rules.closed_start, |ms| now_ms <= *ms);
        match mode {
            LeaseMode::LogOnly if !open => Gate::OpenWithLog,
            LeaseMode::BlockWrite if !open => Gate::Closed,
            _ => Gate::Open,
        }
    }

    /// What a change of role leaves, or a restart.
    fn end(&mut self) {
        self.deadlines_ms.clear();
        if !self.rules.durable_version {
            self.versions.clear();
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Heartbeat(Offer),
    BecomeReplica,
    BecomeMaster,
    Restart,
    SetMode(LeaseMode),
    SetClock(u64),
    Write,
}

fn step() -> impl Strategy<Value = Step> {
    let began = proptest::option::weighted(0.8, 0..150u64);
    prop_oneof![
        3 => (1..50u64, 0..4u64, began).prop_map(|(counted_ms, election_version, began_ms)| {
            Step::Heartbeat(Offer { election_version, began_ms, counted_ms })
        }),
        1 => Just(Step::BecomeReplica),
        1 => Just(Step::BecomeMaster),
        1 => Just(Step::Restart),
        1 => proptest::sample::select(MODES.to_vec()).prop_map(Step::SetMode),
        3 => (0..200u64).prop_map(Step::SetClock),
        4 => Just(Step::Write),
    ]
}

proptest! {
    #[test]
    fn agrees_with_the_reference(
        [closed_start, dated, durable_version] in any::<[bool; 3]>(),
        steps in proptest::collection::vec(step(), 0..80),
    ) {
        let rules =
            LeaseRules { closed_start, dated, durable_version, ..LeaseRules::default() };
        let (mut lease, mut reference) =
            (Lease::default(), Reference { rules, ..Reference::default() });
        let (mut master, mut mode, mut now_ms) = (true, LeaseMode::BlockWrite, 0);
        for step in steps {
            match step {
                // Only a master takes one.
                Step::Heartbeat(offer) if master => {
                    let taken = lease.heartbeat(&rules, offer).is_ok();
                    prop_assert_eq!(taken, reference.heartbeat(offer));
                }
                Step::Heartbeat(_) => {}
                Step::BecomeReplica => {
                    master = false;
                    lease.end(&rules);
                    reference.end();
                }
                Step::Restart => {
                    let kept = if durable_version { lease.election_version() } else { 0 };
                    lease = Lease::after_restart(kept);
                    reference.end();
                }
                Step::BecomeMaster => master = true,
                Step::SetMode(other) => mode = other,
                Step::SetClock(ms) => now_ms = ms,
                Step::Write => prop_assert_eq!(
                    lease.check(mode, &rules, now_ms),
                    reference.gate(mode, now_ms)
                ),
            }
        }
    }
}
