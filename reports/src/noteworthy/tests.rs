//! The noteworthy events of a hand-made history.

use super::*;
use crate::record::{Expectation, SCHEMA};
use host::{Lease, Role, Status, Write};
use sim::figures::{Failover, Figures};
use sim::history::{Member, OpResult, Phase, Return, Setup};
use sim::verdict::Verdict;

fn record(evidence: Vec<u64>) -> RunRecord {
    RunRecord {
        schema: SCHEMA,
        scenario: "s".into(),
        profile: "p".into(),
        seed: 1,
        ttl_ms: 100,
        tick_ms: 5,
        expectation: Expectation::Holds,
        digest: String::new(),
        verdicts: vec![Verdict::fail("c", "because", evidence)],
        figures: Figures::default(),
        bites: vec![],
        simulated_ms: 100,
        replay: String::new(),
    }
}

fn observed(observation: Observation) -> What {
    What::Observe { life: 1, observation }
}

fn refused() -> What {
    observed(Observation::LeaseRefused)
}

fn acknowledged() -> What {
    let writes = vec![Write { key: "k".into(), token: "v".into() }];
    observed(Observation::Acknowledged { writes })
}

fn told(lease: Lease) -> What {
    let status = Status {
        role: Role::Master,
        topology_version: 1,
        election_version: 1,
        lease,
        authoritative: true,
        link: None,
    };
    observed(Observation::Status { status })
}

/// The rows as `number text`.
fn rows(record: &RunRecord, events: &[(u64, &str, What)]) -> (Vec<String>, usize) {
    let events = events.iter().map(|(at_ms, on, what)| (*at_ms, on.to_string(), what.clone()));
    let history = History::from_events(events);
    let told = noteworthy(record, &history, &Lanes::of(&history));
    let rows = told.rows.iter().map(|row| format!("{} {}", row.number, row.text));
    (rows.collect(), told.left_out)
}

#[test]
fn repetitions_are_told_once_until_something_happens() {
    let (rows, left_out) = rows(
        &record(vec![]),
        &[
            (1, "a", refused()),
            (2, "a", refused()),
            (3, "b", refused()),
            (4, "a", refused()),
            (5, "a", observed(Observation::Note { text: "sighs".into() })),
            (6, "a", refused()),
            (7, "b", refused()),
            (8, "driver", What::Phase { phase: Phase::Heal }),
            (9, "b", refused()),
        ],
    );
    let refuses = "refuses a write: lease expired";
    assert_eq!(
        rows,
        [
            format!("0 {refuses} (2 more until event 3)"),
            format!("2 {refuses} (1 more until event 6)"),
            "4 sighs".into(),
            format!("5 {refuses}"),
            "7 phase: heal".into(),
            format!("8 {refuses}"),
        ]
    );
    assert_eq!(left_out, 3);
}

#[test]
fn evidence_is_always_told() {
    let events = [
        (1, "a", refused()),
        (2, "a", refused()),
        (3, "a", acknowledged()),
        (4, "a", acknowledged()),
        (5, "clients", What::Return(Return::of(9, OpResult::Ok))),
        (6, "a", told(Lease::Held)),
        (7, "a", told(Lease::Held)),
    ];
    let (rows, left_out) = rows(&record(vec![1, 3, 4, 6, 99]), &events);
    assert_eq!(
        rows,
        [
            "0 refuses a write: lease expired",
            "1 refuses a write: lease expired",
            "3 acknowledges k = v",
            "4 operation 9 acknowledged",
            "5 role master; topology version 1; election version 1; lease held; takes writes yes; \
             link none",
            "6 status told again, unchanged",
        ]
    );
    assert_eq!(left_out, 1);
}

#[test]
fn a_status_is_told_as_its_change() {
    let events = [(1, "a", told(Lease::Held)), (2, "a", told(Lease::Expired))];
    let (rows, _) = rows(&record(vec![]), &events);
    assert_eq!(rows[1], "1 lease held → expired");
}

#[test]
fn the_first_and_last_stale_acknowledgement_are_told_and_named() {
    let mut record = record(vec![]);
    record.figures.failovers.push(Failover {
        shard: 0,
        commit: 1,
        version: 2,
        from: "a".into(),
        to: "b".into(),
        committed_at_ms: 10,
        effective_at_ms: Some(20),
        last_stale_at_ms: Some(50),
        span_ms: 30,
        stale_writes: 3,
        evidence: vec![],
    });
    let member = Member { machine: "a".into(), id: "A".into(), shard: 0 };
    let setup = Setup::of(100, 5, vec![member]);
    let masters = vec![host::MasterOf { shard: 0, member: "B".into() }];
    let (rows, _) = rows(
        &record,
        &[
            (0, "driver", What::Setup(setup)),
            (10, "store", observed(Observation::Committed { version: 2, masters })),
            (15, "a", acknowledged()),
            (30, "a", acknowledged()),
            (40, "a", acknowledged()),
            (50, "a", acknowledged()),
        ],
    );
    assert_eq!(
        rows,
        [
            "0 setup: TTL 0.100 s, tick 5 ms, a = A (shard 0)",
            "1 commits topology version 2: master B of shard 0",
            "3 first stale acknowledgement: acknowledges k = v",
            "5 last stale acknowledgement: acknowledges k = v",
        ]
    );
}

#[test]
fn long_evidence_is_shown_by_its_first_few_and_its_last() {
    let long: Vec<u64> = (100..200).collect();
    assert_eq!(shown_evidence(&long), (vec![100, 101, 102, 103, 104, 105, 106, 107, 199], 91));
    assert_eq!(shown_evidence(&long[..9]), (long[..9].to_vec(), 0));
}
