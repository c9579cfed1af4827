//! Properties of the outages: their parts sum up to them, and they to the unavailability; and
//! millisecond by millisecond each part is what a naive reading of its definition says.

#![cfg(test)]

use host::{Lease, Observation, Role};
use proptest::prelude::*;

use super::fixture::Story;
use super::reading::Reading;
use super::{availability::availability, sweep};
use crate::figures::{Outage, OutageEnd, OutageParts};
use crate::history::{Gate, History, Phase, ProcessState, What};

const MACHINES: [&str; 3] = ["a", "b", "c"];

/// Something that happens so long after the step before.
#[derive(Clone, Copy, Debug)]
enum Step {
    Begun,
    Commit(usize),
    /// A machine stands so under the last commit, or the one so many before.
    Stand(usize, Stands, usize),
}

#[derive(Clone, Copy, Debug)]
enum Stands {
    Writes,
    WaitsWithout,
    WaitsExpired,
    Loads,
    Follows,
    Hangs,
    Resumes,
}

fn step() -> impl Strategy<Value = (u64, Step)> {
    use Stands::{Follows, Hangs, Loads, Resumes, WaitsExpired, WaitsWithout, Writes};
    let machine = 0..MACHINES.len();
    let stands = [Writes, Writes, WaitsWithout, WaitsExpired, Loads, Follows, Hangs, Resumes];
    let stands = prop::sample::select(stands.to_vec());
    let step = prop_oneof![
        1 => Just(Step::Begun),
        2 => machine.clone().prop_map(Step::Commit),
        6 => (machine, stands, 0..2_usize).prop_map(|(at, stands, old)| Step::Stand(at, stands, old)),
    ];
    (0..4_u64, step)
}

fn story(steps: &[(u64, Step)], (from, until): (usize, usize)) -> History {
    let mut story = Story::new().gate(Gate::Block).commit(0, 1, "a");
    let (mut now_ms, mut version) = (0, 1_i64);
    for (at, (pause_ms, step)) in steps.iter().enumerate() {
        now_ms += pause_ms;
        if at == from {
            story = story.phase(now_ms, Phase::Disturb);
        }
        if at == until {
            story = story.phase(now_ms, Phase::FinalReads);
        }
        story = match *step {
            Step::Begun => {
                story.observe(now_ms, "controller", Observation::FailoverBegun { shard: 0 })
            }
            Step::Commit(machine) => {
                version += 1;
                story.commit(now_ms, version, MACHINES[machine])
            }
            Step::Stand(machine, stands, old) => {
                let (machine, version) = (MACHINES[machine], (version - old as i64).max(1));
                match stands {
                    Stands::Writes => story.authority(now_ms, machine, version),
                    Stands::WaitsWithout => story.waits(now_ms, machine, version, Lease::None),
                    Stands::WaitsExpired => story.waits(now_ms, machine, version, Lease::Expired),
                    Stands::Loads => story.waits(now_ms, machine, version, Lease::Held),
                    Stands::Follows => story.no_authority(now_ms, machine, version),
                    Stands::Hangs => story.hang(now_ms, machine),
                    Stands::Resumes => story.resume(now_ms, machine),
                }
            }
        };
    }
    story.history()
}

fn histories() -> impl Strategy<Value = History> {
    let steps = prop::collection::vec(step(), 1..40);
    let phases = (0..40_usize, 0..40_usize);
    (steps, phases).prop_map(|(steps, (one, other))| {
        story(&steps, (one.min(other).min(steps.len()), one.max(other)))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn parts_sum_up_to_the_outage_and_outages_to_the_unavailability(history in histories()) {
        let reading = Reading::of(&history).expect("a whole history");
        let all = availability(&reading);
        let mut last_ms = 0;
        for outage in all.iter().flat_map(|shard| &shard.outages) {
            prop_assert_eq!(outage.parts.total_ms(), outage.length_ms(), "{:?}", outage);
            prop_assert!(last_ms <= outage.from_ms && outage.from_ms < outage.until_ms);
            prop_assert!(outage.evidence.iter().all(|event| (*event as usize) < history.events().len()));
            last_ms = outage.until_ms;
        }
        let sum: u64 = all.iter().map(|shard| shard.unavailable_ms).sum();
        prop_assert_eq!(sum, sweep::unavailable_ms(&reading));
        for shard in &all {
            let lengths = || shard.outages.iter().map(Outage::length_ms);
            prop_assert_eq!(shard.longest_ms, lengths().max().unwrap_or(0));
            prop_assert_eq!(shard.unavailable_ms, lengths().sum::<u64>());
        }
    }

    #[test]
    fn each_millisecond_belongs_to_the_part_that_its_definition_says(history in histories()) {
        let reading = Reading::of(&history).expect("a whole history");
        let naive = Naive { history: &history, reading: &reading };
        let found: Vec<(u64, u64, OutageParts)> = availability(&reading)[0]
            .outages
            .iter()
            .map(|outage| (outage.from_ms, outage.until_ms, outage.parts))
            .collect();
        prop_assert_eq!(found, naive.outages());
        for outage in &availability(&reading)[0].outages {
            let is_recovery = matches!(outage.end, OutageEnd::Recovery { .. });
            prop_assert_eq!(is_recovery, outage.parts.recovery_ms > 0);
        }
    }
}

/// The same without any cleverness: asks of each millisecond.
struct Naive<'r> {
    history: &'r History,
    reading: &'r Reading<'r>,
}

impl Naive<'_> {
    fn outages(&self) -> Vec<(u64, u64, OutageParts)> {
        let (from_ms, until_ms) =
            (self.reading.phase_ms(Phase::Disturb), self.reading.phase_ms(Phase::FinalReads));
        let mut outages: Vec<(u64, u64, OutageParts)> = Vec::new();
        for at_ms in from_ms..until_ms {
            if self.writes(at_ms) {
                continue;
            }
            if outages.last().is_none_or(|(_, until_ms, _)| *until_ms != at_ms) {
                outages.push((at_ms, at_ms, OutageParts::default()));
            }
            let last = outages.last_mut().expect("just pushed");
            last.1 = at_ms + 1;
            self.count(at_ms, until_ms, &mut last.2);
        }
        outages
    }

    fn count(&self, at_ms: u64, end_ms: u64, parts: &mut OutageParts) {
        let lost_ms = (0..=at_ms).rev().take_while(|ms| !self.writes(*ms)).last().expect("now");
        let back_ms = (at_ms..end_ms + 1).find(|ms| self.writes(*ms));
        let before = lost_ms.checked_sub(1).and_then(|ms| self.latest_commit_under(ms));
        let commit = match back_ms {
            Some(back_ms) => self.latest_commit_under(back_ms),
            None => {
                self.commits().into_iter().filter(|(_, ms, _)| *ms <= end_ms).map(|c| c.0).max()
            }
        };
        let commit = commit.filter(|commit| Some(*commit) > before);
        if back_ms.is_some() && commit.is_none() {
            parts.recovery_ms += 1;
            return;
        }
        let commit = commit.map(|commit| self.commits().remove(commit));
        let limit_ms = commit.map_or(end_ms, |(_, committed_ms, _)| committed_ms);
        let begun = self.begun().into_iter().find(|ms| (lost_ms..=limit_ms).contains(ms));
        match commit {
            Some((commit, committed_ms, master)) if committed_ms <= at_ms => {
                let acts = |ms: u64| self.acts(master, commit, ms);
                let applied = (committed_ms..=at_ms).any(acts);
                *match (applied, self.lease_waits(master, at_ms)) {
                    (false, _) => &mut parts.push_ms,
                    (true, true) => &mut parts.lease_wait_ms,
                    (true, false) => &mut parts.not_ready_ms,
                } += 1;
            }
            Some(_) if begun.is_none_or(|begun_ms| begun_ms <= at_ms) => parts.election_ms += 1,
            None if begun.is_some_and(|begun_ms| begun_ms <= at_ms) => parts.election_ms += 1,
            _ => parts.detection_ms += 1,
        }
    }

    /// Commits that changed the master: number, time, and whom they name.
    fn commits(&self) -> Vec<(usize, u64, &str)> {
        let tenures = &self.reading.tenures[&0].all;
        let of = |(at, tenure): (usize, &super::tenure::Tenure)| (at, tenure.at_ms);
        let names = tenures.iter().map(|tenure| tenure.master.as_str());
        tenures
            .iter()
            .enumerate()
            .map(of)
            .zip(names)
            .map(|((at, ms), name)| (at, ms, name))
            .collect()
    }

    fn begun(&self) -> Vec<u64> {
        let begun = self.history.events().iter().filter(|event| {
            matches!(
                event.what,
                What::Observe { observation: Observation::FailoverBegun { .. }, .. }
            )
        });
        begun.map(|event| event.at_ms).collect()
    }

    fn writes(&self, at_ms: u64) -> bool {
        MACHINES.iter().any(|machine| self.writes_on(machine, at_ms))
    }

    fn writes_on(&self, machine: &str, at_ms: u64) -> bool {
        let standings = self.reading.standings[machine].iter();
        let mut covering = standings.filter(|s| s.from_ms <= at_ms && at_ms < s.until_ms);
        covering.any(|standing| standing.is_authoritative())
    }

    fn latest_commit_under(&self, at_ms: u64) -> Option<usize> {
        let writing = MACHINES.into_iter().filter(|machine| self.writes_on(machine, at_ms));
        writing.filter_map(|machine| self.under(machine, at_ms)).max()
    }

    /// No version is committed twice, so a version that names the machine is one commit.
    fn under(&self, machine: &str, at_ms: u64) -> Option<usize> {
        let mut standings = self.reading.standings[machine].iter();
        let standing = standings.find(|s| s.from_ms <= at_ms && at_ms < s.until_ms)?;
        self.reading.tenures[&0].acting_under(machine, standing.version(), u64::MAX)
    }

    fn acts(&self, machine: &str, commit: usize, at_ms: u64) -> bool {
        let standings = self.reading.standings[machine].iter();
        let touching = standings.filter(|s| s.from_ms <= at_ms && at_ms <= s.until_ms);
        let mut master = touching.filter(|standing| standing.role() == Role::Master);
        let tenures = &self.reading.tenures[&0];
        master.any(|s| tenures.acting_under(machine, s.version(), u64::MAX) >= Some(commit))
    }

    fn lease_waits(&self, machine: &str, at_ms: u64) -> bool {
        let standings = self.reading.standings[machine].iter();
        let mut covering = standings.filter(|s| s.from_ms <= at_ms && at_ms < s.until_ms);
        covering.any(|standing| {
            standing.state == ProcessState::Running
                && standing.role() == Role::Master
                && standing.lease() != Lease::Held
        })
    }
}
