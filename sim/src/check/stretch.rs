//! Stretches of authority within which no commit came, so that each has one commit in force and
//! one that its machine acts under. An acknowledgement is a stretch of no length.

use super::reading::{Acknowledgement, Reading};
use super::standing::Standing;
use super::tenure::Tenures;

/// A stretch of one machine's authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch<'r> {
    pub(super) machine: &'r str,
    /// The event that shows it.
    pub(super) event: u64,
    pub(super) from_ms: u64,
    /// Exclusive, unless it has no length.
    pub(super) until_ms: u64,
    /// The last commit before it.
    pub(super) in_force: Option<usize>,
    /// The commit under which the machine acts.
    pub(super) under: Option<usize>,
}

impl<'r> Stretch<'r> {
    /// An acknowledgement, at its instant.
    pub(super) fn of(tenures: &Tenures, ack: &Acknowledgement<'r>) -> Self {
        Self {
            machine: ack.machine,
            event: ack.event,
            from_ms: ack.at_ms,
            until_ms: ack.at_ms,
            in_force: tenures.in_force_before(ack.event),
            under: tenures.acting_under(ack.machine, ack.version, ack.event),
        }
    }

    /// Whether its machine is not the master named by the last commit.
    pub(super) fn is_deposed(&self, tenures: &Tenures) -> bool {
        self.in_force.is_some_and(|at| tenures.all[at].master != self.machine)
    }

    /// The commit for which it counts if its machine is deposed: the first one after the one it
    /// acts under. One that acts under no commit at all counts for the one in force, so that it
    /// is not overlooked.
    pub(super) fn counts_for(&self) -> Option<usize> {
        self.under.map(|under| under + 1).or(self.in_force)
    }

    /// The last instant of it, at or after `from_ms`, that was told or sampled, tick by tick.
    pub(super) fn last_instant(&self, from_ms: u64, tick_ms: u64) -> Option<u64> {
        if self.from_ms == self.until_ms {
            return (self.from_ms >= from_ms).then_some(self.from_ms);
        }
        let start = self.from_ms.max(from_ms);
        (start < self.until_ms).then(|| ((self.until_ms - 1) / tick_ms * tick_ms).max(start))
    }
}

/// All stretches of authority of a shard's machines.
pub(super) fn stretches<'r>(
    reading: &Reading<'r>,
    shard: u32,
    tenures: &Tenures,
) -> Vec<Stretch<'r>> {
    let mut all = Vec::new();
    for machine in reading.machines_of(shard) {
        let standings = &reading.standings[machine];
        for (at, standing) in standings.iter().enumerate() {
            if standing.is_authoritative() {
                let end = standings.get(at + 1).map_or(u64::MAX, |next| next.event);
                split(&mut all, machine, standing, end, tenures);
            }
        }
    }
    all
}

/// Splits a standing, which another event ended, where commits came.
fn split<'r>(
    all: &mut Vec<Stretch<'r>>,
    machine: &'r str,
    standing: &Standing,
    end: u64,
    tenures: &Tenures,
) {
    let begins = std::iter::once((standing.event, standing.from_ms));
    let commits = tenures.commits_between(standing.event, end).iter().copied();
    let mut begins = begins.chain(commits).peekable();
    while let Some((event, from_ms)) = begins.next() {
        let until_ms = begins.peek().map_or(standing.until_ms, |(_, at_ms)| *at_ms);
        // What is left of it after a commit at its very end is nothing, not an instant.
        if from_ms == until_ms && event != standing.event {
            continue;
        }
        all.push(Stretch {
            machine,
            event: standing.event,
            from_ms,
            until_ms,
            in_force: tenures.in_force_before(event + 1),
            under: tenures.acting_under(machine, standing.version(), event + 1),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_instant_is_the_last_sample_or_the_beginning() {
        let last = |from_ms, until_ms, after_ms| {
            let (machine, in_force, under) = ("a", None, None);
            Stretch { machine, event: 0, from_ms, until_ms, in_force, under }
                .last_instant(after_ms, 5)
        };
        assert_eq!(last(10, 30, 0), Some(25), "sampled at 25, told otherwise at 30");
        assert_eq!(last(10, 33, 0), Some(30));
        assert_eq!(last(12, 14, 0), Some(12), "no sample in it: told at 12");
        assert_eq!(last(12, 12, 0), Some(12), "an instant");
        assert_eq!(last(12, 12, 13), None);
        assert_eq!(last(10, 30, 40), None);
        assert_eq!(last(10, 30, 30), None, "its end is not in it");
        assert_eq!(last(10, 30, 28), Some(28), "authority goes on from before");
    }
}
