//! Acknowledged writes: those absent from the final state, by the tenure that acknowledged
//! them (DESIGN section 6). A loss that no commit explains fails always.
//!
//! Judged on fresh keys, appended tokens and counters only. A counter tells how many of its
//! increments are gone, not which: the loss is laid first on acknowledgements of split brain,
//! then on replication lag, and what is left over is unexplained. Increments that were applied
//! without being acknowledged hide as many losses, so a counter's loss is a lower bound.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::ACKNOWLEDGED_WRITES;
use super::kept::Kept;
use super::reading::{Acknowledgement, Reading};
use super::stretch::Stretch;
use crate::figures::LostWrites;
use crate::history::Intent;
use crate::verdict::Verdict;

/// What was lost, and the acknowledgements of what is unexplained.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) counts: LostWrites,
    unexplained: Vec<u64>,
    /// Why a shard could not be judged, if one could not.
    undecided: Option<String>,
}

/// Why a write could be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cause {
    SplitBrain,
    ReplicationLag,
    Unexplained,
}

/// Fails on a loss that no commit explains, and on a write that no client had asked for, because
/// it cannot be judged; unknown without the final state of every shard.
pub(super) fn verdict(reading: &Reading) -> Verdict {
    let unasked = &reading.broken_trails().unasked;
    if !unasked.is_empty() {
        let reason = format!("{} acknowledged writes that no client had asked for", unasked.len());
        return Verdict::fail(ACKNOWLEDGED_WRITES, reason, unasked.clone());
    }
    let Lost { counts, unexplained, undecided } = reading.lost();
    if !unexplained.is_empty() {
        let reason =
            format!("{} acknowledged writes are gone for no known reason", unexplained.len());
        return Verdict::fail(ACKNOWLEDGED_WRITES, reason, unexplained.clone());
    }
    match undecided {
        Some(why) => Verdict::unknown(ACKNOWLEDGED_WRITES, why.clone()),
        None => Verdict::pass(
            ACKNOWLEDGED_WRITES,
            format!(
                "{} acknowledged writes lost: {} to split brain, {} to replication lag",
                counts.total(),
                counts.split_brain,
                counts.replication_lag
            ),
        ),
    }
}

/// Compares every acknowledged write with the final state of its shard, if that is known.
pub(super) fn lost(reading: &Reading) -> Lost {
    let judged = Judged::of(reading);
    let mut lost = Lost { undecided: judged.undecided.clone(), ..Lost::default() };
    let mut counters: BTreeMap<(u32, &str), Vec<(Cause, u64)>> = BTreeMap::new();
    for ack in &reading.acknowledgements {
        let Some(held) = judged.finals.get(&ack.shard) else { continue };
        for write in ack.writes {
            match judged.intents.get(write.key.as_str()) {
                Some(Intent::Increment { .. }) => {
                    let counter = counters.entry((ack.shard, &write.key));
                    counter.or_default().push((judged.cause(ack), ack.event));
                }
                Some(intent) if !is_kept(held, intent, &write.token) => {
                    lost.add(judged.cause(ack), ack.event);
                }
                _ => {}
            }
        }
    }
    for ((shard, key), mut increments) in counters {
        increments.sort();
        let kept = judged.finals[&shard].count(key);
        let missing = (increments.len() as u64).saturating_sub(kept) as usize;
        for &(cause, event) in increments.iter().take(missing) {
            lost.add(cause, event);
        }
    }
    lost
}

fn is_kept(held: &Kept, intent: &Intent, token: &str) -> bool {
    match intent {
        Intent::Append { .. } | Intent::SetFresh { .. } => held.has(intent, token),
        // Whether it was overwritten nobody knows; counters are counted, and a read asks for
        // nothing to be kept.
        Intent::Set { .. } | Intent::Increment { .. } | Intent::Read { .. } => true,
    }
}

impl Lost {
    fn add(&mut self, cause: Cause, event: u64) {
        match cause {
            Cause::SplitBrain => self.counts.split_brain += 1,
            Cause::ReplicationLag => self.counts.replication_lag += 1,
            Cause::Unexplained => {
                self.counts.unexplained += 1;
                self.unexplained.push(event);
            }
        }
    }
}

/// What acknowledgements are compared with.
struct Judged<'r> {
    reading: &'r Reading<'r>,
    /// What was asked for, by key.
    intents: IndexMap<&'r str, &'r Intent>,
    /// The final state of each shard of which it is known: what its last master holds.
    finals: BTreeMap<u32, Kept<'r>>,
    /// Why that of another is not.
    undecided: Option<String>,
}

impl<'r> Judged<'r> {
    fn of(reading: &'r Reading<'r>) -> Self {
        let (mut finals, mut undecided) = (BTreeMap::new(), None);
        for &shard in reading.tenures.keys() {
            match reading.last_content(shard) {
                Ok(_) => {
                    finals.insert(shard, Kept::of(reading.last_values(shard)));
                }
                Err(why) => undecided = Some(why),
            }
        }
        let asked = reading.operations.iter().flat_map(|operation| &operation.asked.intents);
        let writes = asked.filter(|intent| intent.is_write());
        let intents = writes.map(|write| (write.key(), write)).collect();
        Self { reading, intents, finals, undecided }
    }

    fn cause(&self, ack: &Acknowledgement) -> Cause {
        let tenures = &self.reading.tenures[&ack.shard];
        let stretch = Stretch::of(tenures, ack);
        let ended_by = match stretch.under {
            Some(under) => Some(under + 1).filter(|commit| *commit < tenures.all.len()),
            None => stretch.in_force.filter(|_| stretch.is_deposed(tenures)),
        };
        if self.reading.windows().is_after_p(ack, ended_by) {
            Cause::SplitBrain
        } else if stretch.under.and(ended_by).is_some() {
            Cause::ReplicationLag
        } else {
            Cause::Unexplained
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Story;
    use super::*;
    use crate::verdict::Outcome;

    /// `a` is master; `b` takes over at 10 s, `a` has authority for 5 s more.
    fn story() -> Story {
        Story::new()
            .commit(0, 1, "a")
            .authority(100, "a", 1)
            .write(1_000, "a", "kept", "v1")
            .write(9_000, "a", "lagged", "v2")
            .commit(10_000, 2, "b")
            .authority(10_100, "b", 2)
            .write(12_000, "a", "split", "v3")
            .append(12_500, "a", "list", "t1,")
            .no_authority(15_000, "a", 1)
            .write(16_000, "b", "new", "v4")
            .append(16_500, "b", "list", "t2,")
    }

    fn lost_of(story: &Story) -> (Lost, Verdict) {
        let history = story.history();
        let reading = Reading::of(&history).expect("a whole history");
        (lost(&reading), verdict(&reading))
    }

    #[test]
    fn nothing_lost_passes() {
        let all = [("kept", "v1"), ("lagged", "v2"), ("split", "v3"), ("new", "v4")];
        let all = [&all[..], &[("list", "t1,t2,")]].concat();
        let (lost, verdict) = lost_of(&story().finally(30_000, "b", &all));
        assert_eq!(lost.counts, LostWrites::default());
        assert_eq!(verdict.outcome, Outcome::Pass);
    }

    #[test]
    fn losses_are_told_apart_by_p() {
        let left = [("kept", "v1"), ("new", "v4"), ("list", "t2,")];
        let (lost, verdict) = lost_of(&story().finally(30_000, "b", &left));
        let counts = LostWrites { replication_lag: 1, split_brain: 2, unexplained: 0 };
        assert_eq!(lost.counts, counts);
        assert_eq!(verdict.outcome, Outcome::Pass, "explained losses are figures");
    }

    #[test]
    fn a_loss_of_the_reigning_master_fails() {
        let left = [("kept", "v1"), ("lagged", "v2"), ("split", "v3"), ("list", "t1,t2,")];
        let (lost, verdict) = lost_of(&story().finally(30_000, "b", &left));
        assert_eq!(lost.counts.unexplained, 1);
        assert_eq!((verdict.outcome, verdict.evidence.len()), (Outcome::Fail, 1));
    }

    #[test]
    fn an_overwritten_fresh_key_counts_as_lost() {
        let left = [("kept", "v1"), ("lagged", "v2"), ("split", "other"), ("new", "v4")];
        let left = [&left[..], &[("list", "t1,t2,")]].concat();
        let (lost, _) = lost_of(&story().finally(30_000, "b", &left));
        assert_eq!(lost.counts.split_brain, 1);
    }

    #[test]
    fn a_counter_tells_how_many_are_gone() {
        let story = Story::new()
            .commit(0, 1, "a")
            .authority(100, "a", 1)
            .increment(1_000, "a", "n", 1)
            .increment(9_900, "a", "n", 2)
            .commit(10_000, 2, "b")
            .authority(10_100, "b", 2)
            .increment(11_000, "a", "n", 3)
            .increment(12_000, "b", "n", 2);
        let count = |value: &str| lost_of(&story.clone().finally(20_000, "b", &[("n", value)]));
        assert_eq!(count("4").0.counts, LostWrites::default());
        let one = LostWrites { split_brain: 1, ..LostWrites::default() };
        assert_eq!(count("3").0.counts, one);
        let three = LostWrites { split_brain: 1, replication_lag: 2, unexplained: 0 };
        assert_eq!(count("1").0.counts, three);
        assert_eq!(count("0").0.counts.unexplained, 1);
        assert_eq!(count("0").1.outcome, Outcome::Fail);
    }

    #[test]
    fn without_a_final_state_nothing_is_decided() {
        let history = story().history();
        let reading = Reading::of(&history).expect("a whole history");
        assert_eq!(verdict(&reading).outcome, Outcome::Unknown);
    }

    #[test]
    fn a_shard_without_its_final_state_hides_no_loss_of_another() {
        let story = Story::of_two_shards().commit(0, 1, "a").commit_of(0, 1, 1, "d");
        let story = story.authority(100, "a", 1).authority(100, "d", 1).write(500, "a", "k", "v");
        let (lost, verdict) = lost_of(&story.clone().finally(9_000, "a", &[]));
        assert_eq!((lost.counts.unexplained, verdict.outcome), (1, Outcome::Fail));
        let (_, verdict) = lost_of(&story.finally(9_000, "a", &[("k", "v")]));
        assert_eq!(verdict.outcome, Outcome::Unknown);
    }

    #[test]
    fn a_counter_is_sought_in_its_own_shard() {
        let story = Story::of_two_shards().commit(0, 1, "a").commit_of(0, 1, 1, "d");
        let story = story.authority(100, "a", 1).authority(100, "d", 1).increment(500, "a", "n", 1);
        let story = story.finally(9_000, "a", &[]).finally(9_000, "d", &[("n", "1")]);
        assert_eq!(lost_of(&story).0.counts.unexplained, 1);
    }

    #[test]
    fn a_loss_after_p_is_split_brain_though_the_node_is_named_again() {
        // a never hears of b, and is named again under a version that it has not applied.
        let story = Story::new()
            .commit(0, 1, "a")
            .authority(100, "a", 1)
            .commit(10_000, 2, "b")
            .authority(10_100, "b", 2)
            .commit(20_000, 3, "a")
            .write(21_000, "a", "k", "v");
        let (lost, _) = lost_of(&story.finally(30_000, "a", &[]));
        assert_eq!(lost.counts, LostWrites { split_brain: 1, ..LostWrites::default() });
    }

    #[test]
    fn content_from_before_the_last_commit_decides_nothing() {
        let story = story().finally(30_000, "c", &[]).commit(31_000, 3, "c");
        let history = story.history();
        let reading = Reading::of(&history).expect("a whole history");
        assert_eq!(verdict(&reading).outcome, Outcome::Unknown);
    }

    #[test]
    fn a_write_that_nobody_asked_for_fails() {
        let write = host::Write { key: "kept".into(), token: "other".into() };
        let unasked = host::Observation::Acknowledged { writes: vec![write] };
        let story = story().observe(17_000, "b", unasked).finally(30_000, "b", &[]);
        let (_, verdict) = lost_of(&story);
        assert_eq!((verdict.outcome, verdict.evidence.len()), (Outcome::Fail, 1));
    }
}
