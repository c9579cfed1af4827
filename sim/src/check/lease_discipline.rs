//! Lease discipline: what a node does once its own lease has run out, in its own eyes.
//!
//! With a blocking lease it acknowledges nothing; with a logging one it tells of each such write
//! in exactly one line; without one it neither refuses nor logs. A lease that ran out near an
//! acknowledgement, within the samples around it, decides nothing.
//!
//! The trap: the lease is asked before a write is applied, and a stall may lie between that and
//! the acknowledgement. So a line belongs to any write that was under way when it was told.

use std::collections::{BTreeMap, BTreeSet};

use host::{Lease, Observation};

use super::LEASE_DISCIPLINE;
use super::asked::{Asked, Begun};
use super::reading::{Acknowledgement, Reading};
use super::standing::Standing;
use super::windows::Moment;
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
    /// Asked for and acknowledged while it had, without a line of log of their own.
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
        let mut asked = Asked::by(reading.operations.iter());
        let leases = Leases::of(reading);
        // Whose line is whose matters to a lease that logs only.
        let logs = reading.setup.gate == Gate::Log;
        let mut lines: BTreeMap<&str, Lines> = BTreeMap::new();
        let mut left = Vec::new();
        let mut acknowledgements = reading.acknowledgements.iter().peekable();
        for event in reading.history.events() {
            if let Some(ack) = acknowledgements.next_if(|ack| ack.event == event.number) {
                found.acknowledge(reading, ack);
                if logs {
                    let began_ms = asked.can_be(ack.writes, ack.event).and_then(Begun::earliest_ms);
                    let write = UnderWay::of(&leases, ack, began_ms);
                    found.match_lines(ack, &write, lines.entry(ack.machine).or_default());
                }
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
                    let line = Moment { at_ms: event.at_ms, event: event.number };
                    lines.entry(&event.on).or_default().log(line);
                }
                _ => {}
            }
        }
        left.extend(lines.into_values().flat_map(Lines::left));
        left.sort_unstable();
        let explained = left_by_others(reading, &found.logged);
        found.lines_left = left.split_off(left.len().min(explained));
        found
    }

    fn acknowledge(&mut self, reading: &Reading, ack: &Acknowledgement) {
        // As far as it is known.
        let all_say = |lease: Lease| {
            let mut near = reading.standings_near(ack.machine, ack.at_ms);
            near.all(|known| known.lease() == lease)
        };
        if all_say(Lease::Expired) {
            self.expired.push(ack.event);
        } else if all_say(Lease::None) {
            self.without.push(ack.event);
        }
    }

    fn match_lines(&mut self, ack: &Acknowledgement, write: &UnderWay, lines: &mut Lines) {
        if write.must_be_logged() && take(&mut lines.for_those_that_must, write.began_ms).is_none()
        {
            self.unlogged.push(ack.event);
        }
        if write.may_be_logged() {
            take(&mut lines.for_all, write.began_ms);
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

/// A write from when it was asked for to its acknowledgement. Somewhere between, the lease was
/// asked.
struct UnderWay {
    /// When the earliest operation began that it can be, in milliseconds.
    began_ms: u64,
    /// Whether a lease is known, all the while, that had run out, and one that had not.
    expired: bool,
    not_expired: bool,
    /// Whether one may have run out unseen, because the next one was granted.
    was_granted: bool,
}

impl UnderWay {
    fn of(leases: &Leases, ack: &Acknowledgement, began_ms: Option<u64>) -> Self {
        let began_ms = began_ms.unwrap_or(ack.at_ms);
        let (expired, not_expired) = leases.known(ack.machine, began_ms, ack.at_ms);
        Self {
            began_ms,
            expired,
            not_expired,
            was_granted: leases.reading.was_granted(ack.machine, began_ms, ack.at_ms),
        }
    }

    fn must_be_logged(&self) -> bool {
        !self.not_expired && !self.was_granted
    }

    fn may_be_logged(&self) -> bool {
        self.expired || self.was_granted
    }
}

/// What leases were known from one instant to another. An increment without an answer stays under
/// way for good, so those stretches may be long: standings are counted once, not looked through
/// for each of them.
struct Leases<'r> {
    reading: &'r Reading<'r>,
    /// By machine, for each place among its standings: in how many before it the lease had run out.
    expired: BTreeMap<&'r str, Vec<usize>>,
}

impl<'r> Leases<'r> {
    fn of(reading: &'r Reading<'r>) -> Self {
        let counted = |standings: &Vec<Standing>| {
            let counts = standings.iter().scan(0, |expired, standing| {
                *expired += usize::from(standing.lease() == Lease::Expired);
                Some(*expired)
            });
            std::iter::once(0).chain(counts).collect()
        };
        let machines = reading.standings.iter();
        Self { reading, expired: machines.map(|(machine, of)| (*machine, counted(of))).collect() }
    }

    /// Whether one was known that had run out, and one that had not.
    fn known(&self, machine: &str, from_ms: u64, until_ms: u64) -> (bool, bool) {
        let (all_of, samples_of) = self.reading.places_during(machine, from_ms, until_ms);
        let counts = &self.expired[machine];
        let expired = counts[all_of.end] - counts[all_of.start];
        let samples = self.reading.standings[machine][samples_of].iter();
        let samples = samples.filter(|standing| self.reading.is_sample(standing.event));
        let known = (expired > 0, expired < all_of.len());
        samples.map(Standing::lease).fold(known, |(expired, not_expired), lease| {
            (expired || lease == Lease::Expired, not_expired || lease != Lease::Expired)
        })
    }
}

/// The lines of log of one life of a machine that are about no acknowledged write yet, counted
/// twice: so that the writes that must have one get it, and so that as few as can be are left.
/// Writes come in the order of their ends, so the earliest line that fits is the best one.
#[derive(Default)]
struct Lines {
    for_those_that_must: BTreeSet<Moment>,
    for_all: BTreeSet<Moment>,
}

impl Lines {
    fn log(&mut self, line: Moment) {
        self.for_those_that_must.insert(line);
        self.for_all.insert(line);
    }

    fn left(self) -> impl Iterator<Item = u64> {
        self.for_all.into_iter().map(|line| line.event)
    }
}

/// Takes the earliest line since then, if there is one.
fn take(lines: &mut BTreeSet<Moment>, since_ms: u64) -> Option<Moment> {
    let line = lines.range(Moment { at_ms: since_ms, event: 0 }..).next().copied()?;
    lines.take(&line)
}

/// How many of all lines can be about writes that were never acknowledged, at most: a write may
/// get its line and then fail, or lose its client.
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
    use host::Write;

    use super::super::fixture::Story;
    use super::*;
    use crate::history::{Intent, Invocation, OpResult, Return, Via};
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

    /// A write of `a` that takes long.
    fn write(story: Story, asked_ms: u64, key: &str, acknowledged_ms: u64) -> Story {
        let write = Write { key: key.into(), token: "v".into() };
        let intents = vec![Intent::SetFresh { key: key.into(), value: "v".into() }];
        let (client, op) = ("clients/direct".into(), asked_ms);
        let asked = Invocation { client, op, shard: 0, via: Via::Direct, intents };
        let story = story.event(asked_ms, "clients", What::Invoke(asked));
        story.observe(acknowledged_ms, "a", Observation::Acknowledged { writes: vec![write] })
    }

    #[test]
    fn a_write_that_waits_for_its_reply_while_the_lease_runs_out_needs_no_line() {
        let held = || Story::new().gate(Gate::Log).commit(0, 1, "a").authority(100, "a", 1);
        let waits = |asked_ms| {
            let story = held().no_authority(5_000, "a", 1);
            // Asked for in the middle of a story, so told at the end of it.
            judged(write(story, asked_ms, "k", 6_000))
        };
        assert_eq!(waits(5_500), Outcome::Fail);
        assert_eq!(waits(4_999), Outcome::Pass);
        let line = log(held(), 4_998);
        let renewed =
            write(line.no_authority(5_000, "a", 1).authority(5_010, "a", 1), 4_990, "k", 6_000);
        assert_eq!(judged(renewed), Outcome::Pass, "its line is its own though it ended in time");
    }

    #[test]
    fn a_lease_that_runs_out_between_two_samples_may_leave_a_line() {
        let grant = Observation::LeaseRenewed { until_ms: 9_000, election_version: 1 };
        let held = || Story::new().gate(Gate::Log).commit(0, 1, "a").authority(100, "a", 1);
        let line = write(log(held(), 1_001), 1_000, "k", 1_002);
        assert_eq!(judged(line.clone().observe(1_003, "a", grant)), Outcome::Pass);
        assert_eq!(judged(line), Outcome::Fail, "it never ran out");
    }

    #[test]
    fn a_write_at_the_end_of_the_lease_takes_no_line_from_another() {
        // The first one was let through while the lease ran, the second one waits for its reply.
        let story = log(story(Gate::Log), 5_000).write(5_000, "a", "l", "v");
        assert_eq!(judged(story.clone()), Outcome::Pass, "or the line was the first one's");
        let second = write(story, 5_000, "m", 5_012);
        assert_eq!(judged(second.clone()), Outcome::Pass);
        assert_eq!(judged(second.write(5_013, "a", "n", "v")), Outcome::Fail, "it has none");
    }

    #[test]
    fn whose_line_is_whose_is_not_guessed() {
        // The first line is the second write's, which failed; the other one is the first write's.
        let set = Intent::SetFresh { key: "l".into(), value: "v".into() };
        let (client, op) = ("clients/sticky".into(), 77);
        let asked = Invocation { client, op, shard: 0, via: Via::Sticky, intents: vec![set] };
        let story = story(Gate::Log).event(5_990, "clients", What::Invoke(asked));
        let failed = Return::of(op, OpResult::Fail { error: "no".into() });
        let failed = log(story, 6_000).event(6_003, "clients", What::Return(failed));
        assert_eq!(judged(write(log(failed, 6_008), 5_990, "k", 6_012)), Outcome::Pass);
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
