//! The world: the only place that builds a `turmoil::Sim`. Assembles and steps; no policy.
//!
//! What happens to machines is done in `world/faults.rs`, by name and between steps; what is done
//! when, and why, is the nemesis' and the runner's business.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use host::{Status, random_stream};
use indexmap::IndexMap;
use rand::Rng;

use crate::clocks::{ClockPlan, Clocks};
use crate::fabric::Fabric;
use crate::history::{History, ProcessState, What};
use crate::machine::{self, SimMachine};
use crate::process::Process;
use crate::recorder::{OperationLog, Recorder};
use crate::time::SimTime;
pub use crate::world_config::{WorldConfig, WorldError};

mod faults;

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

    fn machine(&self, name: &str) -> Result<&Rc<SimMachine>, WorldError> {
        self.machines.get(name).ok_or_else(|| WorldError::NoMachine {
            name: name.to_owned(),
            known: self.machine_names().collect::<Vec<_>>().join(", "),
        })
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
