//! What can happen to the machines of a world, by name and between steps.
//!
//! Mechanism only: what a fault of a plan does, when and to whom is the nemesis' business.

use std::time::Duration;

use host::Clock;

use super::{World, WorldConfig, WorldError};
use crate::clocks::Clocks;
use crate::fault::{Bite, CutKind, DiskTrouble};
use crate::links::{self, Change, CutId, LinkState};
use crate::slow_links::Pair;
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
        let ways = self.numbers(directions)?;
        let changes = self.fabric.cut(id, &ways, kind);
        self.count_under_way(&changes);
        self.apply(&changes);
        Ok(())
    }

    /// Makes every packet that is sent between these machines, by name, take so long.
    ///
    /// # Errors
    /// If there is no such machine, or if it would arrive within the tick in which it was sent.
    pub fn slow(
        &self,
        id: CutId,
        pairs: &[(String, String)],
        one_way_ms: u64,
    ) -> Result<(), WorldError> {
        let tick_ms = self.config.tick_ms;
        if one_way_ms < tick_ms {
            return Err(WorldError::LatencyBelowTick { one_way_ms, tick_ms });
        }
        self.set_latencies(&self.fabric.slow(id, &self.numbers(pairs)?, one_way_ms));
        Ok(())
    }

    /// Takes a cut, or what makes links slow, away; how much it bit.
    pub fn heal(&self, id: CutId) -> Bite {
        let (changes, bite) = self.fabric.heal(id);
        self.apply(&changes);
        let (changed, packets_slowed) = self.fabric.hasten(id);
        self.set_latencies(&changed);
        Bite { packets_slowed, ..bite }
    }

    /// From now on something is wrong with a machine's disk.
    ///
    /// # Errors
    /// If there is no such machine.
    pub fn trouble_disk(
        &self,
        name: &str,
        id: u64,
        trouble: DiskTrouble,
    ) -> Result<(), WorldError> {
        self.machine(name)?.disk.trouble(id, trouble);
        Ok(())
    }

    /// Takes a trouble from a machine's disk: how many operations met it.
    ///
    /// # Errors
    /// If there is no such machine.
    pub fn mend_disk(&self, name: &str, id: u64) -> Result<u64, WorldError> {
        Ok(self.machine(name)?.disk.mend(id))
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

    fn numbers(&self, pairs: &[(String, String)]) -> Result<Vec<(usize, usize)>, WorldError> {
        let number = |name: &String| self.machine(name).map(|machine| machine.number);
        pairs.iter().map(|(a, b)| Ok((number(a)?, number(b)?))).collect()
    }

    /// turmoil's `set_link_latency` sets the least and the greatest to one value.
    fn set_latencies(&self, changed: &[Pair]) {
        let addresses = self.fabric.addresses();
        for &pair in changed {
            let (a, b) = (addresses[pair.0], addresses[pair.1]);
            let WorldConfig { latency_ms_min, latency_ms_max, .. } = self.config;
            let slow_ms = self.fabric.one_way_ms(pair);
            let (least_ms, most_ms) =
                slow_ms.map_or((latency_ms_min, latency_ms_max), |ms| (ms, ms));
            self.sim.set_link_latency(a, b, Duration::from_millis(least_ms));
            self.sim.set_link_max_message_latency(a, b, Duration::from_millis(most_ms));
        }
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
