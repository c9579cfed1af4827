//! The checkers: one promise each, pure functions of a saved history.
//!
//! [`Reading`] digests a history once (tenures, standings, acknowledgements); the checkers ask
//! it. A checker that panics has decided nothing: its verdict is *unknown*, never a pass.

mod acknowledged_writes;
mod acknowledgement_authority;
mod asked;
mod availability;
mod availability_properties;
mod converged;
mod equal_replicas;
mod faults_bit;
mod fixture;
mod goals;
mod kept;
mod kept_topology;
mod lb_separates;
mod lease_discipline;
mod linearizable;
mod monotonic_reads;
mod no_outage;
mod no_resurrection;
mod no_span;
mod operations;
mod properties;
mod reading;
mod recovers;
mod registry;
mod route;
mod span;
mod span_properties;
mod standing;
mod stretch;
mod sweep;
mod tenure;
mod trail;
mod versions;
mod whole_transactions;
mod window_cases;
mod windows;
mod written_values;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use reading::{Reading, ReadingError};
pub use registry::{ALL, Check};

use crate::figures::{Figures, Operations};
use crate::history::{History, OpResult, What};
use crate::verdict::Verdict;

/// The split-brain window is at most the TTL, give or take a tick.
pub const SPAN_WITHIN_TTL: &str = "span-within-ttl";
/// Every shard always has a node that takes writes.
pub const NO_OUTAGE: &str = "no-outage";
/// A deposed node has no authority at all from the instant of the promotion on.
pub const NO_SPAN: &str = "no-span";
/// Every acknowledged write that is gone has an explanation.
pub const ACKNOWLEDGED_WRITES: &str = "acknowledged-writes";
/// Whoever acknowledged a write was authoritative then.
pub const ACKNOWLEDGEMENT_AUTHORITY: &str = "acknowledgement-authority";
/// After the heal every shard comes to rest with one writable master.
pub const CONVERGED: &str = "converged";
/// After the heal every shard takes writes again in time.
pub const RECOVERS: &str = "recovers";
/// Whatever is read somebody had asked to be written.
pub const WRITTEN_VALUES: &str = "written-values";
/// Of what one transaction wrote all is there, or nothing.
pub const WHOLE_TRANSACTIONS: &str = "whole-transactions";
/// A client that stays with one node never reads something older than before.
pub const MONOTONIC_READS: &str = "monotonic-reads";
/// In the end all nodes of a shard hold the same.
pub const EQUAL_REPLICAS: &str = "equal-replicas";
/// What the master in force no longer had does not come back.
pub const NO_RESURRECTION: &str = "no-resurrection";
/// Beyond its lease a node does what the lease's kind says.
pub const LEASE_DISCIPLINE: &str = "lease-discipline";
/// Topology versions never go back, and none has two masters of a shard.
pub const TOPOLOGY_VERSIONS: &str = "topology-versions";
/// Election versions never go back.
pub const ELECTION_VERSIONS: &str = "election-versions";
/// A redirected load balancer leads nobody to the old target.
pub const LB_SEPARATES: &str = "lb-separates";
/// A node shows the topology that it keeps.
pub const KEPT_TOPOLOGY: &str = "kept-topology";
/// Every key is linearizable.
pub const LINEARIZABLE: &str = "linearizable";
/// The run reached what its scenario says it must; otherwise its passes are empty.
pub const GOALS: &str = "goals";
/// Every fault did something; otherwise its passes are empty.
pub const FAULTS_BIT: &str = "faults-bit";

/// Judges a run: every checker's verdict, and the figures.
pub fn judge(history: &History) -> (Vec<Verdict>, Figures) {
    judge_aloud(history, |_| {})
}

/// The same, and names each part before it begins with it: `reading`, `figures`, and every check.
pub fn judge_aloud(history: &History, mut begin: impl FnMut(&str)) -> (Vec<Verdict>, Figures) {
    begin("reading");
    let read = catch_unwind(|| Reading::of(history).map_err(|error| error.to_string()))
        .unwrap_or_else(|_| Err("reading the history panicked".into()));
    let reading = match read {
        Ok(reading) => reading,
        Err(error) => {
            let verdict = Verdict::unknown(SPAN_WITHIN_TTL, format!("no verdict: {error}"));
            return (vec![verdict], Figures::default());
        }
    };
    begin("figures");
    let measured = catch_unwind(AssertUnwindSafe(|| measure(&reading)));
    let Ok(figures) = measured else {
        let verdict = Verdict::unknown(SPAN_WITHIN_TTL, "measuring the history panicked");
        return (vec![verdict], Figures::default());
    };
    let mut guarded = |check: &str, verdict: &dyn Fn() -> Verdict| {
        begin(check);
        guarded(check, verdict)
    };
    let verdicts = vec![
        guarded(SPAN_WITHIN_TTL, &|| span::verdict(&reading, &figures)),
        guarded(NO_OUTAGE, &|| no_outage::verdict(&reading, &figures)),
        guarded(NO_SPAN, &|| no_span::verdict(&reading, &figures)),
        guarded(ACKNOWLEDGED_WRITES, &|| acknowledged_writes::verdict(&reading)),
        guarded(ACKNOWLEDGEMENT_AUTHORITY, &|| acknowledgement_authority::verdict(&reading)),
        guarded(CONVERGED, &|| converged::verdict(&reading)),
        guarded(RECOVERS, &|| recovers::verdict(&reading, &figures)),
        guarded(WRITTEN_VALUES, &|| written_values::verdict(&reading)),
        guarded(WHOLE_TRANSACTIONS, &|| whole_transactions::verdict(&reading)),
        guarded(EQUAL_REPLICAS, &|| equal_replicas::verdict(&reading)),
        guarded(NO_RESURRECTION, &|| no_resurrection::verdict(&reading)),
        guarded(LEASE_DISCIPLINE, &|| lease_discipline::verdict(&reading)),
        guarded(TOPOLOGY_VERSIONS, &|| versions::topology(&reading)),
        guarded(ELECTION_VERSIONS, &|| versions::election(&reading)),
        guarded(LB_SEPARATES, &|| lb_separates::verdict(&reading)),
        guarded(KEPT_TOPOLOGY, &|| kept_topology::verdict(&reading)),
        guarded(MONOTONIC_READS, &|| monotonic_reads::verdict(&reading)),
        guarded(LINEARIZABLE, &|| linearizable::verdict(&reading)),
        guarded(FAULTS_BIT, &|| faults_bit::verdict(&reading)),
        guarded(GOALS, &|| goals::verdict(&reading, &figures)),
    ];
    (verdicts, figures)
}

fn measure(reading: &Reading) -> Figures {
    let failovers = span::failovers(reading);
    Figures {
        span_ms: failovers.iter().map(|failover| failover.span_ms).max().unwrap_or(0),
        overlap_ms: sweep::overlap_ms(reading),
        stale_writes: span::stale_writes(reading),
        stale_route_ms: route::stale_route_ms(reading),
        lost_writes: reading.lost().counts,
        unavailable_ms: sweep::unavailable_ms(reading),
        recovery_ms: recovers::recovery_ms(reading),
        availability: availability::availability(reading),
        operations: operations(reading.history),
        failovers,
    }
}

fn operations(history: &History) -> Operations {
    let mut operations = Operations::default();
    for event in history.events() {
        if let What::Return(end) = &event.what {
            match end.result {
                OpResult::Ok => operations.ok += 1,
                OpResult::Fail { .. } => operations.fail += 1,
                OpResult::Info { .. } => operations.info += 1,
            }
        }
    }
    operations
}

/// A checker that panics has decided nothing.
fn guarded(check: &str, verdict: impl FnOnce() -> Verdict) -> Verdict {
    catch_unwind(AssertUnwindSafe(verdict))
        .unwrap_or_else(|_| Verdict::unknown(check, "the checker panicked"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Outcome;

    #[test]
    fn a_checker_that_panics_is_unknown() {
        let verdict = guarded("some-check", || panic!("a bug in the checker"));
        assert_eq!(verdict.outcome, Outcome::Unknown);
    }

    #[test]
    fn a_history_without_its_setup_is_unknown() {
        let (verdicts, _) = judge(&History::default());
        assert_eq!(crate::verdict::merge(&verdicts), Outcome::Unknown);
    }
}
