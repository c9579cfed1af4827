//! Authority, instant by instant, as section 6 of the design defines it.

use host::Observation;

use super::data_naive::Answer;
use super::tape::{Commit, Tape};
use crate::figures::{Failover, LostWrites};
use crate::history::{Intent, OpResult, Phase, What};
use crate::promise::Promise;
use crate::verdict::Outcome;

/// An instant at which a machine showed that it was authoritative.
#[derive(Clone, Copy)]
pub(super) struct Seen<'h> {
    at_ms: u64,
    machine: &'h str,
    in_force: Option<Commit<'h>>,
    /// The k of the commit that the machine acts under.
    under: Option<usize>,
    /// Whether the instant was sampled, or told, and not only one between two others.
    known: bool,
    /// Whether it is an acknowledgement, and of how many writes.
    acknowledges: Option<usize>,
}

impl Seen<'_> {
    pub(super) fn is_deposed(&self) -> bool {
        self.in_force.is_some_and(|last| last.master != self.machine)
    }

    /// The commit for which it counts.
    pub(super) fn counts_for(&self) -> Option<usize> {
        self.under.map(|under| under + 1).or(self.in_force.map(|last| last.k))
    }
}

/// One shard.
pub(super) struct Watched<'h> {
    commits: Vec<Commit<'h>>,
    pub(super) seen: Vec<Seen<'h>>,
}

impl<'h> Watched<'h> {
    pub(super) fn of(tape: &Tape<'h>, shard: u32) -> Self {
        let commits = tape.commits(shard);
        let commit_times: Vec<u64> = commits.iter().map(|of| tape.at_ms(of.event)).collect();
        let mut watched = Self { commits, seen: Vec::new() };
        for at in 0..tape.events.len() {
            let from_ms = tape.at_ms(at);
            let until_ms = tape.events.get(at + 1).map_or(tape.end_ms + 1, |next| next.at_ms);
            for machine in tape.machines(shard) {
                let stand = tape.stand_after(machine, at);
                let Some(since) = stand.since.filter(|_| stand.is_authoritative()) else {
                    continue;
                };
                let moment = (since == at && from_ms == until_ms).then_some(from_ms);
                for at_ms in (from_ms..until_ms).chain(moment) {
                    let known = at_ms % tape.setup.tick_ms == 0
                        || at_ms == tape.at_ms(since)
                        || commit_times.contains(&at_ms);
                    let seen = watched.look(at_ms, machine, stand.version(), at + 1);
                    watched.seen.push(Seen { known, ..seen });
                }
            }
        }
        for &(at, machine, writes) in &tape.acknowledgements {
            if tape.shard_of(machine) == Some(shard) {
                let seen = watched.acknowledged(tape, at, machine);
                watched.seen.push(Seen { acknowledges: Some(writes.len()), ..seen });
            }
        }
        watched
    }

    /// What an acknowledgement shows.
    pub(super) fn acknowledged(&self, tape: &Tape, at: usize, machine: &'h str) -> Seen<'h> {
        let version = tape.stand_after(machine, at).version();
        Seen { known: true, ..self.look(tape.at_ms(at), machine, version, at) }
    }

    /// What is seen of a machine after the events before this one.
    fn look(&self, at_ms: u64, machine: &'h str, version: i64, before: usize) -> Seen<'h> {
        let so_far = || self.commits.iter().filter(|commit| commit.event < before);
        let such = |commit: &&Commit| commit.master == machine && commit.version == version;
        let latest = so_far().rfind(such);
        // Its topology may be ahead of what the store has committed yet.
        let under = latest.or_else(|| self.commits.iter().find(such));
        Seen {
            at_ms,
            machine,
            in_force: so_far().next_back().copied(),
            under: under.map(|commit| commit.k),
            known: false,
            acknowledges: None,
        }
    }

    /// p(k).
    pub(super) fn p(&self, k: usize) -> Option<u64> {
        let shows = self.seen.iter().filter(|seen| {
            let after = seen.in_force.is_some_and(|last| last.k >= k);
            after && seen.under.is_some_and(|under| under >= k)
        });
        shows.map(|seen| seen.at_ms).min()
    }

    /// The instants that count for commit k.
    fn stale(&self, k: usize) -> impl Iterator<Item = &Seen<'h>> {
        let p = self.p(k);
        self.seen.iter().filter(move |seen| {
            let counts = seen.is_deposed() && seen.counts_for() == Some(k);
            counts && p.is_some_and(|p| seen.at_ms >= p && (seen.known || seen.at_ms == p))
        })
    }

    fn last_k(&self) -> Option<usize> {
        self.commits.last().map(|last| last.k)
    }

    fn master(&self, k: usize) -> &'h str {
        self.commits.iter().find(|commit| commit.k == k).expect("there are k commits").master
    }
}

/// Shard, k, p, the last stale instant, span, and stale writes of every failover.
pub(super) type Measured = (u32, usize, Option<u64>, Option<u64>, u64, u64);

pub(super) fn measured(of: &Failover) -> Measured {
    let Failover {
        shard, commit, effective_at_ms, last_stale_at_ms, span_ms, stale_writes, ..
    } = *of;
    (shard, commit, effective_at_ms, last_stale_at_ms, span_ms, stale_writes)
}

pub(super) fn failovers(tape: &Tape) -> Vec<Measured> {
    let mut all = Vec::new();
    for shard in tape.shards() {
        let watched = Watched::of(tape, shard);
        for k in 1..=watched.last_k().unwrap_or(0) {
            let (p, last) = (watched.p(k), watched.stale(k).map(|seen| seen.at_ms).max());
            let span_ms = last.map_or(0, |last| last - p.expect("stale after p only"));
            let writes = watched.stale(k).filter_map(|seen| seen.acknowledges).sum::<usize>();
            all.push((shard, k, p, last, span_ms, writes as u64));
        }
    }
    all
}

/// Writes acknowledged by deposed nodes after the p that they count for.
pub(super) fn stale_writes(tape: &Tape) -> u64 {
    let of_shard = |shard: u32| {
        let watched = Watched::of(tape, shard);
        let all = watched.seen.iter().filter(|seen| seen.is_deposed());
        let stale = all.filter(|seen| {
            let p = seen.counts_for().and_then(|k| watched.p(k));
            p.is_some_and(|p| p <= seen.at_ms)
        });
        stale.filter_map(|seen| seen.acknowledges).sum::<usize>() as u64
    };
    tape.shards().into_iter().map(of_shard).sum()
}

pub(super) fn span_within_ttl(tape: &Tape) -> Outcome {
    let bound_ms = tape.setup.ttl_ms + tape.setup.tick_ms;
    let within = failovers(tape).iter().all(|(.., span_ms, _)| *span_ms <= bound_ms);
    if within { Outcome::Pass } else { Outcome::Fail }
}

pub(super) fn no_span(tape: &Tape) -> Answer {
    let wide =
        failovers(tape).iter().any(|(_, _, _, last_stale_at_ms, ..)| last_stale_at_ms.is_some());
    (if wide { Outcome::Fail } else { Outcome::Pass }, tape.promises(Promise::NoSpan))
}

pub(super) fn no_outage(tape: &Tape) -> Answer {
    let always = unavailable_ms(tape) == 0;
    (if always { Outcome::Pass } else { Outcome::Fail }, tape.promises(Promise::NoOutage))
}

/// How many of a shard's machines were authoritative for this whole millisecond.
fn authoritative(tape: &Tape, shard: u32, at_ms: u64) -> usize {
    let last = (0..tape.events.len()).rev().find(|at| tape.at_ms(*at) <= at_ms);
    let last = last.expect("the setup is at 0");
    tape.machines(shard)
        .filter(|machine| tape.stand_after(machine, last).is_authoritative())
        .count()
}

pub(super) fn overlap_ms(tape: &Tape) -> u64 {
    let of_shard = |shard: u32| {
        let first = Watched::of(tape, shard).p(1);
        let after = first.map_or(0..0, |p| p..tape.end_ms);
        after.filter(|at_ms| authoritative(tape, shard, *at_ms) >= 2).count() as u64
    };
    tape.shards().into_iter().map(of_shard).sum()
}

pub(super) fn unavailable_ms(tape: &Tape) -> u64 {
    let range = tape.phase_ms(Phase::Disturb)..tape.phase_ms(Phase::FinalReads);
    let of_shard = |shard: u32| {
        range.clone().filter(|at_ms| authoritative(tape, shard, *at_ms) == 0).count() as u64
    };
    tape.shards().into_iter().map(of_shard).sum()
}

/// Milliseconds from the heal on until every shard had an authoritative node all the time.
pub(super) fn recovery_ms(tape: &Tape) -> u64 {
    let (healed_ms, rest_ms) = (tape.phase_ms(Phase::Heal), tape.phase_ms(Phase::FinalReads));
    let nobody = |shard: u32, at_ms: u64| authoritative(tape, shard, at_ms) == 0;
    let last = |shard| (healed_ms..rest_ms).rev().find(|at_ms| nobody(shard, *at_ms));
    let last = tape.shards().into_iter().filter_map(last).max();
    last.map_or(0, |last_ms| last_ms + 1 - healed_ms)
}

pub(super) fn recovers(tape: &Tape) -> Answer {
    let (setup, counts) = (tape.setup, tape.setup.recover_ms.is_some());
    let told = |phase| tape.events.iter().any(|event| event.what == What::Phase { phase });
    if !told(Phase::Heal) || !told(Phase::FinalReads) {
        return (Outcome::Unknown, counts);
    }
    let (healed_ms, rest_ms) = (tape.phase_ms(Phase::Heal), tape.phase_ms(Phase::FinalReads));
    // Who comes back just with the final reads comes back.
    let gone = |shard: u32| {
        let nobody = |at_ms| authoritative(tape, shard, at_ms) == 0;
        healed_ms < rest_ms && nobody(rest_ms - 1) && nobody(rest_ms)
    };
    let late = |bound_ms| recovery_ms(tape) > bound_ms + setup.tick_ms;
    let broken = tape.shards().into_iter().any(gone) || setup.recover_ms.is_some_and(late);
    (if broken { Outcome::Fail } else { Outcome::Pass }, counts)
}

/// Where a load balancer sends a shard's connections: the last route told until then.
fn route<'h>(tape: &Tape<'h>, balancer: &str, shard: u32, at_ms: u64) -> Option<&'h str> {
    let mut events = tape.events.iter().rev();
    events.find_map(|event| match &event.what {
        What::Observe { observation: Observation::Routed { shard: of, target, .. }, .. }
            if event.on == balancer && *of == shard && event.at_ms <= at_ms =>
        {
            Some(target.split(':').next().expect("a host"))
        }
        _ => None,
    })
}

pub(super) fn stale_route_ms(tape: &Tape) -> u64 {
    let mut total_ms = 0;
    for shard in tape.shards() {
        let watched = Watched::of(tape, shard);
        let effects: Vec<Option<u64>> =
            (0..=watched.last_k().unwrap_or(0)).map(|k| watched.p(k)).collect();
        for (balancer, at_ms) in
            tape.balancers().flat_map(|balancer| (0..tape.end_ms).map(move |at| (balancer, at)))
        {
            let in_effect = effects.iter().rposition(|p| p.is_some_and(|p| p <= at_ms));
            let (Some(k), Some(to)) = (in_effect, route(tape, balancer, shard, at_ms)) else {
                continue;
            };
            let deposed = (0..k).any(|earlier| watched.master(earlier) == to);
            total_ms += u64::from(deposed && watched.master(k) != to);
        }
    }
    total_ms
}

pub(super) fn converged(tape: &Tape) -> Outcome {
    let mut phases = tape.events.iter().rev();
    let ends = |event: &&crate::history::Event| {
        matches!(event.what, What::Phase { phase: Phase::FinalReads })
    };
    let Some(at_ms) = phases.find(ends).map(|event| event.at_ms) else {
        return Outcome::Unknown;
    };
    let last = (0..tape.events.len()).rev().find(|at| tape.at_ms(*at) <= at_ms);
    let rests = |shard: u32| {
        let named = tape.commits(shard).last().map(|last| last.master);
        let mut rule = tape.machines(shard).filter(|machine| {
            tape.stand_after(machine, last.expect("there is one")).is_authoritative()
        });
        let led = tape.balancers().filter_map(|by| route(tape, by, shard, tape.end_ms));
        let led = led.into_iter().all(|to| Some(to) == named);
        named.is_some() && rule.next() == named && rule.next().is_none() && led
    };
    if tape.shards().into_iter().all(rests) { Outcome::Pass } else { Outcome::Fail }
}

pub(super) fn acknowledgement_authority(tape: &Tape) -> Outcome {
    let unvouched = |(at, machine, _): &(usize, &str, _)| {
        let around = tape.stands_around(machine, tape.at_ms(*at), tape.at_ms(*at));
        !around.iter().any(|stand| stand.is_authoritative())
    };
    let refused = tape.observed(|what| *what == Observation::LeaseRefused);
    let against = |at: &usize| {
        let (machine, at_ms) = (tape.events[*at].on.as_str(), tape.at_ms(*at));
        tape.shard_of(machine).is_some()
            && !was_granted(tape, machine, at_ms, at_ms)
            && tape.stands_around(machine, at_ms, at_ms).iter().all(|of| of.is_authoritative())
    };
    let acknowledged = tape.observed(|what| matches!(what, Observation::Acknowledged { .. }));
    let stranger = |at: &usize| tape.shard_of(&tape.events[*at].on).is_none();
    let broken = tape.acknowledgements.iter().any(unvouched)
        || refused.iter().any(against)
        || acknowledged.iter().any(stranger)
        || unacknowledged(tape);
    if broken { Outcome::Fail } else { Outcome::Pass }
}

/// Whether a lease was granted meanwhile, or until the sample after.
pub(super) fn was_granted(tape: &Tape, machine: &str, from_ms: u64, until_ms: u64) -> bool {
    let grants = tape.observed(|what| matches!(what, Observation::LeaseRenewed { .. }));
    let near = from_ms..=until_ms + tape.setup.tick_ms;
    grants.iter().any(|at| tape.events[*at].on == machine && near.contains(&tape.at_ms(*at)))
}

/// Whether a client heard of a write as done that no node had acknowledged by then.
fn unacknowledged(tape: &Tape) -> bool {
    let operations = &tape.operations;
    let acknowledged = |key: &str, token: Option<&str>, before: usize| {
        let all = tape.acknowledgements.iter().copied().filter(|(at, ..)| *at < before);
        let asked = |at: usize| operations.iter().any(|op| op.increments(key) && op.invoked < at);
        let writes = all.flat_map(|(at, _, writes)| writes.iter().map(move |write| (at, write)));
        let such = writes.filter(|(at, write)| {
            write.key == key && token.map_or_else(|| asked(*at), |token| write.token == token)
        });
        such.count()
    };
    let heard = |key: &str, until: usize| {
        let ended = operations.iter().filter(|op| op.ok().is_some_and(|(at, _)| at <= until));
        let intents = ended.flat_map(|op| &op.asked.intents);
        intents.filter(|of| matches!(of, Intent::Increment { key: of } if of == key)).count()
    };
    tape.events.iter().enumerate().any(|(at, event)| {
        let What::Return(end) = &event.what else { return false };
        if end.result != OpResult::Ok {
            return false;
        }
        let op = operations.iter().find(|op| op.ended.is_some_and(|(ended, _)| ended == at));
        op.is_none_or(|op| {
            op.writes().any(|write| match write.token() {
                Some(token) => acknowledged(write.key(), Some(token), at) == 0,
                None => acknowledged(write.key(), None, at) < heard(write.key(), at),
            })
        })
    })
}

/// Losses by their cause, and whether every shard's final state is known.
pub(super) fn lost(tape: &Tape) -> (LostWrites, bool) {
    let (mut lost, mut whole) = (LostWrites::default(), true);
    for shard in tape.shards() {
        let Some((_, content)) = tape.final_state(shard) else {
            whole = false;
            continue;
        };
        let watched = Watched::of(tape, shard);
        let mut gone = Gone::default();
        for &(at, machine, writes) in &tape.acknowledgements {
            if tape.shard_of(machine) == Some(shard) {
                let cause = cause(&watched, &watched.acknowledged(tape, at, machine));
                writes.iter().for_each(|write| gone.look(tape, content, write, cause));
            }
        }
        gone.count(content);
        lost.split_brain += gone.causes[0];
        lost.replication_lag += gone.causes[1];
        lost.unexplained += gone.causes[2];
    }
    (lost, whole)
}

/// 0: split brain, 1: replication lag, 2: no commit explains it.
fn cause(watched: &Watched, seen: &Seen) -> usize {
    let last_k = watched.last_k().unwrap_or(0);
    let ended_by = match seen.under {
        Some(under) => Some(under + 1).filter(|k| *k <= last_k),
        None => seen.counts_for().filter(|_| seen.is_deposed()),
    };
    match ended_by {
        Some(k) if watched.p(k).is_some_and(|p| p <= seen.at_ms) => 0,
        Some(_) if seen.under.is_some() => 1,
        _ => 2,
    }
}

#[derive(Default)]
struct Gone<'h> {
    causes: [u64; 3],
    /// Acknowledged increments: of which key, and the cause of a loss.
    increments: Vec<(&'h str, usize)>,
}

impl<'h> Gone<'h> {
    fn look(
        &mut self,
        tape: &Tape,
        content: &crate::history::Content,
        write: &'h host::Write,
        cause: usize,
    ) {
        let operations = &tape.operations;
        let intents = operations.iter().flat_map(|op| op.writes());
        let Some(asked) = intents.filter(|intent| intent.key() == write.key).last() else {
            return;
        };
        let held = content.values.get(&write.key);
        let there = match asked {
            Intent::SetFresh { .. } => held == Some(&write.token),
            Intent::Append { .. } => {
                held.is_some_and(|list| list.split_inclusive(',').any(|of| of == write.token))
            }
            Intent::Increment { .. } => {
                self.increments.push((&write.key, cause));
                true
            }
            _ => true,
        };
        self.causes[cause] += u64::from(!there);
    }

    /// A counter's loss is laid on split brain first, then on replication lag.
    fn count(&mut self, content: &crate::history::Content) {
        let mut keys: Vec<&str> = self.increments.iter().map(|(key, _)| *key).collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            let held = content.values.get(key).and_then(|value| value.parse::<usize>().ok());
            let all = self.increments.iter().filter(|(of, _)| *of == key).count();
            let mut missing = all.saturating_sub(held.unwrap_or(0));
            for cause in 0..3 {
                let such = self.increments.iter().filter(|of| **of == (key, cause)).count();
                let laid = such.min(missing);
                self.causes[cause] += laid as u64;
                missing -= laid;
            }
        }
    }
}
