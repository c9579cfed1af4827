//! No outage: from the end of settle on every shard always has a node that takes writes. What a
//! healthy cluster owes, and what a lease that is too short takes from it.

use super::NO_OUTAGE;
use super::reading::Reading;
use crate::figures::Figures;
use crate::promise::Promise;
use crate::verdict::Verdict;

/// Fails if a shard was without an authoritative node; informative where this is not promised.
pub(super) fn verdict(reading: &Reading, figures: &Figures) -> Verdict {
    let verdict = match figures.unavailable_ms {
        0 => Verdict::pass(NO_OUTAGE, "there always was a master that takes writes"),
        ms => Verdict::fail(NO_OUTAGE, format!("no master took writes for {ms} ms"), vec![]),
    };
    verdict.counts_if(reading.promises(Promise::NoOutage))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Story;
    use super::super::judge;
    use super::*;
    use crate::history::Phase;
    use crate::verdict::Outcome;

    fn judged(story: &Story) -> Verdict {
        let (verdicts, _) = judge(&story.clone().end(20_000).history());
        verdicts.into_iter().find(|verdict| verdict.check == NO_OUTAGE).expect("judged")
    }

    #[test]
    fn a_lease_that_runs_out_for_a_moment_is_an_outage() {
        let healthy = Story::new()
            .commit(0, 1, "a")
            .authority(100, "a", 1)
            .phase(5_000, Phase::Disturb)
            .promises(&[Promise::NoOutage]);
        assert_eq!(judged(&healthy).outcome, Outcome::Pass);
        let expired = healthy.no_authority(8_000, "a", 1).authority(8_005, "a", 1);
        assert_eq!(
            (judged(&expired).outcome, judged(&expired).informative),
            (Outcome::Fail, false)
        );
        assert!(judged(&expired.promises(&[])).informative);
    }
}
