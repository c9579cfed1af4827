//! The lanes of a hand-made history.

use super::*;
use host::{Lease, MasterOf, Role, Status, Write};
use sim::fault::{Bite, CutKind, Fault, Way};
use sim::history::{Member, Return, Setup};

fn status(role: Role, lease: Lease, authoritative: bool) -> Status {
    Status { role, topology_version: 1, election_version: 1, lease, authoritative, link: None }
}

fn told(status: Status) -> What {
    What::Observe { life: 1, observation: Observation::Status { status } }
}

fn sampled(state: ProcessState, status: Option<Status>) -> What {
    What::Sample { state, status }
}

fn committed(version: i64, member: &str) -> What {
    let masters = vec![MasterOf { shard: 0, member: member.into() }];
    What::Observe { life: 1, observation: Observation::Committed { version, masters } }
}

fn acknowledged() -> What {
    let writes = vec![Write { key: "k".into(), token: "v".into() }];
    What::Observe { life: 1, observation: Observation::Acknowledged { writes } }
}

fn observed(observation: Observation) -> What {
    What::Observe { life: 1, observation }
}

fn lanes(events: &[(u64, &str, What)]) -> Lanes {
    let member =
        |machine: &str| Member { machine: machine.into(), id: machine.to_uppercase(), shard: 0 };
    let setup = Setup::of(100, 5, ["a", "b"].map(member).to_vec());
    let setup = (0, "driver".to_string(), What::Setup(setup));
    let events = events.iter().map(|(at_ms, on, what)| (*at_ms, on.to_string(), what.clone()));
    Lanes::of(&History::from_events(std::iter::once(setup).chain(events)))
}

fn node<'a>(lanes: &'a Lanes, machine: &str) -> &'a NodeLane {
    match &lanes.machine(machine).expect("a lane").kind {
        Kind::Node(node) => node,
        other => panic!("{machine} is {other:?}"),
    }
}

fn stretch<T>(from_ms: u64, until_ms: u64, value: T) -> Stretch<T> {
    Stretch { from_ms, until_ms, value }
}

#[test]
fn a_hang_takes_authority_and_a_commit_deposes_a_node_that_did_nothing() {
    let master = || status(Role::Master, Lease::Held, true);
    let expired = || status(Role::Master, Lease::Expired, false);
    let lanes = lanes(&[
        (0, "a", sampled(ProcessState::Running, Some(master()))),
        (0, "store", committed(1, "A")),
        (20, "a", acknowledged()),
        (100, "a", sampled(ProcessState::Hung, None)),
        (200, "store", committed(2, "B")),
        (300, "a", sampled(ProcessState::Running, None)),
        (310, "a", acknowledged()),
        (350, "a", told(expired())),
        (400, "a", sampled(ProcessState::Down, None)),
        (500, "store", observed(Observation::Note { text: "end".into() })),
    ]);
    let a = node(&lanes, "a");
    let authority = [stretch(0, 100, Authority::Named), stretch(300, 350, Authority::Deposed)];
    assert_eq!(a.authority, authority);
    assert_eq!(a.role, [stretch(0, 400, Role::Master)]);
    assert_eq!(a.lease, [stretch(0, 350, Lease::Held), stretch(350, 400, Lease::Expired)]);
    let by: Vec<Authority> = a.acknowledged.iter().map(|ack| ack.by).collect();
    assert_eq!(by, [Authority::Named, Authority::Deposed]);
    let process = &lanes.machine("a").expect("a lane").process;
    assert_eq!(
        *process,
        [
            stretch(0, 100, ProcessState::Running),
            stretch(100, 300, ProcessState::Hung),
            stretch(300, 400, ProcessState::Running),
            stretch(400, 500, ProcessState::Down),
        ]
    );
}

#[test]
fn authority_changes_colour_at_the_commit_itself() {
    let lanes = lanes(&[
        (0, "a", sampled(ProcessState::Running, Some(status(Role::Master, Lease::None, true)))),
        (50, "store", committed(2, "B")),
        (80, "store", committed(3, "A")),
        (100, "store", observed(Observation::Note { text: "end".into() })),
    ]);
    assert_eq!(
        node(&lanes, "a").authority,
        [
            stretch(0, 50, Authority::Named),
            stretch(50, 80, Authority::Deposed),
            stretch(80, 100, Authority::Named),
        ]
    );
    assert!(node(&lanes, "a").lease.is_empty());
}

#[test]
fn a_restart_forgets_the_status_of_the_life_before() {
    let lanes = lanes(&[
        (0, "a", sampled(ProcessState::Running, Some(status(Role::Master, Lease::None, true)))),
        (50, "a", sampled(ProcessState::Down, None)),
        (70, "a", What::Start { life: 2 }),
        (90, "a", told(status(Role::Replica, Lease::None, false))),
        (100, "b", What::Start { life: 1 }),
    ]);
    let a = node(&lanes, "a");
    assert_eq!(a.authority, [stretch(0, 50, Authority::Named)]);
    assert_eq!(a.role, [stretch(0, 50, Role::Master), stretch(90, 100, Role::Replica)]);
}

#[test]
fn machines_are_told_apart_by_what_they_do_and_ordered() {
    let route = |target: &str| {
        observed(Observation::Routed { shard: 0, target: target.into(), version: None })
    };
    let lanes = lanes(&[
        (0, "clients-1", What::Return(Return::of(1, OpResult::Ok))),
        (0, "lb", route("a:6379")),
        (5, "idle", What::Start { life: 1 }),
        (10, "controller", observed(Observation::Leading { leads: true })),
        (30, "lb", route("b:6379")),
        (40, "store", committed(1, "A")),
        (60, "lb", sampled(ProcessState::Down, None)),
        (70, "controller", observed(Observation::Leading { leads: false })),
        (90, "nemesis", What::Heal { fault: 0, bite: Bite::default() }),
    ]);
    let names: Vec<&str> = lanes.machines.iter().map(|lane| lane.machine.as_str()).collect();
    assert_eq!(names, ["a", "b", "store", "controller", "lb", "idle", "clients-1"]);
    let kind = |name| lanes.machine(name).expect("a lane").kind.clone();
    let routes = vec![stretch(0, 30, "a:6379".to_string()), stretch(30, 60, "b:6379".to_string())];
    assert_eq!(kind("lb"), Kind::LoadBalancer(BTreeMap::from([(0, routes)])));
    assert_eq!(
        kind("controller"),
        Kind::Controller(vec![stretch(10, 70, true), stretch(70, 90, false)])
    );
    assert_eq!(kind("idle"), Kind::Other);
    assert_eq!(kind("clients-1"), Kind::Clients(vec![Ended { at_ms: 0, how: End::Ok }]));
    assert_eq!(kind("store"), Kind::Store(vec![Mark { at_ms: 40, event: 6, text: "1".into() }]));
}

#[test]
fn faults_last_until_their_heal_or_the_end() {
    let inject = |fault, planned: Fault, targets: &[(&str, &str)]| What::Inject {
        fault,
        planned,
        targets: targets.iter().map(|(r, m)| (r.to_string(), vec![m.to_string()])).collect(),
    };
    let partition = Fault::Partition {
        a: vec!["master".into()],
        b: vec!["store".into()],
        way: Way::Both,
        kind: CutKind::Stall,
    };
    let bite = Bite { packets_held: 3, ..Bite::default() };
    let lanes = lanes(&[
        (10, "nemesis", inject(0, partition, &[("master", "a"), ("store", "store")])),
        (20, "nemesis", inject(1, Fault::Hang { target: "b".into() }, &[])),
        (30, "nemesis", What::Heal { fault: 0, bite }),
        (50, "driver", What::Phase { phase: Phase::Heal }),
    ]);
    let [partition, hang] = &lanes.faults[..] else { panic!("two faults: {:?}", lanes.faults) };
    assert_eq!((partition.from_ms, partition.until_ms, partition.bite), (10, 30, Some(bite)));
    assert_eq!(partition.machines, ["a", "store"]);
    assert_eq!(partition.label, "partition master = a | store, both ways, stall");
    assert_eq!((hang.from_ms, hang.until_ms, hang.bite), (20, 50, None));
    assert_eq!(hang.machines, ["b"]);
}

#[test]
fn an_empty_history_has_no_lanes() {
    let lanes = Lanes::of(&History::default());
    assert_eq!(lanes, Lanes { end_ms: 0, phases: vec![], faults: vec![], machines: vec![] });
}
