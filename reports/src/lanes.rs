//! What each machine did when: a history as stretches of time, one lane a machine, so that the
//! drawing in [`crate::timeline`] decides nothing.
//!
//! Statuses and process states are step functions: what was last sampled or told holds until the
//! next word of it. It is for looking at; no verdict is taken from it.
//!
//! The trap: a node that is hung has a status too, the last one or a sampled one, but no
//! authority.

use std::collections::BTreeMap;

use host::Observation;
use sim::history::{Event, History, OpResult, Phase, ProcessState, What};

pub use bands::{FaultBand, fault_bands};
pub use node::{Acknowledgement, Authority, NodeLane};
pub use steps::Stretch;

mod bands;
mod node;
mod steps;

/// A run as it is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lanes {
    /// The time of the last event, in milliseconds.
    pub end_ms: u64,
    /// The phases of the run.
    pub phases: Vec<Stretch<Phase>>,
    /// The faults while they lasted.
    pub faults: Vec<FaultBand>,
    /// The machines: data nodes as the setup lists them, then stores, controllers, load balancers,
    /// others, and clients last, by name.
    pub machines: Vec<Lane>,
}

/// What one machine did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// Its name.
    pub machine: String,
    /// Whether its process ran, from the first word of it on.
    pub process: Vec<Stretch<ProcessState>>,
    /// Its notes for people.
    pub notes: Vec<Mark>,
    /// What else it did, as its kind has it.
    pub kind: Kind,
}

/// The kinds of machines, told apart by what they did, with what each did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A data node.
    Node(NodeLane),
    /// A store, with its commits.
    Store(Vec<Mark>),
    /// A controller that said a word about leading, with the times in which it believed to lead.
    Controller(Vec<Stretch<bool>>),
    /// A load balancer, with where it sent new connections, by shard.
    LoadBalancer(BTreeMap<u32, Vec<Stretch<String>>>),
    /// None of these.
    Other,
    /// Clients, with how their operations ended.
    Clients(Vec<Ended>),
}

/// Something that happened at an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When, in simulated milliseconds.
    pub at_ms: u64,
    /// The number of its event.
    pub event: u64,
    /// What.
    pub text: String,
}

/// The end of a client operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// When, in simulated milliseconds.
    pub at_ms: u64,
    /// How.
    pub how: End,
}

/// How a client operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Acknowledged.
    Ok,
    /// Surely not done.
    Fail,
    /// It may have been done.
    Info,
}

impl Lanes {
    /// Reads the lanes off a history.
    pub fn of(history: &History) -> Lanes {
        let mut machines: Vec<Lane> = node::lanes(history);
        let mut others: BTreeMap<String, Lane> = BTreeMap::new();
        for event in history.events() {
            if !is_of_a_machine(event) {
                continue;
            }
            let node = machines.iter_mut().find(|lane| lane.machine == event.on);
            let lane = node.unwrap_or_else(|| {
                others.entry(event.on.clone()).or_insert_with(|| Lane::empty(&event.on))
            });
            lane.hear(event);
        }
        machines.extend(others.into_values());
        let end_ms = history.end_ms();
        for lane in &mut machines {
            lane.close(end_ms);
        }
        machines.sort_by_key(|lane| lane.kind.place());
        Lanes { end_ms, phases: phases(history), faults: fault_bands(history), machines }
    }

    /// The lane of a machine.
    pub fn machine(&self, name: &str) -> Option<&Lane> {
        self.machines.iter().find(|lane| lane.machine == name)
    }
}

impl Lane {
    fn empty(machine: &str) -> Lane {
        Lane { machine: machine.into(), process: vec![], notes: vec![], kind: Kind::Other }
    }

    fn hear(&mut self, event: &Event) {
        match &event.what {
            What::Start { .. } => self.turn_process(event.at_ms, ProcessState::Running),
            What::Exit { .. } => self.turn_process(event.at_ms, ProcessState::Down),
            What::Sample { state, .. } => self.turn_process(event.at_ms, *state),
            What::Observe { observation, .. } => self.hear_observation(event, observation),
            What::Invoke(_) => {
                self.kind.or_become(Kind::Clients(vec![]));
            }
            What::Return(ended) => {
                let how = match ended.result {
                    OpResult::Ok => End::Ok,
                    OpResult::Fail { .. } => End::Fail,
                    OpResult::Info { .. } => End::Info,
                };
                if let Kind::Clients(all) = self.kind.or_become(Kind::Clients(vec![])) {
                    all.push(Ended { at_ms: event.at_ms, how });
                }
            }
            _ => {}
        }
    }

    /// A process that is down leads nobody and routes nothing.
    fn turn_process(&mut self, at_ms: u64, state: ProcessState) {
        steps::turn(&mut self.process, at_ms, Some(state));
        if state == ProcessState::Down {
            self.silence(at_ms);
        }
    }

    fn hear_observation(&mut self, event: &Event, observation: &Observation) {
        let mark = |text: String| Mark { at_ms: event.at_ms, event: event.number, text };
        match observation {
            Observation::Note { text } => self.notes.push(mark(text.clone())),
            Observation::Committed { version, .. } => {
                if let Kind::Store(commits) = self.kind.or_become(Kind::Store(vec![])) {
                    commits.push(mark(version.to_string()));
                }
            }
            Observation::Leading { leads } => {
                if let Kind::Controller(leading) = self.kind.or_become(Kind::Controller(vec![])) {
                    steps::turn(leading, event.at_ms, Some(*leads));
                }
            }
            Observation::Routed { shard, target, .. } => {
                let unrouted = Kind::LoadBalancer(BTreeMap::new());
                if let Kind::LoadBalancer(routes) = self.kind.or_become(unrouted) {
                    let route = routes.entry(*shard).or_default();
                    steps::turn(route, event.at_ms, Some(target.clone()));
                }
            }
            _ => {}
        }
    }

    /// Ends what it told of itself.
    fn silence(&mut self, at_ms: u64) {
        match &mut self.kind {
            Kind::Controller(leading) => steps::turn(leading, at_ms, None),
            Kind::LoadBalancer(routes) => {
                routes.values_mut().for_each(|route| steps::turn(route, at_ms, None));
            }
            _ => {}
        }
    }

    fn close(&mut self, end_ms: u64) {
        steps::turn(&mut self.process, end_ms, None);
        self.silence(end_ms);
    }
}

impl Kind {
    /// A machine whose kind is not known yet becomes `kind`; another stays what it is.
    fn or_become(&mut self, kind: Kind) -> &mut Kind {
        if *self == Kind::Other {
            *self = kind;
        }
        self
    }

    fn place(&self) -> u8 {
        match self {
            Kind::Node(_) => 0,
            Kind::Store(_) => 1,
            Kind::Controller(_) => 2,
            Kind::LoadBalancer(_) => 3,
            Kind::Other => 4,
            Kind::Clients(_) => 5,
        }
    }
}

/// Whether a process or its driver's sample speaks. Faults and phases have no machine of their
/// own.
fn is_of_a_machine(event: &Event) -> bool {
    !matches!(
        event.what,
        What::Setup(_) | What::Phase { .. } | What::Inject { .. } | What::Heal { .. }
    )
}

fn phases(history: &History) -> Vec<Stretch<Phase>> {
    let mut phases = Vec::new();
    for event in history.events() {
        if let What::Phase { phase } = event.what {
            steps::turn(&mut phases, event.at_ms, Some(phase));
        }
    }
    steps::turn(&mut phases, history.end_ms(), None);
    phases
}

#[cfg(test)]
mod tests;
