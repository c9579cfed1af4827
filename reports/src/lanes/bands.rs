//! The faults as bands of time over the machines that they hit.

use std::collections::BTreeMap;

use sim::fault::{Bite, Fault};
use sim::history::{History, What};

use crate::wording;

/// A fault while it lasted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultBand {
    /// Its place in the plan, counted from 0.
    pub fault: usize,
    /// Its injection, in simulated milliseconds.
    pub from_ms: u64,
    /// Its heal; the end of the run if it has none.
    pub until_ms: u64,
    /// What happened to whom.
    pub label: String,
    /// The machines that it hit, each once.
    pub machines: Vec<String>,
    /// The event of its injection.
    pub event: u64,
    /// What it did; none if it was never healed.
    pub bite: Option<Bite>,
}

/// All injected faults, in the order of their injection.
pub fn fault_bands(history: &History) -> Vec<FaultBand> {
    let mut bands: Vec<FaultBand> = Vec::new();
    for event in history.events() {
        match &event.what {
            What::Inject { fault, planned, targets } => bands.push(FaultBand {
                fault: *fault,
                from_ms: event.at_ms,
                until_ms: history.end_ms(),
                label: wording::fault(planned, targets),
                machines: hit(planned, targets),
                event: event.number,
                bite: None,
            }),
            What::Heal { fault, bite } => {
                let open = bands.iter_mut().rev().find(|band| band.fault == *fault);
                if let Some(band) = open.filter(|band| band.bite.is_none()) {
                    band.until_ms = event.at_ms;
                    band.bite = Some(*bite);
                }
            }
            _ => {}
        }
    }
    bands
}

fn hit(fault: &Fault, targets: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let mut machines: Vec<String> = Vec::new();
    for role in fault.roles() {
        // A role without an answer is the name of a machine.
        let named = targets.get(role).cloned().unwrap_or_else(|| vec![role.clone()]);
        machines.extend(named);
    }
    machines.sort_unstable();
    machines.dedup();
    machines
}
