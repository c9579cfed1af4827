//! No span: from the instant at which a promotion takes effect no deposed node has authority or
//! acknowledges anything. What rule `promotion-wait` buys, and nothing less does.

use super::NO_SPAN;
use super::reading::Reading;
use crate::figures::Figures;
use crate::promise::Promise;
use crate::verdict::Verdict;

/// Fails on the first failover with a span; informative where it is not promised.
pub(super) fn verdict(reading: &Reading, figures: &Figures) -> Verdict {
    let wide = figures.failovers.iter().find(|failover| failover.last_stale_at_ms.is_some());
    let verdict = match wide {
        None => {
            let failovers = figures.failovers.len();
            Verdict::pass(NO_SPAN, format!("{failovers} failovers, none with a span"))
        }
        Some(failover) => Verdict::fail(
            NO_SPAN,
            format!(
                "a deposed node had authority {} ms after {} took over",
                failover.span_ms, failover.to
            ),
            failover.evidence.clone(),
        ),
    };
    verdict.counts_if(reading.promises(Promise::NoSpan))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Story;
    use super::super::span;
    use super::*;
    use crate::verdict::Outcome;

    fn judged(story: &Story) -> Verdict {
        let history = story.clone().end(60_000).history();
        let reading = Reading::of(&history).expect("a whole history");
        let figures = Figures { failovers: span::failovers(&reading), ..Figures::default() };
        verdict(&reading, &figures)
    }

    fn story() -> Story {
        Story::new().commit(0, 1, "a").authority(100, "a", 1).commit(10_000, 2, "b")
    }

    #[test]
    fn a_master_that_ends_before_its_successor_begins_passes() {
        let one_at_a_time = story().no_authority(10_050, "a", 1).authority(10_100, "b", 2);
        assert_eq!(judged(&one_at_a_time).outcome, Outcome::Pass);
    }

    #[test]
    fn one_instant_with_two_masters_fails_where_none_is_promised() {
        let both = story().authority(10_100, "b", 2).no_authority(10_105, "a", 1);
        let promised = judged(&both.clone().promises(&[Promise::NoSpan]));
        assert_eq!((promised.outcome, promised.informative), (Outcome::Fail, false));
        assert!(judged(&both.promises(&[])).informative);
    }
}
