//! The events of a run that a person wants to read: faults, phases, commits, changes of status,
//! leases, notes, and whatever a verdict or a figure names as its evidence.
//!
//! Client operations and repetitions are left out and counted. The trap: an event that is
//! evidence is never left out, for links lead to it.

use std::collections::{BTreeMap, BTreeSet};

use host::Observation;
use sim::history::{Event, History, What};

use crate::lanes::{Authority, Kind, Lanes};
use crate::record::RunRecord;

use describe::Known;

pub(crate) mod describe;

/// How many numbers of a long list of evidence are shown at its start; the last one always is.
const EVIDENCE_SHOWN: usize = 8;

/// The events to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noteworthy {
    /// In order.
    pub rows: Vec<Row>,
    /// How many events are not among them.
    pub left_out: usize,
}

/// An event to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The number of the event.
    pub number: u64,
    /// When, in simulated milliseconds.
    pub at_ms: u64,
    /// The machine.
    pub on: String,
    /// What happened, in words.
    pub text: String,
    /// What it is, for colours.
    pub class: Class,
}

/// What an event is, for colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A fault or its heal.
    Fault,
    /// A phase.
    Phase,
    /// A commit of the store.
    Commit,
    /// A deposed node's acknowledgement, the first or last of a failover.
    Stale,
    /// Anything else.
    Plain,
}

/// A list of evidence as it is shown: the first few numbers, the last, and how many lie between.
pub fn shown_evidence(evidence: &[u64]) -> (Vec<u64>, usize) {
    if evidence.len() <= EVIDENCE_SHOWN + 1 {
        return (evidence.to_vec(), 0);
    }
    let mut shown = evidence[..EVIDENCE_SHOWN].to_vec();
    shown.extend(evidence.last());
    (shown, evidence.len() - EVIDENCE_SHOWN - 1)
}

/// Picks the events to read.
pub fn noteworthy(record: &RunRecord, history: &History, lanes: &Lanes) -> Noteworthy {
    let evidence = evidence(record);
    let stale = stale_edges(record, lanes);
    let mut known = Known::default();
    let mut repeats = Repeats::default();
    let mut rows: Vec<Row> = Vec::new();
    for event in history.events() {
        // Told in any case, so that later changes are told against it.
        let text = known.tell(event);
        let must = evidence.contains(&event.number) || stale.contains_key(&event.number);
        let text = match text {
            Some(text) => text,
            None if must => describe::operation(event),
            None => continue,
        };
        if repeats.swallows(event, rows.len(), must) {
            continue;
        }
        let label = stale.get(&event.number).map_or(String::new(), |label| format!("{label}: "));
        rows.push(Row {
            number: event.number,
            at_ms: event.at_ms,
            on: event.on.clone(),
            text: format!("{label}{text}"),
            class: if label.is_empty() { class(&event.what) } else { Class::Stale },
        });
    }
    repeats.append_to(&mut rows);
    let left_out = history.events().len() - rows.len();
    Noteworthy { rows, left_out }
}

fn evidence(record: &RunRecord) -> BTreeSet<u64> {
    let of_verdicts = record.verdicts.iter().map(|verdict| &verdict.evidence);
    let of_failovers = record.figures.failovers.iter().map(|failover| &failover.evidence);
    let outages = record.figures.availability.iter().flat_map(|shard| &shard.outages);
    let of_outages = outages.map(|outage| &outage.evidence);
    let all = of_verdicts.chain(of_failovers).chain(of_outages);
    all.flat_map(|evidence| shown_evidence(evidence).0).collect()
}

/// The first and last acknowledgement of a deposed node within the span of each failover.
fn stale_edges(record: &RunRecord, lanes: &Lanes) -> BTreeMap<u64, &'static str> {
    let mut edges = BTreeMap::new();
    for failover in &record.figures.failovers {
        let (Some(p), Some(last)) = (failover.effective_at_ms, failover.last_stale_at_ms) else {
            continue;
        };
        let mut stale: Vec<u64> = lanes
            .machines
            .iter()
            .filter_map(|lane| match &lane.kind {
                Kind::Node(node) if node.member.shard == failover.shard => Some(node),
                _ => None,
            })
            .flat_map(|node| &node.acknowledged)
            .filter(|ack| ack.by == Authority::Deposed && (p..=last).contains(&ack.at_ms))
            .map(|ack| ack.event)
            .collect();
        stale.sort_unstable();
        if let (Some(first), Some(last)) = (stale.first(), stale.last()) {
            edges.insert(*last, "last stale acknowledgement");
            edges.insert(*first, "first stale acknowledgement");
        }
    }
    edges
}

fn class(what: &What) -> Class {
    match what {
        What::Inject { .. } | What::Heal { .. } => Class::Fault,
        What::Phase { .. } => Class::Phase,
        What::Observe { observation: Observation::Committed { .. }, .. } => Class::Commit,
        _ => Class::Plain,
    }
}

/// Lease renewals and refusals come in long rows; only the first of a row is told, with the
/// number of those that follow it, until something else happens to the machine or to the run.
#[derive(Default)]
struct Repeats {
    /// The row of the first one, by machine and kind.
    current: BTreeMap<(String, Repeated), usize>,
    /// How many followed the one in this row, and the last of them.
    swallowed: BTreeMap<usize, (usize, u64)>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Repeated {
    Renewed(u64),
    Refused,
    Logged,
}

impl Repeats {
    /// Whether the event repeats an earlier row and need not be told; if not, it will be row
    /// number `row`.
    fn swallows(&mut self, event: &Event, row: usize, must: bool) -> bool {
        let Some(kind) = repeated(event) else {
            self.interrupt(event);
            return false;
        };
        match self.current.get(&(event.on.clone(), kind)) {
            Some(first) if !must => {
                let (times, last) = self.swallowed.entry(*first).or_default();
                *times += 1;
                *last = event.number;
                true
            }
            _ => {
                self.current.insert((event.on.clone(), kind), row);
                false
            }
        }
    }

    fn interrupt(&mut self, event: &Event) {
        match &event.what {
            What::Inject { .. } | What::Heal { .. } | What::Phase { .. } => self.current.clear(),
            _ => self.current.retain(|(machine, _), _| *machine != event.on),
        }
    }

    fn append_to(self, rows: &mut [Row]) {
        for (row, (times, last)) in self.swallowed {
            rows[row].text.push_str(&format!(" ({times} more until event {last})"));
        }
    }
}

fn repeated(event: &Event) -> Option<Repeated> {
    let What::Observe { observation, .. } = &event.what else {
        return None;
    };
    match observation {
        Observation::LeaseRenewed { election_version, .. } => {
            Some(Repeated::Renewed(*election_version))
        }
        Observation::LeaseRefused => Some(Repeated::Refused),
        Observation::LeaseExpiredLogged => Some(Repeated::Logged),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
