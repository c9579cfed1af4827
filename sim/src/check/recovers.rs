//! Recovery: once the last fault is healed every shard takes writes again, within the time that
//! the setup gives for it, give or take a tick, and goes on taking them until the end of converge.
//!
//! Not `converged`, which asks how the shards stand in the end, and whether it is the right node
//! that takes writes.
//!
//! The trap: an outage that begins only after the heal counts, too, and from the heal on: a shard
//! has recovered when its last outage is over, not its first one.

use super::RECOVERS;
use super::reading::Reading;
use super::sweep;
use crate::figures::Figures;
use crate::history::Phase;
use crate::verdict::Verdict;

/// Fails on the shard that took writes last, if that was too late or never; informative where the
/// setup gives no time for it.
pub(super) fn verdict(reading: &Reading, figures: &Figures) -> Verdict {
    let bound_ms = reading.setup.recover_ms;
    judged(reading, figures, bound_ms).counts_if(bound_ms.is_some())
}

/// Milliseconds from the heal to the end of the last time without an authoritative node, or to
/// the end of converge if that comes first, of the shard for which it is the longest.
pub(super) fn recovery_ms(reading: &Reading) -> u64 {
    slowest(reading).map_or(0, |last| last.recovery_ms(reading))
}

fn judged(reading: &Reading, figures: &Figures, bound_ms: Option<u64>) -> Verdict {
    let told = |phase| reading.phases.contains_key(&phase);
    if !told(Phase::Heal) || !told(Phase::FinalReads) {
        return Verdict::unknown(RECOVERS, "the run ended before its heal or its final reads");
    }
    let Some(last) = slowest(reading) else {
        return Verdict::pass(RECOVERS, "every shard took writes from the heal on");
    };
    let (shard, took) = (last.shard, seconds(last.recovery_ms(reading)));
    if !last.ended {
        let reason = format!("shard {shard} took no writes in the end, {took} after the heal");
        return Verdict::fail(RECOVERS, reason, last.evidence(figures));
    }
    let reason = format!("shard {shard} took writes again {took} after the heal");
    match bound_ms {
        Some(bound_ms) if last.recovery_ms(reading) > bound_ms + reading.setup.tick_ms => {
            let reason = format!("{reason}, more than {}", seconds(bound_ms));
            Verdict::fail(RECOVERS, reason, last.evidence(figures))
        }
        Some(bound_ms) => {
            Verdict::pass(RECOVERS, format!("{reason}, of {} at most", seconds(bound_ms)))
        }
        None => Verdict::pass(RECOVERS, format!("{reason}, and no bound was given")),
    }
}

/// A shard's last time without an authoritative node between the heal and the end of converge.
struct Last {
    shard: u32,
    /// When it was over, or the end of converge.
    until_ms: u64,
    /// Whether it was over by the end of converge.
    ended: bool,
}

impl Last {
    fn of(reading: &Reading, shard: u32) -> Option<Self> {
        let healed_ms = reading.phase_ms(Phase::Heal);
        let (_, rest_ms) = sweep::judged_for_availability(reading);
        let times = sweep::without_authority(reading, shard);
        let within = times
            .into_iter()
            .rfind(|(from_ms, until_ms)| (*from_ms).max(healed_ms) < (*until_ms).min(rest_ms));
        let ends = |(_, until_ms): (u64, u64)| Self {
            shard,
            until_ms: until_ms.min(rest_ms),
            ended: until_ms <= rest_ms,
        };
        within.map(ends)
    }

    fn recovery_ms(&self, reading: &Reading) -> u64 {
        self.until_ms - reading.phase_ms(Phase::Heal)
    }

    /// What shows the outage that this was.
    fn evidence(&self, figures: &Figures) -> Vec<u64> {
        let of_shard = figures.availability.iter().filter(|of| of.shard == self.shard);
        let mut outages = of_shard.flat_map(|of| &of.outages);
        let such = outages.find(|outage| outage.until_ms == self.until_ms);
        such.map_or_else(Vec::new, |outage| outage.evidence.clone())
    }
}

/// The last one of all shards, the first shard's of equals, one that never ended before others.
fn slowest(reading: &Reading) -> Option<Last> {
    let all = reading.tenures.keys().rev().filter_map(|shard| Last::of(reading, *shard));
    all.max_by_key(|last| (last.until_ms, !last.ended))
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03} s", ms / 1_000, ms % 1_000)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Story;
    use super::super::judge;
    use super::*;
    use crate::verdict::Outcome;

    const HEAL_MS: u64 = 10_000;

    /// A master that hangs until so long after the heal, where 3 s are given.
    fn back_after(ms: u64) -> Story {
        let story = Story::new().recovers(Some(3_000)).commit(0, 1, "a").authority(100, "a", 1);
        let story = story.phase(1_000, Phase::Disturb).hang(2_000, "a");
        story.phase(HEAL_MS, Phase::Heal).resume(HEAL_MS + ms, "a")
    }

    fn judged(story: &Story) -> (Verdict, u64) {
        let (verdicts, figures) = judge(&story.clone().end(20_000).history());
        let verdict = verdicts.into_iter().find(|verdict| verdict.check == RECOVERS);
        (verdict.expect("judged"), figures.recovery_ms)
    }

    fn outcome(story: &Story) -> (Outcome, u64) {
        let (verdict, recovery_ms) = judged(story);
        assert!(!verdict.informative);
        (verdict.outcome, recovery_ms)
    }

    #[test]
    fn a_master_that_comes_back_in_time_passes() {
        assert_eq!(outcome(&back_after(0)), (Outcome::Pass, 0), "with the heal itself");
        assert_eq!(outcome(&back_after(1_000)), (Outcome::Pass, 1_000));
        assert_eq!(outcome(&back_after(3_005)), (Outcome::Pass, 3_005), "give or take a tick");
    }

    #[test]
    fn one_that_comes_back_too_late_fails_and_says_by_how_much() {
        let (verdict, recovery_ms) = judged(&back_after(3_006));
        assert_eq!((verdict.outcome, recovery_ms), (Outcome::Fail, 3_006));
        let reason = "shard 0 took writes again 3.006 s after the heal, more than 3.000 s";
        assert_eq!((verdict.reason.as_str(), verdict.evidence), (reason, vec![4, 6]));
    }

    #[test]
    fn a_shard_that_never_takes_writes_again_fails_for_the_whole_stretch() {
        let gone = back_after(1_000).hang(19_000, "a");
        let (verdict, recovery_ms) = judged(&gone.clone().recovers(Some(60_000)));
        assert_eq!((verdict.outcome, recovery_ms), (Outcome::Fail, 10_000));
        assert_eq!(verdict.reason, "shard 0 took no writes in the end, 10.000 s after the heal");
        let at_the_end = gone.recovers(Some(60_000)).resume(20_000, "a");
        assert_eq!(outcome(&at_the_end), (Outcome::Pass, 10_000), "just before the final reads");
    }

    #[test]
    fn an_outage_that_begins_after_the_heal_counts_from_the_heal_on() {
        let later = |ms| back_after(0).hang(HEAL_MS + 2_500, "a").resume(HEAL_MS + ms, "a");
        assert_eq!(outcome(&later(2_900)), (Outcome::Pass, 2_900));
        assert_eq!(outcome(&later(3_100)), (Outcome::Fail, 3_100));
    }

    #[test]
    fn the_slowest_shard_is_the_one_that_counts() {
        let story = Story::of_two_shards().recovers(Some(3_000)).commit(0, 1, "a");
        let story = story.commit_of(0, 1, 1, "d").authority(100, "a", 1).authority(100, "d", 1);
        let story = story.phase(1_000, Phase::Disturb).hang(2_000, "a").hang(2_000, "d");
        let story = story.phase(HEAL_MS, Phase::Heal).resume(11_000, "a").resume(14_000, "d");
        let (verdict, recovery_ms) = judged(&story);
        assert_eq!((verdict.outcome, recovery_ms), (Outcome::Fail, 4_000));
        assert!(verdict.reason.starts_with("shard 1 "), "{}", verdict.reason);
    }

    #[test]
    fn without_a_bound_it_says_how_long_it_took_and_counts_for_nothing() {
        let (verdict, recovery_ms) = judged(&back_after(9_000).recovers(None));
        assert_eq!((verdict.outcome, recovery_ms), (Outcome::Pass, 9_000));
        assert!(verdict.informative);
    }

    #[test]
    fn a_run_without_a_heal_or_without_final_reads_is_unknown() {
        let unhealed = Story::new().recovers(Some(0)).commit(0, 1, "a").authority(100, "a", 1);
        assert_eq!(judged(&unhealed).0.outcome, Outcome::Unknown);
        let (verdicts, _) = judge(&back_after(0).history());
        let verdict = verdicts.iter().find(|verdict| verdict.check == RECOVERS).expect("judged");
        assert_eq!(verdict.outcome, Outcome::Unknown);
    }
}
