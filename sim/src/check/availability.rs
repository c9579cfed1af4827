//! Availability: every stretch of time in which a shard had no authoritative node, and what it
//! was made of. A figure, no verdict: whether a shard comes back at all is judged by `converged`.
//!
//! An *outage* begins when the last authority is lost, and ends when a node is authoritative
//! again. A failover ended it if that node acts under a later commit than the one that had
//! authority before. Then its parts follow each other without a gap:
//!
//! - *detection*: until a controller begins with a failover of the shard. None if it had begun
//!   before the loss, or tells of no beginning.
//! - *election*: until the commit under which the new master acts, with attempts and promotions
//!   that came to nothing before it.
//! - *push*: until the new master acts under it: has applied it, as master.
//! - *lease wait*: while it then runs, is master, and has no lease that runs, where the lease
//!   blocks writes.
//! - *not ready*: what is left until it is authoritative: it hangs, is down, loading or paused.
//!
//! An outage that no failover ended is one part, *recovery*; one that nothing ended has the
//! parts that were reached.
//!
//! The trap: what happened before the loss takes no time of the outage. A master that was cut
//! off and loses its lease after its successor was chosen leaves an outage of push and lease
//! wait only.

use std::collections::BTreeMap;

use host::{Lease, Observation, Role};

use super::reading::Reading;
use super::standing::Standing;
use super::stretch::{Stretch, stretches};
use super::sweep;
use super::tenure::Tenures;
use super::windows::Moment;
use crate::figures::{Availability, Outage, OutageEnd, OutageParts};
use crate::history::{Gate, ProcessState, What};

/// The availability of every shard.
pub(super) fn availability(reading: &Reading) -> Vec<Availability> {
    reading.tenures.iter().map(|(&shard, tenures)| of_shard(reading, shard, tenures)).collect()
}

fn of_shard(reading: &Reading, shard: u32, tenures: &Tenures) -> Availability {
    let looked_at = Shard::of(reading, shard, tenures);
    let gaps = sweep::without_authority(reading, shard);
    let next_gap_ms = |at: usize| gaps.get(at + 1).map_or(u64::MAX, |(from_ms, _)| *from_ms);
    let outages = gaps.iter().enumerate();
    let outages = outages.filter_map(|(at, &gap)| looked_at.outage(gap, next_gap_ms(at)));
    let outages: Vec<Outage> = outages.collect();
    Availability {
        shard,
        unavailable_ms: outages.iter().map(Outage::length_ms).sum(),
        longest_ms: outages.iter().map(Outage::length_ms).max().unwrap_or(0),
        outages,
    }
}

fn failovers_begun(reading: &Reading, shard: u32) -> Vec<Moment> {
    let events = reading.history.events().iter();
    let begun = events.filter(|event| match &event.what {
        What::Observe { observation: Observation::FailoverBegun { shard: of }, .. } => *of == shard,
        _ => false,
    });
    begun.map(|event| Moment { at_ms: event.at_ms, event: event.number }).collect()
}

/// A shard whose outages are taken apart.
struct Shard<'r> {
    reading: &'r Reading<'r>,
    shard: u32,
    tenures: &'r Tenures,
    /// By when authority began: the stretch of it, of several the one under the latest commit.
    begins: BTreeMap<u64, Stretch<'r>>,
    /// By when authority ended: the latest commit that it was under.
    ends: BTreeMap<u64, Option<usize>>,
    /// By when authority ended: the event that told so.
    losses: BTreeMap<u64, u64>,
    /// When controllers began with a failover.
    begun: Vec<Moment>,
}

impl<'r> Shard<'r> {
    fn of(reading: &'r Reading<'r>, shard: u32, tenures: &'r Tenures) -> Self {
        let (mut begins, mut ends) = (BTreeMap::<u64, Stretch>::new(), BTreeMap::new());
        let lasts = |stretch: &Stretch| stretch.from_ms < stretch.until_ms;
        for stretch in stretches(reading, shard, tenures).into_iter().filter(lasts) {
            let latest = ends.entry(stretch.until_ms).or_default();
            *latest = stretch.under.max(*latest);
            let first = begins.entry(stretch.from_ms).or_insert(stretch);
            if stretch.under > first.under {
                *first = stretch;
            }
        }
        let mut losses = BTreeMap::new();
        for machine in reading.machines_of(shard) {
            for pair in reading.standings[machine].windows(2) {
                if pair[0].is_authoritative() && !pair[1].is_authoritative() {
                    losses.insert(pair[1].from_ms, pair[1].event);
                }
            }
        }
        let begun = failovers_begun(reading, shard);
        Self { reading, shard, tenures, begins, ends, losses, begun }
    }

    /// The part of a time without authority that is judged, if any.
    fn outage(&self, gap: (u64, u64), next_gap_ms: u64) -> Option<Outage> {
        let range = sweep::judged_for_availability(self.reading);
        let (from_ms, until_ms) = (gap.0.max(range.0), gap.1.min(range.1));
        if from_ms >= until_ms {
            return None;
        }
        let under_before = self.ends.get(&gap.0).copied().flatten();
        let back = self.begins.get(&gap.1).filter(|back| back.from_ms == until_ms);
        let commit = match back {
            Some(back) => back.under,
            None => self.tenures.all.iter().rposition(|tenure| tenure.at_ms <= until_ms),
        };
        let commit = commit.filter(|commit| Some(*commit) > under_before);
        let milestones = self.milestones((gap.0, until_ms), commit);
        let (end, parts) = match (back.map(|back| back.machine.to_owned()), commit) {
            (Some(of), None) => (OutageEnd::Recovery { of }, recovery(from_ms, until_ms)),
            (Some(to), Some(_)) => {
                (OutageEnd::Failover { to }, self.parts((from_ms, until_ms), commit, &milestones))
            }
            (None, _) => (OutageEnd::Nothing, self.parts((from_ms, until_ms), commit, &milestones)),
        };
        let mut evidence: Vec<u64> = self.losses.get(&gap.0).copied().into_iter().collect();
        if !matches!(end, OutageEnd::Recovery { .. }) {
            evidence.extend(milestones.events());
        }
        evidence.extend(back.map(|back| back.event));
        evidence.dedup();
        let client_reaction_ms = back.and_then(|back| self.client_reaction_ms(back, next_gap_ms));
        let shard = self.shard;
        Some(Outage { shard, from_ms, until_ms, end, parts, client_reaction_ms, evidence })
    }

    /// What happened on the way to this commit's effect, since the loss.
    fn milestones(&self, (lost_ms, until_ms): (u64, u64), commit: Option<usize>) -> Milestones {
        let tenure = commit.map(|commit| &self.tenures.all[commit]);
        let committed = tenure.map(|of| Moment { at_ms: of.at_ms, event: of.event });
        let begun_by_ms = committed.map_or(until_ms, |committed| committed.at_ms);
        let begun = self.begun.get(self.begun.partition_point(|begun| begun.at_ms < lost_ms));
        let begun = begun.copied().filter(|begun| begun.at_ms <= begun_by_ms);
        let applied = commit.and_then(|commit| self.applied(commit));
        let applied = applied.filter(|applied| applied.at_ms <= until_ms);
        Milestones { begun, committed, applied }
    }

    /// When the master that a commit names first acted under it, or under a later one that names
    /// it.
    fn applied(&self, commit: usize) -> Option<Moment> {
        let tenure = &self.tenures.all[commit];
        let standings = &self.reading.standings[tenure.master.as_str()];
        // What it was at the commit it may still be.
        let first = standings.partition_point(|standing| standing.event < tenure.event);
        let acts = standings[first.saturating_sub(1)..].iter().find(|standing| {
            let (version, event) = (standing.version(), standing.event.max(tenure.event) + 1);
            let under = self.tenures.acting_under(&tenure.master, version, event);
            standing.role() == Role::Master && under >= Some(commit)
        });
        acts.map(|standing| Moment { at_ms: standing.from_ms, event: standing.event })
    }

    fn parts(
        &self,
        (from_ms, until_ms): (u64, u64),
        commit: Option<usize>,
        milestones: &Milestones,
    ) -> OutageParts {
        let Milestones { begun, committed, applied } = milestones;
        let clamp = |moment: &Moment, least_ms, most_ms| moment.at_ms.clamp(least_ms, most_ms);
        let committed_ms = committed.map_or(until_ms, |moment| clamp(&moment, from_ms, until_ms));
        let begun_ms = match (begun, committed) {
            (Some(begun), _) => clamp(begun, from_ms, committed_ms),
            (None, Some(_)) => from_ms,
            (None, None) => until_ms,
        };
        let applied_ms = applied.map_or(until_ms, |moment| clamp(&moment, committed_ms, until_ms));
        let waited_ms =
            commit.map_or(0, |commit| self.lease_wait_ms(commit, (applied_ms, until_ms)));
        OutageParts {
            detection_ms: begun_ms - from_ms,
            election_ms: committed_ms - begun_ms,
            push_ms: applied_ms - committed_ms,
            lease_wait_ms: waited_ms,
            not_ready_ms: until_ms - applied_ms - waited_ms,
            recovery_ms: 0,
        }
    }

    /// How long within a range it was the lease that kept a commit's master from writing.
    fn lease_wait_ms(&self, commit: usize, (from_ms, until_ms): (u64, u64)) -> u64 {
        if self.reading.setup.gate != Gate::Block {
            return 0;
        }
        let standings = &self.reading.standings[self.tenures.all[commit].master.as_str()];
        let first = standings.partition_point(|standing| standing.until_ms <= from_ms);
        let within = standings[first..].iter().take_while(|standing| standing.from_ms < until_ms);
        let waits = within.filter(|standing| {
            standing.state == ProcessState::Running
                && standing.role() == Role::Master
                && standing.lease() != Lease::Held
        });
        let waited = |standing: &Standing| {
            standing.until_ms.min(until_ms).saturating_sub(standing.from_ms.max(from_ms))
        };
        waits.map(waited).sum()
    }

    fn client_reaction_ms(&self, back: &Stretch, until_ms: u64) -> Option<u64> {
        let acknowledged = &self.reading.acknowledgements;
        let first = acknowledged.partition_point(|ack| ack.at_ms < back.from_ms);
        let mut within = acknowledged[first..].iter().take_while(|ack| ack.at_ms < until_ms);
        let first = within.find(|ack| ack.machine == back.machine);
        first.map(|ack| ack.at_ms - back.from_ms)
    }
}

/// What happened between a loss of authority and its return, as far as it did.
struct Milestones {
    /// A controller began with the failover.
    begun: Option<Moment>,
    committed: Option<Moment>,
    /// The new master acted under the commit.
    applied: Option<Moment>,
}

impl Milestones {
    fn events(&self) -> impl Iterator<Item = u64> {
        let Self { begun, committed, applied } = *self;
        [begun, committed, applied].into_iter().flatten().map(|moment| moment.event)
    }
}

fn recovery(from_ms: u64, until_ms: u64) -> OutageParts {
    OutageParts { recovery_ms: until_ms - from_ms, ..OutageParts::default() }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Story;
    use super::*;
    use crate::history::{Phase, What};

    fn outages(story: &Story) -> Vec<Outage> {
        let history = story.history();
        let reading = Reading::of(&history).expect("a whole history");
        let mut all = availability(&reading);
        assert_eq!(all.len(), 1, "one shard");
        all.remove(0).outages
    }

    fn only(story: &Story) -> Outage {
        let mut outages = outages(story);
        assert_eq!(outages.len(), 1, "{outages:?}");
        outages.remove(0)
    }

    fn begun(story: Story, at_ms: u64) -> Story {
        story.observe(at_ms, "controller", Observation::FailoverBegun { shard: 0 })
    }

    /// `a` is master and hangs at 4 s.
    fn hung() -> Story {
        Story::new()
            .gate(Gate::Block)
            .commit(0, 1, "a")
            .authority(100, "a", 1)
            .phase(1_000, Phase::Disturb)
            .hang(4_000, "a")
    }

    fn failover() -> Story {
        begun(hung(), 9_000).commit(9_030, 2, "b")
    }

    #[test]
    fn a_failover_has_its_parts_and_the_clients_take_their_time() {
        let story = failover()
            .waits(9_070, "b", 2, Lease::None)
            .authority(9_570, "b", 2)
            .write(9_800, "b", "k", "v")
            .end(16_000);
        let outage = only(&story);
        let parts = OutageParts {
            detection_ms: 5_000,
            election_ms: 30,
            push_ms: 40,
            lease_wait_ms: 500,
            ..OutageParts::default()
        };
        assert_eq!((outage.from_ms, outage.until_ms), (4_000, 9_570));
        assert_eq!((outage.parts, outage.parts.total_ms()), (parts, 5_570));
        assert_eq!(outage.end, OutageEnd::Failover { to: "b".into() });
        assert_eq!(outage.client_reaction_ms, Some(230));
        let history = story.history();
        let on = |number: &u64| history.events()[*number as usize].on.as_str();
        let told: Vec<&str> = outage.evidence.iter().map(on).collect();
        assert_eq!(told, ["a", "controller", "store", "b", "b"]);
    }

    #[test]
    fn a_master_that_comes_back_ends_it_by_recovery() {
        let outage = only(&begun(hung(), 6_000).resume(7_000, "a").end(16_000));
        assert_eq!(outage.end, OutageEnd::Recovery { of: "a".into() });
        assert_eq!(outage.parts, OutageParts { recovery_ms: 3_000, ..OutageParts::default() });
        assert_eq!(outage.client_reaction_ms, None, "nothing was acknowledged");
        let overtaken = only(&failover().resume(9_050, "a").end(16_000));
        assert_eq!(overtaken.end, OutageEnd::Recovery { of: "a".into() }, "before b was ready");
    }

    #[test]
    fn what_nothing_ended_has_the_parts_that_were_reached() {
        let unnoticed = only(&hung().end(10_000));
        assert_eq!(unnoticed.end, OutageEnd::Nothing);
        assert_eq!(unnoticed.parts.detection_ms, 6_000);
        let unelected = only(&begun(hung(), 9_000).end(10_000));
        assert_eq!(unelected.parts.election_ms, 1_000);
        let unheard = only(&failover().end(10_000));
        assert_eq!((unheard.parts.election_ms, unheard.parts.push_ms), (30, 970));
        let waiting = only(&failover().waits(9_100, "b", 2, Lease::Expired).end(10_000));
        assert_eq!((waiting.parts.push_ms, waiting.parts.lease_wait_ms), (70, 900));
    }

    #[test]
    fn only_a_lease_that_blocks_is_waited_for() {
        let ready = |story: Story| only(&story.authority(9_600, "b", 2).end(16_000)).parts;
        let open = ready(failover().gate(Gate::Open).waits(9_100, "b", 2, Lease::None));
        assert_eq!((open.lease_wait_ms, open.not_ready_ms), (0, 500));
        let held = ready(failover().waits(9_100, "b", 2, Lease::Held));
        assert_eq!((held.lease_wait_ms, held.not_ready_ms), (0, 500), "it loads, or is paused");
        let hung = failover().waits(9_100, "b", 2, Lease::None).hang(9_200, "b");
        let hung = ready(hung);
        assert_eq!((hung.lease_wait_ms, hung.not_ready_ms), (100, 400));
    }

    #[test]
    fn what_happened_before_the_loss_takes_no_time() {
        // Cut off, a writes until its lease ends, and its successor was chosen before that.
        let story = Story::new().gate(Gate::Block).commit(0, 1, "a").authority(100, "a", 1);
        let story = begun(story.phase(1_000, Phase::Disturb), 9_000).commit(9_030, 2, "b");
        let story = story.no_authority(9_050, "a", 1).authority(9_070, "b", 2).end(16_000);
        let outage = only(&story);
        assert_eq!(outage.parts, OutageParts { push_ms: 20, ..OutageParts::default() });
        assert_eq!(outage.evidence.len(), 3, "the loss, the commit, and b");
    }

    #[test]
    fn attempts_that_came_to_nothing_are_election() {
        let story = begun(begun(hung(), 6_000), 8_000).commit(8_500, 2, "c");
        let story = begun(story, 9_000).commit(9_500, 3, "b").authority(9_600, "b", 3);
        let parts = only(&story.end(16_000)).parts;
        assert_eq!((parts.detection_ms, parts.election_ms, parts.push_ms), (2_000, 3_500, 100));
        let by_hand = hung().commit(6_000, 2, "b").authority(6_100, "b", 2).end(16_000);
        let parts = only(&by_hand).parts;
        assert_eq!((parts.detection_ms, parts.election_ms), (0, 2_000), "nobody told of it");
    }

    #[test]
    fn a_master_that_is_promoted_again_is_a_failover() {
        let story = begun(hung(), 6_000).commit(6_100, 2, "b").commit(6_200, 3, "a");
        let outage = only(&story.resume(7_000, "a").authority(7_500, "a", 3).end(16_000));
        assert_eq!(outage.end, OutageEnd::Recovery { of: "a".into() }, "it knew of nothing yet");
        let story = begun(hung(), 6_000).commit(6_100, 2, "b").commit(6_200, 3, "a");
        let outage = only(&story.authority(7_500, "a", 3).end(16_000));
        assert_eq!(outage.end, OutageEnd::Failover { to: "a".into() });
    }

    #[test]
    fn of_two_masters_that_go_at_once_the_later_one_counts() {
        let story = Story::new().commit(0, 1, "b").authority(100, "b", 1).commit(200, 2, "a");
        let story = story.authority(300, "a", 2).phase(1_000, Phase::Disturb);
        let gone = story.hang(4_000, "a").hang(4_000, "b");
        let outage = only(&gone.resume(5_000, "a").end(16_000));
        assert_eq!(outage.end, OutageEnd::Recovery { of: "a".into() });
    }

    #[test]
    fn a_master_that_was_quicker_than_the_store_waits_from_the_commit_on() {
        let story = begun(hung(), 9_000).waits(9_020, "b", 2, Lease::None);
        let outage = only(&story.commit(9_030, 2, "b").authority(9_100, "b", 2).end(16_000));
        assert_eq!((outage.parts.push_ms, outage.parts.lease_wait_ms), (0, 70));
    }

    #[test]
    fn outages_are_judged_from_settle_to_converge_and_told_apart() {
        let story = hung()
            .resume(5_000, "a")
            .hang(6_000, "a")
            .resume(6_000, "a")
            .hang(7_000, "a")
            .phase(7_500, Phase::Converge)
            .end(8_000)
            .event(9_000, "a", What::Start { life: 2 });
        let all = outages(&story);
        let times: Vec<_> = all.iter().map(|outage| (outage.from_ms, outage.until_ms)).collect();
        assert_eq!(times, [(4_000, 5_000), (7_000, 8_000)]);
        let late = Story::new().commit(0, 1, "a").phase(1_000, Phase::Disturb);
        let late = only(&late.authority(1_500, "a", 1).end(8_000));
        assert_eq!((late.from_ms, late.length_ms()), (1_000, 500), "not what was before");
    }
}
