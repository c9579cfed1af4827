//! Equal replicas: in the end every node of a shard holds what the last master holds, up to the
//! same sequence number.
//!
//! A difference that goes back to before the node began to follow the last master is *silent
//! divergence after rejoin*: the node had writes of its own, or missed some, and partial
//! synchronisation went on all the same. It fails where equal replicas are promised and is told
//! everywhere. Any other difference is a fault of the replication and fails always.

use std::collections::BTreeSet;

use host::{Link, Role};

use super::EQUAL_REPLICAS;
use super::reading::{Final, Reading};
use crate::promise::Promise;
use crate::verdict::Verdict;

/// How many keys a reason names.
const NAMED_MAX: usize = 3;

/// Fails on a node that holds something else; unknown without the content of all nodes.
pub(super) fn verdict(reading: &Reading) -> Verdict {
    let (mut equal, mut silent, mut undecided) = (0_u64, None, None);
    for &shard in reading.tenures.keys() {
        let content = match reading.last_content(shard) {
            Ok(content) => content,
            Err(why) => {
                undecided = Some(why);
                continue;
            }
        };
        let last = Last::of(reading, shard, content);
        for machine in reading.machines_of(shard).filter(|machine| *machine != last.master) {
            let Some(theirs) = reading.finals.get(machine) else {
                undecided = Some(format!("the final content of {machine} is missing"));
                continue;
            };
            match last.compare(reading, machine, theirs) {
                Comparison::Equal => equal += 1,
                Comparison::Unexplained(why) => {
                    let evidence = vec![content.event, theirs.event];
                    return Verdict::fail(EQUAL_REPLICAS, why, evidence);
                }
                Comparison::Silent(why) => {
                    silent.get_or_insert((why, vec![content.event, theirs.event]));
                }
            }
        }
    }
    let promised = reading.promises(Promise::EqualReplicas);
    match (silent, undecided) {
        (Some((why, evidence)), undecided) if promised || undecided.is_none() => {
            Verdict::fail(EQUAL_REPLICAS, why, evidence).counts_if(promised)
        }
        (_, Some(why)) => Verdict::unknown(EQUAL_REPLICAS, why),
        (_, None) => Verdict::pass(EQUAL_REPLICAS, format!("{equal} replicas equal their master")),
    }
}

enum Comparison {
    Equal,
    Silent(String),
    Unexplained(String),
}

/// The last master of a shard, and what it holds.
struct Last<'r> {
    master: &'r str,
    content: Final<'r>,
    /// The event since which it is master with the data that it has: its last commit, or its last
    /// start, which may have lost what was not synced.
    since: u64,
    /// Whether a node can have had other data before that.
    had_forerunners: bool,
}

impl<'r> Last<'r> {
    /// Of a shard that had a master.
    fn of(reading: &'r Reading, shard: u32, content: Final<'r>) -> Self {
        let tenures = &reading.tenures[&shard].all;
        let tenure = &tenures[tenures.len() - 1];
        let restarted = reading.restarts.get(tenure.master.as_str()).copied();
        Self {
            master: &tenure.master,
            content,
            since: tenure.event.max(restarted.unwrap_or(0)),
            had_forerunners: tenures.len() > 1 || restarted.is_some(),
        }
    }

    fn compare(&self, reading: &Reading, machine: &str, theirs: &Final) -> Comparison {
        let Self { master, content, .. } = *self;
        let differing = differing(&content, theirs);
        if differing.is_empty() {
            return match (content.content.sequence, theirs.content.sequence) {
                (Some(mine), Some(its)) if mine != its => Comparison::Unexplained(format!(
                    "{machine} holds what {master} holds, but is at sequence {its}, not {mine}"
                )),
                _ => Comparison::Equal,
            };
        }
        let named: Vec<&str> = differing.iter().copied().take(NAMED_MAX).collect();
        let more = if differing.len() > named.len() { ", …" } else { "" };
        let what = format!(
            "{machine} and {master} hold different values of {} keys ({}{more})",
            differing.len(),
            named.join(", ")
        );
        let joined = self.had_forerunners.then(|| self.joined(reading, machine)).flatten();
        let Some(joined) = joined else {
            return Comparison::Unexplained(what);
        };
        let written = reading
            .acknowledgements
            .iter()
            .filter(|ack| ack.machine == master && ack.event > joined)
            .flat_map(|ack| ack.writes);
        let written: BTreeSet<&str> = written.map(|write| write.key.as_str()).collect();
        match differing.iter().find(|key| written.contains(**key)) {
            Some(key) => Comparison::Unexplained(format!(
                "{what}, and {key} was written after {machine} had begun to follow"
            )),
            None => Comparison::Silent(format!("silent divergence after rejoin: {what}")),
        }
    }

    /// The event at which a node began to follow this master's stream.
    fn joined(&self, reading: &Reading, machine: &str) -> Option<u64> {
        let standings = &reading.standings[machine];
        let first = standings.partition_point(|standing| standing.event <= self.since);
        // What it was at that event it may still be.
        let mut from = standings[first.saturating_sub(1)..].iter();
        let follows = from.find(|standing| {
            let status = standing.status.as_ref();
            standing.role() == Role::Replica
                && status.is_some_and(|status| status.link == Some(Link::Streaming))
        });
        follows.map(|standing| standing.event.max(self.since))
    }
}

/// The keys of which the two hold different values, or only one holds any.
fn differing<'r>(one: &Final<'r>, other: &Final<'r>) -> Vec<&'r str> {
    let (one, other) = (&one.content.values, &other.content.values);
    let mine = one.iter().filter(|(key, value)| other.get(*key) != Some(value));
    let only_theirs = other.iter().filter(|(key, _)| !one.contains_key(*key));
    mine.chain(only_theirs).map(|(key, _)| key.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Story;
    use super::*;
    use crate::history::Content;
    use crate::verdict::Outcome;

    /// `b` takes over from `a` at 10 s, `a` follows it from 20 s on.
    fn story() -> Story {
        Story::new()
            .commit(0, 1, "a")
            .authority(100, "a", 1)
            .streams(200, "c", 1)
            .write(1_000, "a", "old", "v")
            .commit(10_000, 2, "b")
            .authority(10_100, "b", 2)
            .streams(10_200, "c", 2)
            .write(12_000, "a", "stale", "v")
            .write(12_000, "b", "early", "v")
            .streams(20_000, "a", 2)
            .write(25_000, "b", "late", "v")
    }

    fn judged(story: Story, a: &[(&str, &str)]) -> Verdict {
        let all = [("old", "v"), ("early", "v"), ("late", "v")];
        let story = story.finally(30_000, "b", &all).finally(30_000, "c", &all);
        let history = story.finally(30_000, "a", a).history();
        verdict(&Reading::of(&history).expect("a whole history"))
    }

    #[test]
    fn equal_replicas_pass() {
        let equal = judged(story(), &[("old", "v"), ("early", "v"), ("late", "v")]);
        assert_eq!(equal.outcome, Outcome::Pass);
    }

    #[test]
    fn what_goes_back_to_before_the_rejoin_is_silent_divergence() {
        let held = [("old", "v"), ("stale", "v"), ("late", "v")];
        let verdict = judged(story(), &held);
        assert_eq!((verdict.outcome, verdict.informative), (Outcome::Fail, false));
        assert!(verdict.reason.starts_with("silent divergence"), "{}", verdict.reason);
        let unpromised = judged(story().promises(&[]), &held);
        assert_eq!((unpromised.outcome, unpromised.informative), (Outcome::Fail, true));
    }

    #[test]
    fn what_was_written_after_the_rejoin_must_be_there() {
        let verdict = judged(story().promises(&[]), &[("old", "v"), ("early", "v")]);
        assert_eq!((verdict.outcome, verdict.informative), (Outcome::Fail, false));
        assert!(verdict.reason.contains("late was written after"), "{}", verdict.reason);
    }

    #[test]
    fn without_another_master_before_nothing_explains_a_difference() {
        let story = Story::new().commit(0, 1, "b").authority(100, "b", 1).streams(200, "a", 1);
        let verdict = judged(story.promises(&[]), &[("old", "v")]);
        assert_eq!((verdict.outcome, verdict.informative), (Outcome::Fail, false));
    }

    #[test]
    fn equal_data_at_another_sequence_fails() {
        let content = |sequence| Content { sequence: Some(sequence), ..Content::default() };
        let at = |sequence| {
            let story = story().holds(30_000, "b", content(7)).holds(30_000, "c", content(7));
            let history = story.holds(30_000, "a", content(sequence)).history();
            verdict(&Reading::of(&history).expect("a whole history")).outcome
        };
        assert_eq!(at(7), Outcome::Pass);
        assert_eq!(at(8), Outcome::Fail);
    }

    #[test]
    fn a_content_that_is_missing_hides_no_difference_that_counts() {
        let all = [("old", "v"), ("early", "v"), ("late", "v")];
        let outcome = |story: Story, a: &[(&str, &str)]| {
            let story = story.finally(30_000, "b", &all).finally(30_000, "a", a);
            let history = story.history();
            let verdict = verdict(&Reading::of(&history).expect("a whole history"));
            (verdict.outcome, verdict.informative)
        };
        let silent = [("old", "v"), ("late", "v")];
        assert_eq!(outcome(story(), &all), (Outcome::Unknown, false));
        assert_eq!(outcome(story(), &silent), (Outcome::Fail, false));
        assert_eq!(outcome(story().promises(&[]), &silent), (Outcome::Unknown, false));
        assert_eq!(outcome(story().promises(&[]), &all[..2]), (Outcome::Fail, false));
    }

    #[test]
    fn without_the_content_of_all_nothing_is_decided() {
        let history = story().finally(30_000, "b", &[]).history();
        let reading = Reading::of(&history).expect("a whole history");
        assert_eq!(verdict(&reading).outcome, Outcome::Unknown);
    }
}
