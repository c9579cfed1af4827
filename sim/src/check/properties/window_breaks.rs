//! Breaks of authority: too long, where there is none, twice, or nowhere in the end.

use host::{Lease, Observation, Role, Status};
use proptest::sample::Index;

use super::cluster::{RECOVER_MS, TICK_MS};
use super::life::{lives, lives_under};
use super::lived::{Deposed, Fate, Handover, Lived, Told};
use super::{Broken, each_is_caught, one_of};
use crate::check::{
    ACKNOWLEDGEMENT_AUTHORITY, CONVERGED, LB_SEPARATES, NO_OUTAGE, NO_SPAN, RECOVERS,
    SPAN_WITHIN_TTL,
};
use crate::history::{Gate, Invocation, Phase, ProcessState, Via, What};

/// The failovers whose old master heard of its deposition only when its lease had ended.
fn deaf(lived: &Lived) -> impl Iterator<Item = (&Handover, &Deposed)> {
    let deposed = lived.handovers.iter().filter_map(|of| Some((of, of.deposed.as_ref()?)));
    deposed.filter(|(_, deposed)| deposed.steps_down < deposed.hears)
}

fn status_at(lived: &Lived, place: usize) -> Status {
    match &lived.events[place].2 {
        What::Sample { status: Some(status), .. }
        | What::Observe { observation: Observation::Status { status }, .. } => status.clone(),
        other => panic!("no status: {other:?}"),
    }
}

fn tells(status: Status) -> What {
    What::Observe { life: 1, observation: Observation::Status { status } }
}

/// The last status of a machine before a place.
fn last_status(lived: &Lived, machine: &str, before: usize) -> Status {
    let places = (0..before).rev().filter(|place| lived.on(*place) == machine);
    let mut stood = places.filter(|place| {
        let what = &lived.events[*place].2;
        matches!(
            what,
            What::Sample { status: Some(_), .. }
                | What::Observe { observation: Observation::Status { .. }, .. }
        )
    });
    status_at(lived, stood.next().expect("every machine was sampled"))
}

#[test]
fn a_lease_that_runs_out_too_late() {
    each_is_caught(lives_under(Gate::Block), |lived, index| {
        // A refusal while its lease still ran would be another break.
        let places = deaf(lived).filter(|(_, deposed)| deposed.refused.is_none());
        let (_, deposed) = one_of(places, index)?;
        let at_ms = lived.events[deposed.hears].0 - 1;
        let history = lived.moved(deposed.steps_down, deposed.hears, at_ms);
        Some(Broken::of(SPAN_WITHIN_TTL, history, Lived::number(deposed.stood)))
    });
}

#[test]
fn authority_for_an_instant_after_the_ttl() {
    each_is_caught(lives_under(Gate::Block), |lived, index| {
        let (handover, deposed) = one_of(deaf(lived), index)?;
        let expired = status_at(lived, deposed.steps_down);
        let held = Status { lease: Lease::Held, authoritative: true, ..expired.clone() };
        let moment = vec![tells(held), tells(expired)];
        let history = lived.with_before(deposed.hears, &handover.old, moment);
        Some(Broken::of(SPAN_WITHIN_TTL, history, Lived::number(deposed.hears)))
    });
}

#[test]
fn a_hung_master_that_acknowledges() {
    each_is_caught(lives(), |lived, index| {
        let hung = lived.handovers.iter().filter_map(|of| Some((of, of.in_vain?)));
        let (handover, told) = one_of(hung, index)?;
        let told = &lived.operations[told];
        let acknowledged = acknowledged(lived, told);
        let history = lived.with_after(told.invoked, &handover.old, vec![acknowledged]);
        let place = Lived::number(told.invoked + 1);
        Some(Broken::of(ACKNOWLEDGEMENT_AUTHORITY, history, place))
    });
}

/// What a node tells when it acknowledges an operation of one token.
fn acknowledged(lived: &Lived, told: &Told) -> What {
    let intent = lived.intent(told).expect("one intent");
    let token = intent.token().expect("a token").to_owned();
    let writes = vec![host::Write { key: intent.key().to_owned(), token }];
    What::Observe { life: 1, observation: Observation::Acknowledged { writes } }
}

/// Acknowledged writes that only direct and sticky clients heard of, because that they came
/// through a load balancer is judged, too.
fn heard(lived: &Lived) -> impl Iterator<Item = (&Told, usize)> {
    let all = lived.operations.iter().filter(|told| told.fate == Fate::Kept);
    let acked = all.filter_map(|told| Some((told, told.acked?)));
    acked.filter(|(told, _)| {
        let lb =
            matches!(&lived.events[told.invoked].2, What::Invoke(Invocation { via: Via::Lb, .. }));
        let answered = matches!(&lived.events[told.ended].2,
            What::Return(end) if end.by.is_some());
        answered && !lb
    })
}

#[test]
fn an_ok_that_no_node_acknowledged() {
    each_is_caught(lives(), |lived, index| {
        let (told, acked) = one_of(heard(lived), index)?;
        // All that came after moves up by one.
        let place = Lived::number(told.ended - 1);
        Some(Broken::of(ACKNOWLEDGEMENT_AUTHORITY, lived.without(acked), place))
    });
}

#[test]
fn an_acknowledgement_by_a_machine_that_is_no_data_node() {
    each_is_caught(lives(), |lived, index| {
        let (_, acked) = one_of(heard(lived), index)?;
        let writes = lived.events[acked].2.clone();
        let history = lived.with_after(acked, "stranger", vec![writes]);
        Some(Broken::of(ACKNOWLEDGEMENT_AUTHORITY, history, Lived::number(acked + 1)))
    });
}

#[test]
fn a_master_that_hangs_in_the_end() {
    each_is_caught(lives(), |lived, index| {
        let shard = index.index(lived.masters.len());
        let master = &lived.masters[shard].0;
        let status = Some(last_status(lived, master, lived.converge));
        let hung = What::Sample { state: ProcessState::Hung, status };
        let history = lived.with_after(lived.converge, master, vec![hung]);
        let broken = Broken::of(CONVERGED, history, Lived::number(lived.converge + 1));
        // Who hangs takes no writes.
        Some(broken.also(NO_OUTAGE, true).also(RECOVERS, true))
    });
}

#[test]
fn a_replica_with_authority_in_the_end() {
    each_is_caught(lives(), |lived, index| {
        let shard = index.index(lived.masters.len());
        let replica = lived.on(lived.finals_of(shard)[1]);
        // Not in the role of a master: that would be a version with two of them.
        let status = last_status(lived, replica, lived.converge);
        assert_eq!(status.role, Role::Replica);
        let status = Status { authoritative: true, ..status };
        let history = lived.with_after(lived.converge, replica, vec![tells(status)]);
        // After a failover it is a second authority long after p.
        let was_handed_over = lived.masters[shard].1 > 0;
        let broken = Broken::of(CONVERGED, history, Lived::number(lived.converge + 1));
        Some(broken.also(SPAN_WITHIN_TTL, was_handed_over).also(NO_SPAN, was_handed_over))
    });
}

#[test]
fn a_redirect_that_a_load_balancer_never_got() {
    each_is_caught(lives(), |lived, index| {
        let last = |handover: &&Handover| {
            let mut later = lived.handovers.iter().filter(|of| of.shard == handover.shard);
            later.next_back().is_some_and(|last| last.commit == handover.commit)
        };
        let redirects = lived.handovers.iter().filter(last).flat_map(|of| {
            let all = of.redirects.iter();
            all.map(|redirect| (*redirect, of.redirects.len()))
        });
        let (lost, balancers) = one_of(redirects, index)?;
        let of_shard = |place: usize| match &lived.events[place].2 {
            What::Observe { observation: Observation::Routed { shard, .. }, .. } => Some(*shard),
            _ => None,
        };
        let mut earlier = (0..lost).rev().filter(|place| lived.on(*place) == lived.on(lost));
        let before = earlier.find(|place| of_shard(*place) == of_shard(lost))?;
        let broken = Broken::of(CONVERGED, lived.without(lost), Lived::number(before));
        // Its clients would reach the new master by no other way.
        Some(broken.also(LB_SEPARATES, balancers == 1))
    });
}

#[test]
fn a_refusal_while_all_samples_say_yes() {
    each_is_caught(lives_under(Gate::Block), |lived, index: Index| {
        let shard = index.index(lived.masters.len());
        let refused = What::Observe { life: 1, observation: Observation::LeaseRefused };
        let history = lived.with_after(lived.converge, &lived.masters[shard].0, vec![refused]);
        let place = Lived::number(lived.converge + 1);
        Some(Broken::of(ACKNOWLEDGEMENT_AUTHORITY, history, place))
    });
}

#[test]
fn a_moment_without_a_master() {
    each_is_caught(lives(), |lived, index| {
        // Only a cluster without failovers promises that there is none.
        if !lived.handovers.is_empty() {
            return None;
        }
        let master = &lived.masters[index.index(lived.masters.len())].0;
        let (status, at_ms) =
            (last_status(lived, master, lived.converge), lived.events[lived.converge].0);
        let sample = |state| What::Sample { state, status: Some(status.clone()) };
        let hangs =
            [(at_ms, sample(ProcessState::Hung)), (at_ms + 1, sample(ProcessState::Running))];
        let history = lived.with(lived.converge + 1, master, hangs);
        Some(Broken::without_place(NO_OUTAGE, history))
    });
}

#[test]
fn a_master_that_comes_back_too_late() {
    each_is_caught(lives(), |lived, index| {
        let master = &lived.masters[index.index(lived.masters.len())].0;
        let (status, at_ms) =
            (last_status(lived, master, lived.converge), lived.events[lived.converge].0);
        let heals = |of: &&(u64, String, What)| of.2 == What::Phase { phase: Phase::Heal };
        let heal_ms = lived.events.iter().find(heals).expect("every life heals").0;
        let rest_ms = lived.events[lived.final_reads].0;
        // Whatever is more than the bound and a tick, and not the end.
        let late_ms = heal_ms + RECOVER_MS + TICK_MS + 1;
        let back_ms = late_ms + index.index((rest_ms - late_ms) as usize) as u64;
        let sample = |state| What::Sample { state, status: Some(status.clone()) };
        let hangs = [(at_ms, sample(ProcessState::Hung)), (back_ms, sample(ProcessState::Running))];
        let history = lived.with(lived.converge + 1, master, hangs);
        let broken = Broken::of(RECOVERS, history, Lived::number(lived.converge + 1));
        // Until then it takes no writes.
        Some(broken.also(NO_OUTAGE, true))
    });
}

#[test]
fn a_moment_of_authority_after_an_old_master_had_died() {
    each_is_caught(lives(), |lived, index| {
        // Only a cluster whose old masters all died promises that there is none.
        let died = lived.handovers.iter().all(|handover| handover.deposed.is_none());
        let handover = one_of(lived.handovers.iter().filter(|_| died), index)?;
        let follows = last_status(lived, &handover.old, handover.healed);
        let rules = Status { authoritative: true, ..follows.clone() };
        let moment = vec![tells(rules), tells(follows)];
        let history = lived.with_before(handover.healed, &handover.old, moment);
        Some(Broken::of(NO_SPAN, history, Lived::number(handover.healed)))
    });
}
