//! How many nodes of a shard were authoritative at each moment: overlap and unavailability.

use std::collections::BTreeMap;

use super::reading::Reading;
use crate::history::Phase;

/// Milliseconds after the first p of a shard with two or more authoritative nodes in it, summed
/// over shards.
pub(super) fn overlap_ms(reading: &Reading) -> u64 {
    let of_shard = |&shard: &u32| {
        let failovers = reading.windows().of_shard(shard).iter().skip(1);
        let first = failovers.filter_map(|window| window.effect).min();
        let from_ms = first.map_or(u64::MAX, |p| p.at_ms);
        let overlaps = times_with(reading, shard, |authoritative| authoritative >= 2);
        length_ms(&overlaps, (from_ms, reading.end_ms))
    };
    reading.tenures.keys().map(of_shard).sum()
}

/// Milliseconds without an authoritative node from the end of settle to the end of converge,
/// summed over shards.
pub(super) fn unavailable_ms(reading: &Reading) -> u64 {
    let range = judged_for_availability(reading);
    let of_shard = |&shard: &u32| length_ms(&without_authority(reading, shard), range);
    reading.tenures.keys().map(of_shard).sum()
}

/// When a shard must have an authoritative node: from the end of settle to the end of converge.
pub(super) fn judged_for_availability(reading: &Reading) -> (u64, u64) {
    (reading.phase_ms(Phase::Disturb), reading.phase_ms(Phase::FinalReads))
}

/// From when to when a shard had no authoritative node, from the start of the run to its end, in
/// order. An authority of no length ends no such time.
pub(super) fn without_authority(reading: &Reading, shard: u32) -> Vec<(u64, u64)> {
    times_with(reading, shard, |authoritative| authoritative == 0)
}

fn length_ms(times: &[(u64, u64)], (from_ms, until_ms): (u64, u64)) -> u64 {
    let within =
        |&(from, until): &(u64, u64)| until.min(until_ms).saturating_sub(from.max(from_ms));
    times.iter().map(within).sum()
}

/// From when to when the number of authoritative nodes was such, in order and apart.
fn times_with(reading: &Reading, shard: u32, such: impl Fn(i64) -> bool) -> Vec<(u64, u64)> {
    // How the number changes, by time.
    let mut changes: BTreeMap<u64, i64> = BTreeMap::new();
    for machine in reading.machines_of(shard) {
        for standing in &reading.standings[machine] {
            if standing.is_authoritative() {
                *changes.entry(standing.from_ms).or_default() += 1;
                *changes.entry(standing.until_ms).or_default() -= 1;
            }
        }
    }
    changes.entry(u64::MAX).or_default();
    let mut times: Vec<(u64, u64)> = Vec::new();
    let (mut since_ms, mut authoritative) = (0, 0);
    for (at_ms, change) in changes {
        if such(authoritative) && since_ms < at_ms {
            match times.last_mut() {
                Some((_, until_ms)) if *until_ms == since_ms => *until_ms = at_ms,
                _ => times.push((since_ms, at_ms)),
            }
        }
        since_ms = at_ms;
        authoritative += change;
    }
    times
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Story;
    use super::*;

    fn measured(story: &Story) -> (u64, u64) {
        let history = story.history();
        let reading = Reading::of(&history).expect("a whole history");
        (overlap_ms(&reading), unavailable_ms(&reading))
    }

    #[test]
    fn two_masters_overlap_after_p_only() {
        let story = Story::new()
            .commit(0, 1, "a")
            .authority(100, "a", 1)
            .phase(1_000, Phase::Disturb)
            .commit(10_000, 2, "b")
            .authority(10_100, "b", 2)
            .no_authority(13_000, "a", 2)
            .end(20_000);
        assert_eq!(measured(&story), (2_900, 0));
    }

    #[test]
    fn time_without_a_master_counts_between_settle_and_final_reads() {
        let story = Story::new()
            .commit(0, 1, "a")
            .authority(500, "a", 1)
            .phase(1_000, Phase::Disturb)
            .hang(4_000, "a")
            .commit(10_000, 2, "b")
            .authority(10_100, "b", 2)
            .no_authority(15_000, "b", 2)
            .end(16_000);
        assert_eq!(measured(&story), (0, 6_100 + 1_000));
    }
}
