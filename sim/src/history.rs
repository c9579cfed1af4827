//! The history of a run: every operation, fault, observation and sample, in one numbered list.
//!
//! Append-only, one writer, simulated time. Hosts run one after another through the same tick,
//! so what a step yields is sorted by (time, host, sequence) before it is numbered; after that
//! nothing moves. As JSON Lines, one event a line, it is what a run directory keeps, what the
//! digest is taken of, and all that a checker sees.
//!
//! The trap: the order of events within one millisecond says nothing across machines.

use std::collections::BTreeMap;
use std::io::{self, BufRead};

use host::{Observation, Status};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::fault::{Bite, Fault};
use crate::goal::Goal;
use crate::promise::Promise;
use crate::unknown_fields;

/// One event. Its place in the history is its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its number, counted from 0.
    pub number: u64,
    /// Simulated milliseconds since the start of the run.
    pub at_ms: u64,
    /// The machine it happened on, or `driver` or `nemesis`.
    pub on: String,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum What {
    /// Always the first: what a checker must know of the run.
    Setup(Setup),
    /// A phase of the run began.
    Phase {
        /// Which.
        phase: Phase,
    },
    /// A client is about to send an operation.
    Invoke(Invocation),
    /// An operation ended.
    Return(Return),
    /// The nemesis injected a fault.
    Inject {
        /// Its place in the plan, counted from 0.
        fault: usize,
        /// The fault as planned.
        planned: Fault,
        /// The machines that its roles named at this moment, by role.
        targets: BTreeMap<String, Vec<String>>,
    },
    /// The nemesis healed a fault.
    Heal {
        /// Its place in the plan.
        fault: usize,
        /// What it did while it lasted.
        bite: Bite,
    },
    /// A process began a life.
    Start {
        /// Counted from 1 per machine.
        life: u32,
    },
    /// A process ended by itself.
    Exit {
        /// Its life.
        life: u32,
        /// Why, if it says.
        error: Option<String>,
    },
    /// A process told something about itself.
    Observe {
        /// Its life.
        life: u32,
        /// What.
        observation: Observation,
    },
    /// The driver's sample of a process differs from the one of the tick before.
    Sample {
        /// Whether the process runs.
        state: ProcessState,
        /// What its probe said; none if it has no probe or is down.
        status: Option<Status>,
    },
    /// The content of a data node at the end of the run.
    Final(Content),
}

/// What a checker must know of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// The yardstick: the lease's time to live in milliseconds, also where there is no lease.
    pub ttl_ms: u64,
    /// The length of a tick in milliseconds, the resolution of samples.
    pub tick_ms: u64,
    /// The data nodes.
    pub members: Vec<Member>,
    /// What a lease that ran out does to a write.
    #[serde(default)]
    pub gate: Gate,
    /// What this system promises besides what is judged of every one.
    #[serde(default)]
    pub promises: Vec<Promise>,
    /// What the run must have reached, else its passes are empty.
    #[serde(default)]
    pub goals: Vec<Goal>,
    /// How many faults the plan has.
    #[serde(default)]
    pub faults: usize,
    /// How long after the last heal a shard may be without a node that takes writes, in
    /// milliseconds; none if no time is given for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recover_ms: Option<u64>,
}

impl Setup {
    /// A system without a lease that promises nothing besides what is judged of every one; no
    /// goals, no faults, and no time in which it must recover.
    pub fn of(ttl_ms: u64, tick_ms: u64, members: Vec<Member>) -> Self {
        let (promises, goals) = (Vec::new(), Vec::new());
        let (gate, faults, recover_ms) = (Gate::Open, 0, None);
        Self { ttl_ms, tick_ms, members, gate, promises, goals, faults, recover_ms }
    }
}

/// What a lease that ran out does to a write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    /// Nothing: there is no lease, or nobody asks it.
    #[default]
    Open,
    /// The write is let through, and one line of log says so.
    Log,
    /// The write is refused.
    Block,
}

/// A data node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The machine it runs on.
    pub machine: String,
    /// Its id, as commits name it.
    pub id: String,
    /// Its shard, counted from 0.
    pub shard: u32,
}

/// The phases of a run, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The cluster forms; clients begin.
    Settle,
    /// Faults are injected.
    Disturb,
    /// The last fault was healed.
    Heal,
    /// Clients stop; the cluster comes to rest.
    Converge,
    /// The content of every node is read.
    FinalReads,
}

/// Whether a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcessState {
    /// It runs.
    Running,
    /// It is alive, and nothing of it runs.
    Hung,
    /// It is dead.
    Down,
}

/// How a client reaches the data nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// Knows the topology, follows redirections.
    Direct,
    /// Stays with the node that it knows.
    Sticky,
    /// Knows only the load balancer.
    Lb,
}

/// An operation that a client is about to send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invocation {
    /// The client, e.g. `clients-1/direct`.
    pub client: String,
    /// The operation's number, unique in the run.
    pub op: u64,
    /// The shard it goes to.
    pub shard: u32,
    /// How the client reaches the node.
    pub via: Via,
    /// What it asks for: one thing, or all of a transaction.
    pub intents: Vec<Intent>,
}

/// What an operation asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Intent {
    /// Sets a key that no other operation ever writes.
    SetFresh {
        /// The key.
        key: String,
        /// The value, unique in the run.
        value: String,
    },
    /// Appends a token that no other operation ever appends.
    Append {
        /// The key.
        key: String,
        /// The token, unique in the run, with its terminating separator.
        token: String,
    },
    /// Adds one to a counter.
    Increment {
        /// The key.
        key: String,
    },
    /// Sets a key that other operations set, too.
    Set {
        /// The key.
        key: String,
        /// The value, unique in the run.
        value: String,
    },
    /// Reads a key.
    Read {
        /// The key.
        key: String,
    },
}

impl Intent {
    /// The key that it goes to.
    pub fn key(&self) -> &str {
        match self {
            Intent::SetFresh { key, .. }
            | Intent::Append { key, .. }
            | Intent::Increment { key }
            | Intent::Set { key, .. }
            | Intent::Read { key } => key,
        }
    }

    /// What tells its write from all others on the key: the value or the appended token; none
    /// for an increment, whose value only the node knows, and for a read.
    pub fn token(&self) -> Option<&str> {
        match self {
            Intent::SetFresh { value, .. } | Intent::Set { value, .. } => Some(value),
            Intent::Append { token, .. } => Some(token),
            Intent::Increment { .. } | Intent::Read { .. } => None,
        }
    }

    /// Whether it asks for a write.
    pub fn is_write(&self) -> bool {
        !matches!(self, Intent::Read { .. })
    }

    /// Whether its answer says something: a read's value, or a counter's new one.
    pub fn has_answer(&self) -> bool {
        matches!(self, Intent::Read { .. } | Intent::Increment { .. })
    }
}

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Return {
    /// The operation's number.
    pub op: u64,
    /// How.
    #[serde(flatten)]
    pub result: OpResult,
    /// For each intent, in order, what it was answered: a read's value, none if the key is
    /// absent; a counter's new value; none for anything else. Empty if no intent has an answer,
    /// and if the operation was not acknowledged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<Option<String>>,
    /// The machine that answered, if the client knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

impl Return {
    /// An end of which no more is known than how it was.
    pub fn of(op: u64, result: OpResult) -> Self {
        Self { op, result, answers: Vec::new(), by: None }
    }
}

/// How an operation ended, in the client's eyes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum OpResult {
    /// It was acknowledged.
    Ok,
    /// It was surely not done.
    Fail {
        /// Why.
        error: String,
    },
    /// It may have been done.
    Info {
        /// What went wrong.
        error: String,
    },
}

/// What a data node holds at the end of the run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// All keys and values, lossily as text.
    pub values: BTreeMap<String, String>,
    /// The sequence number of its last write, if it counts them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// The topology as it would come back after a restart, in any form in which equal ones are
    /// equal texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topology_kept: Option<String>,
    /// The topology as clients are shown it, in the same form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topology_shown: Option<String>,
}

/// A finished history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History(Vec<Event>);

/// A history file that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The file cannot be read.
    #[error("cannot read the history: {0}")]
    Io(#[from] io::Error),
    /// A line is not an event.
    #[error("history line {line}: {error}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong, with the column.
        error: serde_json::Error,
    },
    /// A line has a field that no event has.
    #[error("history line {line}: unknown field `{field}`")]
    UnknownField {
        /// Counted from 1.
        line: usize,
        /// The field, with those it stands in.
        field: String,
    },
    /// Numbers must count up from 0 without a gap.
    #[error("history line {line}: event number {found}, expected {expected}")]
    Number {
        /// Counted from 1.
        line: usize,
        /// The number found.
        found: u64,
        /// The number that belongs there.
        expected: u64,
    },
    /// Time must not go back.
    #[error("history line {line}: time goes back from {before_ms} ms to {at_ms} ms")]
    Time {
        /// Counted from 1.
        line: usize,
        /// The time of the line before.
        before_ms: u64,
        /// The time of this line.
        at_ms: u64,
    },
}

impl History {
    /// Numbers events in the order given. For hand-made histories; a run uses a `Recorder`.
    pub fn from_events(events: impl IntoIterator<Item = (u64, String, What)>) -> Self {
        let mut history = History::default();
        for (at_ms, on, what) in events {
            history.push(at_ms, on, what);
        }
        history
    }

    /// All events, in order.
    pub fn events(&self) -> &[Event] {
        &self.0
    }

    /// What the run told of itself at its start, if the history begins as it must.
    pub fn setup(&self) -> Option<&Setup> {
        match self.0.first() {
            Some(Event { what: What::Setup(setup), .. }) => Some(setup),
            _ => None,
        }
    }

    /// The time of the last event, in milliseconds.
    pub fn end_ms(&self) -> u64 {
        self.0.last().map_or(0, |event| event.at_ms)
    }

    /// One event a line, as JSON.
    pub fn to_json_lines(&self) -> String {
        let mut text = String::with_capacity(self.0.len() * 160);
        for event in &self.0 {
            // Every field is a plain number, string, list or map with string keys.
            text.push_str(&serde_json::to_string(event).expect("an event is plain data"));
            text.push('\n');
        }
        text
    }

    /// Reads what [`History::to_json_lines`] wrote.
    ///
    /// # Errors
    /// Names the line that is no event, has a field too many, is out of number or goes back in
    /// time.
    pub fn from_json_lines(lines: impl BufRead) -> Result<Self, HistoryError> {
        let mut history = History::default();
        for (at, text) in lines.lines().enumerate() {
            let line = at + 1;
            let text = text?;
            let event: Event =
                serde_json::from_str(&text).map_err(|error| HistoryError::Line { line, error })?;
            if let Some(field) = unknown_fields::first(&text, &event) {
                return Err(HistoryError::UnknownField { line, field });
            }
            if event.number != at as u64 {
                return Err(HistoryError::Number {
                    line,
                    found: event.number,
                    expected: at as u64,
                });
            }
            let before_ms = history.end_ms();
            if event.at_ms < before_ms {
                return Err(HistoryError::Time { line, before_ms, at_ms: event.at_ms });
            }
            history.0.push(event);
        }
        Ok(history)
    }

    /// The SHA-256 of the JSON Lines, in hex: equal digests mean equal runs.
    pub fn digest(&self) -> String {
        let hash = Sha256::digest(self.to_json_lines().as_bytes());
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The first event in which two histories differ, as it stands in each; none if equal.
    pub fn first_difference<'a>(
        &'a self,
        other: &'a History,
    ) -> Option<(Option<&'a Event>, Option<&'a Event>)> {
        let length = self.0.len().max(other.0.len());
        (0..length)
            .map(|at| (self.0.get(at), other.0.get(at)))
            .find(|(mine, theirs)| mine != theirs)
    }

    pub(crate) fn push(&mut self, at_ms: u64, on: String, what: What) {
        let number = self.0.len() as u64;
        self.0.push(Event { number, at_ms, on, what });
    }
}
