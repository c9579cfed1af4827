//! Lease discipline: what a node does once its own lease has run out, in its own eyes.
//!
//! With a blocking lease it acknowledges nothing; with a logging one it tells of each such write
//! in exactly one line; without one it neither refuses nor logs. A lease that ran out near an
//! acknowledgement, within the samples around it, decides nothing.

use std::collections::{BTreeMap, VecDeque};

use host::{Lease, Observation};

use super::LEASE_DISCIPLINE;
use super::reading::{Acknowledgement, Reading};
use crate::history::{Gate, What};
use crate::promise::Promise;
use crate::verdict::Verdict;

/// Fails on what the lease's kind forbids.
pub(super) fn verdict(reading: &Reading) -> Verdict {
    let found = Found::of(reading);
    let gate = reading.setup.gate;
    let without_lines = "writes were let through by a lease that ran out, without a line of log";
    let no_lease = reading.promises(Promise::ClosedStart) && gate == Gate::Block;
    let forbidden: Vec<(&[u64], &str)> = match gate {
        Gate::Open => vec![
            (&found.refused, "writes were refused by a lease that is switched off"),
            (&found.logged, "writes were logged by a lease that is switched off"),
        ],
        Gate::Log => vec![
            (&found.refused, "writes were refused by a lease that only logs"),
            (&found.unlogged, without_lines),
            (&found.lines_left, "lines of log more than there were writes"),
        ],
        Gate::Block => vec![
            (&found.expired, "writes were acknowledged after the lease had run out"),
            (&found.logged, "writes were logged and let through by a lease that blocks"),
            (
                if no_lease { &found.without } else { &[] },
                "writes were acknowledged without a lease",
            ),
        ],
    };
    let broken = forbidden.iter().find(|(events, _)| !events.is_empty());
    match broken {
        Some((events, what)) => {
            Verdict::fail(LEASE_DISCIPLINE, format!("{} {what}", events.len()), events.to_vec())
        }
        None => Verdict::pass(LEASE_DISCIPLINE, found.in_words(gate)),
    }
}

/// The events that say something about leases.
#[derive(Default)]
struct Found {
    /// Acknowledged while the lease had run out.
    expired: Vec<u64>,
    /// Those of them without a line of log of their own.
    unlogged: Vec<u64>,
    /// Acknowledged while there was no lease at all.
    without: Vec<u64>,
    refused: Vec<u64>,
    logged: Vec<u64>,
    /// Lines of log beyond what writes that were not acknowledged can have left.
    lines_left: Vec<u64>,
}

impl Found {
    fn of(reading: &Reading) -> Self {
        let mut found = Self::default();
        let mut lines: BTreeMap<&str, Lines> = BTreeMap::new();
        let mut left = Vec::new();
        let mut acknowledgements = reading.acknowledgements.iter().peekable();
        for event in reading.history.events() {
            if let Some(ack) = acknowledgements.next_if(|ack| ack.event == event.number) {
                found.acknowledge(reading, ack, lines.entry(ack.machine).or_default());
                continue;
            }
            match &event.what {
                What::Start { .. } => {
                    left.extend(lines.remove(event.on.as_str()).into_iter().flat_map(Lines::left));
                }
                What::Observe { observation: Observation::LeaseRefused, .. } => {
                    found.refused.push(event.number);
                }
                What::Observe { observation: Observation::LeaseExpiredLogged, .. } => {
                    found.logged.push(event.number);
                    lines.entry(&event.on).or_default().log(event.number);
                }
                _ => {}
            }
        }
        left.extend(lines.into_values().flat_map(Lines::left));
        left.sort_unstable();
        let explained = left_by_others(reading, &left);
        found.lines_left = left.split_off(left.len().min(explained));
        found
    }

    fn acknowledge(&mut self, reading: &Reading, ack: &Acknowledgement, lines: &mut Lines) {
        let all = |lease| {
            let mut near = reading.standings_near(ack.machine, ack.at_ms).peekable();
            near.peek().is_some() && near.all(|standing| standing.lease() == lease)
        };
        if all(Lease::Held) {
            return;
        }
        lines.may_be_about_one();
        if all(Lease::Expired) {
            self.expired.push(ack.event);
            self.unlogged.extend((!lines.must_be_about_one()).then_some(ack.event));
        } else if all(Lease::None) {
            self.without.push(ack.event);
        }
    }

    fn in_words(&self, gate: Gate) -> String {
        match gate {
            Gate::Open => "the lease is switched off, and did nothing".into(),
            Gate::Log => {
                format!("{} writes beyond a lease, each with its line", self.expired.len())
            }
            Gate::Block => format!(
                "{} writes refused, none acknowledged beyond a lease, {} before the first one",
                self.refused.len(),
                self.without.len()
            ),
        }
    }
}

/// The lines of log of one life of a machine, against its acknowledgements so far. A write that
/// is acknowledged near the end of a lease may have its line or none, so lines are counted twice:
/// so that those writes that must have one get it, and so that as few as can be are left.
#[derive(Default)]
struct Lines {
    for_those_that_must: u64,
    not_used_at_all: VecDeque<u64>,
}

impl Lines {
    fn log(&mut self, event: u64) {
        self.for_those_that_must += 1;
        self.not_used_at_all.push_back(event);
    }

    fn may_be_about_one(&mut self) {
        self.not_used_at_all.pop_front();
    }

    /// Whether there is a line for it.
    fn must_be_about_one(&mut self) -> bool {
        let found = self.for_those_that_must > 0;
        self.for_those_that_must -= u64::from(found);
        found
    }

    fn left(self) -> impl Iterator<Item = u64> {
        self.not_used_at_all.into_iter()
    }
}

/// How many of these lines can be about writes that were never acknowledged: a write may get its
/// line and then fail, or lose its client.
fn left_by_others(reading: &Reading, lines: &[u64]) -> usize {
    let (Some(&first), Some(&last)) = (lines.first(), lines.last()) else {
        return 0;
    };
    let others = reading.operations.iter().filter(|operation| {
        operation.is_write()
            && operation.acknowledged().is_none()
            && operation.invoked.event < last
            && !operation.is_over_before(first)
    });
    others.count()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Story;
    use super::*;
    use crate::history::{Intent, OpResult};
    use crate::verdict::Outcome;

    fn judged(story: Story) -> Outcome {
        let history = story.end(60_000).history();
        verdict(&Reading::of(&history).expect("a whole history")).outcome
    }

    fn story(gate: Gate) -> Story {
        Story::new()
            .gate(gate)
            .commit(0, 1, "a")
            .authority(100, "a", 1)
            .write(1_000, "a", "k", "v")
            .no_authority(5_000, "a", 1)
    }

    fn log(story: Story, at_ms: u64) -> Story {
        story.observe(at_ms, "a", Observation::LeaseExpiredLogged)
    }

    #[test]
    fn a_blocking_lease_acknowledges_nothing_once_it_ran_out() {
        let refused = story(Gate::Block).observe(6_000, "a", Observation::LeaseRefused);
        assert_eq!(judged(refused), Outcome::Pass);
        assert_eq!(judged(story(Gate::Block).write(6_000, "a", "l", "v")), Outcome::Fail);
        let near = story(Gate::Block).write(5_000, "a", "l", "v");
        assert_eq!(
            judged(near),
            Outcome::Pass,
            "within the tick in which it was seen to have run out"
        );
        assert_eq!(judged(log(story(Gate::Block), 6_000)), Outcome::Fail);
    }

    #[test]
    fn a_logging_lease_logs_each_write_once() {
        let one = log(story(Gate::Log), 6_000).write(6_000, "a", "l", "v");
        assert_eq!(judged(one.clone()), Outcome::Pass);
        assert_eq!(judged(one.clone().write(6_100, "a", "m", "v")), Outcome::Fail, "no line");
        assert_eq!(judged(log(one.clone(), 6_050)), Outcome::Fail, "two lines");
        let refused = one.observe(7_000, "a", Observation::LeaseRefused);
        assert_eq!(judged(refused), Outcome::Fail);
    }

    #[test]
    fn a_write_that_ended_at_the_end_of_the_lease_takes_no_line_from_another() {
        // The first one was let through while the lease ran, the second one waits for its reply.
        let story = log(story(Gate::Log), 5_000).write(5_000, "a", "l", "v");
        assert_eq!(judged(story.clone().write(5_012, "a", "m", "v")), Outcome::Pass);
        assert_eq!(judged(story.clone()), Outcome::Pass, "or the line was the first one's");
        let two = story.write(5_012, "a", "m", "v").write(5_013, "a", "n", "v");
        assert_eq!(judged(two), Outcome::Fail, "but one line is not about two writes");
    }

    #[test]
    fn only_a_write_that_was_not_acknowledged_explains_a_line_without_one() {
        let ends = |intent, at_ms, result| story(Gate::Log).ends(at_ms, vec![intent], result);
        let set = || Intent::SetFresh { key: "l".into(), value: "v".into() };
        let read = || Intent::Read { key: "l".into() };
        let info = || OpResult::Info { error: "?".into() };
        let fail = || OpResult::Fail { error: "no".into() };
        assert_eq!(judged(log(ends(set(), 5_500, info()), 6_000)), Outcome::Pass);
        assert_eq!(judged(log(ends(read(), 5_500, info()), 6_000)), Outcome::Fail);
        assert_eq!(judged(log(ends(set(), 5_500, fail()), 6_000)), Outcome::Fail, "over by then");
        let later = log(story(Gate::Log), 6_000).ends(7_000, vec![set()], info());
        assert_eq!(judged(later), Outcome::Fail, "not begun yet");
    }

    #[test]
    fn a_lease_that_is_switched_off_does_nothing() {
        assert_eq!(judged(story(Gate::Open).write(6_000, "a", "l", "v")), Outcome::Pass);
        assert_eq!(judged(log(story(Gate::Open), 6_000)), Outcome::Fail);
        let refused = story(Gate::Open).observe(6_000, "a", Observation::LeaseRefused);
        assert_eq!(judged(refused), Outcome::Fail);
    }

    #[test]
    fn writes_before_the_first_lease_break_a_closed_start() {
        let early = || {
            let story = Story::new().gate(Gate::Block).commit(0, 1, "a").unleased(100, "a", 1);
            story.write(1_000, "a", "k", "v")
        };
        assert_eq!(judged(early()), Outcome::Fail);
        assert_eq!(judged(early().promises(&[])), Outcome::Pass);
    }
}
