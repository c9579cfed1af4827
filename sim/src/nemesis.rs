//! The nemesis: applies a plan of faults to a world, and heals every one.
//!
//! It acts between steps. Roles are resolved at the moment a fault fires, the answer is
//! recorded, and the heal undoes just that: a process stays down until the last fault that keeps
//! it down is healed, as links stay cut until the last cut on them is.

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
    /// Injected, into the machines that its roles named.
    Active {
        targets: Roles,
        /// Of those whose process it stopped: for how long each had not run before.
        stopped_ms: BTreeMap<String, u64>,
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
        let at_ms = world.now_ms();
        let fault = self.faults[at].planned.fault.clone();
        let mut targets = Roles::new();
        for role in fault.roles() {
            let named = resolve(world, role);
            if named.is_empty() {
                let (role, name) = (role.clone(), fault.name());
                return Err(NemesisError::NobodyInRole { fault: at, name, role, at_ms });
            }
            targets.insert(role.clone(), named);
        }
        let what = What::Inject { fault: at, planned: fault.clone(), targets: targets.clone() };
        world.record(NEMESIS, what);
        let mut stopped_ms = BTreeMap::new();
        for name in machines(&fault, &targets) {
            if self.can_stop(&fault, &name, world)? {
                stopped_ms.insert(name.clone(), world.stopped_ms(&name)?);
            }
        }
        inject(&fault, at as u64, &targets, world)?;
        self.faults[at].state = State::Active { targets, stopped_ms };
        Ok(())
    }

    /// Whether there is a process that the fault can stop: one that is alive, or that another
    /// fault keeps down, for then both keep it down.
    fn can_stop(&self, fault: &Fault, name: &str, world: &World) -> Result<bool, WorldError> {
        let alive = world.status(name)?.0 != ProcessState::Down;
        Ok(match fault {
            Fault::Hang { .. } => alive,
            Fault::Kill { .. } | Fault::PowerLoss { .. } => {
                alive || self.kept(name, Fault::keeps_process_down)
            }
            Fault::Nic { .. } | Fault::Partition { .. } => false,
        })
    }

    /// Whether a fault of this sort lies on a machine now.
    fn kept(&self, name: &str, sort: impl Fn(&Fault) -> bool) -> bool {
        self.faults.iter().any(|Scheduled { planned, state }| match state {
            State::Active { targets, .. } => {
                sort(&planned.fault) && machines(&planned.fault, targets).iter().any(|m| m == name)
            }
            _ => false,
        })
    }

    fn heal(&mut self, at: usize, world: &mut World) -> Result<(), NemesisError> {
        let Scheduled { planned, state } = &mut self.faults[at];
        let fault = planned.fault.clone();
        // From here on it no longer keeps anything down; what it did is known below.
        let healed = std::mem::replace(state, State::Healed(Bite::default()));
        let State::Active { targets, stopped_ms } = healed else {
            return Ok(());
        };
        let mut bite = world.heal(at as u64);
        for name in machines(&fault, &targets) {
            if let Some(before_ms) = stopped_ms.get(&name) {
                bite.stopped_ms = bite.stopped_ms.max(world.stopped_ms(&name)? - before_ms);
            }
            if matches!(fault, Fault::Hang { .. }) {
                bite.bytes_waited += world.resume(&name, at as u64)?;
            }
            if fault.keeps_process_down() {
                self.bring_up(&name, world)?;
            }
        }
        world.record(NEMESIS, What::Heal { fault: at, bite });
        self.faults[at].state = State::Healed(bite);
        Ok(())
    }

    /// Gives a machine back what no fault takes from it any more: power, then its process.
    fn bring_up(&self, name: &str, world: &mut World) -> Result<(), WorldError> {
        if !self.kept(name, |fault| matches!(fault, Fault::PowerLoss { .. })) {
            world.boot(name)?;
        }
        if !self.kept(name, Fault::keeps_process_down) {
            world.restart(name)?;
        }
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

/// The machines that the fault's roles named.
fn machines(fault: &Fault, targets: &Roles) -> Vec<String> {
    fault.roles().into_iter().flat_map(|role| targets[role].clone()).collect()
}

/// The directions that a network fault lies on.
fn cut(fault: &Fault, targets: &Roles, world: &World) -> Option<(Vec<(String, String)>, CutKind)> {
    let (there, back, kind, ways) = match fault {
        Fault::Nic { target, packets, kind } => {
            // Each card fails for itself, so machines of one role do not reach each other either.
            let all = world.machine_names().map(str::to_owned).collect();
            let ways = (*packets != Packets::In, *packets != Packets::Out);
            (targets[target].clone(), all, *kind, ways)
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
