//! The world: the only place that builds a `turmoil::Sim`. Assembles and steps; no policy.
//!
//! What happens to machines is done here, by name and between steps; what is done when, and
//! why, is the nemesis' and the runner's business.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use host::{Clock, Status, random_stream};
use indexmap::IndexMap;
use rand::Rng;

use crate::clocks::{ClockPlan, Clocks};
use crate::fabric::Fabric;
use crate::fault::{Bite, CutKind};
use crate::history::{History, ProcessState, What};
use crate::links::{self, Change, CutId, LinkState};
use crate::machine::{self, SimMachine, Stall};
use crate::process::Process;
use crate::recorder::{OperationLog, Recorder};
use crate::time::SimTime;
pub use crate::world_config::{WorldConfig, WorldError};

/// A running world.
pub struct World {
    sim: turmoil::Sim<'static>,
    config: WorldConfig,
    seed: u64,
    time: SimTime,
    fabric: Rc<Fabric>,
    recorder: Recorder,
    machines: IndexMap<String, Rc<SimMachine>>,
    samples: Vec<Option<(ProcessState, Option<Status>)>>,
    next_op: Rc<Cell<u64>>,
}

/// Cuts that come with a power loss are named apart from the nemesis' own.
const POWER_CUT: CutId = 1 << 32;

impl World {
    /// An empty world.
    ///
    /// # Errors
    /// If the configuration allows no honest run.
    pub fn new(seed: u64, config: &WorldConfig) -> Result<Self, WorldError> {
        config.check()?;
        let time = SimTime::default();
        let limit = Duration::from_millis(config.limit_ms);
        let sim = turmoil::Builder::new()
            .epoch(SystemTime::UNIX_EPOCH + Duration::from_secs(config.epoch_s))
            .rng_seed(random_stream(seed, "net").random())
            .tick_duration(Duration::from_millis(config.tick_ms))
            .min_message_latency(Duration::from_millis(config.latency_ms_min))
            .max_message_latency(Duration::from_millis(config.latency_ms_max))
            .simulation_duration(limit)
            .tcp_capacity(4096)
            .build();
        Ok(Self {
            sim,
            config: config.clone(),
            seed,
            recorder: Recorder::new(time.clone()),
            time,
            fabric: Rc::new(Fabric::new(Duration::from_millis(config.latency_ms_min))),
            machines: IndexMap::new(),
            samples: Vec::new(),
            next_op: Rc::default(),
        })
    }

    /// Adds a machine, without a process. The order of adding is part of the seed.
    pub fn add_machine(&mut self, name: &str, clocks: ClockPlan) {
        let clocks = Clocks::new(clocks, Duration::from_secs(self.config.epoch_s));
        let machine = Rc::new(SimMachine::new(
            self.machines.len(),
            name,
            self.seed,
            clocks,
            self.fabric.clone(),
            self.recorder.clone(),
            self.time.clone(),
        ));
        let software = machine.clone();
        self.sim.host(name, move || machine::run(software.clone()));
        self.fabric.plug_in(name, self.sim.lookup(name));
        self.machines.insert(name.to_owned(), machine);
        self.samples.push(None);
    }

    /// The machines' names, in the order of adding.
    pub fn machine_names(&self) -> impl Iterator<Item = &str> {
        self.machines.keys().map(String::as_str)
    }

    /// By which a client process on this machine records its operations.
    ///
    /// # Errors
    /// If there is no such machine.
    pub fn operation_log(&self, name: &str) -> Result<OperationLog, WorldError> {
        let machine = self.machine(name)?;
        Ok(OperationLog {
            recorder: self.recorder.clone(),
            host: machine.number,
            machine: machine.name.clone(),
            next_op: self.next_op.clone(),
        })
    }

    /// Simulated milliseconds since the start of the run.
    pub fn now_ms(&self) -> u64 {
        self.time.now_ms()
    }

    /// The configuration it was made with.
    pub fn config(&self) -> &WorldConfig {
        &self.config
    }

    /// Writes an event of the driver or the nemesis into the history.
    pub fn record(&self, on: &str, what: What) {
        self.recorder.by_driver(on, what);
    }

    /// Reads the history so far.
    pub fn history<T>(&self, read: impl FnOnce(&History) -> T) -> T {
        self.recorder.read(read)
    }

    /// Ends the world: its history.
    pub fn finish(self) -> History {
        self.recorder.take()
    }

    /// Runs every machine for one tick, then samples every process.
    ///
    /// # Errors
    /// If anything panicked, or the run's limit is reached.
    pub fn step(&mut self) -> Result<(), WorldError> {
        let stepped = catch_unwind(AssertUnwindSafe(|| self.sim.step()));
        let result = match stepped {
            Ok(result) => result.map(drop).map_err(|error| WorldError::Turmoil(error.to_string())),
            Err(panic) => {
                let message = panic_message(panic.as_ref());
                Err(WorldError::Panic { at_ms: self.now_ms(), message })
            }
        };
        self.time.set(self.sim.elapsed());
        self.recorder.seal();
        result?;
        if self.now_ms() >= self.config.limit_ms {
            return Err(WorldError::Limit { limit_ms: self.config.limit_ms });
        }
        self.sample();
        Ok(())
    }

    /// Asks every process how it stands, from outside; what changed goes into the history.
    pub fn sample(&mut self) {
        for (machine, last) in self.machines.values().zip(&mut self.samples) {
            let now = (machine.state.get(), status_of(machine));
            // What the process told since then may differ from both.
            let told = machine.told.take().is_some_and(|told| now.1.as_ref() != Some(&told));
            if told || last.as_ref() != Some(&now) {
                let (state, status) = now.clone();
                self.recorder.by_driver(&machine.name, What::Sample { state, status });
                *last = Some(now);
            }
        }
    }

    /// How a process stands now: whether it runs, and what its probe says.
    ///
    /// # Errors
    /// If there is no such machine.
    pub fn status(&self, name: &str) -> Result<(ProcessState, Option<Status>), WorldError> {
        let machine = self.machine(name)?;
        Ok((machine.state.get(), status_of(machine)))
    }

    /// Gives a machine its process and starts it.
    ///
    /// # Errors
    /// If there is no such machine.
    pub fn start(&self, name: &str, process: Process) -> Result<(), WorldError> {
        self.machine(name)?.process.replace(Some(process));
        self.restart(name)
    }

    /// Starts the process of a machine again, if it is down and the machine has power.
    ///
    /// # Errors
    /// If there is no such machine.
    pub fn restart(&self, name: &str) -> Result<(), WorldError> {
        let machine = self.machine(name)?;
        let process = machine.process.borrow().clone();
        let down = machine.state.get() == ProcessState::Down && machine.powered.get();
        if let (true, Some(process)) = (down, process) {
            machine.order_start(process);
            self.recorder.by_driver(name, What::Start { life: machine.life.get() });
        }
        Ok(())
    }

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

    /// For how many milliseconds since the start of the run a process did not run, be it hung
    /// or down.
    ///
    /// # Errors
    /// If there is no such machine.
    pub fn stopped_ms(&self, name: &str) -> Result<u64, WorldError> {
        Ok(self.machine(name)?.stopped_ms())
    }

    /// What a file on the machine's disk holds, as its process would read it; none if there is no
    /// such file.
    ///
    /// # Errors
    /// If there is no such machine.
    pub fn file(&self, machine: &str, name: &str) -> Result<Option<Vec<u8>>, WorldError> {
        Ok(self.machine(machine)?.disk.content(name))
    }

    /// Holds the process up when it next reaches this point.
    ///
    /// # Errors
    /// If there is no such machine.
    pub fn stall(&self, name: &str, point: &str) -> Result<(), WorldError> {
        self.machine(name)?.stalls.borrow_mut().entry(point.to_owned()).or_default();
        Ok(())
    }

    /// Lets a process that is held up at this point go on.
    ///
    /// # Errors
    /// If there is no such machine.
    pub fn unstall(&self, name: &str, point: &str) -> Result<(), WorldError> {
        if let Some(stall) = self.machine(name)?.stalls.borrow_mut().remove(point) {
            Stall::end(&stall);
        }
        Ok(())
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

    /// Steps a clock of a machine, back if negative.
    ///
    /// # Errors
    /// If there is no such machine.
    pub fn step_clock(&self, name: &str, clock: Clock, by_ms: i64) -> Result<(), WorldError> {
        self.change_clocks(name, |clocks, now| clocks.step(clock, by_ms, now))
    }

    /// Makes a clock of a machine run too fast by so many parts per million.
    ///
    /// # Errors
    /// If there is no such machine.
    pub fn drift_clock(&self, name: &str, clock: Clock, ppm: i64) -> Result<(), WorldError> {
        self.change_clocks(name, |clocks, now| clocks.drift(clock, ppm, now))
    }

    /// Stops a clock of a machine, or lets it run on.
    ///
    /// # Errors
    /// If there is no such machine.
    pub fn freeze_clock(&self, name: &str, clock: Clock, frozen: bool) -> Result<(), WorldError> {
        self.change_clocks(name, |clocks, now| clocks.freeze(clock, frozen, now))
    }

    fn change_clocks(
        &self,
        name: &str,
        change: impl FnOnce(&mut Clocks, Duration),
    ) -> Result<(), WorldError> {
        let machine = self.machine(name)?;
        change(&mut machine.clocks.borrow_mut(), self.time.now());
        machine.clocks_changed.notify_waiters();
        Ok(())
    }

    fn machine(&self, name: &str) -> Result<&Rc<SimMachine>, WorldError> {
        self.machines.get(name).ok_or_else(|| WorldError::NoMachine {
            name: name.to_owned(),
            known: self.machine_names().collect::<Vec<_>>().join(", "),
        })
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

impl Stall {
    fn end(stall: &Rc<Stall>) {
        stall.over.set(true);
        stall.changed.notify_waiters();
    }
}

fn status_of(machine: &SimMachine) -> Option<Status> {
    // The probe is cloned out, so that it may use its machine.
    let probe = machine.probe.borrow().clone();
    probe.map(|probe| probe())
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
}

/// The machines that every role names now; see [`crate::fault::Role`].
pub type Roles = BTreeMap<String, Vec<String>>;
