//! Hand-made histories for what section 6 of the design says of several failovers in one run: of
//! several shards, failovers that fail half-way, successors that are deposed in turn, nodes that
//! are promoted again, and versions that repeat; and sampled authority and acknowledged writes,
//! each against the other.

#![cfg(test)]

use super::fixture::Story;
use super::{ACKNOWLEDGEMENT_AUTHORITY, SPAN_WITHIN_TTL, judge};
use crate::figures::{Failover, LostWrites};
use crate::verdict::Outcome;

/// p, the last stale instant, the span and the stale writes.
type Measured = (Option<u64>, Option<u64>, u64, u64);

fn failovers(story: &Story) -> Vec<Failover> {
    judge(&story.clone().end(60_000).history()).1.failovers
}

fn measured(story: &Story) -> Vec<Measured> {
    let each = failovers(story).into_iter();
    each.map(|of| (of.effective_at_ms, of.last_stale_at_ms, of.span_ms, of.stale_writes)).collect()
}

fn outcome(story: &Story, check: &str) -> Outcome {
    let (verdicts, _) = judge(&story.clone().end(60_000).history());
    verdicts.into_iter().find(|verdict| verdict.check == check).expect("it was judged").outcome
}

fn master() -> Story {
    Story::new().commit(0, 1, "a").authority(100, "a", 1)
}

/// `b` takes over from `a` at 10 s and is writable at 10.1 s.
fn failover() -> Story {
    master().commit(10_000, 2, "b").authority(10_100, "b", 2)
}

#[test]
fn several_failovers_have_a_window_each() {
    let story = failover()
        .no_authority(12_000, "a", 2)
        .commit(20_000, 3, "c")
        .authority(20_200, "c", 3)
        .write(20_500, "b", "k", "v")
        .no_authority(21_000, "b", 3)
        .commit(30_000, 4, "a")
        .authority(30_300, "a", 4)
        .no_authority(30_300, "c", 4);
    let windows = [
        (Some(10_100), Some(11_995), 1_895, 0),
        (Some(20_200), Some(20_995), 795, 1),
        (Some(30_300), None, 0, 0),
    ];
    assert_eq!(measured(&story), windows);
}

#[test]
fn a_failover_that_stops_at_the_store_has_no_window() {
    // Nobody ever tells b, and a goes on under its own commit.
    let story = master().commit(10_000, 2, "b").write(30_000, "a", "k", "v");
    assert_eq!(measured(&story), [(None, None, 0, 0)]);
    assert_eq!(outcome(&story, SPAN_WITHIN_TTL), Outcome::Pass);
}

#[test]
fn a_failover_that_another_one_completes_begins_with_its_effect() {
    // b is never told; c is, later; a steps down last of all.
    let story = master()
        .commit(10_000, 2, "b")
        .commit(20_000, 3, "c")
        .authority(20_100, "c", 3)
        .no_authority(22_000, "a", 3);
    let windows = [(Some(20_100), Some(21_995), 1_895, 0), (Some(20_100), None, 0, 0)];
    assert_eq!(measured(&story), windows, "a acts under commit 0, and counts for commit 1");
}

#[test]
fn a_failover_that_is_taken_back_has_no_effect() {
    // The store names b and then a again; b was never told, and a acts under the third commit.
    let story = master().commit(10_000, 2, "b").commit(12_000, 3, "a").authority(12_100, "a", 3);
    let windows = [(Some(12_100), None, 0, 0), (Some(12_100), None, 0, 0)];
    assert_eq!(measured(&story), windows);
}

#[test]
fn a_successor_that_the_store_never_named_is_stale_from_p_on() {
    // A node was told what the store then refused: it acts under no commit at all.
    let story = failover()
        .no_authority(10_500, "a", 2)
        .authority(15_000, "c", 3)
        .write(16_000, "c", "k", "v")
        .no_authority(17_000, "c", 2);
    assert_eq!(measured(&story), [(Some(10_100), Some(16_995), 6_895, 1)]);
}

#[test]
fn the_next_commit_may_come_before_the_effect_of_this_one() {
    // b is deposed before it is writable, and then is all the same.
    let story = master()
        .commit(10_000, 2, "b")
        .commit(11_000, 3, "c")
        .authority(12_000, "b", 2)
        .authority(13_000, "c", 3)
        .no_authority(13_500, "a", 3)
        .no_authority(14_000, "b", 3);
    let windows = [(Some(12_000), Some(13_495), 1_495, 0), (Some(13_000), Some(13_995), 995, 0)];
    assert_eq!(measured(&story), windows);
}

#[test]
fn a_node_that_is_deposed_twice_counts_for_each_commit_that_did_it() {
    let story = failover()
        .no_authority(11_000, "a", 2)
        .commit(20_000, 3, "a")
        .authority(20_100, "a", 3)
        .no_authority(20_100, "b", 3)
        .commit(30_000, 4, "c")
        .authority(30_100, "c", 4)
        .write(31_000, "a", "k", "v")
        .no_authority(33_000, "a", 4);
    let windows = [
        (Some(10_100), Some(10_995), 895, 0),
        (Some(20_100), None, 0, 0),
        (Some(30_100), Some(32_995), 2_895, 1),
    ];
    assert_eq!(measured(&story), windows);
}

#[test]
fn a_node_that_never_heard_of_its_first_deposition_counts_for_that_one_only() {
    // a is deposed, named again and deposed again, and acts under commit 0 all the time.
    let story = failover()
        .commit(20_000, 3, "a")
        .commit(30_000, 4, "c")
        .authority(30_100, "c", 4)
        .no_authority(33_000, "a", 4)
        .no_authority(33_000, "b", 4);
    let all = failovers(&story);
    let last: Vec<_> = all.iter().map(|of| of.last_stale_at_ms).collect();
    assert_eq!(last, [Some(32_995), Some(32_995), None], "a for commit 1, b for commit 2");
    assert_eq!(all[0].span_ms, 32_995 - 10_100);
    assert_eq!(all[1].effective_at_ms, Some(30_100));
}

#[test]
fn a_node_that_is_named_again_is_not_stale_while_it_is() {
    let story = failover().commit(20_000, 3, "a").write(25_000, "a", "k", "v");
    let all = failovers(&story);
    assert_eq!(all[0].last_stale_at_ms, Some(19_995));
    assert_eq!((all[0].stale_writes, all[1].stale_writes), (0, 0));
}

#[test]
fn of_a_version_that_repeats_the_latest_commit_so_far_is_acted_under() {
    // Two controllers wrote version 2, one after the other; a has the first one, c the second.
    let story = master()
        .commit(10_000, 2, "b")
        .commit(10_050, 2, "c")
        .authority(10_100, "b", 2)
        .authority(10_200, "c", 2)
        .no_authority(10_300, "a", 2)
        .no_authority(12_000, "b", 2);
    let windows = [(Some(10_100), Some(10_295), 195, 0), (Some(10_200), Some(11_995), 1_795, 0)];
    assert_eq!(measured(&story), windows, "each acts under the commit that names it");
    let again = story.commit(20_000, 2, "b").authority(20_100, "b", 2).no_authority(20_100, "c", 2);
    assert_eq!(measured(&again)[2], (Some(20_100), None, 0, 0), "the third, not the first one");
}

#[test]
fn shards_are_measured_apart_and_share_their_versions() {
    let story = Story::of_two_shards()
        .commit(0, 1, "a")
        .commit_of(0, 1, 1, "d")
        .authority(100, "a", 1)
        .authority(100, "d", 1)
        // A failover of the second shard leaves the first one's master as it is.
        .commit(10_000, 2, "a")
        .commit_of(10_000, 2, 1, "e")
        .authority(10_100, "e", 2)
        .authority(10_200, "a", 2)
        .no_authority(11_000, "d", 2)
        .commit(20_000, 3, "b")
        .commit_of(20_000, 3, 1, "e")
        .authority(20_100, "b", 3)
        .authority(20_100, "e", 3)
        .no_authority(23_000, "a", 3);
    let all = failovers(&story);
    let shown: Vec<_> = all.iter().map(|of| (of.shard, of.commit, of.version)).collect();
    assert_eq!(shown, [(0, 1, 3), (1, 1, 2)]);
    let windows = [(Some(20_100), Some(22_995), 2_895, 0), (Some(10_100), Some(10_995), 895, 0)];
    assert_eq!(measured(&story), windows);
}

#[test]
fn the_run_is_judged_by_its_worst_window() {
    let late = |until_ms| {
        let story = failover().no_authority(11_000, "a", 2).commit(20_000, 3, "c");
        story.authority(20_100, "c", 3).no_authority(until_ms, "b", 3)
    };
    assert_eq!(outcome(&late(28_110), SPAN_WITHIN_TTL), Outcome::Pass);
    assert_eq!(outcome(&late(28_115), SPAN_WITHIN_TTL), Outcome::Fail);
}

#[test]
fn a_write_counts_for_the_window_where_no_sample_saw_authority() {
    // An acknowledgement is evidence: of p, and of a stale instant.
    let hidden = master()
        .commit(10_000, 2, "b")
        .no_authority(10_050, "b", 2)
        .write(10_102, "b", "k", "v")
        .no_authority(11_000, "a", 1)
        .write(12_002, "a", "l", "v");
    assert_eq!(measured(&hidden), [(Some(10_102), Some(12_002), 1_900, 1)]);
    assert_eq!(outcome(&hidden, ACKNOWLEDGEMENT_AUTHORITY), Outcome::Fail, "samples say no");
}

#[test]
fn sampled_authority_counts_where_no_write_came() {
    let silent = failover().no_authority(30_000, "a", 2);
    assert_eq!(measured(&silent), [(Some(10_100), Some(29_995), 19_895, 0)]);
    assert_eq!(outcome(&silent, ACKNOWLEDGEMENT_AUTHORITY), Outcome::Pass);
    let refused = silent.clone().observe(31_000, "a", host::Observation::LeaseRefused);
    assert_eq!(outcome(&refused, ACKNOWLEDGEMENT_AUTHORITY), Outcome::Pass);
    let denied = failover().observe(29_000, "a", host::Observation::LeaseRefused);
    assert_eq!(outcome(&denied, ACKNOWLEDGEMENT_AUTHORITY), Outcome::Fail, "samples say yes");
}

#[test]
fn a_loss_is_laid_on_the_commit_that_ended_the_tenure() {
    // a's writes before commit 1's effect lag, those after it are split brain; so with b's.
    let story = master()
        .write(9_900, "a", "lagged", "v")
        .commit(10_000, 2, "b")
        .write(10_050, "a", "lagged too", "v")
        .authority(10_100, "b", 2)
        .write(10_200, "a", "split", "v")
        .no_authority(11_000, "a", 2)
        .commit(20_000, 3, "c")
        .write(20_050, "b", "b lagged", "v")
        .authority(20_100, "c", 3)
        .write(20_200, "b", "b split", "v")
        .no_authority(21_000, "b", 3);
    let lost =
        |story: &Story| judge(&story.clone().finally(59_000, "c", &[]).history()).1.lost_writes;
    assert_eq!(lost(&story), LostWrites { replication_lag: 3, split_brain: 2, unexplained: 0 });
    let reigning = story.write(22_000, "c", "reigning", "v");
    assert_eq!(lost(&reigning).unexplained, 1);
}
