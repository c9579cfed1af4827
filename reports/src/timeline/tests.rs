//! The drawing of a hand-made history.

use super::*;
use crate::record::{Expectation, SCHEMA};
use sim::figures::{Failover, Figures};

fn record(failovers: Vec<Failover>) -> RunRecord {
    RunRecord {
        schema: SCHEMA,
        scenario: "s".into(),
        profile: "p".into(),
        seed: 1,
        ttl_ms: 8_000,
        tick_ms: 5,
        expectation: Expectation::Holds,
        digest: String::new(),
        verdicts: vec![],
        figures: Figures { failovers, ..Figures::default() },
        bites: vec![],
        simulated_ms: 100,
        replay: String::new(),
    }
}

fn failover(committed_at_ms: u64, span_ms: u64) -> Failover {
    let p = committed_at_ms + 100;
    Failover {
        shard: 0,
        commit: 1,
        version: 2,
        from: "a".into(),
        to: "b".into(),
        committed_at_ms,
        effective_at_ms: Some(p),
        last_stale_at_ms: (span_ms > 0).then_some(p + span_ms),
        span_ms,
        stale_writes: 0,
        evidence: vec![],
    }
}

fn lanes(end_ms: u64) -> Lanes {
    Lanes { end_ms, phases: vec![], faults: vec![], machines: vec![] }
}

#[test]
fn the_close_up_shows_the_longest_span_and_the_ttl() {
    let record = record(vec![failover(10_000, 0), failover(40_000, 12_000), failover(80_000, 50)]);
    let window = close_up(&record, &lanes(120_000)).expect("a failover in a long run");
    assert!(window.from_ms < 40_000 && window.from_ms > 30_000, "{window:?}");
    assert!(window.until_ms > 52_100 && window.until_ms < 60_000, "{window:?}");
}

#[test]
fn there_is_no_close_up_of_nothing_or_of_nearly_all() {
    assert_eq!(close_up(&record(vec![]), &lanes(120_000)), None);
    assert_eq!(close_up(&record(vec![failover(5_000, 12_000)]), &lanes(20_000)), None);
    let without_effect = Failover { effective_at_ms: None, ..failover(5_000, 0) };
    assert_eq!(close_up(&record(vec![without_effect]), &lanes(120_000)), None);
}

#[test]
fn brackets_are_to_scale() {
    let record = record(vec![failover(9_900, 4_000)]);
    let window = Window { from_ms: 0, until_ms: 103_000 };
    let drawing = svg(&record, &lanes(103_000), window).into_string();
    // A second is ten units wide, and p = 10 s lies at 158 + 100.
    assert!(drawing.contains("M258.0,"), "{drawing}");
    assert!(drawing.contains("H298.0"), "span of 4 s: {drawing}");
    assert!(drawing.contains("H338.0"), "TTL of 8 s: {drawing}");
    assert!(!drawing.contains("longer than the TTL"));
}

#[test]
fn an_empty_run_is_drawn() {
    let drawing = svg(&record(vec![]), &lanes(0), Window { from_ms: 0, until_ms: 0 });
    assert!(drawing.into_string().contains("time, s"));
}
