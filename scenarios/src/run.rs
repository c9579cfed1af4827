//! One run: the phases settle, disturb, heal, converge and final reads, in a straight line.
//!
//! The trap: a run that does not come up is no pass. A cluster that has not settled in time is
//! a fault of the harness, told as an error.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use host::{Link, Role};
use node::nodes_conf::NODES_CONF;
use reports::record::{RunRecord, SCHEMA};
use sim::check;
use sim::fault::Bite;
use sim::history::{History, Phase, ProcessState, What};
use sim::nemesis::{Nemesis, NemesisError};
use sim::{World, WorldError};

use crate::cluster::{self, FAR_CLIENTS, ServeNode};
use crate::plan::Plan;
use crate::roles::{self, Offices};
use crate::topology_text;
use crate::workload::{Addresses, reader};

/// A finished run, not yet judged.
#[derive(Debug)]
pub struct Run {
    /// All that happened.
    pub history: History,
    /// What each fault did, in the order of the plan.
    pub bites: Vec<(String, Bite)>,
}

/// A run that did not come to its end: a fault of the harness or of the plan, never a verdict.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The world failed, or a process in it panicked.
    #[error(transparent)]
    World(#[from] WorldError),
    /// The nemesis could not do what the plan says.
    #[error(transparent)]
    Nemesis(#[from] NemesisError),
    /// The cluster did not come up.
    #[error("the cluster has not settled after {settle_ms} ms: {why}")]
    NotSettled {
        /// The length of the settle phase.
        settle_ms: u64,
        /// What is missing.
        why: String,
    },
    /// The final reads failed.
    #[error("the final reads failed: {why}")]
    FinalReads {
        /// What the reader said.
        why: String,
    },
}

/// Runs a plan.
///
/// # Errors
/// If the run did not come to its end.
pub fn run(plan: &Plan) -> Result<Run, RunError> {
    run_with(plan, cluster::NODE)
}

/// Runs a plan with data nodes of one's own.
///
/// # Errors
/// If the run did not come to its end.
pub fn run_with(plan: &Plan, serve_node: ServeNode) -> Result<Run, RunError> {
    let stop = Rc::new(Cell::new(false));
    let world = cluster::build(plan, serve_node, &stop)?;
    let nemesis = Nemesis::new(&plan.faults, triggers_until_ms(plan));
    let mut running = Running { plan, world, nemesis, offices: Offices::new(plan), stop };
    running.settle()?;
    running.disturb()?;
    running.heal()?;
    running.converge()?;
    running.final_reads()?;
    Ok(Run { bites: running.nemesis.bites(), history: running.world.finish() })
}

/// Judges a finished run.
pub fn judge(plan: &Plan, run: &Run) -> RunRecord {
    let (verdicts, figures) = check::judge(&run.history);
    RunRecord {
        schema: SCHEMA,
        scenario: plan.scenario.clone(),
        profile: plan.profile.name.clone(),
        seed: plan.seed,
        ttl_ms: plan.profile.ttl_ms,
        tick_ms: plan.world.tick_ms,
        expectation: plan.expectation.clone(),
        digest: run.history.digest(),
        verdicts,
        figures,
        bites: run.bites.clone(),
        simulated_ms: run.history.end_ms(),
        replay: format!(
            "cargo run --release -- run {} --profile {} --seed {}",
            plan.scenario, plan.profile.name, plan.seed
        ),
    }
}

/// Triggers are waited for until the disturbance could end, were it not for them.
fn triggers_until_ms(plan: &Plan) -> u64 {
    let heals = plan.faults.iter().map(|fault| fault.heal_at_ms);
    heals.max().unwrap_or(0).max(plan.phases.settle_ms + plan.phases.disturb_ms_min)
}

struct Running<'a> {
    plan: &'a Plan,
    world: World,
    nemesis: Nemesis,
    offices: Offices,
    stop: Rc<Cell<bool>>,
}

impl Running<'_> {
    fn settle(&mut self) -> Result<(), RunError> {
        self.begin(Phase::Settle);
        let settle_ms = self.plan.phases.settle_ms;
        while self.world.now_ms() < settle_ms {
            self.step()?;
        }
        match self.unrest()? {
            None => Ok(()),
            Some(why) => Err(RunError::NotSettled { settle_ms, why }),
        }
    }

    fn disturb(&mut self) -> Result<(), RunError> {
        self.begin(Phase::Disturb);
        let until_ms = self.world.now_ms() + self.plan.phases.disturb_ms_min;
        while self.world.now_ms() < until_ms || !self.nemesis.is_over() {
            let plan = self.plan;
            self.offices.read(plan, &self.world);
            let offices = &self.offices;
            let resolve = |_: &World, role: &str| roles::resolve(plan, offices, role);
            if self.nemesis.act(&mut self.world, &resolve)? {
                self.world.sample();
            }
            self.step()?;
        }
        Ok(())
    }

    /// Clients go on for a while, and until the cluster has come to rest.
    fn heal(&mut self) -> Result<(), RunError> {
        self.begin(Phase::Heal);
        let until_ms = self.world.now_ms() + self.plan.phases.heal_ms_min;
        while self.world.now_ms() < until_ms {
            self.step()?;
        }
        let until_ms = self.world.now_ms() + self.plan.phases.rest_ms_max;
        while self.world.now_ms() < until_ms && self.unrest()?.is_some() {
            self.step()?;
        }
        Ok(())
    }

    /// Clients end what they began, and replicas catch up.
    fn converge(&mut self) -> Result<(), RunError> {
        self.begin(Phase::Converge);
        self.stop.set(true);
        let until_ms = self.world.now_ms() + self.plan.phases.rest_ms_max;
        let mut quiet_since_ms = self.world.now_ms();
        while self.world.now_ms() < until_ms {
            let quiet = self.unrest()?.is_none() && self.clients_are_done()?;
            if !quiet {
                quiet_since_ms = self.world.now_ms();
            } else if self.world.now_ms() >= quiet_since_ms + self.plan.phases.quiet_ms {
                break;
            }
            self.step()?;
        }
        Ok(())
    }

    /// Every key is read from every node.
    fn final_reads(&mut self) -> Result<(), RunError> {
        self.begin(Phase::FinalReads);
        self.world.kill(FAR_CLIENTS)?;
        let log = self.world.operation_log(FAR_CLIENTS)?;
        let nodes = cluster::nodes(self.plan);
        let addresses = Addresses { nodes, lbs: Vec::new(), port: cluster::PORT };
        let keys = Rc::new(self.keys());
        let kept = Rc::new(self.kept_topologies()?);
        self.world.start(FAR_CLIENTS, reader::process(log, addresses, keys, kept))?;
        while self.world.status(FAR_CLIENTS)?.0 != ProcessState::Down {
            self.step()?;
        }
        match self.reader_error() {
            None => Ok(()),
            Some(why) => Err(RunError::FinalReads { why }),
        }
    }

    fn begin(&self, phase: Phase) {
        self.world.record("driver", What::Phase { phase });
    }

    fn step(&mut self) -> Result<(), WorldError> {
        self.world.step()
    }

    /// What keeps the cluster from being at rest: none if there is one writable master, the one
    /// that the store names, and everybody follows it under one version.
    fn unrest(&mut self) -> Result<Option<String>, WorldError> {
        self.offices.read(self.plan, &self.world);
        let master = self.offices.master();
        let version = self.world.status(master)?.1.map(|status| status.topology_version);
        for name in cluster::nodes(self.plan) {
            let (state, status) = self.world.status(&name)?;
            let Some(status) = status.filter(|_| state == ProcessState::Running) else {
                return Ok(Some(format!("{name} does not run")));
            };
            let role = if name == master { Role::Master } else { Role::Replica };
            let follows = status.link == Some(Link::Streaming);
            let fits = status.role == role
                && Some(status.topology_version) == version
                && status.authoritative == (name == master)
                && follows == (name != master);
            if !fits {
                return Ok(Some(format!("{name} is {status:?}; the store names {master}")));
            }
        }
        Ok(None)
    }

    fn clients_are_done(&self) -> Result<bool, WorldError> {
        let down = |name: &str| Ok(self.world.status(name)?.0 == ProcessState::Down);
        Ok(down(cluster::NEAR_CLIENTS)? && down(FAR_CLIENTS)?)
    }

    fn keys(&self) -> Vec<String> {
        self.world.history(|history| {
            let mut keys: Vec<String> = history
                .events()
                .iter()
                .filter_map(|event| match &event.what {
                    What::Invoke(invocation) => Some(&invocation.intents),
                    _ => None,
                })
                .flatten()
                .map(|intent| intent.key().to_owned())
                .collect();
            keys.sort();
            keys.dedup();
            keys
        })
    }

    /// What each node's `nodes.conf` says, by node; nothing where there is none.
    fn kept_topologies(&self) -> Result<BTreeMap<String, String>, RunError> {
        let mut kept = BTreeMap::new();
        for node in cluster::nodes(self.plan) {
            let Some(text) = self.world.file(&node, NODES_CONF)? else {
                kept.insert(node, String::new());
                continue;
            };
            let topology = topology_text::of_nodes_conf(&String::from_utf8_lossy(&text));
            let topology = topology
                .map_err(|error| RunError::FinalReads { why: format!("{node}: {error}") })?;
            kept.insert(node, topology);
        }
        Ok(kept)
    }

    fn reader_error(&self) -> Option<String> {
        self.world.history(|history| {
            history.events().iter().rev().find_map(|event| match &event.what {
                What::Exit { error, .. } if event.on == FAR_CLIENTS => Some(error.clone()),
                _ => None,
            })?
        })
    }
}
