//! The nemesis: applies a plan of faults to a world, and heals every one.
//!
//! It acts between steps. Roles are resolved at the moment a fault fires, the answer is
//! recorded, and the heal undoes just that: a process stays down until the last fault that keeps
//! it down is healed, as links stay cut until the last cut on them is.
//!
//! The trap: a fault whose trigger never comes is never injected. It did nothing, and the run
//! must end all the same; see [`Nemesis::new`].

use std::collections::BTreeMap;

use crate::fault::{Bite, Fault, PlannedFault};
use crate::history::{ProcessState, What};
use crate::trigger::Happened;
use crate::world::{Roles, World, WorldError};

mod strike;

/// Applies a plan.
pub struct Nemesis {
    faults: Vec<Scheduled>,
    happened: Happened,
    deadline_ms: u64,
}

struct Scheduled {
    planned: PlannedFault,
    state: State,
}

enum State {
    Waiting,
    Active(Active),
    Healed(Bite),
    /// Its trigger did not come.
    Missed,
}

/// A fault that lies on the world.
struct Active {
    /// The machines that its roles named.
    targets: Roles,
    /// Its injection, in simulated milliseconds.
    since_ms: u64,
    /// When it is to be healed.
    heal_at_ms: u64,
    /// Of those whose process it stopped: for how long each had not run before.
    stopped_ms: BTreeMap<String, u64>,
    /// Whether it is at a turn at which it does nothing, as a card that flaps is now and then.
    pauses: bool,
    /// What it did so far, as far as that is known.
    bite: Bite,
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
    ///
    /// From `deadline_ms` on, in simulated milliseconds, it waits for triggers only while another
    /// fault lasts or is to come.
    pub fn new(plan: &[PlannedFault], deadline_ms: u64) -> Self {
        let scheduled =
            |planned: &PlannedFault| Scheduled { planned: planned.clone(), state: State::Waiting };
        let faults = plan.iter().map(scheduled).collect();
        Self { faults, happened: Happened::default(), deadline_ms }
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
        world.history(|history| self.happened.read(history));
        for at in 0..self.faults.len() {
            if matches!(&self.faults[at].state, State::Active(fault) if fault.heal_at_ms <= now_ms)
            {
                self.heal(at, world)?;
                acted = true;
            }
        }
        for at in 0..self.faults.len() {
            if self.due_ms(at).is_some_and(|due_ms| due_ms <= now_ms) {
                self.inject(at, world, resolve)?;
                acted = true;
            }
        }
        acted |= self.take_turns(world)?;
        self.give_up(now_ms);
        Ok(acted)
    }

    /// Whether nothing is left to do: every fault was healed, or its trigger waited for in vain.
    pub fn is_over(&self) -> bool {
        self.faults.iter().all(|fault| matches!(fault.state, State::Healed(_) | State::Missed))
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

    /// When a fault is to be injected; none if it was, or waits for its trigger.
    fn due_ms(&self, at: usize) -> Option<u64> {
        let Scheduled { planned, state: State::Waiting } = &self.faults[at] else {
            return None;
        };
        match &planned.after {
            None => Some(planned.at_ms),
            Some(trigger) => Some(self.happened.due_ms(trigger)?.max(planned.at_ms)),
        }
    }

    /// Nothing that is still to come could bring the triggers that are waited for.
    fn give_up(&mut self, now_ms: u64) {
        let to_come =
            |at| self.due_ms(at).is_some() || matches!(self.faults[at].state, State::Active { .. });
        if now_ms < self.deadline_ms || (0..self.faults.len()).any(to_come) {
            return;
        }
        for fault in &mut self.faults {
            if matches!(fault.state, State::Waiting) {
                fault.state = State::Missed;
            }
        }
    }

    fn inject(
        &mut self,
        at: usize,
        world: &mut World,
        resolve: &dyn Fn(&World, &str) -> Vec<String>,
    ) -> Result<(), NemesisError> {
        let since_ms = world.now_ms();
        let PlannedFault { at_ms, heal_at_ms, fault, .. } = self.faults[at].planned.clone();
        let due_ms = self.due_ms(at).unwrap_or(at_ms);
        let mut targets = Roles::new();
        for role in fault.roles() {
            let named = resolve(world, role);
            if named.is_empty() {
                let (role, name, at_ms) = (role.clone(), fault.name(), since_ms);
                return Err(NemesisError::NobodyInRole { fault: at, name, role, at_ms });
            }
            targets.insert(role.clone(), named);
        }
        let what = What::Inject { fault: at, planned: fault.clone(), targets: targets.clone() };
        world.record(NEMESIS, what);
        let mut stopped_ms = BTreeMap::new();
        for name in strike::machines(&fault, &targets) {
            if self.can_stop(&fault, &name, world)? {
                stopped_ms.insert(name.clone(), world.stopped_ms(&name)?);
            }
        }
        let bite = strike::inject(&fault, at as u64, &targets, world)?;
        let heal_at_ms = due_ms + heal_at_ms.saturating_sub(at_ms);
        let pauses = false;
        let active = Active { targets, since_ms, heal_at_ms, stopped_ms, pauses, bite };
        self.faults[at].state = State::Active(active);
        Ok(())
    }

    /// Whether there is a process that the fault can stop: one that is alive, or that another
    /// fault keeps down, for then both keep it from running.
    fn can_stop(&self, fault: &Fault, name: &str, world: &World) -> Result<bool, WorldError> {
        let alive = world.status(name)?.0 != ProcessState::Down;
        Ok(match fault {
            Fault::Hang { .. } => alive,
            _ if fault.keeps_process_down() || fault.suspends() => {
                alive || self.kept(name, Fault::keeps_process_down)
            }
            _ => false,
        })
    }

    /// Whether a fault of this sort lies on a machine now.
    fn kept(&self, name: &str, sort: impl Fn(&Fault) -> bool) -> bool {
        self.lying_on(name, sort).next().is_some()
    }

    /// The places of the faults of this sort that lie on a machine now.
    fn lying_on(&self, name: &str, sort: impl Fn(&Fault) -> bool) -> impl Iterator<Item = usize> {
        let lies = move |Scheduled { planned, state }: &Scheduled| match state {
            State::Active(Active { targets, .. }) => {
                let fault = &planned.fault;
                sort(fault) && strike::machines(fault, targets).iter().any(|m| m == name)
            }
            _ => false,
        };
        self.faults.iter().enumerate().filter(move |(_, fault)| lies(fault)).map(|(at, _)| at)
    }

    fn heal(&mut self, at: usize, world: &mut World) -> Result<(), NemesisError> {
        let Scheduled { planned, state } = &mut self.faults[at];
        let fault = planned.fault.clone();
        // From here on it no longer keeps anything down; what it did is known below.
        let healed = std::mem::replace(state, State::Healed(Bite::default()));
        let State::Active(Active { targets, since_ms, stopped_ms, mut bite, .. }) = healed else {
            return Ok(());
        };
        for (name, before_ms) in &stopped_ms {
            let stopped_ms = world.stopped_ms(name)? - before_ms;
            bite += Bite { stopped_ms, ..Bite::default() };
        }
        bite += strike::heal(&fault, at as u64, &targets, since_ms, world)?;
        if fault.keeps_process_down() {
            for name in strike::machines(&fault, &targets) {
                self.bring_up(&name, world)?;
            }
        }
        world.record(NEMESIS, What::Heal { fault: at, bite });
        self.faults[at].state = State::Healed(bite);
        Ok(())
    }

    /// Gives a machine back what no fault takes from it any more: power, then its process, which
    /// does not run before its machine does.
    fn bring_up(&self, name: &str, world: &mut World) -> Result<(), WorldError> {
        if !self.kept(name, |fault| matches!(fault, Fault::PowerLoss { .. })) {
            world.boot(name)?;
        }
        if !self.kept(name, Fault::keeps_process_down) {
            world.restart(name)?;
            for at in self.lying_on(name, Fault::suspends) {
                world.hang(name, at as u64)?;
            }
        }
        Ok(())
    }

    /// A card that flaps fails and works by turns.
    fn take_turns(&mut self, world: &World) -> Result<bool, WorldError> {
        let mut turned = false;
        for (at, Scheduled { planned, state }) in self.faults.iter_mut().enumerate() {
            let (Fault::Flap { on_ms, off_ms, .. }, State::Active(active)) =
                (&planned.fault, state)
            else {
                continue;
            };
            let into_turn_ms = (world.now_ms() - active.since_ms) % (on_ms + off_ms).max(1);
            let pauses = into_turn_ms >= *on_ms;
            if pauses == active.pauses {
                continue;
            }
            if pauses {
                active.bite += world.heal(at as u64);
            } else {
                strike::cut(&planned.fault, at as u64, &active.targets, world)?;
            }
            active.pauses = pauses;
            turned = true;
        }
        Ok(turned)
    }
}

/// Who acts, in the history.
const NEMESIS: &str = "nemesis";
