//! What can happen to the machines of a world, by name and between steps.
//!
//! Mechanism only: what a fault of a plan does, when and to whom is the nemesis' business.

use std::time::Duration;

use host::Clock;

use super::{World, WorldError};
use crate::clocks::Clocks;
use crate::fault::{Bite, CutKind};
use crate::links::{self, Change, CutId, LinkState};
use crate::stall::Held;

/// Cuts that come with a power loss are named apart from the nemesis' own.
const POWER_CUT: CutId = 1 << 32;

impl World {
    /// Kills the process of a machine. The disk keeps what was written.
    ///
    /// # Errors
    /// If there is no such machine.
    pub fn kill(&self, name: &str) -> Result<(), WorldError> {
        self.machine(name)?.order_kill();
        Ok(())
    }

    /// Stops the process of a machine from running until every hang on it is over. Nothing if
    /// it is down.
    ///
    /// # Errors
    /// If there is no such machine.
    pub fn hang(&self, name: &str, hang: u64) -> Result<(), WorldError> {
        self.machine(name)?.hang(hang);
        Ok(())
    }

    /// Ends a hang: how many bytes came to wait in the sockets while it lasted, or until the
    /// process was killed, for being hung belongs to a life.
    ///
    /// # Errors
    /// If there is no such machine.
    pub fn resume(&self, name: &str, hang: u64) -> Result<u64, WorldError> {
        Ok(self.machine(name)?.resume(hang))
    }

    /// Holds up every task of the process that comes to this point, until the stall is over or
    /// the process is killed. A process that is down is held up in its next life.
    ///
    /// # Errors
    /// If there is no such machine.
    pub fn stall(&self, name: &str, stall: u64, point: &str) -> Result<(), WorldError> {
        self.machine(name)?.stalls.lay(stall, point);
        Ok(())
    }

    /// Ends a stall: lets the tasks go on that no other one holds up, and says what it did.
    ///
    /// # Errors
    /// If there is no such machine.
    pub fn unstall(&self, name: &str, stall: u64) -> Result<Held, WorldError> {
        Ok(self.machine(name)?.stalls.lift(stall))
    }

    /// Lays a cut on these directions, by machine names.
    ///
    /// # Errors
    /// If there is no such machine.
    pub fn cut(
        &self,
        id: CutId,
        directions: &[(String, String)],
        kind: CutKind,
    ) -> Result<(), WorldError> {
        let number = |name: &String| self.machine(name).map(|machine| machine.number);
        let ways: Vec<(usize, usize)> = directions
            .iter()
            .map(|(from, to)| Ok((number(from)?, number(to)?)))
            .collect::<Result<_, WorldError>>()?;
        let changes = self.fabric.cut(id, &ways, kind);
        self.count_under_way(&changes);
        self.apply(&changes);
        Ok(())
    }

    /// Takes a cut away; how much it bit.
    pub fn heal(&self, id: CutId) -> Bite {
        let (changes, bite) = self.fabric.heal(id);
        self.apply(&changes);
        bite
    }

    /// Pulls the plug: links cut, then gone, and unsynced writes with it. Nothing if the
    /// machine has no power.
    ///
    /// # Errors
    /// If there is no such machine.
    pub fn power_off(&mut self, name: &str) -> Result<(), WorldError> {
        let machine = self.machine(name)?.clone();
        if !machine.powered.replace(false) {
            return Ok(());
        }
        let others = self.machine_names().filter(|other| *other != name);
        let directions: Vec<(String, String)> = others
            .flat_map(|other| [(name.into(), other.into()), (other.into(), name.into())])
            .collect();
        self.cut(POWER_CUT + machine.number as u64, &directions, CutKind::Drop)?;
        machine.lose_power();
        self.sim.crash(name);
        machine.disk.lose_power();
        // A process that is dropped may have had a last word.
        self.recorder.seal();
        Ok(())
    }

    /// Boots the machine again and starts its process. Nothing if the machine has power.
    ///
    /// # Errors
    /// If there is no such machine.
    pub fn power_on(&mut self, name: &str) -> Result<(), WorldError> {
        self.boot(name)?;
        self.restart(name)
    }

    /// Boots the machine again, without its process. Nothing if the machine has power.
    ///
    /// # Errors
    /// If there is no such machine.
    pub fn boot(&mut self, name: &str) -> Result<(), WorldError> {
        let machine = self.machine(name)?.clone();
        if machine.powered.replace(true) {
            return Ok(());
        }
        self.heal(POWER_CUT + machine.number as u64);
        machine.clocks.borrow_mut().boot(self.time.now());
        self.sim.bounce(name);
        Ok(())
    }

    /// Steps a clock of a machine, back if negative: by how many milliseconds its reading moved.
    ///
    /// # Errors
    /// If there is no such machine.
    pub fn step_clock(&self, name: &str, clock: Clock, by_ms: i64) -> Result<u64, WorldError> {
        let moved = self.change_clocks(name, |clocks, now| clocks.step(clock, by_ms, now))?;
        // At most as many as were asked for.
        Ok(moved.as_millis() as u64)
    }

    /// Makes a clock of a machine run faster by so many parts per million than it does, slower if
    /// negative.
    ///
    /// # Errors
    /// If there is no such machine.
    pub fn drift_clock(&self, name: &str, clock: Clock, by_ppm: i64) -> Result<(), WorldError> {
        self.change_clocks(name, |clocks, now| clocks.drift(clock, by_ppm, now))
    }

    /// Stops a clock of a machine, until it is thawed as often as it was frozen.
    ///
    /// # Errors
    /// If there is no such machine.
    pub fn freeze_clock(&self, name: &str, clock: Clock) -> Result<(), WorldError> {
        self.change_clocks(name, |clocks, now| clocks.freeze(clock, now))
    }

    /// Takes away one reason for a clock of a machine to stand still.
    ///
    /// # Errors
    /// If there is no such machine.
    pub fn thaw_clock(&self, name: &str, clock: Clock) -> Result<(), WorldError> {
        self.change_clocks(name, |clocks, now| clocks.thaw(clock, now))
    }

    fn change_clocks<T>(
        &self,
        name: &str,
        change: impl FnOnce(&mut Clocks, Duration) -> T,
    ) -> Result<T, WorldError> {
        let machine = self.machine(name)?;
        let changed = change(&mut machine.clocks.borrow_mut(), self.time.now());
        machine.clocks_changed.notify_waiters();
        Ok(changed)
    }

    fn apply(&self, changes: &[Change]) {
        let addresses = self.fabric.addresses();
        for change in changes {
            change.apply(&self.sim, &addresses);
        }
    }

    /// What is under way when a cut comes down meets it too.
    fn count_under_way(&self, changes: &[Change]) {
        let addresses = self.fabric.addresses();
        for Change { pair: (a, b), old, new } in changes {
            for (from, to, old, new) in [(*a, *b, old.0, new.0), (*b, *a, old.1, new.1)] {
                if new > old && new != LinkState::Open {
                    let packets = links::under_way(&self.sim, addresses[from], addresses[to]);
                    self.fabric.count_under_way(from, to, packets);
                }
            }
        }
    }
}
