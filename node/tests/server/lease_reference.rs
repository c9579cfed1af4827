//! The lease of a whole node against a reference, under every combination of its rules: random
//! sequences of heartbeats with stamps of every kind, roles, modes, clock steps and restarts.
//!
//! The trap: real time passes during a test, too. A unit is far more than that.

use std::time::Duration;

use host::Lease;
use node::{LeaseClock, LeaseMode, NodeConfig};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use tempfile::{TempDir, tempdir};

use crate::machine::{Node, quick, run, start};

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const UNIT_MS: u64 = 100_000;
/// With this drift a third of a lease is counted.
const DRIFT_PPM: u64 = 500_000;
/// The longest lease where there is a longest one, in units.
const UNITS_MAX: u64 = 3;

/// Whom a heartbeat names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    Me,
    Another,
    Nobody,
}

/// What stamp a heartbeat brings.
#[derive(Clone, Copy, Debug)]
enum Stamp {
    None,
    /// Of an earlier reply, counted from the last one.
    Own(usize),
    /// Of the last reply, with another node's id.
    Foreign,
    /// Of the last reply, and a letter.
    Damaged,
}

#[derive(Clone, Debug)]
enum Step {
    Heartbeat {
        names: Names,
        units: u64,
        version: u64,
        stamp: Stamp,
    },
    /// The topology makes it master, or a replica.
    Role {
        master: bool,
    },
    Mode(LeaseMode),
    /// The wall clock is set, forwards or back.
    Wall {
        units: u64,
    },
    /// The time since boot goes on: nobody was there.
    Boot {
        units: u64,
    },
    Restart,
    /// A write, directly or by EXEC.
    Write {
        transaction: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let names = prop_oneof![
        6 => Just(Names::Me),
        1 => Just(Names::Another),
        1 => Just(Names::Nobody),
    ];
    let stamp = prop_oneof![
        1 => Just(Stamp::None),
        5 => (0..3usize).prop_map(Stamp::Own),
        1 => Just(Stamp::Foreign),
        1 => Just(Stamp::Damaged),
    ];
    let heartbeat = (names, 1..5u64, 0..4u64, stamp).prop_map(|(names, units, version, stamp)| {
        Step::Heartbeat { names, units, version, stamp }
    });
    let modes = [LeaseMode::Disabled, LeaseMode::LogOnly, LeaseMode::BlockWrite];
    prop_oneof![
        8 => heartbeat,
        1 => any::<bool>().prop_map(|master| Step::Role { master }),
        1 => proptest::sample::select(modes.to_vec()).prop_map(Step::Mode),
        3 => (0..10u64).prop_map(|units| Step::Wall { units }),
        3 => (0..4u64).prop_map(|units| Step::Boot { units }),
        1 => Just(Step::Restart),
        8 => any::<bool>().prop_map(|transaction| Step::Write { transaction }),
    ]
}

/// The node again, in a few lines: what a step is answered.
struct Reference {
    rules: NodeConfig,
    replica: bool,
    mode: LeaseMode,
    wall: u64,
    boot: u64,
    life: u32,
    version: u64,
    /// In half units on the clock of the deadline; leases last a half more than whole units.
    deadline: Option<i64>,
    /// Of every stamp that was issued: in which life, under which version, when.
    stamps: Vec<(u32, u64, u64)>,
}

impl Reference {
    fn new(rules: NodeConfig) -> Self {
        Self {
            mode: rules.master_lease_mode,
            rules,
            replica: false,
            wall: 0,
            boot: 0,
            life: 1,
            version: 0,
            deadline: None,
            stamps: Vec::new(),
        }
    }

    fn clock(&self) -> i64 {
        let units = match self.rules.master_lease_clock {
            LeaseClock::Wall => self.wall,
            LeaseClock::Boottime => self.boot,
        };
        2 * units as i64
    }

    /// What the step is answered, in part: `OK`, or what the error says.
    fn play(&mut self, step: &Step) -> &'static str {
        match *step {
            Step::Heartbeat { names, units, version, stamp } => {
                return self.heartbeat(names, units, version, stamp);
            }
            Step::Role { master } => {
                self.replica = !master;
                if !master {
                    self.end();
                }
            }
            Step::Mode(mode) => self.mode = mode,
            Step::Wall { units } => self.wall = units,
            Step::Boot { units } => self.boot += units,
            Step::Restart => {
                self.life += 1;
                self.end();
            }
            Step::Write { .. } if self.replica => return "MOVED",
            Step::Write { .. } if self.mode == LeaseMode::BlockWrite => match self.lease() {
                Lease::None if self.rules.master_lease_closed_start => return "no master lease",
                Lease::Expired => return "master lease expired",
                Lease::None | Lease::Held => {}
            },
            Step::Write { .. } => {}
        }
        "OK"
    }

    fn lease(&self) -> Lease {
        match self.deadline {
            None => Lease::None,
            Some(deadline) if self.clock() > deadline => Lease::Expired,
            Some(_) => Lease::Held,
        }
    }

    fn end(&mut self) {
        self.deadline = None;
        if !self.rules.master_lease_durable_version {
            self.version = 0;
        }
    }

    fn heartbeat(&mut self, names: Names, units: u64, version: u64, stamp: Stamp) -> &'static str {
        if self.rules.master_lease_ms_max > 0 && units > UNITS_MAX {
            return "master-lease-ms-max";
        }
        if names != Names::Another && !self.replica {
            if version < self.version {
                return "election version mismatch";
            }
            self.version = version;
            if let Some(age) = self.age(names, stamp) {
                let deadline = self.clock() + 2 * units as i64 + 1 - age;
                let rises =
                    self.rules.master_lease_dated || self.rules.master_lease_durable_version;
                let before = self.deadline.filter(|_| rises);
                self.deadline = Some(before.map_or(deadline, |before| before.max(deadline)));
            }
        }
        if self.rules.master_lease_dated {
            self.stamps.push((self.life, self.version, self.boot));
        }
        "OK"
    }

    /// How many half units ago the lease began, if there is one.
    fn age(&self, names: Names, stamp: Stamp) -> Option<i64> {
        if !self.rules.master_lease_dated {
            return Some(0);
        }
        let Stamp::Own(back) = stamp else { return None };
        let (life, version, at) = *self.stamps.iter().rev().nth(back)?;
        let good = names == Names::Me && life == self.life && version == self.version;
        good.then(|| 2 * (self.boot - at) as i64)
    }
}

/// The node under test, through its restarts.
struct Bench {
    dir: TempDir,
    config: NodeConfig,
    node: Node,
    topology_version: i64,
    wall: u64,
    boot: u64,
    stamps: Vec<String>,
}

impl Bench {
    async fn start(config: NodeConfig) -> Bench {
        let dir = tempdir().unwrap();
        let node = start(dir.path(), config.clone()).await;
        let stamps = Vec::new();
        let mut bench = Bench { dir, config, node, topology_version: 0, wall: 0, boot: 0, stamps };
        bench.perform(&Step::Role { master: true }).await;
        bench
    }

    async fn perform(&mut self, step: &Step) -> String {
        let node = &mut self.node;
        match step {
            Step::Heartbeat { names, units, version, stamp } => {
                return self.heartbeat(*names, *units, *version, *stamp).await;
            }
            Step::Role { master } => {
                self.topology_version += 1;
                let port = node.port;
                let text = if *master {
                    format!("{A} 127.0.0.1 {port} master - 0-16383")
                } else {
                    format!("{A} 127.0.0.1 {port} slave {B}\n{B} 127.0.0.1 1 master - 0-16383")
                };
                let version = self.topology_version.to_string();
                return node.ask(&["CLUSTERX", "SETNODES", &text, &version]).await;
            }
            Step::Mode(mode) => {
                self.config.master_lease_mode = *mode;
                return node.say(&format!("CONFIG SET master-lease-mode {mode}")).await;
            }
            Step::Write { transaction: false } => return node.say("SET k v").await,
            Step::Write { transaction: true } => {
                node.say("MULTI").await;
                let queued = node.say("SET k v").await;
                let reply = node.say("EXEC").await;
                return if queued == "QUEUED" { reply } else { queued };
            }
            Step::Wall { units } => self.wall = *units,
            Step::Boot { units } => self.boot += units,
            Step::Restart => self.node = start(self.dir.path(), self.config.clone()).await,
        }
        let machine = &self.node.machine;
        machine.wall_ahead.set(Duration::from_millis(self.wall * UNIT_MS));
        machine.boot_ahead.set(Duration::from_millis(self.boot * UNIT_MS));
        "OK".to_owned()
    }

    async fn heartbeat(&mut self, names: Names, units: u64, version: u64, stamp: Stamp) -> String {
        let lease_ms = lease_ms(&self.config, units);
        let mut request = match names {
            Names::Me => format!("CLUSTERX HEARTBEAT {A} {lease_ms} {version}"),
            Names::Another => format!("CLUSTERX HEARTBEAT {B} {lease_ms} {version}"),
            Names::Nobody => format!("CLUSTERX HEARTBEAT {version} {lease_ms}"),
        };
        let last = self.stamps.last().map_or("none", String::as_str);
        match stamp {
            Stamp::None => {}
            Stamp::Own(back) => {
                let own = self.stamps.iter().rev().nth(back).map_or("none", String::as_str);
                request.extend([" ", own]);
            }
            Stamp::Foreign => request.extend([" ", &last.replace(A, B)]),
            Stamp::Damaged => request.extend([" ", last, "x"]),
        }
        let reply = self.node.say(&request).await;
        let stamp = reply.lines().find_map(|line| line.strip_prefix("lease_stamp:"));
        self.stamps.extend(stamp.map(str::to_owned));
        reply
    }
}

/// A lease of which the holder counts so many units and a half: still valid when the clock reads
/// the last unit.
fn lease_ms(config: &NodeConfig, units: u64) -> u64 {
    let counted_ms = units * UNIT_MS + UNIT_MS / 2;
    if config.master_lease_drift_ppm > 0 { 3 * counted_ms } else { counted_ms }
}

/// The rules that these bits switch on.
fn rules(bits: u32) -> NodeConfig {
    let on = |bit: u32| bits & (1 << bit) != 0;
    let mut config = NodeConfig {
        master_lease_mode: LeaseMode::BlockWrite,
        master_lease_clock: if on(0) { LeaseClock::Boottime } else { LeaseClock::Wall },
        master_lease_closed_start: on(1),
        master_lease_dated: on(2),
        master_lease_durable_version: on(3),
        master_lease_ack_recheck: on(4),
        master_lease_drift_ppm: if on(5) { DRIFT_PPM } else { 0 },
        ..quick()
    };
    if on(6) {
        config.master_lease_ms_max = lease_ms(&config, UNITS_MAX);
    }
    config
}

const COMBINATIONS: u32 = 1 << 7;

async fn agrees(case: &str, config: NodeConfig, steps: &[Step]) {
    let mut bench = Bench::start(config.clone()).await;
    let mut reference = Reference::new(config);
    for (index, step) in steps.iter().enumerate() {
        let expected = reference.play(step);
        let reply = bench.perform(step).await;
        let agrees = match expected {
            "OK" => !reply.starts_with('-'),
            error => reply.starts_with('-') && reply.contains(error),
        };
        let status = bench.node.machine.status();
        let played = &steps[..=index];
        assert!(agrees, "{case}: {expected}, not {reply}, after {played:?}");
        let writes = reference.play(&Step::Write { transaction: false }) == "OK";
        assert_eq!(
            (status.election_version, status.lease, status.authoritative),
            (reference.version, reference.lease(), writes),
            "{case}, after {played:?}"
        );
    }
}

#[test]
fn agrees_with_the_reference_under_every_combination_of_rules() {
    run(async {
        let mut runner = TestRunner::new(Config::default());
        let strategy = proptest::collection::vec(step(), 10..50);
        // As it is proposed is what most will look at.
        let combinations = (0..COMBINATIONS).chain(std::iter::repeat_n(0, 60));
        for (case, bits) in combinations.enumerate() {
            let steps = strategy.new_tree(&mut runner).unwrap().current();
            agrees(&format!("case {case}, rules {bits:07b}"), rules(bits), &steps).await;
        }
    });
}
