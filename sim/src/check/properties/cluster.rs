//! An honest cluster that lives a drawn life, promises all that it can, and keeps its word. It
//! does not promise linearizability, which a write that was acknowledged and lost breaks; no span
//! only if every old master dies, and no outage only if none is ever replaced.
//!
//! Not a simulation: nothing is concurrent, and every node knows every replicated write at once.
//! Writes are lost all the same, as section 6 of the design lets them: those that a master
//! acknowledged just before it fell, and those of a deposed one within the TTL.

use std::collections::BTreeMap;

use host::{Lease, Link, MasterOf, Observation, Role, Status, Write};

use super::life::{Act, Blow, Chapter, End, Life, Of, Op};
use super::lived::{Fate, Handover, Lived, Told};
use crate::goal::Goal;
use crate::history::{
    Content, Gate, Intent, Invocation, Member, OpResult, Phase, ProcessState, Return, Setup, Via,
    What,
};
use crate::promise::Promise;

pub(super) const TTL_MS: u64 = 100;
pub(super) const TICK_MS: u64 = 5;
/// From the heal on; operations after it take no longer.
pub(super) const RECOVER_MS: u64 = 100;

/// The cluster while it lives.
pub(super) struct Cluster {
    pub(super) lived: Lived,
    pub(super) now_ms: u64,
    pub(super) version: i64,
    pub(super) election: u64,
    pub(super) shards: Vec<Shard>,
    pub(super) balancers: Vec<String>,
    pub(super) statuses: BTreeMap<String, Status>,
    /// Where the last change of a machine's standing is.
    pub(super) stood: BTreeMap<String, usize>,
    pub(super) lives: BTreeMap<String, u32>,
    next: u64,
}

pub(super) struct Shard {
    pub(super) machines: Vec<String>,
    pub(super) master: usize,
    /// The number of commits that changed the master so far, without the first.
    pub(super) tenure: usize,
    values: BTreeMap<String, String>,
    sequence: u64,
    last_fresh: Option<String>,
}

/// An operation on its way.
pub(super) struct Sent<'a> {
    pub(super) shard: usize,
    pub(super) via: Via,
    pub(super) machine: &'a str,
    pub(super) intents: Vec<Intent>,
}

/// Lives a life.
pub(super) fn live(life: &Life) -> Lived {
    let mut cluster = Cluster::new(life);
    cluster.form();
    let mut disturbed = false;
    for Chapter { ops, failover } in &life.chapters {
        ops.iter().for_each(|op| cluster.operate(*op));
        if let Some(failover) = failover {
            if !std::mem::replace(&mut disturbed, true) {
                cluster.phase(Phase::Disturb);
            }
            cluster.fail_over(failover);
        }
    }
    if !disturbed {
        cluster.phase(Phase::Disturb);
    }
    cluster.phase(Phase::Heal);
    life.epilogue.iter().for_each(|op| cluster.operate(*op));
    cluster.come_to_rest();
    cluster.lived
}

impl Cluster {
    fn new(life: &Life) -> Self {
        let name = |shard: usize, node: usize| format!("node-{shard}-{node}");
        let shards: Vec<Shard> = (0..life.shards)
            .map(|shard| Shard {
                machines: (0..life.nodes).map(|node| name(shard, node)).collect(),
                master: 0,
                tenure: 0,
                values: BTreeMap::new(),
                sequence: 0,
                last_fresh: None,
            })
            .collect();
        let members = shards.iter().zip(0..).flat_map(|(of, shard)| {
            let member = move |machine: &String| Member {
                machine: machine.clone(),
                id: format!("id-{machine}"),
                shard,
            };
            of.machines.iter().map(member)
        });
        let failovers = || life.chapters.iter().filter_map(|chapter| chapter.failover);
        let mut promises = Promise::ALL.to_vec();
        promises.retain(|promise| match promise {
            Promise::Linearizability => false,
            Promise::NoSpan => failovers().all(|failover| failover.blow == Blow::Kill),
            Promise::NoOutage => failovers().next().is_none(),
            _ => true,
        });
        let setup = Setup::of(TTL_MS, TICK_MS, members.collect());
        let lived = Lived {
            setup: Setup { promises, gate: life.gate, recover_ms: Some(RECOVER_MS), ..setup },
            events: Vec::new(),
            operations: Vec::new(),
            handovers: Vec::new(),
            masters: Vec::new(),
            converge: 0,
            final_reads: 0,
            finals: BTreeMap::new(),
        };
        Self {
            lived,
            now_ms: 0,
            version: 1,
            election: 0,
            shards,
            balancers: (0..life.balancers).map(|n| format!("lb-{n}")).collect(),
            statuses: BTreeMap::new(),
            stood: BTreeMap::new(),
            lives: BTreeMap::new(),
            next: 0,
        }
    }

    /// The first topology, the first masters, and what every life has of operations.
    fn form(&mut self) {
        self.phase(Phase::Settle);
        self.observe("store", self.committed());
        self.pass_to_tick();
        for shard in 0..self.shards.len() {
            for (at, machine) in self.shards[shard].machines.clone().iter().enumerate() {
                let status = if at == 0 { self.mastering(machine) } else { self.following() };
                self.sample(machine, ProcessState::Running, Some(status));
            }
            self.route(shard);
        }
        for shard in 0..self.shards.len() {
            use {Act::*, Of::*};
            let acts = [Increment, Read(Counter), Increment, Read(Counter), Fresh, Read(Counter)];
            let register = [Set, ReadReplica(Register), Set];
            let list = [Append, ReadReplica(List), Append, ReadReplica(List), ReadReplica(List)];
            let reads = [ReadReplica(Register), ReadReplica(Register)];
            for act in acts.into_iter().chain(register).chain(list).chain(reads) {
                self.operate(Op { shard, via: Via::Direct, act, end: End::Ok });
            }
        }
    }

    /// Operations that every life has after the heal, and the end.
    fn come_to_rest(&mut self) {
        self.read_missed_keys_again();
        for shard in 0..self.shards.len() {
            self.operate(Op { shard, via: Via::Lb, act: Act::Fresh, end: End::Ok });
        }
        self.lived.converge = self.phase(Phase::Converge);
        // By now whoever still has authority has it beyond the TTL.
        self.pass(2 * TTL_MS);
        self.lived.final_reads = self.phase(Phase::FinalReads);
        self.pass(TICK_MS);
        for shard in 0..self.shards.len() {
            let of = &self.shards[shard];
            let topology = Some(format!("version {}\n{:?}", self.version, of.machines));
            let content = Content {
                values: of.values.clone(),
                sequence: Some(of.sequence),
                topology_kept: topology.clone(),
                topology_shown: topology,
            };
            self.lived.masters.push((of.machines[of.master].clone(), of.tenure));
            for machine in of.machines.clone() {
                let place = self.emit(&machine, What::Final(content.clone()));
                self.lived.finals.insert(machine, place);
            }
        }
        self.lived.setup.faults = self.lived.handovers.len();
        self.lived.setup.goals = self.goals();
    }

    /// All that this life has reached.
    fn goals(&self) -> Vec<Goal> {
        let handovers = &self.lived.handovers;
        let ended = |handover: &Handover| handover.deposed.is_some();
        let leases = self.lived.setup.gate != Gate::Open;
        let stale = self.lived.operations.iter().any(|told| told.fate == Fate::Stale);
        // Who takes over shows the effect of a promotion before that had none of its own, too.
        let false_starts = handovers.iter().filter(|handover| handover.false_start.is_some());
        let promotions = handovers.len() + false_starts.count();
        let reached = [
            (Goal::Writes, true),
            (Goal::LbWrites, !self.balancers.is_empty()),
            (Goal::Promotion, promotions > 0),
            (Goal::TwoPromotions, promotions > 1),
            (Goal::NoPromotion, handovers.is_empty()),
            (Goal::StaleWrite, stale),
            (Goal::LeaseEndedAfterP, leases && handovers.iter().any(ended)),
            (Goal::Restart, self.lives.values().any(|life| *life > 1)),
            (Goal::Hang, handovers.iter().any(|handover| handover.in_vain.is_some())),
        ];
        reached.into_iter().filter(|(_, reached)| *reached).map(|(goal, _)| goal).collect()
    }

    pub(super) fn operate(&mut self, op: Op) {
        let shard = op.shard % self.shards.len();
        let via = match (op.via, op.act) {
            (_, Act::ReadReplica(_)) => Via::Sticky,
            (Via::Lb, _) if self.balancers.is_empty() => Via::Direct,
            (via, _) => via,
        };
        let of = &self.shards[shard];
        let replica = (of.master + 1) % of.machines.len();
        let at = if matches!(op.act, Act::ReadReplica(_)) { replica } else { of.master };
        let machine = of.machines[at].clone();
        let intents = self.intents(shard, via, op.act);
        if let [Intent::SetFresh { key, .. }] = &intents[..] {
            self.shards[shard].last_fresh = Some(key.clone());
        }
        // How many increments were lost without a trace nobody could tell.
        let end = match op.end {
            End::Unheard | End::Unacknowledged if op.act == Act::Increment => End::Vanished,
            end => end,
        };
        self.tell(&Sent { shard, via, machine: &machine, intents }, end, Fate::Kept);
    }

    fn intents(&mut self, shard: usize, via: Via, act: Act) -> Vec<Intent> {
        let list = format!("list:{shard}");
        let counter = format!("count:{shard}:{via:?}");
        let register = format!("register:{shard}");
        match act {
            Act::Fresh => vec![self.fresh(shard)],
            Act::Append => vec![self.append(list)],
            Act::Increment => vec![Intent::Increment { key: counter }],
            Act::Set => vec![Intent::Set { key: register, value: self.unique("v") }],
            Act::Transaction => {
                vec![self.fresh(shard), self.append(list.clone()), Intent::Read { key: list }]
            }
            Act::Read(of) | Act::ReadReplica(of) => {
                let key = match of {
                    Of::LastFresh => self.shards[shard].last_fresh.clone().unwrap_or(register),
                    Of::List => list,
                    Of::Counter => counter,
                    Of::Register => register,
                };
                vec![Intent::Read { key }]
            }
        }
    }

    pub(super) fn fresh(&mut self, shard: usize) -> Intent {
        let key = format!("{}:{shard}", self.unique("k"));
        Intent::SetFresh { key, value: self.unique("v") }
    }

    pub(super) fn append(&mut self, key: String) -> Intent {
        Intent::Append { key, token: format!("{},", self.unique("t")) }
    }

    fn unique(&mut self, kind: &str) -> String {
        self.next += 1;
        format!("{kind}{}", self.next)
    }

    /// An operation from its beginning to its end; its place among the operations. A write whose
    /// fate is to be kept is known to all nodes at once.
    pub(super) fn tell(&mut self, sent: &Sent, end: End, fate: Fate) -> usize {
        let Sent { shard, via, machine, ref intents } = *sent;
        let client = match via {
            Via::Sticky => format!("clients/sticky-{machine}"),
            via => format!("clients/{via:?}"),
        };
        let op = self.lived.operations.len() as u64;
        let invocation =
            Invocation { client, op, shard: shard as u32, via, intents: intents.clone() };
        let invoked = self.emit("clients", What::Invoke(invocation));
        self.pass(2);
        let done = !matches!(end, End::Failed | End::Vanished);
        let (answers, writes) = if done { self.apply(sent, fate) } else { (vec![], vec![]) };
        let acknowledges = matches!(end, End::Ok | End::Unheard) && !writes.is_empty();
        let acked =
            acknowledges.then(|| self.observe(machine, Observation::Acknowledged { writes }));
        self.pass(2);
        let result = match end {
            End::Ok => OpResult::Ok,
            End::Failed => OpResult::Fail { error: "refused".into() },
            _ => OpResult::Info { error: "timeout".into() },
        };
        let by = (result == OpResult::Ok && via != Via::Lb).then(|| machine.to_owned());
        let wanted = result == OpResult::Ok && intents.iter().any(Intent::has_answer);
        let answers = if wanted { answers } else { vec![] };
        let ended = self.emit("clients", What::Return(Return { op, result, answers, by }));
        self.pass(1);
        let fate = if done { fate } else { Fate::Undone };
        let tenure = self.shards[shard].tenure;
        self.lived.operations.push(Told { shard, invoked, acked, ended, fate, tenure });
        self.lived.operations.len() - 1
    }

    fn apply(&mut self, sent: &Sent, fate: Fate) -> (Vec<Option<String>>, Vec<Write>) {
        let of = &mut self.shards[sent.shard];
        let (mut values, mut answers, mut writes) = (of.values.clone(), vec![], vec![]);
        for intent in &sent.intents {
            let key = intent.key().to_owned();
            let written = write(&mut values, intent);
            answers.push(if intent.has_answer() { values.get(&key).cloned() } else { None });
            writes.extend(written.map(|token| Write { key, token }));
        }
        if fate == Fate::Kept {
            of.sequence += writes.len() as u64;
            of.values = values;
        }
        (answers, writes)
    }

    /// What the store commits now.
    pub(super) fn committed(&self) -> Observation {
        let masters = self.shards.iter().zip(0..).map(|(of, shard)| MasterOf {
            shard,
            member: format!("id-{}", of.machines[of.master]),
        });
        Observation::Committed { version: self.version, masters: masters.collect() }
    }

    /// How a master stands that was just granted a lease, if there are leases.
    pub(super) fn mastering(&mut self, machine: &str) -> Status {
        let leases = self.lived.setup.gate != Gate::Open;
        if leases {
            self.election += 1;
            let (until_ms, election_version) = (self.now_ms + TTL_MS, self.election);
            self.observe(machine, Observation::LeaseRenewed { until_ms, election_version });
        }
        Status {
            role: Role::Master,
            topology_version: self.version,
            election_version: self.election,
            lease: if leases { Lease::Held } else { Lease::None },
            authoritative: true,
            link: None,
        }
    }

    /// How a replica stands.
    pub(super) fn following(&self) -> Status {
        Status {
            role: Role::Replica,
            topology_version: self.version,
            election_version: 0,
            lease: Lease::None,
            authoritative: false,
            link: Some(Link::Streaming),
        }
    }

    /// All load balancers send to a shard's master from now on.
    pub(super) fn route(&mut self, shard: usize) -> Vec<usize> {
        let of = &self.shards[shard];
        let target = format!("{}:6666", of.machines[of.master]);
        let routed =
            Observation::Routed { shard: shard as u32, target, version: Some(self.version) };
        let balancers = self.balancers.clone();
        balancers.iter().map(|balancer| self.observe(balancer, routed.clone())).collect()
    }

    pub(super) fn phase(&mut self, phase: Phase) -> usize {
        self.pass(1);
        self.emit("driver", What::Phase { phase })
    }

    pub(super) fn sample(
        &mut self,
        machine: &str,
        state: ProcessState,
        status: Option<Status>,
    ) -> usize {
        if let Some(status) = &status {
            self.statuses.insert(machine.to_owned(), status.clone());
        }
        let place = self.emit(machine, What::Sample { state, status });
        self.stood.insert(machine.to_owned(), place);
        place
    }

    pub(super) fn status(&mut self, machine: &str, status: Status) -> usize {
        self.statuses.insert(machine.to_owned(), status.clone());
        let place = self.observe(machine, Observation::Status { status });
        self.stood.insert(machine.to_owned(), place);
        place
    }

    pub(super) fn observe(&mut self, on: &str, observation: Observation) -> usize {
        let life = self.lives.get(on).copied().unwrap_or(1);
        self.emit(on, What::Observe { life, observation })
    }

    pub(super) fn emit(&mut self, on: &str, what: What) -> usize {
        self.lived.events.push((self.now_ms, on.to_owned(), what));
        self.lived.events.len() - 1
    }

    pub(super) fn pass(&mut self, ms: u64) {
        self.now_ms += ms;
    }

    pub(super) fn pass_until(&mut self, at_ms: u64) {
        self.now_ms = self.now_ms.max(at_ms);
    }

    /// Samples are taken at ticks.
    pub(super) fn pass_to_tick(&mut self) {
        self.now_ms = self.now_ms.next_multiple_of(TICK_MS);
    }
}

/// Does what is asked for; what tells the write from others, if it is one.
fn write(values: &mut BTreeMap<String, String>, intent: &Intent) -> Option<String> {
    if !intent.is_write() {
        return None;
    }
    let held = values.entry(intent.key().to_owned()).or_default();
    match intent {
        Intent::SetFresh { value, .. } | Intent::Set { value, .. } => held.clone_from(value),
        Intent::Append { token, .. } => held.push_str(token),
        _ => *held = (held.parse().unwrap_or(0_u64) + 1).to_string(),
    }
    Some(intent.token().map_or_else(|| held.clone(), str::to_owned))
}
