//! A hand-made run, rich enough to judge every report by: a master hangs for 17 s, another one is
//! promoted, the first resumes behind a partition and takes writes for longer than the TTL.

use std::collections::BTreeMap;

use host::{Lease, Link, MasterOf, Observation, Role, Status, Write};
use reports::record::{Expectation, RunRecord, SCHEMA};
use sim::fault::{Bite, CutKind, Fault, Packets, Way};
use sim::figures::{Failover, Figures, LostWrites, Operations};
use sim::history::{
    Content, History, Intent, Invocation, Member, OpResult, Phase, ProcessState, Return, Setup,
    Via, What,
};
use sim::verdict::Verdict;

const HANG_MS: (u64, u64) = (12_000, 29_000);
const COMMIT_MS: u64 = 24_000;
const P_MS: u64 = 24_055;
const LEASE_END_MS: u64 = 37_000;
const HEAL_MS: u64 = 44_000;
const END_MS: u64 = 54_000;

/// The history and its record, with the verdict of a broken span.
pub fn broken_run() -> (RunRecord, History) {
    let mut story = Story::default();
    story.cluster();
    story.faults();
    story.failover();
    story.renewals();
    story.clients();
    let history = story.tell();
    let record = record(&history);
    (record, history)
}

#[derive(Default)]
struct Story {
    events: Vec<(u64, String, What)>,
    op: u64,
}

impl Story {
    fn push(&mut self, at_ms: u64, on: &str, what: What) {
        self.events.push((at_ms, on.into(), what));
    }

    fn observe(&mut self, at_ms: u64, on: &str, observation: Observation) {
        self.push(at_ms, on, What::Observe { life: 1, observation });
    }

    fn note(&mut self, at_ms: u64, on: &str, text: &str) {
        self.observe(at_ms, on, Observation::Note { text: text.into() });
    }

    fn sample(&mut self, at_ms: u64, on: &str, state: ProcessState, status: Option<Status>) {
        self.push(at_ms, on, What::Sample { state, status });
    }

    fn status(&mut self, at_ms: u64, on: &str, status: Status) {
        self.observe(at_ms, on, Observation::Status { status });
    }

    fn commit(&mut self, at_ms: u64, version: i64, master: &str) {
        let masters = vec![MasterOf { shard: 0, member: id(master) }];
        self.observe(at_ms, "store", Observation::Committed { version, masters });
    }

    fn route(&mut self, at_ms: u64, node: &str) {
        let target = format!("{node}:6379");
        self.observe(at_ms, "lb", Observation::Routed { shard: 0, target, version: None });
    }

    fn cluster(&mut self) {
        let member = |machine: &str| Member { machine: machine.into(), id: id(machine), shard: 0 };
        let members = ["node-1", "node-2", "node-3"].map(member).to_vec();
        self.push(0, "driver", What::Setup(Setup::of(8_000, 5, members)));
        for (at_ms, phase) in [
            (0, Phase::Settle),
            (10_000, Phase::Disturb),
            (HEAL_MS, Phase::Heal),
            (48_000, Phase::Converge),
            (52_000, Phase::FinalReads),
        ] {
            self.push(at_ms, "driver", What::Phase { phase });
        }
        for machine in ["store", "controller-1", "controller-2", "lb", "clients-1", "clients-2"] {
            self.push(0, machine, What::Start { life: 1 });
            self.sample(0, machine, ProcessState::Running, None);
        }
        for machine in ["node-1", "node-2", "node-3"] {
            self.push(0, machine, What::Start { life: 1 });
            let none = status(Role::None, -1, Lease::None, false, None);
            self.sample(0, machine, ProcessState::Running, Some(none));
        }
        self.observe(150, "controller-1", Observation::Leading { leads: true });
        self.observe(150, "controller-2", Observation::Leading { leads: false });
        self.commit(300, 1, "node-1");
        self.status(340, "node-1", status(Role::Master, 1, Lease::None, true, None));
        for node in ["node-2", "node-3"] {
            let connecting = Some(Link::Connecting);
            self.status(345, node, status(Role::Replica, 1, Lease::None, false, connecting));
            let streaming = Some(Link::Streaming);
            self.status(420, node, status(Role::Replica, 1, Lease::None, false, streaming));
        }
        self.route(400, "node-1");
        self.status(1_000, "node-1", status(Role::Master, 1, Lease::Held, true, None));
        self.push(END_MS, "node-2", What::Final(Content::default()));
    }

    fn fault(&mut self, fault: usize, window: (u64, u64), planned: Fault, bite: Bite) {
        let roles = [("master", "node-1"), ("controllers", "controller-1")];
        let mut targets: BTreeMap<String, Vec<String>> =
            roles.map(|(role, machine)| (role.to_string(), vec![machine.to_string()])).into();
        targets.retain(|role, _| planned.roles().contains(&role));
        self.push(window.0, "nemesis", What::Inject { fault, planned, targets });
        self.push(window.1, "nemesis", What::Heal { fault, bite });
    }

    fn faults(&mut self) {
        let bites = bites();
        let hang = Fault::Hang { target: "master".into() };
        self.fault(0, HANG_MS, hang, bites[0].1);
        self.sample(HANG_MS.0, "node-1", ProcessState::Hung, None);
        self.sample(HANG_MS.1, "node-1", ProcessState::Running, None);
        let kill = Fault::Kill { target: "node-3".into() };
        self.fault(1, (16_000, 19_000), kill, bites[1].1);
        self.sample(16_000, "node-3", ProcessState::Down, None);
        self.push(19_000, "node-3", What::Start { life: 2 });
        let loading = status(Role::Replica, 1, Lease::None, false, Some(Link::Connecting));
        self.sample(19_000, "node-3", ProcessState::Running, Some(loading));
        let partition = Fault::Partition {
            a: vec!["master".into()],
            b: vec!["controllers".into()],
            way: Way::BToA,
            kind: CutKind::Drop,
        };
        self.fault(2, (28_500, HEAL_MS), partition, bites[2].1);
        let deaf = Fault::Nic {
            target: "controller-2".into(),
            packets: Packets::In,
            kind: CutKind::Stall,
        };
        self.fault(3, (33_000, 36_000), deaf, bites[3].1);
    }

    fn failover(&mut self) {
        self.note(15_020, "controller-1", "probe of node-1 failed (1 of 5)");
        self.note(23_900, "controller-1", "probe of node-1 failed (5 of 5), promotes node-2");
        self.observe(23_900, "controller-1", Observation::FailoverBegun { shard: 0 });
        self.commit(COMMIT_MS, 2, "node-2");
        self.status(P_MS, "node-2", status(Role::Master, 2, Lease::None, true, None));
        self.status(
            24_060,
            "node-3",
            status(Role::Replica, 2, Lease::None, false, Some(Link::Streaming)),
        );
        self.status(24_900, "node-2", status(Role::Master, 2, Lease::Held, true, None));
        self.route(24_300, "node-2");
        // What waited in the socket of the hung master grants anew.
        self.status(HANG_MS.1, "node-1", status(Role::Master, 1, Lease::Held, true, None));
        self.status(LEASE_END_MS, "node-1", status(Role::Master, 1, Lease::Expired, false, None));
        let sync = |link| status(Role::Replica, 2, Lease::None, false, Some(link));
        self.status(HEAL_MS + 900, "node-1", sync(Link::FullSync));
        self.status(HEAL_MS + 2_100, "node-1", sync(Link::Streaming));
    }

    fn renewals(&mut self) {
        let renewed =
            |until_ms, election_version| Observation::LeaseRenewed { until_ms, election_version };
        for at_ms in (1_000..HANG_MS.0).step_by(1_000) {
            self.observe(at_ms, "node-1", renewed(at_ms + 8_000, 1));
        }
        self.observe(HANG_MS.1, "node-1", renewed(LEASE_END_MS, 1));
        for at_ms in (24_900..END_MS).step_by(1_000) {
            self.observe(at_ms, "node-2", renewed(at_ms + 8_000, 2));
        }
    }

    fn clients(&mut self) {
        for at_ms in (1_500..48_000).step_by(110) {
            self.operation(at_ms, "clients-1", Via::Lb, if at_ms < 24_300 { 1 } else { 2 });
            self.operation(
                at_ms + 20,
                "clients-1",
                Via::Direct,
                if at_ms < COMMIT_MS { 1 } else { 2 },
            );
            let moved = at_ms > HEAL_MS + 900;
            self.operation(at_ms + 40, "clients-2", Via::Sticky, if moved { 2 } else { 1 });
        }
    }

    /// One operation against a node, which ends as the node's state has it.
    fn operation(&mut self, at_ms: u64, machine: &str, via: Via, node: u8) {
        self.op += 1;
        let (op, key) = (self.op, format!("k{}", self.op));
        let writes = vec![Intent::SetFresh { key: key.clone(), value: format!("v{op}") }];
        let client = format!("{machine}/{via:?}").to_lowercase();
        self.push(
            at_ms,
            machine,
            What::Invoke(Invocation { client, op, shard: 0, via, intents: writes }),
        );
        let hung = node == 1 && (HANG_MS.0..HANG_MS.1).contains(&at_ms);
        let expired = node == 1 && at_ms >= LEASE_END_MS;
        let (end_ms, result) = if hung {
            (at_ms + 1_000, OpResult::Info { error: "timeout".into() })
        } else if expired {
            self.observe(at_ms + 5, "node-1", Observation::LeaseRefused);
            (at_ms + 10, OpResult::Fail { error: "master lease expired".into() })
        } else {
            let writes = vec![Write { key, token: format!("v{op}") }];
            let node = format!("node-{node}");
            self.observe(at_ms + 5, &node, Observation::Acknowledged { writes });
            (at_ms + 10, OpResult::Ok)
        };
        self.push(end_ms, machine, What::Return(Return::of(op, result)));
    }

    fn tell(mut self) -> History {
        self.events.sort_by_key(|(at_ms, _, _)| *at_ms);
        History::from_events(self.events)
    }
}

fn id(machine: &str) -> String {
    format!("{machine:0<40}")
}

fn status(
    role: Role,
    topology_version: i64,
    lease: Lease,
    authoritative: bool,
    link: Option<Link>,
) -> Status {
    let election_version = topology_version.max(0) as u64;
    Status { role, topology_version, election_version, lease, authoritative, link }
}

fn bites() -> Vec<(String, Bite)> {
    let none = Bite::default();
    vec![
        ("hang".into(), Bite { stopped_ms: 17_000, bytes_waited: 2_310, ..none }),
        ("kill".into(), Bite { stopped_ms: 3_000, ..none }),
        ("partition".into(), Bite { packets_dropped: 142, ..none }),
        ("nic".into(), none),
    ]
}

fn record(history: &History) -> RunRecord {
    let number = |wanted: &dyn Fn(u64, &str, &What) -> bool| {
        let found = history.events().iter().rfind(|e| wanted(e.at_ms, &e.on, &e.what));
        found.expect("the story has this event").number
    };
    let effective = number(&|at_ms, on, _| at_ms == P_MS && on == "node-2");
    let is_ack = |what: &What| {
        matches!(what, What::Observe { observation: Observation::Acknowledged { .. }, .. })
    };
    let last_stale = number(&|_, on, what| on == "node-1" && is_ack(what));
    let stale: Vec<u64> = history
        .events()
        .iter()
        .filter(|e| e.on == "node-1" && e.at_ms > P_MS && is_ack(&e.what))
        .map(|e| e.number)
        .collect();
    let returned = |wanted: fn(&OpResult) -> bool| {
        let ends = history.events().iter().filter_map(|e| match &e.what {
            What::Return(end) => Some(&end.result),
            _ => None,
        });
        ends.filter(|result| wanted(result)).count() as u64
    };
    let failover = Failover {
        shard: 0,
        commit: 1,
        version: 2,
        from: "node-1".into(),
        to: "node-2".into(),
        committed_at_ms: COMMIT_MS,
        effective_at_ms: Some(P_MS),
        last_stale_at_ms: Some(LEASE_END_MS),
        span_ms: LEASE_END_MS - P_MS,
        stale_writes: stale.len() as u64,
        evidence: vec![effective, last_stale],
    };
    let figures = Figures {
        span_ms: failover.span_ms,
        overlap_ms: LEASE_END_MS - HANG_MS.1,
        stale_writes: BTreeMap::from([(Via::Sticky, stale.len() as u64)]),
        stale_route_ms: 245,
        lost_writes: LostWrites {
            replication_lag: 1,
            split_brain: stale.len() as u64,
            unexplained: 0,
        },
        unavailable_ms: P_MS - HANG_MS.0,
        recovery_ms: sim::check::judge(history).1.recovery_ms,
        availability: sim::check::judge(history).1.availability,
        operations: Operations {
            ok: returned(|r| matches!(r, OpResult::Ok)),
            fail: returned(|r| matches!(r, OpResult::Fail { .. })),
            info: returned(|r| matches!(r, OpResult::Info { .. })),
        },
        failovers: vec![failover],
    };
    RunRecord {
        schema: SCHEMA,
        scenario: "hung_master_returns".into(),
        profile: "lease".into(),
        seed: 7,
        ttl_ms: 8_000,
        tick_ms: 5,
        expectation: Expectation::Breaks {
            check: "span-within-ttl".into(),
            also: vec![],
            reason:
                "a heartbeat that waited in the hung master's socket grants a full TTL on resume"
                    .into(),
        },
        digest: history.digest(),
        verdicts: vec![
            Verdict::pass("goals", "a promotion and a write on the deposed master were reached"),
            Verdict::pass("faults-bit", "3 of 4 faults bit, all that were needed"),
            Verdict::fail(
                "span-within-ttl",
                "node-1 took writes until 12.945 s after p, more than the TTL of 8 s and a tick",
                stale,
            ),
            Verdict::unknown("linearizable", "the budget of 1000000 states was used up"),
        ],
        figures,
        bites: bites(),
        simulated_ms: history.end_ms(),
        replay: "splitbrain run hung_master_returns --profile lease --seed 7".into(),
    }
}
