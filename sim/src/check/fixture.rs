//! Hand-made histories for the checkers' own tests, told as a story of three machines `a`, `b`
//! and `c` in one shard, with a TTL of 8 s and a tick of 5 ms; where it is asked for, of a second
//! shard, too.

#![cfg(test)]

use std::collections::BTreeMap;

use host::{Lease, Link, MasterOf, Observation, Role, Status, Write};

use crate::goal::Goal;
use crate::history::{
    Content, Gate, History, Intent, Invocation, Member, OpResult, Phase, ProcessState, Return,
    Setup, Via, What,
};
use crate::promise::Promise;

#[derive(Clone, Debug)]
pub(super) struct Story {
    setup: Setup,
    events: Vec<(u64, String, What)>,
    statuses: BTreeMap<String, Status>,
    next_op: u64,
    via: Via,
    shard: u32,
}

impl Story {
    pub(super) fn new() -> Self {
        let members = ["a", "b", "c"].map(|name| Member {
            machine: name.into(),
            id: format!("id-{name}"),
            shard: 0,
        });
        let setup = Setup::of(8_000, 5, members.to_vec());
        // Spans and outages are what most stories are about.
        let about = [Promise::NoSpan, Promise::NoOutage];
        let promises = Promise::ALL.into_iter().filter(|promise| !about.contains(promise));
        let setup = Setup { promises: promises.collect(), ..setup };
        let (events, statuses) = (Vec::new(), BTreeMap::new());
        Self { setup, events, statuses, next_op: 0, via: Via::Sticky, shard: 0 }
    }

    /// Another shard beside the first one, of `d`, `e` and `f`.
    pub(super) fn of_two_shards() -> Self {
        let mut story = Self::new();
        story.setup.members.extend(["d", "e", "f"].map(|name| Member {
            machine: name.into(),
            id: format!("id-{name}"),
            shard: 1,
        }));
        story
    }

    pub(super) fn history(&self) -> History {
        let setup = (0, "driver".to_owned(), What::Setup(self.setup.clone()));
        History::from_events(std::iter::once(setup).chain(self.events.clone()))
    }

    pub(super) fn goals(mut self, goals: &[Goal]) -> Self {
        self.setup.goals = goals.to_vec();
        self
    }

    pub(super) fn gate(mut self, gate: Gate) -> Self {
        self.setup.gate = gate;
        self
    }

    pub(super) fn faults(mut self, planned: usize) -> Self {
        self.setup.faults = planned;
        self
    }

    /// How long after the heal a shard may be without a node that takes writes.
    pub(super) fn recovers(mut self, within_ms: Option<u64>) -> Self {
        self.setup.recover_ms = within_ms;
        self
    }

    /// By default the system makes every promise that there is.
    pub(super) fn promises(mut self, promises: &[Promise]) -> Self {
        self.setup.promises = promises.to_vec();
        self
    }

    pub(super) fn event(mut self, at_ms: u64, on: &str, what: What) -> Self {
        self.events.push((at_ms, on.to_owned(), what));
        self
    }

    pub(super) fn phase(self, at_ms: u64, phase: Phase) -> Self {
        self.event(at_ms, "driver", What::Phase { phase })
    }

    pub(super) fn observe(self, at_ms: u64, on: &str, observation: Observation) -> Self {
        self.event(at_ms, on, What::Observe { life: 1, observation })
    }

    pub(super) fn commit(self, at_ms: u64, version: i64, master: &str) -> Self {
        self.commit_of(at_ms, version, 0, master)
    }

    /// A commit that tells of one shard only.
    pub(super) fn commit_of(self, at_ms: u64, version: i64, shard: u32, master: &str) -> Self {
        let masters = vec![MasterOf { shard, member: format!("id-{master}") }];
        self.observe(at_ms, "store", Observation::Committed { version, masters })
    }

    pub(super) fn authority(self, at_ms: u64, machine: &str, version: i64) -> Self {
        self.sample(at_ms, machine, version, ProcessState::Running, true, Lease::Held)
    }

    pub(super) fn no_authority(self, at_ms: u64, machine: &str, version: i64) -> Self {
        self.sample(at_ms, machine, version, ProcessState::Running, false, Lease::Expired)
    }

    /// Authority without any lease.
    pub(super) fn unleased(self, at_ms: u64, machine: &str, version: i64) -> Self {
        self.sample(at_ms, machine, version, ProcessState::Running, true, Lease::None)
    }

    /// The machine is a replica that follows the stream of its master.
    pub(super) fn streams(mut self, at_ms: u64, machine: &str, version: i64) -> Self {
        self = self.no_authority(at_ms, machine, version);
        if let Some((_, _, What::Sample { status: Some(status), .. })) = self.events.last_mut() {
            status.link = Some(Link::Streaming);
        }
        self
    }

    /// The machine is master in its own eyes, and may not write.
    pub(super) fn waits(mut self, at_ms: u64, machine: &str, version: i64, lease: Lease) -> Self {
        self = self.sample(at_ms, machine, version, ProcessState::Running, false, lease);
        if let Some((_, _, What::Sample { status: Some(status), .. })) = self.events.last_mut() {
            status.role = Role::Master;
            self.statuses.insert(machine.to_owned(), status.clone());
        }
        self
    }

    pub(super) fn hang(self, at_ms: u64, machine: &str) -> Self {
        self.state(at_ms, machine, ProcessState::Hung)
    }

    pub(super) fn resume(self, at_ms: u64, machine: &str) -> Self {
        self.state(at_ms, machine, ProcessState::Running)
    }

    /// A sticky client's write of a fresh key, invoked just then and acknowledged by the
    /// machine.
    pub(super) fn write(self, at_ms: u64, machine: &str, key: &str, value: &str) -> Self {
        let intent = Intent::SetFresh { key: key.into(), value: value.into() };
        let write = Write { key: key.into(), token: value.into() };
        self.operation(at_ms, machine, intent, write)
    }

    /// The same by a client that came another way.
    pub(super) fn write_via(self, at_ms: u64, machine: &str, key: &str, via: Via) -> Self {
        self.via(via).write(at_ms, machine, key, "v").via(Via::Sticky)
    }

    /// Whichever way clients come from now on.
    pub(super) fn via(mut self, via: Via) -> Self {
        self.via = via;
        self
    }

    /// To whichever shard operations go from now on.
    pub(super) fn in_shard(mut self, shard: u32) -> Self {
        self.shard = shard;
        self
    }

    pub(super) fn append(self, at_ms: u64, machine: &str, key: &str, token: &str) -> Self {
        let intent = Intent::Append { key: key.into(), token: token.into() };
        let write = Write { key: key.into(), token: token.into() };
        self.operation(at_ms, machine, intent, write)
    }

    pub(super) fn increment(self, at_ms: u64, machine: &str, key: &str, value: u64) -> Self {
        let write = Write { key: key.into(), token: value.to_string() };
        self.operation(at_ms, machine, Intent::Increment { key: key.into() }, write)
    }

    /// A sticky client reads a key just then, and the machine answers.
    pub(super) fn read(self, at_ms: u64, machine: &str, key: &str, answer: Option<&str>) -> Self {
        self.reads(at_ms, machine, &[(key, answer)])
    }

    /// The same of several keys in one transaction.
    pub(super) fn reads(
        mut self,
        at_ms: u64,
        machine: &str,
        read: &[(&str, Option<&str>)],
    ) -> Self {
        let intents = read.iter().map(|(key, _)| Intent::Read { key: (*key).into() }).collect();
        let answers = read.iter().map(|(_, answer)| answer.map(str::to_owned)).collect();
        let op = self.invoke(at_ms, intents);
        let by = Some(machine.to_owned());
        self.event(at_ms, "clients", What::Return(Return { op, result: OpResult::Ok, answers, by }))
    }

    /// A transaction of fresh keys and appended tokens, acknowledged by the machine.
    pub(super) fn transaction(mut self, at_ms: u64, machine: &str, intents: Vec<Intent>) -> Self {
        let write = |intent: &Intent| Write {
            key: intent.key().into(),
            token: intent.token().unwrap_or_default().into(),
        };
        let writes = intents.iter().map(write).collect();
        let op = self.invoke(at_ms, intents);
        self.observe(at_ms, machine, Observation::Acknowledged { writes }).event(
            at_ms,
            "clients",
            What::Return(Return::of(op, OpResult::Ok)),
        )
    }

    /// An operation that ends so, without any acknowledgement by a machine.
    pub(super) fn ends(mut self, at_ms: u64, intents: Vec<Intent>, result: OpResult) -> Self {
        let op = self.invoke(at_ms, intents);
        self.event(at_ms, "clients", What::Return(Return::of(op, result)))
    }

    pub(super) fn holds(self, at_ms: u64, machine: &str, content: Content) -> Self {
        self.event(at_ms, machine, What::Final(content))
    }

    pub(super) fn finally(self, at_ms: u64, machine: &str, values: &[(&str, &str)]) -> Self {
        let values = values.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        self.event(at_ms, machine, What::Final(Content { values, ..Content::default() }))
    }

    pub(super) fn end(self, at_ms: u64) -> Self {
        self.phase(at_ms, Phase::FinalReads)
    }

    fn invoke(&mut self, at_ms: u64, intents: Vec<Intent>) -> u64 {
        let op = self.next_op;
        self.next_op += 1;
        let client = "clients/sticky".into();
        let Self { via, shard, .. } = *self;
        let invocation = Invocation { client, op, shard, via, intents };
        self.events.push((at_ms, "clients".to_owned(), What::Invoke(invocation)));
        op
    }

    fn operation(mut self, at_ms: u64, machine: &str, intent: Intent, write: Write) -> Self {
        let counted = write.token.clone();
        let answers = if intent.has_answer() { vec![Some(counted)] } else { Vec::new() };
        let by = Some(machine.to_owned());
        let op = self.invoke(at_ms, vec![intent]);
        let end = Return { op, result: OpResult::Ok, answers, by };
        self.observe(at_ms, machine, Observation::Acknowledged { writes: vec![write] }).event(
            at_ms,
            "clients",
            What::Return(end),
        )
    }

    fn sample(
        mut self,
        at_ms: u64,
        machine: &str,
        version: i64,
        state: ProcessState,
        authoritative: bool,
        lease: Lease,
    ) -> Self {
        let status = Status {
            role: if authoritative { Role::Master } else { Role::Replica },
            topology_version: version,
            election_version: 0,
            lease,
            authoritative,
            link: None,
        };
        self.statuses.insert(machine.to_owned(), status.clone());
        self.event(at_ms, machine, What::Sample { state, status: Some(status) })
    }

    fn state(self, at_ms: u64, machine: &str, state: ProcessState) -> Self {
        let status = self.statuses.get(machine).cloned();
        self.event(at_ms, machine, What::Sample { state, status })
    }
}
