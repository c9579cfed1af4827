//! The nemesis: applies a plan of faults to a world, and heals every one.
//!
//! It acts between steps. Roles are resolved at the moment a fault fires, the answer is
//! recorded, and the heal undoes just that.

use std::collections::BTreeMap;

use crate::fault::{Bite, CutKind, Fault, Packets, PlannedFault, Way};
use crate::history::{ProcessState, What};
use crate::world::{Roles, World, WorldError};

/// Applies a plan.
pub struct Nemesis {
    faults: Vec<Scheduled>,
}

struct Scheduled {
    planned: PlannedFault,
    state: State,
}

enum State {
    Waiting,
    /// Injected then, into the machines that its roles named.
    Active {
        since_ms: u64,
        targets: Roles,
    },
    Healed(Bite),
}

/// What the nemesis cannot do.
#[derive(Debug, thiserror::Error)]
pub enum NemesisError {
    /// A role names no machine at the moment the fault fires.
    #[error("fault {fault} ({name}): the role `{role}` names no machine at {at_ms} ms")]
    NobodyInRole {
        /// Its place in the plan.
        fault: usize,
        /// The fault's name.
        name: &'static str,
        /// The role.
        role: String,
        /// Simulated milliseconds.
        at_ms: u64,
    },
    /// The world refused.
    #[error(transparent)]
    World(#[from] WorldError),
}

impl Nemesis {
    /// A nemesis for these faults, in the order of the plan.
    pub fn new(plan: &[PlannedFault]) -> Self {
        let scheduled =
            |planned: &PlannedFault| Scheduled { planned: planned.clone(), state: State::Waiting };
        Self { faults: plan.iter().map(scheduled).collect() }
    }

    /// Heals and injects what is due. True if it did anything.
    ///
    /// # Errors
    /// If a role names nobody, or a machine does not exist.
    pub fn act(
        &mut self,
        world: &mut World,
        resolve: &dyn Fn(&World, &str) -> Vec<String>,
    ) -> Result<bool, NemesisError> {
        let now_ms = world.now_ms();
        let mut acted = false;
        for at in 0..self.faults.len() {
            let due = self.faults[at].planned.heal_at_ms <= now_ms;
            if due && matches!(self.faults[at].state, State::Active { .. }) {
                self.heal(at, world)?;
                acted = true;
            }
        }
        for at in 0..self.faults.len() {
            let due = self.faults[at].planned.at_ms <= now_ms;
            if due && matches!(self.faults[at].state, State::Waiting) {
                self.inject(at, world, resolve)?;
                acted = true;
            }
        }
        Ok(acted)
    }

    /// Whether every fault was injected and healed.
    pub fn is_over(&self) -> bool {
        self.faults.iter().all(|fault| matches!(fault.state, State::Healed(_)))
    }

    /// What each fault did, in the order of the plan; nothing for one that is not healed yet.
    pub fn bites(&self) -> Vec<(String, Bite)> {
        let bite = |fault: &Scheduled| match fault.state {
            State::Healed(bite) => bite,
            _ => Bite::default(),
        };
        self.faults
            .iter()
            .map(|fault| (fault.planned.fault.name().to_owned(), bite(fault)))
            .collect()
    }

    fn inject(
        &mut self,
        at: usize,
        world: &mut World,
        resolve: &dyn Fn(&World, &str) -> Vec<String>,
    ) -> Result<(), NemesisError> {
        let since_ms = world.now_ms();
        let fault = self.faults[at].planned.fault.clone();
        let mut targets = Roles::new();
        for role in fault.roles() {
            let named = resolve(world, role);
            if named.is_empty() {
                let (role, name) = (role.clone(), fault.name());
                return Err(NemesisError::NobodyInRole { fault: at, name, role, at_ms: since_ms });
            }
            targets.insert(role.clone(), named);
        }
        let what = What::Inject { fault: at, planned: fault.clone(), targets: targets.clone() };
        world.record(NEMESIS, what);
        inject(&fault, at as u64, &targets, world)?;
        self.faults[at].state = State::Active { since_ms, targets };
        Ok(())
    }

    fn heal(&mut self, at: usize, world: &mut World) -> Result<(), NemesisError> {
        let Scheduled { planned, state } = &mut self.faults[at];
        let State::Active { since_ms, targets } = state else {
            return Ok(());
        };
        let lasted_ms = world.now_ms() - *since_ms;
        let bite = heal(&planned.fault, at as u64, targets, lasted_ms, world)?;
        world.record(NEMESIS, What::Heal { fault: at, bite });
        *state = State::Healed(bite);
        Ok(())
    }
}

/// Who acts, in the history.
const NEMESIS: &str = "nemesis";

fn inject(fault: &Fault, id: u64, targets: &Roles, world: &mut World) -> Result<(), WorldError> {
    for name in machines(fault, targets) {
        match fault {
            Fault::Hang { .. } => world.hang(&name, id)?,
            Fault::Kill { .. } => world.kill(&name)?,
            Fault::PowerLoss { .. } => world.power_off(&name)?,
            Fault::Nic { .. } | Fault::Partition { .. } => {}
        }
    }
    if let Some((directions, kind)) = cut(fault, targets, world) {
        world.cut(id, &directions, kind)?;
    }
    Ok(())
}

fn heal(
    fault: &Fault,
    id: u64,
    targets: &Roles,
    lasted_ms: u64,
    world: &mut World,
) -> Result<Bite, WorldError> {
    let mut bite = Bite::default();
    for name in machines(fault, targets) {
        match fault {
            Fault::Hang { .. } => {
                bite.stopped_ms = lasted_ms;
                bite.bytes_waited += world.resume(&name, id)?;
            }
            Fault::Kill { .. } => {
                if world.status(&name)?.0 == ProcessState::Down {
                    bite.stopped_ms = lasted_ms;
                }
                world.restart(&name)?;
            }
            Fault::PowerLoss { .. } => {
                bite.stopped_ms = lasted_ms;
                world.power_on(&name)?;
            }
            Fault::Nic { .. } | Fault::Partition { .. } => {}
        }
    }
    match fault {
        Fault::Nic { .. } | Fault::Partition { .. } => Ok(world.heal(id)),
        _ => Ok(bite),
    }
}

/// The machines that the fault's roles named.
fn machines(fault: &Fault, targets: &Roles) -> Vec<String> {
    fault.roles().into_iter().flat_map(|role| targets[role].clone()).collect()
}

/// The directions that a network fault lies on.
fn cut(
    fault: &Fault,
    targets: &BTreeMap<String, Vec<String>>,
    world: &World,
) -> Option<(Vec<(String, String)>, CutKind)> {
    let (there, back, kind, ways) = match fault {
        Fault::Nic { target, packets, kind } => {
            let machine = targets[target].clone();
            let others = world.machine_names().filter(|name| !machine.iter().any(|m| m == name));
            let others = others.map(str::to_owned).collect();
            let ways = (*packets != Packets::In, *packets != Packets::Out);
            (machine, others, *kind, ways)
        }
        Fault::Partition { a, b, way, kind } => {
            let group = |roles: &[String]| -> Vec<String> {
                roles.iter().flat_map(|role| targets[role].clone()).collect()
            };
            (group(a), group(b), *kind, (*way != Way::BToA, *way != Way::AToB))
        }
        Fault::Hang { .. } | Fault::Kill { .. } | Fault::PowerLoss { .. } => return None,
    };
    let mut directions = Vec::new();
    for (from, to) in pairs(&there, &back) {
        if ways.0 {
            directions.push((from.clone(), to.clone()));
        }
        if ways.1 {
            directions.push((to, from));
        }
    }
    Some((directions, kind))
}

fn pairs(a: &[String], b: &[String]) -> Vec<(String, String)> {
    a.iter()
        .flat_map(|a| b.iter().map(move |b| (a.clone(), b.clone())))
        .filter(|(a, b)| a != b)
        .collect()
}
