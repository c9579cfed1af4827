//! A history as the slow versions of the checkers read it: nothing is digested cleverly, every
//! question goes over all events.

use std::collections::{BTreeMap, BTreeSet};

use host::{Lease, Observation, Role, Status, Write};

use crate::history::{
    Content, Event, History, Intent, Invocation, OpResult, Phase, ProcessState, Return, Setup, What,
};
use crate::promise::Promise;

/// A history and how every data node stood after each of its events.
pub(super) struct Tape<'h> {
    pub(super) setup: &'h Setup,
    pub(super) events: &'h [Event],
    pub(super) end_ms: u64,
    pub(super) operations: Vec<Op<'h>>,
    /// Acknowledgements by data nodes: the event, the machine, and the writes.
    pub(super) acknowledgements: Vec<(usize, &'h str, &'h [Write])>,
    stands: BTreeMap<&'h str, Vec<Stand<'h>>>,
}

/// How a node stood after an event.
#[derive(Clone, Copy)]
pub(super) struct Stand<'h> {
    /// The event since which it does; none if nothing was heard of it.
    pub(super) since: Option<usize>,
    state: ProcessState,
    pub(super) status: Option<&'h Status>,
}

impl Stand<'_> {
    pub(super) fn is_authoritative(&self) -> bool {
        self.state == ProcessState::Running && self.status.is_some_and(|said| said.authoritative)
    }

    pub(super) fn version(&self) -> i64 {
        self.status.map_or(-1, |said| said.topology_version)
    }

    pub(super) fn role(&self) -> Role {
        self.status.map_or(Role::None, |said| said.role)
    }

    pub(super) fn lease(&self) -> Lease {
        self.status.map_or(Lease::None, |said| said.lease)
    }
}

/// A commit that tells of a shard.
#[derive(Clone, Copy)]
pub(super) struct Commit<'h> {
    pub(super) event: usize,
    pub(super) version: i64,
    /// The machine.
    pub(super) master: &'h str,
    /// k: how many commits before it changed the master, the first one not counted.
    pub(super) k: usize,
}

/// An operation of a client.
#[derive(Clone, Copy)]
pub(super) struct Op<'h> {
    pub(super) asked: &'h Invocation,
    pub(super) invoked: usize,
    pub(super) ended: Option<(usize, &'h Return)>,
}

impl<'h> Op<'h> {
    /// Where it was acknowledged.
    pub(super) fn ok(&self) -> Option<(usize, &'h Return)> {
        self.ended.filter(|(_, end)| end.result == OpResult::Ok)
    }

    pub(super) fn failed(&self) -> bool {
        self.ended.is_some_and(|(_, end)| matches!(end.result, OpResult::Fail { .. }))
    }

    pub(super) fn increments(&self, key: &str) -> bool {
        let mut intents = self.asked.intents.iter();
        intents.any(|intent| matches!(intent, Intent::Increment { key: of } if of == key))
    }

    pub(super) fn writes(&self) -> impl Iterator<Item = &'h Intent> + use<'h> {
        self.asked.intents.iter().filter(|intent| intent.is_write())
    }
}

impl<'h> Tape<'h> {
    pub(super) fn of(history: &'h History) -> Self {
        let (events, setup) = (history.events(), history.setup().expect("it has a setup"));
        let mut stands = BTreeMap::new();
        for member in &setup.members {
            let unheard = Stand { since: None, state: ProcessState::Down, status: None };
            let mut all = Vec::new();
            for (at, event) in events.iter().enumerate() {
                let last = all.last().copied().unwrap_or(unheard);
                all.push(match &event.what {
                    _ if event.on != member.machine => last,
                    What::Sample { state, status } => {
                        Stand { since: Some(at), state: *state, status: status.as_ref() }
                    }
                    What::Observe { observation: Observation::Status { status }, .. } => {
                        Stand { since: Some(at), status: Some(status), ..last }
                    }
                    _ => last,
                });
            }
            stands.insert(member.machine.as_str(), all);
        }
        let (end_ms, operations) = (history.end_ms(), operations(events));
        let acknowledgements = acknowledgements(setup, events);
        Self { setup, events, end_ms, operations, acknowledgements, stands }
    }

    pub(super) fn promises(&self, promise: Promise) -> bool {
        self.setup.promises.contains(&promise)
    }

    pub(super) fn at_ms(&self, event: usize) -> u64 {
        self.events[event].at_ms
    }

    pub(super) fn shards(&self) -> Vec<u32> {
        let mut shards: Vec<u32> = self.setup.members.iter().map(|member| member.shard).collect();
        shards.sort_unstable();
        shards.dedup();
        shards
    }

    pub(super) fn machines(&self, shard: u32) -> impl Iterator<Item = &'h str> {
        let members = self.setup.members.iter().filter(move |member| member.shard == shard);
        members.map(|member| member.machine.as_str())
    }

    pub(super) fn shard_of(&self, machine: &str) -> Option<u32> {
        let member = self.setup.members.iter().find(|member| member.machine == machine)?;
        Some(member.shard)
    }

    pub(super) fn stand_after(&self, machine: &str, event: usize) -> Stand<'h> {
        self.stands[machine][event]
    }

    /// What is known of a node from one instant to another: how it stood at the sample before,
    /// how it was sampled at the one after, and all that it told in between.
    pub(super) fn stands_around(
        &self,
        machine: &str,
        from_ms: u64,
        until_ms: u64,
    ) -> Vec<Stand<'h>> {
        let tick_ms = self.setup.tick_ms;
        // The tick before; there is none before the first one.
        let before_ms = (0..from_ms).rev().find(|ms| ms % tick_ms == 0);
        let after_ms = (until_ms + 1..).find(|ms| ms % tick_ms == 0).expect("ticks go on");
        let before = before_ms.map(|before_ms| {
            let last = (0..self.events.len()).rev().find(|at| self.at_ms(*at) <= before_ms);
            self.stand_after(machine, last.expect("the setup is at 0"))
        });
        let told = (0..self.events.len()).filter(|at| {
            let event = &self.events[*at];
            let sample = matches!(event.what, What::Sample { .. });
            let later = before_ms.is_none_or(|before_ms| event.at_ms > before_ms);
            let in_time = event.at_ms < after_ms || (event.at_ms == after_ms && sample);
            self.stand_after(machine, *at).since == Some(*at) && later && in_time
        });
        let told: Vec<Stand> = told.map(|at| self.stand_after(machine, at)).collect();
        let unheard = Stand { since: None, state: ProcessState::Down, status: None };
        before.or(Some(unheard)).into_iter().chain(told).collect()
    }

    /// All that the store committed about a shard.
    pub(super) fn commits(&self, shard: u32) -> Vec<Commit<'h>> {
        let mut commits: Vec<Commit> = Vec::new();
        for (at, event) in self.events.iter().enumerate() {
            let What::Observe { observation: Observation::Committed { version, masters }, .. } =
                &event.what
            else {
                continue;
            };
            for named in masters.iter().filter(|named| named.shard == shard) {
                let members = &self.setup.members;
                let member = members.iter().find(|member| member.id == named.member);
                let master = member.expect("a member").machine.as_str();
                let k = match commits.last() {
                    None => 0,
                    Some(last) => last.k + usize::from(last.master != master),
                };
                commits.push(Commit { event: at, version: *version, master, k });
            }
        }
        commits
    }

    /// The events at which somebody observed such a thing.
    pub(super) fn observed(&self, such: impl Fn(&Observation) -> bool) -> Vec<usize> {
        let events = 0..self.events.len();
        let all = events.filter(|at| {
            let what = &self.events[*at].what;
            matches!(what, What::Observe { observation, .. } if such(observation))
        });
        all.collect()
    }

    /// Whoever told of a route.
    pub(super) fn balancers(&self) -> impl Iterator<Item = &'h str> + use<'h> {
        let told = self.observed(|what| matches!(what, Observation::Routed { .. }));
        let names = told.into_iter().map(|at| self.events[at].on.as_str());
        names.collect::<BTreeSet<_>>().into_iter()
    }

    /// The last content of a machine, and its event.
    pub(super) fn content(&self, machine: &str) -> Option<(usize, &'h Content)> {
        let mut events = self.events.iter().enumerate().rev();
        events.find_map(|(at, event)| match &event.what {
            What::Final(content) if event.on == machine => Some((at, content)),
            _ => None,
        })
    }

    /// The final state of a shard: what its last master held after it had become that.
    pub(super) fn final_state(&self, shard: u32) -> Option<(usize, &'h Content)> {
        let commits = self.commits(shard);
        let last = commits.last()?;
        let became = commits.iter().find(|commit| commit.k == last.k)?.event;
        self.content(last.master).filter(|(read, _)| *read > became)
    }

    /// When a phase began; the end if it did not.
    pub(super) fn phase_ms(&self, phase: Phase) -> u64 {
        let such = |event: &&Event| matches!(event.what, What::Phase { phase: of } if of == phase);
        self.events.iter().rev().find(such).map_or(self.end_ms, |event| event.at_ms)
    }
}

fn operations(events: &[Event]) -> Vec<Op<'_>> {
    let asked = events.iter().enumerate().filter_map(|(at, event)| match &event.what {
        What::Invoke(asked) => Some((at, asked)),
        _ => None,
    });
    let end_of = |op: u64, after: usize| {
        let mut later = events.iter().enumerate().skip(after);
        later.find_map(|(at, event)| match &event.what {
            What::Return(end) if end.op == op => Some((at, end)),
            _ => None,
        })
    };
    asked.map(|(invoked, asked)| Op { asked, invoked, ended: end_of(asked.op, invoked) }).collect()
}

fn acknowledgements<'h>(setup: &Setup, events: &'h [Event]) -> Vec<(usize, &'h str, &'h [Write])> {
    let all = events.iter().enumerate().filter_map(|(at, event)| match &event.what {
        What::Observe { observation: Observation::Acknowledged { writes }, .. } => {
            Some((at, event.on.as_str(), &writes[..]))
        }
        _ => None,
    });
    let known = |machine: &str| setup.members.iter().any(|member| member.machine == machine);
    all.filter(|(_, machine, _)| known(machine)).collect()
}
