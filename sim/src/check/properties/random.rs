//! Random histories: events of every kind in any order, and good lives with random damage. They
//! are as a reading takes them: operations have numbers of their own and as many answers as they
//! need, and no client has two at a time.

use std::collections::BTreeMap;

use host::{Lease, Link, MasterOf, Observation, Role, Status, Write};
use proptest::prelude::*;

use super::lived::Lived;
use crate::history::{
    Content, Gate, History, Intent, Invocation, Member, OpResult, Phase, ProcessState, Return,
    Setup, Via, What,
};
use crate::promise::Promise;

/// What one event is drawn from.
pub(super) type Bits = [u8; 8];

/// What a whole history is drawn from.
pub(super) fn bits(most: usize) -> impl Strategy<Value = Vec<Bits>> {
    prop::collection::vec(any::<Bits>(), 1..most)
}

/// Choices, one after another.
struct Chance<'b> {
    bits: &'b [u8],
    /// What is left of the last byte.
    rest: u64,
}

impl<'b> Chance<'b> {
    fn of(bits: &'b Bits) -> Self {
        Self { bits, rest: 0 }
    }

    /// One of the first n numbers.
    fn below(&mut self, n: usize) -> usize {
        if let Some((first, rest)) = self.bits.split_first() {
            self.rest = self.rest.wrapping_mul(31).wrapping_add(u64::from(*first));
            self.bits = rest;
        } else {
            self.rest = self.rest.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1) >> 7;
        }
        (self.rest % n as u64) as usize
    }

    fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }

    fn in_100(&mut self, chances: usize) -> bool {
        // The low numbers are what shrinking comes to: let them be the plain case.
        self.below(100) >= 100 - chances
    }
}

const CLIENTS: [(&str, Via); 3] =
    [("clients/direct", Via::Direct), ("clients/sticky", Via::Sticky), ("clients/lb", Via::Lb)];

/// A history while it is drawn.
struct Draft {
    setup: Setup,
    events: Vec<(u64, String, What)>,
    now_ms: u64,
    operations: Vec<(usize, Invocation)>,
    /// Those under way, by client.
    open: BTreeMap<String, usize>,
    named: BTreeMap<u32, (i64, String)>,
}

/// Any history.
pub(super) fn history(bits: &[Bits]) -> History {
    let (first, rest) = bits.split_first().expect("at least one");
    let mut draft = Draft::new(&mut Chance::of(first));
    for bits in rest {
        draft.draw(&mut Chance::of(bits));
    }
    draft.end(&mut Chance::of(first));
    let setup = (0, "driver".to_owned(), What::Setup(draft.setup));
    History::from_events(std::iter::once(setup).chain(draft.events))
}

impl Draft {
    fn new(chance: &mut Chance) -> Self {
        let shards = 1 + u32::from(chance.in_100(30));
        let names = [("a", 0), ("b", 0), ("c", 0), ("d", 1), ("e", 1)];
        let members = names.into_iter().filter(|(_, shard)| *shard < shards);
        let members = members.map(|(name, shard)| Member {
            machine: name.into(),
            id: format!("id-{name}"),
            shard,
        });
        let gate = chance.one_of(&[Gate::Open, Gate::Log, Gate::Block]);
        let promises = if chance.in_100(20) { vec![] } else { Promise::ALL.to_vec() };
        let recover_ms = chance.one_of(&[None, Some(0), Some(5), Some(10), Some(30)]);
        let setup = Setup::of(12, 5, members.collect());
        let setup = Setup { gate, promises, recover_ms, ..setup };
        let (events, operations) = (Vec::new(), Vec::new());
        let (open, named) = (BTreeMap::new(), BTreeMap::new());
        let mut draft = Self { setup, events, now_ms: 1, operations, open, named };
        if !chance.in_100(10) {
            for shard in 0..shards {
                draft.commit(shard, 1, if shard == 0 { "a" } else { "d" });
            }
            draft.now_ms = 5;
            for member in draft.setup.members.clone() {
                draft.stand(&member.machine, member.shard, chance, true);
            }
        }
        draft
    }

    fn draw(&mut self, chance: &mut Chance) {
        let kind = chance.below(100);
        self.now_ms += chance.one_of(&[0, 0, 1, 1, 2, 3, 4, 7]);
        let member = chance.one_of(&self.setup.members);
        let (machine, shard) = (member.machine.as_str(), member.shard);
        match kind {
            0..45 => self.begin_or_end(shard, chance),
            45..62 => self.acknowledge(shard, chance),
            62..66 => {
                let newest = self.named.get(&shard).map_or(0, |(version, _)| *version);
                let version = if chance.in_100(30) { chance.below(4) as i64 } else { newest + 1 };
                self.commit(shard, version, machine);
            }
            66..78 => self.stand(machine, shard, chance, false),
            78..82 => {
                let (until_ms, election_version) = (99, chance.below(3) as u64);
                self.observe(machine, Observation::LeaseRenewed { until_ms, election_version });
            }
            82..83 => self.observe(machine, Observation::LeaseRefused),
            83..87 => self.observe(machine, Observation::LeaseExpiredLogged),
            87..88 => self.emit(machine, What::Start { life: 1 + chance.below(3) as u32 }),
            88..95 => {
                let balancer = chance.one_of(&["lb-0", "lb-1"]);
                let target = format!("{machine}:6666");
                let version = chance.in_100(50).then(|| chance.below(4) as i64);
                self.observe(balancer, Observation::Routed { shard, target, version });
            }
            95..97 => {
                let phase = chance.one_of(&[Phase::Disturb, Phase::Heal, Phase::Converge]);
                self.emit("driver", What::Phase { phase });
            }
            _ => {
                let key = self.key(shard, chance);
                let token = if key.starts_with("list") { "t," } else { "1" };
                let write = Write { key, token: token.into() };
                let on = if chance.in_100(50) { "stranger" } else { machine };
                self.observe(on, Observation::Acknowledged { writes: vec![write] });
            }
        }
    }

    fn emit(&mut self, on: &str, what: What) {
        self.events.push((self.now_ms, on.to_owned(), what));
    }

    fn observe(&mut self, on: &str, observation: Observation) {
        self.emit(on, What::Observe { life: 1, observation });
    }

    fn commit(&mut self, shard: u32, version: i64, master: &str) {
        self.named.insert(shard, (version, master.to_owned()));
        let masters = vec![MasterOf { shard, member: format!("id-{master}") }];
        self.observe("store", Observation::Committed { version, masters });
    }

    /// Mostly as the store names it.
    fn stand(&mut self, machine: &str, shard: u32, chance: &mut Chance, honest: bool) {
        let (version, master) = self.named.get(&shard).cloned().unwrap_or((0, String::new()));
        let rules = master == machine;
        let mut status = Status {
            role: if rules { Role::Master } else { Role::Replica },
            topology_version: version,
            election_version: 0,
            lease: if rules { Lease::Held } else { Lease::None },
            authoritative: rules,
            link: (!rules).then_some(Link::Streaming),
        };
        let mut state = ProcessState::Running;
        if !honest && chance.in_100(60) {
            match chance.below(6) {
                0 => status.authoritative = !status.authoritative,
                1 => status.topology_version = chance.below(4) as i64 - 1,
                2 => status.lease = chance.one_of(&[Lease::None, Lease::Held, Lease::Expired]),
                3 => status.role = chance.one_of(&[Role::Master, Role::Replica, Role::None]),
                4 => state = chance.one_of(&[ProcessState::Hung, ProcessState::Down]),
                _ => status.lease = Lease::Expired,
            }
        }
        if honest || chance.in_100(50) {
            self.now_ms = self.now_ms.next_multiple_of(5);
            let silent = state == ProcessState::Down;
            self.emit(machine, What::Sample { state, status: (!silent).then_some(status) });
        } else {
            self.observe(machine, Observation::Status { status });
        }
    }

    fn key(&self, shard: u32, chance: &mut Chance) -> String {
        let kind = chance.one_of(&["fresh", "list", "count", "register"]);
        format!("{kind}:{shard}")
    }

    fn begin_or_end(&mut self, shard: u32, chance: &mut Chance) {
        let (client, via) = chance.one_of(&CLIENTS);
        if let Some(at) = self.open.remove(client) {
            return self.end_operation(at, chance);
        }
        let number = self.operations.len();
        let counter = format!("count:{shard}");
        let fresh =
            || Intent::SetFresh { key: format!("fresh-{number}:{shard}"), value: "v".into() };
        let append =
            || Intent::Append { key: format!("list:{shard}"), token: format!("t{number},") };
        let read = |kind: &str| Intent::Read { key: format!("{kind}:{shard}") };
        let intents = match chance.below(12) {
            0 | 1 => vec![fresh()],
            2 => vec![append()],
            3 => vec![Intent::Increment { key: counter }],
            4 => {
                vec![Intent::Set { key: format!("register:{shard}"), value: format!("v{number}") }]
            }
            5 => vec![fresh(), append()],
            6 => vec![append(), read("list")],
            7..10 => vec![read(chance.one_of(&["count", "register", "list"]))],
            _ => vec![self.any_read(shard, chance)],
        };
        let (op, client) = (number as u64, client.to_owned());
        let invocation = Invocation { client: client.clone(), op, shard, via, intents };
        self.open.insert(client, number);
        self.operations.push((number, invocation.clone()));
        self.emit("clients", What::Invoke(invocation));
    }

    /// Of a list, or of a fresh key.
    fn any_read(&self, shard: u32, chance: &mut Chance) -> Intent {
        let written = self.operations.iter().flat_map(|(_, asked)| &asked.intents);
        let keys: Vec<&str> =
            written.map(Intent::key).filter(|key| key.ends_with(&shard.to_string())).collect();
        let key =
            if keys.is_empty() { format!("list:{shard}") } else { chance.one_of(&keys).to_owned() };
        Intent::Read { key }
    }

    fn end_operation(&mut self, at: usize, chance: &mut Chance) {
        let (number, asked) = self.operations[at].clone();
        let result = match chance.below(10) {
            0..7 => OpResult::Ok,
            7 => OpResult::Fail { error: "no".into() },
            _ => OpResult::Info { error: "?".into() },
        };
        let wanted = result == OpResult::Ok && asked.intents.iter().any(Intent::has_answer);
        let answers = asked.intents.iter().filter(|_| wanted).map(|intent| {
            if intent.has_answer() { self.value(intent.key(), chance) } else { None }
        });
        let answers = answers.collect();
        let masters: Vec<&String> =
            self.named.get(&asked.shard).map(|(_, name)| name).into_iter().collect();
        let by = match chance.below(4) {
            0 => None,
            1 => Some("a".to_owned()),
            _ => masters.first().map(|name| (*name).clone()),
        };
        let by = by.filter(|_| result == OpResult::Ok);
        self.emit("clients", What::Return(Return { op: number as u64, result, answers, by }));
    }

    /// Something that a key may hold, mostly.
    fn value(&self, key: &str, chance: &mut Chance) -> Option<String> {
        let written = self.operations.iter().flat_map(|(_, asked)| &asked.intents);
        let written: Vec<&Intent> =
            written.filter(|intent| intent.is_write() && intent.key() == key).collect();
        let of_key = written.first().copied();
        if chance.in_100(4) {
            return Some("nobody's".into());
        }
        match of_key? {
            Intent::Append { .. } => {
                let tokens = written.iter().filter_map(|of| of.token());
                let list: String = tokens.filter(|_| !chance.in_100(15)).collect();
                (!list.is_empty()).then_some(list)
            }
            Intent::Increment { .. } => {
                let count = written.len().saturating_sub(chance.below(10) / 7);
                (count > 0).then(|| count.to_string())
            }
            _ if chance.in_100(15) => None,
            _ => {
                let newest = written.len()
                    - 1
                    - chance.below(4 * written.len()).min(written.len() - 1) % written.len();
                written[newest].token().map(str::to_owned)
            }
        }
    }

    fn acknowledge(&mut self, shard: u32, chance: &mut Chance) {
        let writes = |asked: &Invocation| asked.intents.iter().any(Intent::is_write);
        let such =
            self.operations.iter().filter(|(_, asked)| asked.shard == shard && writes(asked));
        let such: Vec<&Invocation> = such.map(|(_, asked)| asked).rev().take(3).collect();
        if such.is_empty() {
            return;
        }
        let asked = chance.one_of(&such);
        let writes = asked.intents.iter().filter(|intent| intent.is_write()).map(|intent| Write {
            key: intent.key().to_owned(),
            token: intent.token().map_or_else(|| "1".to_owned(), str::to_owned),
        });
        let writes = writes.collect();
        let master = self.named.get(&shard).map(|(_, name)| name.clone());
        let any = self.setup.members.iter().find(|member| member.shard == shard);
        let any = any.expect("a shard has members").machine.clone();
        let machine = if chance.in_100(20) { any } else { master.unwrap_or(any) };
        self.observe(&machine, Observation::Acknowledged { writes });
    }

    /// The final reads, mostly whole and equal.
    fn end(&mut self, chance: &mut Chance) {
        self.now_ms += 5;
        if !chance.in_100(15) {
            self.emit("driver", What::Phase { phase: Phase::FinalReads });
        }
        let mut held: BTreeMap<u32, BTreeMap<String, String>> = BTreeMap::new();
        let asked: Vec<Intent> =
            self.operations.iter().flat_map(|(_, asked)| asked.intents.clone()).collect();
        for intent in asked {
            let shard = u32::from(intent.key().ends_with('1'));
            let value = self.value(intent.key(), chance);
            let values = held.entry(shard).or_default();
            values.extend(value.map(|value| (intent.key().to_owned(), value)));
        }
        for member in self.setup.members.clone() {
            let mut values = held.get(&member.shard).cloned().unwrap_or_default();
            if chance.in_100(25) {
                values.pop_first();
            }
            let sequence = Some(7 + u64::from(chance.in_100(10)));
            let content = Content { values, sequence, ..Content::default() };
            if !chance.in_100(10) {
                self.emit(&member.machine, What::Final(content));
            }
        }
    }
}

/// A good life after a few random changes.
pub(super) fn damaged(lived: &Lived, bits: &[Bits]) -> History {
    let mut events = lived.events.clone();
    for bits in bits {
        damage(lived, &mut events, &mut Chance::of(bits));
    }
    let setup = (0, "driver".to_owned(), What::Setup(lived.setup.clone()));
    History::from_events(std::iter::once(setup).chain(events))
}

fn damage(lived: &Lived, events: &mut Vec<(u64, String, What)>, chance: &mut Chance) {
    let wide = chance.below(256) * 256 + chance.below(256);
    let place = wide % events.len();
    let kind = chance.below(6);
    let machine = chance.one_of(&lived.setup.members).machine;
    let operation = matches!(events[place].2, What::Invoke(_) | What::Return(_));
    match kind {
        // Something that was never told, or never happened.
        0 if !matches!(events[place].2, What::Invoke(_)) => {
            events.remove(place);
        }
        // Something once more, a little later.
        1 if !operation => {
            let later = (place + 1 + chance.below(40)).min(events.len());
            let mut again = events[place].clone();
            again.0 = events[later - 1].0;
            if let What::Observe {
                observation: Observation::LeaseRenewed { election_version, .. },
                ..
            } = &mut again.2
            {
                *election_version = election_version.saturating_sub(1);
            }
            events.insert(later, again);
        }
        // Something by another machine.
        2 if !operation => events[place].1 = machine,
        // Something that all have lost, or that nobody wrote.
        3 => {
            let all = events.iter_mut().filter_map(|(_, _, what)| match what {
                What::Final(content) => Some(&mut content.values),
                _ => None,
            });
            let mut all: Vec<&mut BTreeMap<String, String>> = all.collect();
            let Some(keys) = all.first().map(|values| values.keys().cloned().collect::<Vec<_>>())
            else {
                return;
            };
            if keys.is_empty() {
                return;
            }
            let (key, lost) = (chance.one_of(&keys), chance.in_100(50));
            for values in all.iter_mut().filter(|values| values.contains_key(&key)) {
                values.remove(&key);
                if !lost {
                    values.insert(key.clone(), "nobody's".into());
                }
            }
        }
        _ => alter(&mut events[place].2, chance),
    }
}

/// Changes what an event tells.
fn alter(what: &mut What, chance: &mut Chance) {
    match what {
        What::Sample { status: Some(status), .. }
        | What::Observe { observation: Observation::Status { status }, .. } => {
            match chance.below(4) {
                0 => status.authoritative = !status.authoritative,
                1 => status.topology_version -= 1,
                2 => status.lease = chance.one_of(&[Lease::None, Lease::Held, Lease::Expired]),
                _ => status.role = chance.one_of(&[Role::Master, Role::Replica]),
            }
        }
        What::Observe { observation: Observation::Committed { version, .. }, .. } => *version -= 1,
        What::Invoke(asked) => asked.via = Via::Lb,
        What::Return(end) => match chance.below(2) {
            0 => {
                end.answers.clear();
                end.result = OpResult::Info { error: "?".into() };
            }
            _ => end.answers.iter_mut().for_each(|answer| *answer = None),
        },
        What::Final(content) => {
            let keys: Vec<String> = content.values.keys().cloned().collect();
            if let Some(key) = (!keys.is_empty()).then(|| chance.one_of(&keys)) {
                content.values.remove(&key);
            }
        }
        _ => {}
    }
}
