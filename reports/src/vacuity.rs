//! Whether a run proves anything. One that did not reach what it must, whose faults did nothing,
//! or in which nothing was acknowledged keeps every promise, and that says nothing of the system.

use sim::check;
use sim::figures::Figures;
use sim::verdict::{Outcome, Verdict};

/// The checks without which a run proves nothing: it did not reach what it must, or a fault
/// that it needed bit nothing.
pub const VACUITY_CHECKS: [&str; 2] = [check::GOALS, check::FAULTS_BIT];

/// What a run missed, if it proves nothing. A promise that it broke is proven all the same, even
/// if nothing was acknowledged.
pub fn vacuity<'v>(verdicts: &'v [Verdict], figures: &Figures) -> Option<&'v str> {
    let mut failed =
        verdicts.iter().filter(|verdict| verdict.outcome == Outcome::Fail && !verdict.informative);
    match failed.clone().find(|verdict| is_vacuity(&verdict.check)) {
        Some(verdict) => Some(&verdict.reason),
        None if failed.next().is_none() && figures.operations.ok == 0 => Some(NOTHING_DONE),
        None => None,
    }
}

/// Whether a check is about the run, not about the system.
pub fn is_vacuity(check: &str) -> bool {
    VACUITY_CHECKS.contains(&check)
}

const NOTHING_DONE: &str = "no operation of a client was acknowledged";

#[cfg(test)]
mod tests {
    use sim::figures::Operations;

    use super::*;

    fn figures(ok: u64) -> Figures {
        Figures { operations: Operations { ok, ..Operations::default() }, ..Figures::default() }
    }

    #[test]
    fn a_run_without_goals_faults_or_operations_proves_nothing() {
        let kept = Verdict::pass("span-within-ttl", "kept");
        let broken = Verdict::fail("converged", "two masters", vec![]);
        for check in VACUITY_CHECKS {
            let verdicts = [kept.clone(), broken.clone(), Verdict::fail(check, "missed", vec![])];
            assert_eq!(vacuity(&verdicts, &figures(9)), Some("missed"));
        }
        let only_kept = std::slice::from_ref(&kept);
        assert_eq!(vacuity(only_kept, &figures(1)), None);
        assert_eq!(vacuity(only_kept, &figures(0)), Some(NOTHING_DONE));
        assert_eq!(vacuity(&[kept.clone(), broken.clone()], &figures(0)), None, "that is proven");
        let unpromised = broken.counts_if(false);
        assert_eq!(vacuity(&[kept, unpromised], &figures(0)), Some(NOTHING_DONE));
    }
}
