//! The split-brain window: span(k) for every commit that changed a shard's master, and the
//! verdict that the greatest one is at most the TTL (DESIGN section 6).

use std::collections::BTreeMap;

use super::SPAN_WITHIN_TTL;
use super::reading::{Acknowledgement, Reading};
use super::tenure::Tenures;
use super::windows::Window;
use crate::figures::{Failover, Figures};
use crate::history::Via;
use crate::verdict::Verdict;

/// Judges the claim: span ≤ TTL + tick.
pub(super) fn verdict(reading: &Reading, figures: &Figures) -> Verdict {
    let bound_ms = reading.setup.ttl_ms + reading.setup.tick_ms;
    let worst = figures.failovers.iter().max_by_key(|failover| failover.span_ms);
    match worst {
        None => Verdict::pass(SPAN_WITHIN_TTL, "no failover, so no window"),
        Some(worst) if worst.span_ms <= bound_ms => Verdict::pass(
            SPAN_WITHIN_TTL,
            format!("span {} ms, TTL {} ms", worst.span_ms, reading.setup.ttl_ms),
        ),
        Some(worst) => Verdict::fail(
            SPAN_WITHIN_TTL,
            format!(
                "{} still had authority {} ms after {} took over; the TTL is {} ms",
                stale_machine(reading, worst),
                worst.span_ms,
                worst.to,
                reading.setup.ttl_ms
            ),
            worst.evidence.clone(),
        ),
    }
}

/// Whose the last stale instant was, which need not be the last master before.
fn stale_machine<'r>(reading: &'r Reading, failover: &'r Failover) -> &'r str {
    let last = failover.last_stale_at_ms.and(failover.evidence.last());
    let event = last.and_then(|number| reading.history.events().get(*number as usize));
    event.map_or(&failover.from, |event| &event.on)
}

/// Every commit that changed a shard's master, measured.
pub(super) fn failovers(reading: &Reading) -> Vec<Failover> {
    let mut all = Vec::new();
    for (&shard, tenures) in &reading.tenures {
        let windows = reading.windows().of_shard(shard).iter().enumerate();
        all.extend(windows.skip(1).map(|(commit, window)| tell(shard, tenures, commit, window)));
    }
    all
}

/// Writes acknowledged by deposed nodes after p, by the way their client came.
pub(super) fn stale_writes(reading: &Reading) -> BTreeMap<Via, u64> {
    let mut counts = BTreeMap::new();
    let windows = reading.windows();
    let stale = |ack: &&Acknowledgement| windows.is_stale(&reading.tenures[&ack.shard], ack);
    for ack in reading.acknowledgements.iter().filter(stale) {
        for write in ack.writes {
            let via = reading.via(write).unwrap_or(Via::Direct);
            *counts.entry(via).or_default() += 1;
        }
    }
    counts
}

fn tell(shard: u32, tenures: &Tenures, commit: usize, window: &Window) -> Failover {
    let Window { effect, last_stale, stale_writes } = *window;
    let tenure = &tenures.all[commit];
    Failover {
        shard,
        commit,
        version: tenure.version,
        from: tenures.all[commit - 1].master.clone(),
        to: tenure.master.clone(),
        committed_at_ms: tenure.at_ms,
        effective_at_ms: effect.map(|p| p.at_ms),
        last_stale_at_ms: last_stale.map(|last| last.at_ms),
        span_ms: effect.zip(last_stale).map_or(0, |(p, last)| last.at_ms - p.at_ms),
        stale_writes,
        evidence: [Some(tenure.event), effect.map(|p| p.event), last_stale.map(|last| last.event)]
            .into_iter()
            .flatten()
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Story;
    use super::*;
    use crate::verdict::Outcome;

    /// `a` is master from the start; `b` is promoted at 10 s and writable at 10.1 s.
    fn failover() -> Story {
        Story::new()
            .commit(0, 1, "a")
            .authority(100, "a", 1)
            .commit(10_000, 2, "b")
            .authority(10_100, "b", 2)
    }

    fn measured(story: &Story) -> (Verdict, Failover, BTreeMap<Via, u64>) {
        let history = story.history();
        let reading = Reading::of(&history).expect("a whole history");
        let figures = Figures { failovers: failovers(&reading), ..Figures::default() };
        let verdict = verdict(&reading, &figures);
        (verdict, figures.failovers[0].clone(), stale_writes(&reading))
    }

    #[test]
    fn a_master_that_steps_down_in_time_passes() {
        let (verdict, failover, stale) =
            measured(&failover().no_authority(18_000, "a", 1).end(40_000));
        assert_eq!(verdict.outcome, Outcome::Pass);
        assert_eq!(failover.effective_at_ms, Some(10_100));
        assert_eq!(failover.span_ms, 17_995 - 10_100, "sampled last a tick before it stepped down");
        assert!(stale.is_empty());
    }

    #[test]
    fn authority_beyond_the_ttl_fails_and_names_its_evidence() {
        let (verdict, failover, _) = measured(&failover().no_authority(18_111, "a", 1).end(40_000));
        assert_eq!(failover.span_ms, 8_010);
        assert_eq!(verdict.outcome, Outcome::Fail);
        assert_eq!(verdict.evidence.len(), 3, "the commit, p, and the last stale stretch");
    }

    #[test]
    fn one_tick_beyond_the_ttl_is_still_within_the_resolution() {
        let (verdict, failover, _) = measured(&failover().no_authority(18_110, "a", 1).end(40_000));
        assert_eq!((failover.span_ms, verdict.outcome), (8_005, Outcome::Pass));
    }

    #[test]
    fn an_acknowledgement_between_samples_counts() {
        // No authority is left in the samples; one write is acknowledged much later.
        let story = failover().no_authority(12_000, "a", 1).write(29_000, "a", "k", "v");
        let (verdict, failover, stale) = measured(&story.end(40_000));
        assert_eq!(failover.span_ms, 29_000 - 10_100);
        assert_eq!(verdict.outcome, Outcome::Fail);
        assert_eq!(stale, BTreeMap::from([(Via::Sticky, 1)]));
        assert_eq!(failover.stale_writes, 1);
    }

    #[test]
    fn authority_for_an_instant_counts() {
        let story = failover()
            .no_authority(12_000, "a", 1)
            .authority(30_000, "a", 1)
            .no_authority(30_000, "a", 2);
        let (verdict, failover, _) = measured(&story.end(40_000));
        assert_eq!(failover.last_stale_at_ms, Some(30_000));
        assert_eq!(verdict.outcome, Outcome::Fail);
    }

    #[test]
    fn before_p_nothing_is_stale() {
        // The old master goes on for long, but the successor is never writable.
        let story = Story::new()
            .commit(0, 1, "a")
            .authority(100, "a", 1)
            .commit(10_000, 2, "b")
            .write(30_000, "a", "k", "v");
        let (verdict, failover, stale) = measured(&story.end(40_000));
        assert_eq!(failover.effective_at_ms, None, "promotion without effect");
        assert_eq!((failover.span_ms, verdict.outcome), (0, Outcome::Pass));
        assert!(stale.is_empty());
    }

    #[test]
    fn a_master_that_never_steps_down_has_the_rest_of_the_run_as_its_span() {
        let (verdict, failover, _) = measured(&failover().end(60_000));
        assert_eq!(failover.last_stale_at_ms, Some(60_000));
        assert_eq!(verdict.outcome, Outcome::Fail);
    }

    #[test]
    fn a_hung_master_has_no_authority_while_it_hangs() {
        let story = failover().hang(9_000, "a").resume(9_500, "a").hang(9_600, "a");
        let (_, failover, _) = measured(&story.end(40_000));
        assert_eq!(failover.last_stale_at_ms, None);
        assert_eq!(failover.span_ms, 0);
    }

    #[test]
    fn a_master_that_is_named_again_is_not_deposed_from_then_on() {
        // a → b → a, and a never heard of any of it.
        let story = failover().commit(20_000, 3, "a");
        let history = story.end(60_000).history();
        let reading = Reading::of(&history).expect("a whole history");
        let all = failovers(&reading);
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].last_stale_at_ms, Some(19_995), "deposed until the commit at 20 s");
        assert_eq!(all[1].effective_at_ms, None, "a acts under the first commit still");
    }

    #[test]
    fn a_successor_that_is_deposed_in_turn_counts_for_the_next_commit() {
        let story = failover()
            .no_authority(11_000, "a", 2)
            .commit(20_000, 3, "c")
            .authority(20_500, "c", 3)
            .no_authority(23_000, "b", 3);
        let history = story.end(60_000).history();
        let reading = Reading::of(&history).expect("a whole history");
        let spans: Vec<_> = failovers(&reading).iter().map(|failover| failover.span_ms).collect();
        assert_eq!(spans, [895, 2_495]);
    }

    #[test]
    fn the_first_effective_node_may_act_under_a_later_commit() {
        let story = Story::new()
            .commit(0, 1, "a")
            .authority(100, "a", 1)
            .commit(10_000, 2, "b")
            .commit(11_000, 3, "c")
            .authority(11_200, "c", 3)
            .no_authority(15_000, "a", 3);
        let history = story.end(60_000).history();
        let reading = Reading::of(&history).expect("a whole history");
        let all = failovers(&reading);
        assert_eq!(all[0].effective_at_ms, Some(11_200));
        assert_eq!(all[0].span_ms, 14_995 - 11_200);
        assert_eq!(all[1].span_ms, 0, "a acts under commit 0, and counts for commit 1 only");
    }

    #[test]
    fn who_acts_under_no_commit_counts_for_the_one_in_force_only() {
        let story = failover()
            .no_authority(11_000, "a", 2)
            .commit(20_000, 3, "a")
            .authority(20_100, "a", 3)
            .no_authority(20_200, "b", 3)
            .authority(30_000, "c", 77)
            .no_authority(31_000, "c", 77);
        let history = story.end(60_000).history();
        let reading = Reading::of(&history).expect("a whole history");
        let all = failovers(&reading);
        let spans: Vec<_> = all.iter().map(|failover| failover.span_ms).collect();
        assert_eq!(spans, [895, 30_995 - 20_100]);
        let figures = Figures { failovers: all, ..Figures::default() };
        let reason = verdict(&reading, &figures).reason;
        assert!(reason.starts_with("c still had authority"), "{reason}");
    }

    #[test]
    fn a_version_that_comes_again_later_hides_nothing() {
        // The store's version fell back to 1, so that a's topology has its version again.
        let story = failover().commit(30_000, 1, "a");
        let history = story.end(60_000).history();
        let reading = Reading::of(&history).expect("a whole history");
        let all = failovers(&reading);
        assert_eq!(all[0].last_stale_at_ms, Some(29_995), "deposed from 10 s to 30 s");
        assert_eq!(all[1].effective_at_ms, Some(30_000), "a acts under the last one from then on");
    }
}
