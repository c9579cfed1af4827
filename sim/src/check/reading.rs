//! A history, digested once for all checkers: members, tenures, standings, acknowledgements.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::ops::Range;

use host::{Observation, Write};
use indexmap::IndexMap;

use super::acknowledged_writes::{self, Lost};
use super::operations::Operations;
use super::standing::Standing;
use super::tenure::Tenures;
use super::trail::{self, Broken};
use super::windows::Windows;
use crate::history::{Content, Event, History, Phase, ProcessState, Setup, Via, What};
use crate::promise::Promise;

/// A digested history.
pub struct Reading<'a> {
    /// What it was made of.
    pub history: &'a History,
    /// What the run told of itself.
    pub setup: &'a Setup,
    /// Tenures by shard.
    pub tenures: BTreeMap<u32, Tenures>,
    /// Standings by machine, data nodes only.
    pub standings: BTreeMap<&'a str, Vec<Standing>>,
    /// Acknowledgements by data nodes, in order.
    pub acknowledgements: Vec<Acknowledgement<'a>>,
    /// When each phase began, in simulated milliseconds.
    pub phases: BTreeMap<Phase, u64>,
    /// By which way the client of a write came: by key, and by what tells the write from others
    /// on it.
    via: IndexMap<(&'a str, Option<&'a str>), Via>,
    /// The clients' operations.
    pub(super) operations: Operations<'a>,
    /// The final content by machine.
    pub finals: BTreeMap<&'a str, Final<'a>>,
    /// The values of each shard's last content, by key.
    last_values: BTreeMap<u32, IndexMap<&'a str, &'a str>>,
    /// The event of a machine's last start, if it was not its first.
    pub(super) restarts: BTreeMap<&'a str, u64>,
    /// When leases were granted or renewed, by machine, in simulated milliseconds.
    grants: BTreeMap<&'a str, Vec<u64>>,
    /// The end of the run.
    pub end_ms: u64,
    /// Acknowledgements by machines that are no data nodes, by event.
    pub strangers: Vec<u64>,
    windows: OnceCell<Windows>,
    broken_trails: OnceCell<Broken>,
    lost: OnceCell<Lost>,
}

/// A reply that acknowledged writes, handed to the connection's output buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgement<'a> {
    /// Its event.
    pub event: u64,
    /// When, in simulated milliseconds.
    pub at_ms: u64,
    /// By which machine.
    pub machine: &'a str,
    /// The machine's shard.
    pub shard: u32,
    /// The topology version that the machine had applied.
    pub version: i64,
    /// What it acknowledged.
    pub writes: &'a [Write],
}

/// The content of a data node, read at the end of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Final<'a> {
    /// Its event.
    pub event: u64,
    /// What it holds.
    pub content: &'a Content,
}

/// A history that cannot be judged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadingError {
    /// The first event must say what a checker has to know.
    #[error("the first event of the history is not `setup`")]
    NoSetup,
    /// A commit names a member that the setup does not.
    #[error("event {event}: the member `{member}` is not in the setup")]
    UnknownMember {
        /// The commit's event.
        event: u64,
        /// The id it names.
        member: String,
    },
    /// Two operations have one number.
    #[error("event {event}: there already was an operation {op}")]
    RepeatedOperation {
        /// The second invocation's event.
        event: u64,
        /// The number.
        op: u64,
    },
    /// An operation ends once.
    #[error("event {event}: operation {op} had ended before")]
    RepeatedEnd {
        /// The second end's event.
        event: u64,
        /// The operation.
        op: u64,
    },
    /// An acknowledged operation with reads or increments has an answer for each intent, any
    /// other none.
    #[error("event {event}: operation {op} has {found} answers, {wanted} are needed")]
    Answers {
        /// The event of its end.
        event: u64,
        /// The operation.
        op: u64,
        /// How many it must have.
        wanted: usize,
        /// How many it has.
        found: usize,
    },
}

impl ReadingError {
    /// The line of the history that shows it, counted from 1.
    pub fn line(&self) -> u64 {
        match self {
            ReadingError::NoSetup => 1,
            ReadingError::UnknownMember { event, .. }
            | ReadingError::RepeatedOperation { event, .. }
            | ReadingError::RepeatedEnd { event, .. }
            | ReadingError::Answers { event, .. } => event + 1,
        }
    }
}

impl<'a> Reading<'a> {
    /// Digests a history.
    ///
    /// # Errors
    /// If it lacks its setup, or a commit names nobody known.
    pub fn of(history: &'a History) -> Result<Self, ReadingError> {
        let setup = history.setup().ok_or(ReadingError::NoSetup)?;
        let mut reading = Self {
            history,
            setup,
            tenures: BTreeMap::new(),
            standings: BTreeMap::new(),
            acknowledgements: Vec::new(),
            phases: BTreeMap::new(),
            via: IndexMap::new(),
            operations: Operations::default(),
            finals: BTreeMap::new(),
            last_values: BTreeMap::new(),
            restarts: BTreeMap::new(),
            grants: BTreeMap::new(),
            end_ms: history.end_ms(),
            strangers: Vec::new(),
            windows: OnceCell::new(),
            broken_trails: OnceCell::new(),
            lost: OnceCell::new(),
        };
        for member in &setup.members {
            reading.tenures.entry(member.shard).or_default();
            let unheard = Standing {
                event: 0,
                from_ms: 0,
                until_ms: 0,
                state: ProcessState::Down,
                status: None,
            };
            reading.standings.insert(&member.machine, vec![unheard]);
        }
        for event in history.events() {
            reading.take_in(event)?;
        }
        for standings in reading.standings.values_mut() {
            if let Some(last) = standings.last_mut() {
                last.until_ms = reading.end_ms + 1;
            }
        }
        for &shard in reading.tenures.keys() {
            if let Ok(last) = reading.last_content(shard) {
                let values = last.content.values.iter();
                let values = values.map(|(key, value)| (key.as_str(), value.as_str()));
                reading.last_values.insert(shard, values.collect());
            }
        }
        Ok(reading)
    }

    /// What every commit brought about, measured when it is first asked for.
    pub(super) fn windows(&self) -> &Windows {
        self.windows.get_or_init(|| Windows::of(self))
    }

    /// What breaks the trails of writes, found when it is first asked for.
    pub(super) fn broken_trails(&self) -> &Broken {
        self.broken_trails.get_or_init(|| trail::follow(self))
    }

    /// The acknowledged writes that are gone in the end, found when they are first asked for.
    pub(super) fn lost(&self) -> &Lost {
        self.lost.get_or_init(|| acknowledged_writes::lost(self))
    }

    /// The shard of a machine, if it is a data node.
    pub fn shard_of(&self, machine: &str) -> Option<u32> {
        let member = self.setup.members.iter().find(|member| member.machine == machine)?;
        Some(member.shard)
    }

    /// The machines of a shard, in the order of the setup.
    pub fn machines_of(&self, shard: u32) -> impl Iterator<Item = &'a str> + '_ {
        let members = self.setup.members.iter().filter(move |member| member.shard == shard);
        members.map(|member| member.machine.as_str())
    }

    /// By which way the client of a write came, if one had asked for it.
    pub fn via(&self, write: &Write) -> Option<Via> {
        let (key, token) = (write.key.as_str(), write.token.as_str());
        // A counter is its client's own, and its writes are not told apart.
        self.via.get(&(key, Some(token))).or_else(|| self.via.get(&(key, None))).copied()
    }

    /// How a data node stood from one event to another, exclusively.
    pub(super) fn standings_between(&self, machine: &str, from: u64, until: u64) -> &[Standing] {
        let standings = self.standings.get(machine).map_or(&[][..], Vec::as_slice);
        let first = standings.partition_point(|standing| standing.event < from);
        let end = standings.partition_point(|standing| standing.event < until);
        &standings[first.saturating_sub(1)..end]
    }

    /// How a data node stood at an instant, as far as that is known: from the sample before it
    /// to the one after it, and by what it told in between. On a sample's own instant both
    /// neighbours are asked, because the order within it says nothing.
    pub(super) fn standings_near(
        &self,
        machine: &str,
        at_ms: u64,
    ) -> impl Iterator<Item = &Standing> {
        self.standings_during(machine, at_ms, at_ms)
    }

    /// The same from one instant to another.
    pub(super) fn standings_during(
        &self,
        machine: &str,
        from_ms: u64,
        until_ms: u64,
    ) -> impl Iterator<Item = &Standing> {
        let (all_of, samples_of) = self.places_during(machine, from_ms, until_ms);
        let standings = &self.standings[machine];
        let samples = standings[samples_of].iter();
        let samples = samples.filter(|standing| self.is_sample(standing.event));
        standings[all_of].iter().chain(samples)
    }

    /// Where among a machine's standings those are: all of the first places, and the samples at
    /// the others.
    pub(super) fn places_during(
        &self,
        machine: &str,
        from_ms: u64,
        until_ms: u64,
    ) -> (Range<usize>, Range<usize>) {
        let tick_ms = self.setup.tick_ms;
        let before_ms = from_ms.saturating_sub(1) / tick_ms * tick_ms;
        let after_ms = (until_ms / tick_ms + 1) * tick_ms;
        // What ended at the sample before was over then; what began after the one after came
        // later.
        let over =
            |standing: &Standing| standing.until_ms <= before_ms && standing.until_ms < from_ms;
        let standings = &self.standings[machine];
        let first = standings.partition_point(over);
        let after = standings.partition_point(|standing| standing.from_ms < after_ms);
        let later = standings.partition_point(|standing| standing.from_ms <= after_ms);
        (first..after, after..later)
    }

    /// Whether a lease was granted between two instants, or before the sample after: it may have
    /// run out unseen before that.
    pub(super) fn was_granted(&self, machine: &str, from_ms: u64, until_ms: u64) -> bool {
        let granted = self.grants.get(machine).map_or(&[][..], Vec::as_slice);
        let first = granted.partition_point(|at_ms| *at_ms < from_ms);
        granted.get(first).is_some_and(|at_ms| *at_ms <= until_ms + self.setup.tick_ms)
    }

    pub(super) fn is_sample(&self, event: u64) -> bool {
        let event = self.history.events().get(event as usize);
        event.is_some_and(|event| matches!(event.what, What::Sample { .. }))
    }

    /// Whether the system made a promise.
    pub fn promises(&self, promise: Promise) -> bool {
        self.setup.promises.contains(&promise)
    }

    /// What the last master of a shard holds in the end: the shard's final state.
    ///
    /// # Errors
    /// Says why there is none.
    pub(super) fn last_content(&self, shard: u32) -> Result<Final<'a>, String> {
        let last = self.tenures.get(&shard).and_then(|tenures| tenures.all.last());
        let last = last.ok_or_else(|| format!("shard {shard} never had a master"))?;
        let master = &last.master;
        let content = self.finals.get(master.as_str()).copied();
        let content = content
            .ok_or_else(|| format!("the final content of {master}, the last master, is missing"))?;
        if content.event < last.event {
            return Err(format!("{master} was read before it became the last master"));
        }
        Ok(content)
    }

    /// The values of that content, by key. Of a shard that has one.
    pub(super) fn last_values(&self, shard: u32) -> &IndexMap<&'a str, &'a str> {
        &self.last_values[&shard]
    }

    /// When a phase began; the end of the run if it never did.
    pub fn phase_ms(&self, phase: Phase) -> u64 {
        self.phases.get(&phase).copied().unwrap_or(self.end_ms)
    }

    fn take_in(&mut self, event: &'a Event) -> Result<(), ReadingError> {
        match &event.what {
            What::Phase { phase } => {
                self.phases.insert(*phase, event.at_ms);
            }
            What::Sample { state, status } => {
                self.stand(event, |standing| {
                    standing.state = *state;
                    standing.status.clone_from(status);
                });
            }
            What::Invoke(invocation) => {
                for write in invocation.intents.iter().filter(|intent| intent.is_write()) {
                    self.via.insert((write.key(), write.token()), invocation.via);
                }
                self.operations.invoke(event, invocation)?;
            }
            What::Return(end) => self.operations.end(event, end)?,
            What::Start { life } if *life > 1 => {
                self.restarts.insert(&event.on, event.number);
            }
            What::Final(content) => {
                self.finals.insert(&event.on, Final { event: event.number, content });
            }
            What::Observe { observation, .. } => self.take_in_observation(event, observation)?,
            _ => {}
        }
        Ok(())
    }

    fn take_in_observation(
        &mut self,
        event: &'a Event,
        observation: &'a Observation,
    ) -> Result<(), ReadingError> {
        match observation {
            Observation::Status { status } => {
                self.stand(event, |standing| standing.status = Some(status.clone()));
            }
            Observation::Acknowledged { writes } => self.acknowledge(event, writes),
            Observation::LeaseRenewed { .. } => {
                self.grants.entry(&event.on).or_default().push(event.at_ms);
            }
            Observation::Committed { version, masters } => {
                for master in masters {
                    let members = &self.setup.members;
                    let member = members.iter().find(|member| member.id == master.member);
                    let member = member.ok_or_else(|| ReadingError::UnknownMember {
                        event: event.number,
                        member: master.member.clone(),
                    })?;
                    let tenures = self.tenures.entry(master.shard).or_default();
                    tenures.commit(&member.machine, *version, event.number, event.at_ms);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn stand(&mut self, event: &Event, change: impl FnOnce(&mut Standing)) {
        let Some(standings) = self.standings.get_mut(event.on.as_str()) else {
            return;
        };
        let last = standings.last_mut().expect("a machine's standings begin with one");
        last.until_ms = event.at_ms;
        let mut next = Standing { event: event.number, from_ms: event.at_ms, ..last.clone() };
        change(&mut next);
        standings.push(next);
    }

    fn acknowledge(&mut self, event: &'a Event, writes: &'a [Write]) {
        let Some(shard) = self.shard_of(&event.on) else {
            self.strangers.push(event.number);
            return;
        };
        let standing = self.standings.get(event.on.as_str()).and_then(|all| all.last());
        self.acknowledgements.push(Acknowledgement {
            event: event.number,
            at_ms: event.at_ms,
            machine: &event.on,
            shard,
            version: standing.map_or(-1, Standing::version),
            writes,
        });
    }
}
