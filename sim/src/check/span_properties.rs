//! Properties of the span checker: failovers at random times in which every deposed node steps
//! down in time pass; the same with one of them too late fails, and the evidence names it.

#![cfg(test)]

use proptest::prelude::*;

use super::fixture::Story;
use super::{SPAN_WITHIN_TTL, judge};
use crate::history::History;
use crate::verdict::{Outcome, Verdict};

const TTL_MS: u64 = 8_000;
const TICK_MS: u64 = 5;
const MACHINES: [&str; 3] = ["a", "b", "c"];

/// A failover: to whom of the two others, how long after the last one all was over, how long
/// until it takes effect, and how long after that the deposed node still has authority.
#[derive(Clone, Copy, Debug)]
struct Failover {
    next: usize,
    pause_ms: u64,
    effect_ms: u64,
    stale_ms: u64,
}

fn failover() -> impl Strategy<Value = Failover> {
    // Authority that ends at an instant was sampled last a tick earlier at most.
    (1..3_usize, 10..5_000_u64, 1..3_000_u64, 0..=TTL_MS + TICK_MS).prop_map(
        |(next, pause_ms, effect_ms, stale_ms)| Failover { next, pause_ms, effect_ms, stale_ms },
    )
}

/// The history, and who was deposed by each failover.
fn story(failovers: &[Failover]) -> (History, Vec<&'static str>) {
    let mut story = Story::new().commit(0, 1, "a").authority(100, "a", 1);
    let (mut master, mut now_ms, mut deposed) = (0, 1_000, Vec::new());
    for (version, failover) in (2..).zip(failovers) {
        let (old, new) = (MACHINES[master], MACHINES[(master + failover.next) % 3]);
        let committed_ms = now_ms + failover.pause_ms;
        let effect_ms = committed_ms + failover.effect_ms;
        now_ms = effect_ms + failover.stale_ms;
        story = story
            .commit(committed_ms, version, new)
            .authority(effect_ms, new, version)
            .no_authority(now_ms, old, version);
        deposed.push(old);
        master = (master + failover.next) % 3;
    }
    (story.end(now_ms + 20_000).history(), deposed)
}

fn judged(history: &History) -> Verdict {
    let (verdicts, _) = judge(history);
    verdicts.into_iter().find(|verdict| verdict.check == SPAN_WITHIN_TTL).expect("it was judged")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn deposed_nodes_that_step_down_in_time_pass(
        failovers in prop::collection::vec(failover(), 0..8),
    ) {
        let (history, _) = story(&failovers);
        let verdict = judged(&history);
        prop_assert_eq!(verdict.outcome, Outcome::Pass, "{}", verdict.reason);
    }

    #[test]
    fn one_that_does_not_fails_and_is_named(
        mut failovers in prop::collection::vec(failover(), 1..8),
        which in any::<prop::sample::Index>(),
        beyond_ms in TICK_MS + 1..60_000_u64,
    ) {
        let which = which.index(failovers.len());
        failovers[which].stale_ms = TTL_MS + TICK_MS + beyond_ms;
        let (history, deposed) = story(&failovers);
        let verdict = judged(&history);
        prop_assert_eq!(verdict.outcome, Outcome::Fail, "{}", verdict.reason);
        let last = *verdict.evidence.last().expect("there is evidence");
        prop_assert_eq!(&history.events()[last as usize].on, deposed[which]);
        let named = verdict.reason.starts_with(&format!("{} still", deposed[which]));
        prop_assert!(named, "{}", verdict.reason);
    }
}

/// With 2,000 failovers in 120,000 events: what grows with their product would take minutes.
#[test]
fn a_long_history_is_judged_in_one_pass() {
    let mut story = Story::new().commit(0, 1, "a").authority(100, "a", 1);
    let mut now_ms = 1_000;
    for version in 2..2_002 {
        let master = MACHINES[version as usize % 3];
        story = story.commit(now_ms, version, master).authority(now_ms + 10, master, version);
        for write in 0..20 {
            story = story.write(now_ms + 20 + write, master, &format!("{version}:{write}"), "v");
        }
        now_ms += 100;
        story = story.no_authority(now_ms, master, version);
    }
    let history = story.end(now_ms + 1_000).history();
    assert!(history.events().len() > 120_000);
    assert_eq!(judged(&history).outcome, Outcome::Pass);
}
