//! Each checker against a slow and obvious version of itself, on random histories and on damaged
//! lives. On the random ones each must be seen to pass and to fail, else nothing was compared.
//!
//! Of kept topologies, goals and faults, where such a version would be the same lines again, all
//! small cases are gone through instead (`small_cases.rs`).

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::cluster::live;
use super::data_naive::{self as data, Answer};
use super::life::lives;
use super::random::{bits, damaged, history};
use super::tape::Tape;
use super::{config, rule_naive as rules, window_naive as windows};
use crate::check::*;
use crate::history::History;
use crate::verdict::Outcome;

/// What the slow versions say: the check, the outcome, and whether it counts.
fn slowly(tape: &Tape) -> Vec<(&'static str, Answer)> {
    let counts = |outcome| (outcome, true);
    vec![
        (SPAN_WITHIN_TTL, counts(windows::span_within_ttl(tape))),
        (NO_SPAN, windows::no_span(tape)),
        (NO_OUTAGE, windows::no_outage(tape)),
        (ACKNOWLEDGED_WRITES, counts(data::acknowledged_writes(tape))),
        (ACKNOWLEDGEMENT_AUTHORITY, counts(windows::acknowledgement_authority(tape))),
        (CONVERGED, counts(windows::converged(tape))),
        (RECOVERS, windows::recovers(tape)),
        (WRITTEN_VALUES, counts(data::written_values(tape))),
        (WHOLE_TRANSACTIONS, counts(data::whole_transactions(tape))),
        (EQUAL_REPLICAS, data::equal_replicas(tape)),
        (NO_RESURRECTION, data::no_resurrection(tape)),
        (LEASE_DISCIPLINE, counts(rules::lease_discipline(tape))),
        (TOPOLOGY_VERSIONS, counts(rules::topology_versions(tape))),
        (ELECTION_VERSIONS, rules::election_versions(tape)),
        (LB_SEPARATES, rules::lb_separates(tape)),
        (MONOTONIC_READS, data::monotonic_reads(tape)),
    ]
}

/// How often each check was seen to end so.
type Seen = RefCell<BTreeMap<(&'static str, Outcome), u32>>;

fn agree(history: &History, seen: &Seen) -> Result<(), TestCaseError> {
    let tape = Tape::of(history);
    let (verdicts, figures) = judge(history);
    let differs =
        |what: String| Err(TestCaseError::fail(format!("{what}\n{}", history.to_json_lines())));
    for (check, slow) in slowly(&tape) {
        let Some(verdict) = verdicts.iter().find(|verdict| verdict.check == check) else {
            return differs(format!("{check} is not among {verdicts:?}"));
        };
        if (verdict.outcome, !verdict.informative) != slow {
            return differs(format!("{verdict:?}, but {slow:?}"));
        }
        *seen.borrow_mut().entry((check, slow.0)).or_default() += 1;
    }
    let failovers: Vec<_> = figures.failovers.iter().map(windows::measured).collect();
    let slow = windows::failovers(&tape);
    if failovers != slow {
        return differs(format!("failovers {failovers:?}, but {slow:?}"));
    }
    let measured = (
        figures.overlap_ms,
        figures.unavailable_ms,
        figures.recovery_ms,
        figures.stale_route_ms,
        figures.stale_writes_total(),
        figures.lost_writes,
    );
    let slow = (
        windows::overlap_ms(&tape),
        windows::unavailable_ms(&tape),
        windows::recovery_ms(&tape),
        windows::stale_route_ms(&tape),
        windows::stale_writes(&tape),
        windows::lost(&tape).0,
    );
    match measured == slow {
        true => Ok(()),
        false => differs(format!(
            "overlap, unavailable, recovery, stale route, stale writes, lost writes: {measured:?}, but {slow:?}"
        )),
    }
}

fn times(seen: &Seen, outcome: Outcome) -> u32 {
    seen.borrow().iter().filter(|((_, of), _)| *of == outcome).map(|(_, times)| times).sum()
}

#[test]
fn on_random_histories() {
    let seen = Seen::default();
    let cases = ProptestConfig { cases: 8 * config().cases, ..config() };
    let found = TestRunner::new(cases).run(&bits(60), |bits| agree(&history(&bits), &seen));
    found.unwrap_or_else(|error| panic!("{error}"));
    for (check, _) in seen.borrow().keys() {
        for outcome in [Outcome::Pass, Outcome::Fail] {
            let times = seen.borrow().get(&(*check, outcome)).copied().unwrap_or(0);
            assert!(times >= 10, "{check} was {outcome:?} only {times} times");
        }
    }
}

#[test]
fn on_damaged_lives() {
    let seen = Seen::default();
    let cases = ProptestConfig { cases: 2 * config().cases, ..config() };
    let found = TestRunner::new(cases.clone())
        .run(&(lives(), bits(5)), |(life, bits)| agree(&damaged(&live(&life), &bits), &seen));
    found.unwrap_or_else(|error| panic!("{error}"));
    let broken = times(&seen, Outcome::Fail);
    assert!(broken >= cases.cases / 2, "only {broken} verdicts on damage");
}
