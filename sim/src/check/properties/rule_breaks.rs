//! Breaks of rules: of leases, versions, load balancers, kept topologies, goals and faults.

use host::{Lease, Observation, Role, Status};
use proptest::prelude::*;
use proptest::sample::Index;

use super::life::{Life, lives, lives_under};
use super::lived::{Fate, Handover, Lived, Told};
use super::{Broken, each_is_caught, one_of};
use crate::check::{
    ELECTION_VERSIONS, FAULTS_BIT, GOALS, KEPT_TOPOLOGY, LB_SEPARATES, LEASE_DISCIPLINE,
    TOPOLOGY_VERSIONS,
};
use crate::fault::Bite;
use crate::goal::Goal;
use crate::history::{Gate, History, Intent, OpResult, Via, What};

fn observes(observation: Observation) -> What {
    What::Observe { life: 1, observation }
}

fn status_mut(what: &mut What) -> Option<&mut Status> {
    match what {
        What::Sample { status: Some(status), .. }
        | What::Observe { observation: Observation::Status { status }, .. } => Some(status),
        _ => None,
    }
}

fn status(lived: &Lived, place: usize) -> Option<Status> {
    status_mut(&mut lived.events[place].2.clone()).cloned()
}

/// The places at which a node tells how it stands.
fn statuses(lived: &Lived) -> impl Iterator<Item = (usize, Status)> {
    (0..lived.events.len()).filter_map(|place| Some((place, status(lived, place)?)))
}

/// A life in which the lease of a shard's last master is such, in its own eyes, since it took
/// over; and its last acknowledgement.
fn with_lease(lived: &Lived, index: Index, lease: Lease) -> Option<Broken> {
    let shard = index.index(lived.masters.len());
    let master = &lived.masters[shard].0;
    // It told of each topology of the other shard again.
    let acked = lived
        .operations
        .iter()
        .rev()
        .find_map(|told| told.acked.filter(|acked| lived.on(*acked) == master))?;
    let of_master = statuses(lived).filter(|(place, status)| {
        *place < acked && lived.on(*place) == master && status.authoritative
    });
    let (place, _) = of_master.last()?;
    let history = lived.changed(place, |what| {
        status_mut(what).expect("it has a status").lease = lease;
    });
    Some(Broken::of(LEASE_DISCIPLINE, history, Lived::number(acked)))
}

fn under_any_lease() -> impl Strategy<Value = Life> {
    prop_oneof![lives_under(Gate::Block), lives_under(Gate::Log)]
}

#[test]
fn an_acknowledgement_beyond_the_lease() {
    each_is_caught(under_any_lease(), |lived, index| with_lease(lived, index, Lease::Expired));
}

#[test]
fn an_acknowledgement_without_a_lease() {
    each_is_caught(lives_under(Gate::Block), |lived, index| with_lease(lived, index, Lease::None));
}

/// A replica tells something, in the end.
fn a_replica_tells(lived: &Lived, index: Index, observation: Observation) -> Broken {
    let shard = index.index(lived.masters.len());
    let replica = lived.on(lived.finals_of(shard)[1]);
    let history = lived.with_after(lived.converge, replica, vec![observes(observation)]);
    Broken::of(LEASE_DISCIPLINE, history, Lived::number(lived.converge + 1))
}

#[test]
fn a_refusal_by_a_lease_that_does_not_block() {
    each_is_caught(prop_oneof![lives_under(Gate::Open), lives_under(Gate::Log)], |lived, index| {
        // The master's own would be against what is sampled of it, too.
        Some(a_replica_tells(lived, index, Observation::LeaseRefused))
    });
}

#[test]
fn a_line_of_log_of_a_lease_that_does_not_log() {
    each_is_caught(
        prop_oneof![lives_under(Gate::Open), lives_under(Gate::Block)],
        |lived, index| Some(a_replica_tells(lived, index, Observation::LeaseExpiredLogged)),
    );
}

fn logged(lived: &Lived) -> impl Iterator<Item = (usize, usize)> {
    lived.handovers.iter().filter_map(|handover| handover.deposed.as_ref()?.logged)
}

#[test]
fn a_write_beyond_a_logging_lease_without_its_line() {
    each_is_caught(lives_under(Gate::Log), |lived, index| {
        let (line, acked) = one_of(logged(lived), index)?;
        Some(Broken::of(LEASE_DISCIPLINE, lived.without(line), Lived::number(acked - 1)))
    });
}

#[test]
fn a_line_more_than_there_were_writes() {
    each_is_caught(lives_under(Gate::Log), |lived, index| {
        // An increment that was never answered may be any later one's, which then may have a line.
        let increments =
            |told: &&Told| matches!(lived.intent(told), Some(Intent::Increment { .. }));
        let ended = |told: &Told| &lived.events[told.ended].2;
        let mut increments = lived.operations.iter().filter(increments);
        if increments
            .any(|told| matches!(ended(told), What::Return(end) if end.result != OpResult::Ok))
        {
            return None;
        }
        let lines: Vec<usize> = logged(lived).map(|(line, _)| line).collect();
        let (line, first, last) = (one_of(lines.clone(), index)?, lines[0], lines[lines.len() - 1]);
        // Of these each may have left a line.
        let others = lived.operations.iter().filter(|told| {
            let writes = lived.intents(told).iter().any(Intent::is_write);
            let What::Return(end) = &lived.events[told.ended].2 else { return false };
            let open = match end.result {
                OpResult::Ok => false,
                OpResult::Fail { .. } => told.ended > first,
                OpResult::Info { .. } => true,
            };
            writes && open && told.invoked < last
        });
        let others = others.count();
        let more = vec![lived.events[line].2.clone(); others + 1];
        let history = lived.with_after(line, lived.on(line), more);
        Some(Broken::of(LEASE_DISCIPLINE, history, Lived::number(line + 1 + others)))
    });
}

/// A replica stands otherwise for an instant.
fn for_an_instant(lived: &Lived, index: Index, change: impl FnOnce(&mut Status)) -> Option<Broken> {
    let replicas = statuses(lived).filter(|(_, status)| status.role == Role::Replica);
    let (place, before) = one_of(replicas.collect::<Vec<_>>(), index)?;
    let mut other = before.clone();
    change(&mut other);
    let tells = |status| observes(Observation::Status { status });
    let history = lived.with_after(place, lived.on(place), vec![tells(other), tells(before)]);
    Some(Broken::of(TOPOLOGY_VERSIONS, history, Lived::number(place + 1)))
}

#[test]
fn a_topology_version_that_goes_back() {
    each_is_caught(lives(), |lived, index| {
        for_an_instant(lived, index, |status| status.topology_version -= 1)
    });
}

#[test]
fn two_masters_under_one_version() {
    each_is_caught(lives(), |lived, index| {
        for_an_instant(lived, index, |status| status.role = Role::Master)
    });
}

#[test]
fn two_masters_in_the_store_under_one_version() {
    each_is_caught(lives(), |lived, index| {
        let starts = lived.handovers.iter().filter_map(|of| Some((of.false_start?, of.commit)));
        let (start, commit) = one_of(starts, index)?;
        let history = lived.changed(start, |what| {
            let What::Observe { observation: Observation::Committed { version, .. }, .. } = what
            else {
                panic!("no commit: {what:?}")
            };
            *version += 1;
        });
        Some(Broken::of(TOPOLOGY_VERSIONS, history, Lived::number(commit)))
    });
}

#[test]
fn a_grant_under_a_lower_election_version() {
    each_is_caught(under_any_lease(), |lived, index| {
        let grants = (0..lived.events.len()).filter_map(|place| match lived.events[place].2 {
            What::Observe {
                observation: Observation::LeaseRenewed { until_ms, election_version },
                ..
            } => Some((place, until_ms, election_version - 1)),
            _ => None,
        });
        let (place, until_ms, election_version) = one_of(grants, index)?;
        let lower = observes(Observation::LeaseRenewed { until_ms, election_version });
        let history = lived.with_after(place, lived.on(place), vec![lower]);
        Some(Broken::of(ELECTION_VERSIONS, history, Lived::number(place + 1)))
    });
}

#[test]
fn an_old_target_that_is_reached_through_a_load_balancer() {
    each_is_caught(lives(), |lived, index| {
        let balanced = lived.handovers.iter().any(|of| !of.redirects.is_empty());
        let stale = lived.operations.iter().filter(|told| balanced && told.fate == Fate::Stale);
        let told = one_of(stale, index)?;
        let history = lived.changed(told.invoked, |what| {
            let What::Invoke(asked) = what else { panic!("no invocation: {what:?}") };
            asked.via = Via::Lb;
        });
        Some(Broken::of(LB_SEPARATES, history, Lived::number(told.acked?)))
    });
}

#[test]
fn a_redirect_to_before_that_arrives_late() {
    each_is_caught(lives(), |lived, index| {
        let redirects = lived.handovers.iter().flat_map(|of| of.redirects.iter().copied());
        let place = one_of(redirects, index)?;
        let What::Observe { observation: Observation::Routed { shard, target, version }, .. } =
            &lived.events[place].2
        else {
            panic!("no redirect: {:?}", lived.events[place].2)
        };
        let (shard, version) = (*shard, version.map(|version| version - 1));
        let elsewhere = observes(Observation::Routed { shard, target: "x:6666".into(), version });
        let back = observes(Observation::Routed {
            shard,
            target: target.clone(),
            version: version.map(|version| version + 1),
        });
        let history = lived.with_after(place, lived.on(place), vec![elsewhere, back]);
        Some(Broken::of(LB_SEPARATES, history, Lived::number(place + 1)))
    });
}

#[test]
fn a_topology_that_is_kept_otherwise_than_shown() {
    each_is_caught(lives(), |lived, index| {
        let place = one_of(lived.finals.values().copied(), index)?;
        let history = lived.changed(place, |what| {
            let What::Final(content) = what else { panic!("no content: {what:?}") };
            content.topology_kept = Some("version 0".into());
        });
        Some(Broken::of(KEPT_TOPOLOGY, history, Lived::number(place)))
    });
}

#[test]
fn a_goal_that_is_missed() {
    const ALL: [Goal; 13] = [
        Goal::Writes,
        Goal::LbWrites,
        Goal::Promotion,
        Goal::TwoPromotions,
        Goal::NoPromotion,
        Goal::StaleWrite,
        Goal::StaleLbWrite,
        Goal::LeaderChange,
        Goal::LeaseEndedAfterP,
        Goal::Restart,
        Goal::Hang,
        Goal::Stalled,
        Goal::ClockMoved,
    ];
    each_is_caught(lives(), |lived, index| {
        let mut setup = lived.setup.clone();
        let missed = ALL.into_iter().filter(|goal| !setup.goals.contains(goal));
        setup.goals = vec![one_of(missed, index)?];
        let first = (0, "driver".to_owned(), What::Setup(setup));
        let history = History::from_events(std::iter::once(first).chain(lived.events.clone()));
        Some(Broken::without_place(GOALS, history))
    });
}

fn one_handover(lived: &Lived, index: Index) -> Option<&Handover> {
    one_of(&lived.handovers, index)
}

#[test]
fn a_fault_that_does_nothing() {
    each_is_caught(lives(), |lived, index| {
        let Handover { injected, healed, .. } = *one_handover(lived, index)?;
        let history = lived.changed(healed, |what| {
            let What::Heal { bite, .. } = what else { panic!("no heal: {what:?}") };
            *bite = Bite::default();
        });
        Some(Broken::of(FAULTS_BIT, history, Lived::number(injected)))
    });
}

#[test]
fn a_fault_that_is_never_healed() {
    each_is_caught(lives(), |lived, index| {
        let Handover { injected, healed, .. } = *one_handover(lived, index)?;
        Some(Broken::of(FAULTS_BIT, lived.without(healed), Lived::number(injected)))
    });
}

#[test]
fn a_fault_that_is_never_injected() {
    each_is_caught(lives(), |lived, index| {
        let handover = one_handover(lived, index)?;
        Some(Broken::without_place(FAULTS_BIT, lived.without(handover.injected)))
    });
}
