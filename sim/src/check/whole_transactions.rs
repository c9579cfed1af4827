//! Whole transactions: of what one transaction wrote, the master of the end holds all or nothing.
//!
//! Judged on fresh keys and appended tokens, which nobody overwrites. Other nodes are not asked:
//! what they hold differently is judged by `equal-replicas`.

use std::collections::BTreeMap;

use super::WHOLE_TRANSACTIONS;
use super::kept::Kept;
use super::reading::Reading;
use crate::history::Intent;
use crate::verdict::Verdict;

/// Fails on every transaction that is there in part; unknown without a final state.
pub(super) fn verdict(reading: &Reading) -> Verdict {
    let (mut whole, mut absent, mut torn) = (0_u64, 0_u64, Vec::new());
    let (mut finals, mut undecided) = (BTreeMap::new(), None);
    for operation in reading.operations.iter() {
        let judged =
            |intent: &&Intent| matches!(intent, Intent::SetFresh { .. } | Intent::Append { .. });
        let writes: Vec<&Intent> = operation.asked.intents.iter().filter(judged).collect();
        if writes.len() < 2 {
            continue;
        }
        let shard = operation.asked.shard;
        let content = match reading.last_content(shard) {
            Ok(content) => content,
            Err(why) => {
                undecided = Some(why);
                continue;
            }
        };
        let held = finals.entry(shard).or_insert_with(|| Kept::of(reading.last_values(shard)));
        let has = |intent: &&&Intent| intent.token().is_some_and(|token| held.has(intent, token));
        match writes.iter().filter(has).count() {
            0 => absent += 1,
            kept if kept == writes.len() => whole += 1,
            _ => torn.extend([operation.invoked.event, content.event]),
        }
    }
    if !torn.is_empty() {
        let reason = format!("{} transactions are there in part", torn.len() / 2);
        return Verdict::fail(WHOLE_TRANSACTIONS, reason, torn);
    }
    match undecided {
        Some(why) => Verdict::unknown(WHOLE_TRANSACTIONS, why),
        None => {
            let reason = format!("{whole} transactions are there, {absent} are not, none in part");
            Verdict::pass(WHOLE_TRANSACTIONS, reason)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Story;
    use super::*;
    use crate::verdict::Outcome;

    fn outcome(held: &[(&str, &str)]) -> Outcome {
        let set = Intent::SetFresh { key: "k".into(), value: "v".into() };
        let append = Intent::Append { key: "list".into(), token: "t1,".into() };
        let history = Story::new()
            .commit(0, 1, "a")
            .authority(100, "a", 1)
            .transaction(1_000, "a", vec![set, append])
            .finally(9_000, "a", held)
            .finally(9_000, "b", &[("k", "v")])
            .history();
        verdict(&Reading::of(&history).expect("a whole history")).outcome
    }

    #[test]
    fn all_or_nothing_passes_and_a_part_fails() {
        assert_eq!(outcome(&[("k", "v"), ("list", "t1,")]), Outcome::Pass);
        assert_eq!(outcome(&[("list", "t2,")]), Outcome::Pass, "lost as a whole");
        assert_eq!(outcome(&[("k", "v"), ("list", "t2,")]), Outcome::Fail);
        assert_eq!(outcome(&[("list", "t1,")]), Outcome::Fail);
    }

    #[test]
    fn without_a_final_state_nothing_is_decided() {
        let set = |key: &str| Intent::SetFresh { key: key.into(), value: "v".into() };
        let story = Story::new().commit(0, 1, "a").authority(100, "a", 1);
        let history = story.transaction(1_000, "a", vec![set("k"), set("l")]).history();
        let reading = Reading::of(&history).expect("a whole history");
        assert_eq!(verdict(&reading).outcome, Outcome::Unknown);
    }

    #[test]
    fn a_shard_without_its_final_state_hides_no_torn_transaction_of_another() {
        let set = |key: &str| Intent::SetFresh { key: key.into(), value: "v".into() };
        let outcome = |held: &[(&str, &str)]| {
            let story = Story::of_two_shards().commit(0, 1, "a").commit_of(0, 1, 1, "d");
            let story = story.in_shard(1).transaction(900, "d", vec![set("m"), set("n")]);
            let story = story.in_shard(0).transaction(1_000, "a", vec![set("k"), set("l")]);
            let history = story.finally(9_000, "a", held).history();
            verdict(&Reading::of(&history).expect("a whole history")).outcome
        };
        assert_eq!(outcome(&[("k", "v")]), Outcome::Fail);
        assert_eq!(outcome(&[("k", "v"), ("l", "v")]), Outcome::Unknown);
    }
}
