//! The split-brain window: span(k) for every commit that changed a shard's master, and the
//! verdict that the greatest one is at most the TTL (DESIGN section 6).

use std::collections::BTreeMap;

use super::SPAN_WITHIN_TTL;
use super::reading::{Acknowledgement, Reading};
use super::standing::Standing;
use super::tenure::Tenures;
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
                worst.from, worst.span_ms, worst.to, reading.setup.ttl_ms
            ),
            worst.evidence.clone(),
        ),
    }
}

/// Every commit that changed a shard's master, measured.
pub(super) fn failovers(reading: &Reading) -> Vec<Failover> {
    let mut all = Vec::new();
    for (&shard, tenures) in &reading.tenures {
        for commit in 1..tenures.0.len() {
            all.push(measure(reading, shard, tenures, commit));
        }
    }
    all
}

/// Writes acknowledged by deposed nodes after p, by the way their client came.
pub(super) fn stale_writes(reading: &Reading) -> BTreeMap<Via, u64> {
    let mut counts = BTreeMap::new();
    let effects = Effects::of(reading);
    for ack in reading.acknowledgements.iter().filter(|ack| effects.is_stale(reading, ack)) {
        for write in ack.writes {
            let via = reading.via.get(write.key.as_str()).copied().unwrap_or(Via::Direct);
            *counts.entry(via).or_default() += 1;
        }
    }
    counts
}

/// p of every commit of every shard.
pub(super) struct Effects(BTreeMap<u32, Vec<Option<Moment>>>);

impl Effects {
    pub(super) fn of(reading: &Reading) -> Self {
        let of_shard = |(&shard, tenures): (&u32, &Tenures)| {
            let effects = (0..tenures.0.len()).map(|k| effect(reading, shard, tenures, k));
            (shard, effects.collect())
        };
        Self(reading.tenures.iter().map(of_shard).collect())
    }

    /// p of one commit.
    pub(super) fn effect(&self, shard: u32, commit: usize) -> Option<Moment> {
        *self.0.get(&shard)?.get(commit)?
    }

    /// Whether an acknowledgement came from a deposed node after the p it counts for.
    pub(super) fn is_stale(&self, reading: &Reading, ack: &Acknowledgement) -> bool {
        let tenures = &reading.tenures[&ack.shard];
        let counted = deposed_count(tenures, ack.machine, ack.version, ack.event);
        let effect = counted.and_then(|commit| self.effect(ack.shard, commit));
        effect.is_some_and(|p| p.at_ms <= ack.at_ms)
    }
}

/// When something happened, and the event that shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment {
    pub(super) at_ms: u64,
    pub(super) event: u64,
}

fn measure(reading: &Reading, shard: u32, tenures: &Tenures, commit: usize) -> Failover {
    let tenure = &tenures.0[commit];
    let effect = effect(reading, shard, tenures, commit);
    let last = effect.and_then(|p| last_stale(reading, shard, tenures, commit, p));
    let span_ms = effect.zip(last).map_or(0, |(p, last)| last.at_ms - p.at_ms);
    Failover {
        shard,
        commit,
        version: tenure.versions[0],
        from: tenures.0[commit - 1].master.clone(),
        to: tenure.master.clone(),
        committed_at_ms: tenure.at_ms,
        effective_at_ms: effect.map(|p| p.at_ms),
        last_stale_at_ms: last.map(|last| last.at_ms),
        span_ms,
        stale_writes: count_stale(reading, shard, tenures, commit, effect),
        evidence: [Some(tenure.event), effect.map(|p| p.event), last.map(|last| last.event)]
            .into_iter()
            .flatten()
            .collect(),
    }
}

/// p(k): the first instant after commit k at which a node acting under a commit ≥ k is
/// authoritative.
fn effect(reading: &Reading, shard: u32, tenures: &Tenures, commit: usize) -> Option<Moment> {
    let committed = &tenures.0[commit];
    let under = |machine: &str, version| tenures.acting_under(machine, version) >= Some(commit);
    let stood = standings_of(reading, shard)
        .filter(|(machine, standing)| under(machine, standing.version()))
        .filter(|(_, standing)| standing.until_ms >= committed.at_ms)
        .map(|(_, standing)| Moment {
            at_ms: standing.from_ms.max(committed.at_ms),
            event: standing.event,
        });
    let acknowledged = acknowledgements_of(reading, shard)
        .filter(|ack| ack.event > committed.event && under(ack.machine, ack.version))
        .map(|ack| Moment { at_ms: ack.at_ms, event: ack.event });
    stood.chain(acknowledged).min()
}

/// The last instant at or after p at which a deposed node's authority, or its acknowledgement,
/// counted for this commit.
fn last_stale(
    reading: &Reading,
    shard: u32,
    tenures: &Tenures,
    commit: usize,
    p: Moment,
) -> Option<Moment> {
    let stood = standings_of(reading, shard).filter_map(|(machine, standing)| {
        // Under no commit at all counts for the one in force when the stretch ends.
        let until_event = tenures.0.get(commit + 1).map_or(u64::MAX, |next| next.event);
        let counted = tenures.counts_for(machine, standing.version(), until_event);
        if counted != Some(commit) {
            return None;
        }
        let at_ms = last_deposed_instant(standing, tenures, machine, commit, p, reading)?;
        Some(Moment { at_ms, event: standing.event })
    });
    let acknowledged = acknowledgements_of(reading, shard)
        .filter(|ack| ack.at_ms >= p.at_ms)
        .filter(|ack| deposed_count(tenures, ack.machine, ack.version, ack.event) == Some(commit))
        .map(|ack| Moment { at_ms: ack.at_ms, event: ack.event });
    stood.chain(acknowledged).max()
}

/// The last instant of a stretch of authority, from p on, at which the machine was not the
/// master named by the last commit.
fn last_deposed_instant(
    standing: &Standing,
    tenures: &Tenures,
    machine: &str,
    commit: usize,
    p: Moment,
    reading: &Reading,
) -> Option<u64> {
    let mut from_ms = p.at_ms;
    let mut last = None;
    let mut named = tenures.named_again(machine, commit);
    named.push((u64::MAX, u64::MAX));
    for (named_ms, until_ms) in named {
        if from_ms < named_ms {
            let tick_ms = reading.setup.tick_ms;
            last = standing.last_instant_within(from_ms, named_ms, tick_ms).max(last);
        }
        from_ms = from_ms.max(until_ms);
    }
    last
}

/// The commit that an event of a machine counts for, if the machine is deposed then.
fn deposed_count(tenures: &Tenures, machine: &str, version: i64, event: u64) -> Option<usize> {
    let in_force = tenures.in_force_before(event)?;
    if tenures.0[in_force].master == machine {
        return None;
    }
    tenures.counts_for(machine, version, event)
}

fn count_stale(
    reading: &Reading,
    shard: u32,
    tenures: &Tenures,
    commit: usize,
    effect: Option<Moment>,
) -> u64 {
    let Some(p) = effect else { return 0 };
    acknowledgements_of(reading, shard)
        .filter(|ack| ack.at_ms >= p.at_ms)
        .filter(|ack| deposed_count(tenures, ack.machine, ack.version, ack.event) == Some(commit))
        .map(|ack| ack.writes.len() as u64)
        .sum()
}

/// Stretches of authority of a shard's machines.
fn standings_of<'r>(
    reading: &'r Reading,
    shard: u32,
) -> impl Iterator<Item = (&'r str, &'r Standing)> {
    reading.machines_of(shard).flat_map(|machine| {
        let standings = reading.standings[machine].iter();
        standings.filter(|standing| standing.is_authoritative()).map(move |s| (machine, s))
    })
}

fn acknowledgements_of<'r>(
    reading: &'r Reading<'r>,
    shard: u32,
) -> impl Iterator<Item = &'r Acknowledgement<'r>> {
    reading.acknowledgements.iter().filter(move |ack| ack.shard == shard)
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
}
