//! Sampled authority and acknowledgements, each against the other: a write that was
//! acknowledged at an instant when neither the sample before, nor the one after, nor any
//! observation between them said yes is a failure of its own (DESIGN section 6).
//!
//! This is what catches a task that leaks out of the gate of a hung process, and a probe that
//! does not say what the write path does. So does the other way round: a write that the lease
//! refused while the samples around, and every observation between them, said yes.

use host::Observation;

use super::ACKNOWLEDGEMENT_AUTHORITY;
use super::reading::{Acknowledgement, Reading};
use super::standing::Standing;
use super::trail::Broken;
use crate::history::What;
use crate::verdict::Verdict;

/// Fails on every acknowledgement that no sample or observation near it vouches for, on every
/// refusal against which all of them speak, and on every write that was acknowledged by somebody
/// else than a data node that tells of it.
pub(super) fn verdict(reading: &Reading) -> Verdict {
    let unvouched: Vec<u64> = reading
        .acknowledgements
        .iter()
        .filter(|ack| !is_vouched_for(reading, ack))
        .map(|ack| ack.event)
        .collect();
    let Broken { by_strangers, unacknowledged, .. } = reading.broken_trails();
    let contradicted = refused_with_authority(reading);
    let faults = [
        (&unvouched, "acknowledgements by nodes without authority"),
        (&contradicted, "refusals by nodes with authority"),
        (by_strangers, "acknowledgements by machines that are no data nodes"),
        (unacknowledged, "writes that a client heard as done and no node had acknowledged"),
    ];
    let told = faults.iter().filter(|(events, _)| !events.is_empty());
    let told: Vec<String> = told.map(|(events, what)| format!("{} {what}", events.len())).collect();
    if told.is_empty() {
        let count = reading.acknowledgements.len();
        return Verdict::pass(
            ACKNOWLEDGEMENT_AUTHORITY,
            format!("{count} acknowledgements, each by an authoritative node"),
        );
    }
    let evidence = faults.iter().flat_map(|(events, _)| events.iter().copied()).collect();
    Verdict::fail(ACKNOWLEDGEMENT_AUTHORITY, told.join("; "), evidence)
}

fn is_vouched_for(reading: &Reading, ack: &Acknowledgement) -> bool {
    reading.standings_near(ack.machine, ack.at_ms).any(Standing::is_authoritative)
}

/// What a lease refused while its machine was authoritative by all that is known.
fn refused_with_authority(reading: &Reading) -> Vec<u64> {
    let refused = reading.history.events().iter().filter(|event| {
        let observed =
            matches!(event.what, What::Observe { observation: Observation::LeaseRefused, .. });
        observed && reading.standings.contains_key(event.on.as_str())
    });
    let contradicted = refused.filter(|event| {
        let (machine, at_ms) = (event.on.as_str(), event.at_ms);
        !reading.was_granted(machine, at_ms, at_ms)
            && reading.standings_near(machine, at_ms).all(Standing::is_authoritative)
    });
    contradicted.map(|event| event.number).collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Story;
    use super::*;
    use crate::verdict::Outcome;

    fn judged(story: &Story) -> Verdict {
        let history = story.clone().end(60_000).history();
        verdict(&Reading::of(&history).expect("a whole history"))
    }

    fn master() -> Story {
        Story::new().commit(0, 1, "a").authority(100, "a", 1)
    }

    #[test]
    fn an_authoritative_node_may_acknowledge() {
        let story = master().write(1_002, "a", "k", "v");
        assert_eq!(judged(&story).outcome, Outcome::Pass);
    }

    #[test]
    fn the_sample_before_or_after_vouches_within_a_tick() {
        let before = master().no_authority(1_000, "a", 1).write(1_000, "a", "k", "v");
        assert_eq!(judged(&before).outcome, Outcome::Pass);
        let after = Story::new().commit(0, 1, "a").write(98, "a", "k", "v").authority(100, "a", 1);
        assert_eq!(judged(&after).outcome, Outcome::Pass);
    }

    #[test]
    fn an_instant_of_authority_vouches() {
        let story = master()
            .no_authority(1_000, "a", 1)
            .authority(5_001, "a", 1)
            .write(5_001, "a", "k", "v")
            .no_authority(5_001, "a", 2);
        assert_eq!(judged(&story).outcome, Outcome::Pass);
    }

    #[test]
    fn a_hung_node_that_acknowledges_is_caught() {
        let story = master().hang(1_000, "a").write(3_000, "a", "k", "v");
        let verdict = judged(&story);
        assert_eq!((verdict.outcome, verdict.evidence.len()), (Outcome::Fail, 1));
    }

    #[test]
    fn a_node_without_authority_that_acknowledges_is_caught() {
        let story = master().no_authority(1_000, "a", 1).write(1_011, "a", "k", "v");
        assert_eq!(judged(&story).outcome, Outcome::Fail);
    }

    #[test]
    fn authority_that_ended_at_the_sample_before_does_not_vouch() {
        let story = master().no_authority(1_000, "a", 1).write(1_003, "a", "k", "v");
        assert_eq!(judged(&story).outcome, Outcome::Fail);
    }

    #[test]
    fn a_node_with_authority_all_around_refuses_nothing() {
        let refuse = |story: Story, at_ms| story.observe(at_ms, "a", Observation::LeaseRefused);
        let verdict = judged(&refuse(master(), 1_002));
        assert_eq!((verdict.outcome, verdict.evidence.len()), (Outcome::Fail, 1));
        let expired = refuse(master().no_authority(1_000, "a", 1), 1_002);
        assert_eq!(judged(&expired).outcome, Outcome::Pass);
        let before = refuse(master(), 998).no_authority(1_000, "a", 1);
        assert_eq!(judged(&before).outcome, Outcome::Pass, "it ran out before the next sample");
        let grant = Observation::LeaseRenewed { until_ms: 9_000, election_version: 1 };
        let renewed = refuse(master(), 1_001).observe(1_003, "a", grant);
        assert_eq!(judged(&renewed).outcome, Outcome::Pass, "it ran out between two samples");
    }

    #[test]
    fn an_ok_without_an_acknowledgement_is_caught() {
        let story = master().write(1_002, "elsewhere", "k", "v");
        let verdict = judged(&story);
        assert_eq!((verdict.outcome, verdict.evidence.len()), (Outcome::Fail, 2));
    }
}
