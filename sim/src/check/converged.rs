//! Liveness: when the run comes to its final reads, every shard has exactly one authoritative
//! node, it is the one that the last commit names, and every load balancer leads there.
//!
//! The runner moves on to the final reads when the cluster has come to rest or its time for
//! that is over; this check tells the two apart.

use std::collections::BTreeSet;

use super::CONVERGED;
use super::reading::Reading;
use super::route;
use super::standing::Standing;
use crate::history::Phase;
use crate::verdict::Verdict;

/// Fails on a shard that did not come to rest in time.
pub(super) fn verdict(reading: &Reading) -> Verdict {
    let Some(&at_ms) = reading.phases.get(&Phase::FinalReads) else {
        return Verdict::unknown(CONVERGED, "the run ended before its final reads");
    };
    for (shard, tenures) in &reading.tenures {
        let named = tenures.all.last().map(|tenure| tenure.master.as_str());
        let standing: Vec<(&str, &Standing)> = reading
            .machines_of(*shard)
            .filter_map(|machine| Some((machine, at(reading, machine, at_ms)?)))
            .filter(|(_, standing)| standing.is_authoritative())
            .collect();
        let machines: Vec<&str> = standing.iter().map(|(machine, _)| *machine).collect();
        if machines.len() != 1 || named != machines.first().copied() {
            let reason = format!(
                "shard {shard}: the store names {}; authority is with {}",
                named.unwrap_or("nobody"),
                if machines.is_empty() { "nobody".into() } else { machines.join(" and ") }
            );
            let named = named.and_then(|machine| at(reading, machine, at_ms));
            let all = standing.iter().map(|(_, standing)| *standing).chain(named);
            let events: BTreeSet<u64> = all.map(|standing| standing.event).collect();
            return Verdict::fail(CONVERGED, reason, events.into_iter().collect());
        }
    }
    if let Some((balancer, shard, route)) = route::astray(reading).first() {
        let reason = format!("{balancer} still leads to {} for shard {shard}", route.target);
        return Verdict::fail(CONVERGED, reason, vec![route.event]);
    }
    Verdict::pass(CONVERGED, "every shard has one writable master, the one that the store names")
}

fn at<'r>(reading: &'r Reading, machine: &str, at_ms: u64) -> Option<&'r Standing> {
    let standings = &reading.standings[machine];
    let after = standings.partition_point(|standing| standing.from_ms <= at_ms);
    standings[..after].last()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Story;
    use super::*;
    use crate::verdict::Outcome;

    fn judged(story: &Story) -> Verdict {
        let history = story.history();
        verdict(&Reading::of(&history).expect("a whole history"))
    }

    fn outcome(story: &Story) -> Outcome {
        judged(story).outcome
    }

    fn story() -> Story {
        Story::new()
            .commit(0, 1, "a")
            .authority(100, "a", 1)
            .commit(10_000, 2, "b")
            .authority(10_100, "b", 2)
    }

    #[test]
    fn one_master_that_the_store_names_passes() {
        assert_eq!(outcome(&story().no_authority(15_000, "a", 2).end(20_000)), Outcome::Pass);
    }

    #[test]
    fn two_masters_none_or_the_wrong_one_fail() {
        assert_eq!(outcome(&story().end(20_000)), Outcome::Fail);
        let none = story().no_authority(15_000, "a", 2).no_authority(16_000, "b", 2);
        let verdict = judged(&none.end(20_000));
        assert_eq!((verdict.outcome, verdict.evidence.len()), (Outcome::Fail, 1), "when b ceased");
        assert_eq!(outcome(&story().no_authority(16_000, "b", 2).end(20_000)), Outcome::Fail);
    }

    #[test]
    fn a_load_balancer_that_ignored_its_redirect_fails() {
        let routed = |story: Story, at_ms, target: &str| {
            let target = format!("{target}:6666");
            story.observe(
                at_ms,
                "lb-1",
                host::Observation::Routed { shard: 0, target, version: None },
            )
        };
        let stale = routed(story(), 10_200, "a").no_authority(15_000, "a", 2);
        let verdict = judged(&stale.clone().end(20_000));
        assert_eq!((verdict.outcome, verdict.evidence.len()), (Outcome::Fail, 1), "its last route");
        assert_eq!(outcome(&routed(stale, 15_500, "b").end(20_000)), Outcome::Pass);
    }

    #[test]
    fn a_run_without_final_reads_is_unknown() {
        assert_eq!(outcome(&story()), Outcome::Unknown);
    }
}
