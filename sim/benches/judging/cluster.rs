//! A history as a long run would write it: a hundred clients of three nodes, of which the master
//! hangs every five seconds and another one is promoted.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use host::{Lease, Link, MasterOf, Observation, Random, Role, Status, Write, random_stream};
use rand::Rng;
use sim::fault::{Bite, Fault};
use sim::history::{
    Content, Gate, History, Intent, Invocation, Member, OpResult, Phase, ProcessState, Return,
    Setup, Via, What,
};
use sim::promise::Promise;

const NODES: [&str; 3] = ["node-1", "node-2", "node-3"];
const CLIENTS: usize = 100;
const SHARED_KEYS: u32 = 20;
/// When availability begins to be measured.
const DISTURB_MS: u64 = 1_000;
const FAILOVER_EVERY_MS: u64 = 5_000;
/// From the hang to the commit, to its effect, to the resumption, and to the step down.
const COMMIT_MS: u64 = 2_000;
const EFFECT_MS: u64 = 2_100;
const RESUME_MS: u64 = 2_500;
const STEP_DOWN_MS: u64 = 2_600;
/// Writes so young are lost with the master that took them, if writes are lost.
const LAG_MS: u64 = 30;
const TIMEOUT_MS: u64 = 500;

/// A history of about so many events, all of it in order, or with writes lost by failovers.
pub fn history(events: usize, loses: bool) -> History {
    let mut cluster = Cluster::new(loses);
    let mut told = 0;
    let running = std::iter::from_fn(|| {
        while cluster.told.is_empty() {
            if told < events { cluster.go_on() } else { cluster.finish() }
        }
        told += 1;
        cluster.told.pop_front()
    });
    History::from_events(running.take_while(|event| event.1 != END))
}

/// On this nothing happens any more.
const END: &str = "end";

type Told = (u64, String, What);

/// What is due at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Invoke(usize),
    Do(usize),
    End(usize),
    TellStatus,
    Disturb,
    Hang,
    Commit,
    Effect,
    Resume,
    StepDown,
}

struct Client {
    number: u64,
    /// What it does, and what it was answered once that is done.
    asked: Option<(u64, Vec<Intent>)>,
    answers: Option<Vec<Option<String>>>,
}

struct Cluster {
    random: Random,
    loses: bool,
    now_ms: u64,
    due: BinaryHeap<Reverse<(u64, Due)>>,
    told: VecDeque<Told>,
    clients: Vec<Client>,
    next_op: u64,
    store: BTreeMap<String, String>,
    /// What each write of late replaced.
    replaced: VecDeque<(u64, String, Option<String>)>,
    master: usize,
    /// Whether nobody takes writes, and who has not yet heard of its successor.
    hangs: bool,
    deposed: Option<usize>,
    version: i64,
    failovers: usize,
}

impl Cluster {
    fn new(loses: bool) -> Self {
        let client = |_| Client { number: 0, asked: None, answers: None };
        let mut cluster = Self {
            random: random_stream(1, "cluster"),
            loses,
            now_ms: 0,
            due: BinaryHeap::new(),
            told: VecDeque::new(),
            clients: (0..CLIENTS).map(client).collect(),
            next_op: 0,
            store: BTreeMap::new(),
            replaced: VecDeque::new(),
            master: 0,
            hangs: false,
            deposed: None,
            version: 1,
            failovers: 0,
        };
        let members = NODES.map(|name| Member { machine: name.into(), id: name.into(), shard: 0 });
        let setup = Setup::of(8_000, 5, members.to_vec());
        let setup = Setup { gate: Gate::Block, promises: Promise::ALL.to_vec(), ..setup };
        cluster.tell("driver", What::Setup(setup));
        cluster.tell("driver", What::Phase { phase: Phase::Settle });
        cluster.commit();
        for node in 0..NODES.len() {
            cluster.sample(node, ProcessState::Running, node == 0, 1);
        }
        for client in 0..CLIENTS {
            cluster.due.push(Reverse((100 + client as u64, Due::Invoke(client))));
        }
        cluster.due.push(Reverse((100, Due::TellStatus)));
        cluster.due.push(Reverse((DISTURB_MS, Due::Disturb)));
        cluster.due.push(Reverse((FAILOVER_EVERY_MS, Due::Hang)));
        cluster
    }

    fn tell(&mut self, on: &str, what: What) {
        self.told.push_back((self.now_ms, on.to_owned(), what));
    }

    fn observe(&mut self, on: &str, observation: Observation) {
        self.tell(on, What::Observe { life: 1, observation });
    }

    fn later(&mut self, in_ms: u64, due: Due) {
        self.due.push(Reverse((self.now_ms + in_ms, due)));
    }

    fn go_on(&mut self) {
        let Reverse((at_ms, due)) = self.due.pop().expect("something is always due");
        self.now_ms = at_ms;
        match due {
            Due::Invoke(client) => self.invoke(client),
            Due::Do(client) => self.perform(client),
            Due::End(client) => self.end(client),
            Due::TellStatus => self.tell_status(),
            Due::Disturb => self.tell("driver", What::Phase { phase: Phase::Disturb }),
            Due::Hang => self.hang(),
            Due::Commit => self.promote(),
            Due::Effect => self.take_effect(),
            Due::Resume => self.resume(),
            Due::StepDown => self.step_down(),
        }
    }

    fn invoke(&mut self, client: usize) {
        self.clients[client].number += 1;
        let (intents, op) = (self.intents(client), self.next_op);
        self.next_op += 1;
        let name = format!("client-{client}");
        let via = [Via::Direct, Via::Sticky, Via::Lb][client % 3];
        self.clients[client].asked = Some((op, intents.clone()));
        let asked = Invocation { client: name.clone(), op, shard: 0, via, intents };
        self.tell(&name, What::Invoke(asked));
        let (there_ms, back_ms) =
            (self.random.random_range(5..=20), self.random.random_range(5..=20));
        if self.hangs {
            self.later(TIMEOUT_MS, Due::End(client));
        } else {
            self.later(there_ms, Due::Do(client));
            self.later(there_ms + back_ms, Due::End(client));
        }
    }

    fn intents(&mut self, client: usize) -> Vec<Intent> {
        let number = self.clients[client].number;
        let key = |name: &str| format!("client-{client}:{name}");
        let set =
            || Intent::SetFresh { key: key(&number.to_string()), value: format!("v{number}") };
        let append = || Intent::Append { key: key("list"), token: format!("t{number};") };
        let shared = format!("shared:{}", self.random.random_range(0..SHARED_KEYS));
        match self.random.random_range(0..100) {
            0..40 => vec![set()],
            40..55 => vec![append()],
            55..65 => vec![Intent::Increment { key: key("count") }],
            65..75 => vec![set(), append()],
            75..83 => vec![Intent::Set { key: shared, value: format!("{client}:{number}") }],
            83..86 => vec![Intent::Read { key: key("list") }],
            86..90 => vec![Intent::Read { key: key("count") }],
            90..93 => vec![Intent::Read { key: key(&(number / 2).to_string()) }],
            _ => vec![Intent::Read { key: shared }],
        }
    }

    fn perform(&mut self, client: usize) {
        let Some((_, intents)) = self.clients[client].asked.clone().filter(|_| !self.hangs) else {
            return;
        };
        let (mut answers, mut writes) = (Vec::new(), Vec::new());
        for intent in &intents {
            let before = self.store.get(intent.key()).cloned();
            let after = match intent {
                Intent::Read { .. } => {
                    answers.push(before);
                    continue;
                }
                Intent::Append { token, .. } => before.clone().unwrap_or_default() + token,
                Intent::Set { value, .. } | Intent::SetFresh { value, .. } => value.clone(),
                Intent::Increment { .. } => {
                    let count = before.as_ref().map_or(0, |count| count.parse().unwrap_or(0_u64));
                    (count + 1).to_string()
                }
            };
            let token = intent.token().unwrap_or(&after).to_owned();
            writes.push(Write { key: intent.key().to_owned(), token });
            answers.push(intent.has_answer().then(|| after.clone()));
            self.store.insert(intent.key().to_owned(), after);
            self.replaced.push_back((self.now_ms, intent.key().to_owned(), before));
        }
        while self.replaced.front().is_some_and(|(at_ms, ..)| at_ms + LAG_MS < self.now_ms) {
            self.replaced.pop_front();
        }
        if !writes.is_empty() {
            self.observe(NODES[self.master], Observation::Acknowledged { writes });
        }
        self.clients[client].answers = Some(answers);
    }

    fn end(&mut self, client: usize) {
        let Some((op, intents)) = self.clients[client].asked.take() else {
            return;
        };
        let end = match self.clients[client].answers.take() {
            Some(answers) => {
                let has_answer = intents.iter().any(Intent::has_answer);
                let answers = if has_answer { answers } else { Vec::new() };
                let by = (client % 3 < 2).then(|| NODES[self.master].to_owned());
                Return { op, result: OpResult::Ok, answers, by }
            }
            None => Return::of(op, OpResult::Info { error: "timeout".into() }),
        };
        self.tell(&format!("client-{client}"), What::Return(end));
        let pause_ms = self.random.random_range(50..=250);
        self.later(pause_ms, Due::Invoke(client));
    }

    fn tell_status(&mut self) {
        for (node, name) in NODES.iter().enumerate() {
            if self.deposed != Some(node) {
                let status = status(node == self.master, self.version);
                self.observe(name, Observation::Status { status });
            }
        }
        if !self.hangs {
            let until_ms = self.now_ms + 8_000;
            let renewed = Observation::LeaseRenewed { until_ms, election_version: 1 };
            self.observe(NODES[self.master], renewed);
        }
        self.later(100, Due::TellStatus);
    }

    fn sample(&mut self, node: usize, state: ProcessState, masters: bool, version: i64) {
        let status = Some(status(masters, version));
        self.tell(NODES[node], What::Sample { state, status });
    }

    fn commit(&mut self) {
        let masters = vec![MasterOf { shard: 0, member: NODES[self.master].into() }];
        let version = self.version;
        self.observe("store", Observation::Committed { version, masters });
        for lb in ["lb-1", "lb-2"] {
            let target = format!("{}:6666", NODES[self.master]);
            self.observe(lb, Observation::Routed { shard: 0, target, version: None });
        }
    }

    fn hang(&mut self) {
        self.hangs = true;
        self.deposed = Some(self.master);
        let targets = BTreeMap::from([("master".into(), vec![NODES[self.master].into()])]);
        let planned = Fault::Hang { target: "master".into() };
        self.tell("nemesis", What::Inject { fault: self.failovers, planned, targets });
        self.sample(self.master, ProcessState::Hung, true, self.version);
        self.later(COMMIT_MS, Due::Commit);
        self.later(EFFECT_MS, Due::Effect);
        self.later(RESUME_MS, Due::Resume);
        self.later(STEP_DOWN_MS, Due::StepDown);
        self.later(FAILOVER_EVERY_MS, Due::Hang);
    }

    fn promote(&mut self) {
        self.master = (self.master + 1) % NODES.len();
        self.version += 1;
        self.commit();
    }

    fn take_effect(&mut self) {
        self.hangs = false;
        self.sample(self.master, ProcessState::Running, true, self.version);
        while let Some((_, key, before)) = self.replaced.pop_back().filter(|_| self.loses) {
            match before {
                Some(value) => self.store.insert(key, value),
                None => self.store.remove(&key),
            };
        }
    }

    fn resume(&mut self) {
        if let Some(old) = self.deposed {
            self.sample(old, ProcessState::Running, true, self.version - 1);
        }
        let bite = Bite { stopped_ms: RESUME_MS, bytes_waited: 100, ..Bite::default() };
        self.tell("nemesis", What::Heal { fault: self.failovers, bite });
        self.failovers += 1;
    }

    fn step_down(&mut self) {
        if let Some(old) = self.deposed.take() {
            self.sample(old, ProcessState::Running, false, self.version);
        }
    }

    fn finish(&mut self) {
        for phase in [Phase::Heal, Phase::Converge, Phase::FinalReads] {
            self.tell("driver", What::Phase { phase });
        }
        for node in NODES {
            let topology = || Some(format!("version {}", self.version));
            let content = Content {
                values: self.store.clone(),
                sequence: Some(1),
                topology_kept: topology(),
                topology_shown: topology(),
            };
            self.tell(node, What::Final(content));
        }
        self.tell(END, What::Phase { phase: Phase::FinalReads });
    }
}

fn status(masters: bool, topology_version: i64) -> Status {
    Status {
        role: if masters { Role::Master } else { Role::Replica },
        topology_version,
        election_version: 1,
        lease: if masters { Lease::Held } else { Lease::None },
        authoritative: masters,
        link: (!masters).then_some(Link::Streaming),
    }
}
