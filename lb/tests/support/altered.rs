//! A machine like another one but for single ways and files, which a test holds up or breaks.

use std::cell::RefCell;
use std::future::pending;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use host::{
    Clock, Disk, Host, Listener, LocalBoxFuture, Machine, Observation, Probe, Random, Stream, Task,
};
use lb::Target;
use tokio::sync::watch;

/// What waits before it until it is opened. Clones are the same gate.
#[derive(Clone)]
pub struct Gate(Rc<State>);

struct State {
    open: watch::Sender<bool>,
    waiting: watch::Sender<usize>,
    passed: watch::Sender<usize>,
}

impl Gate {
    pub fn closed() -> Self {
        Self(Rc::new(State {
            open: watch::Sender::new(false),
            waiting: watch::Sender::new(0),
            passed: watch::Sender::new(0),
        }))
    }

    pub fn open(&self) {
        self.0.open.send_replace(true);
    }

    /// How many wait now.
    pub fn waiting(&self) -> usize {
        *self.0.waiting.borrow()
    }

    /// Returns once somebody waits.
    pub async fn reached(&self) {
        self.0.waiting.subscribe().wait_for(|waiting| *waiting > 0).await.unwrap();
    }

    /// Waits until it is open.
    pub async fn pass(&self) {
        let _waits = Waits::new(self);
        self.0.open.subscribe().wait_for(|open| *open).await.unwrap();
        self.0.passed.send_modify(|passed| *passed += 1);
    }

    /// Returns once so many have passed.
    pub async fn passed(&self, times: usize) {
        self.0.passed.subscribe().wait_for(|passed| *passed >= times).await.unwrap();
    }
}

struct Waits<'a>(&'a Gate);

impl<'a> Waits<'a> {
    fn new(gate: &'a Gate) -> Self {
        gate.0.waiting.send_modify(|waiting| *waiting += 1);
        Self(gate)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.0.waiting.send_modify(|waiting| *waiting -= 1);
    }
}

/// The machine.
pub struct Altered {
    host: Host,
    cut_off: Option<Target>,
    held_up: Option<(Target, Gate)>,
    disk: Rc<dyn Disk>,
    points: Option<Gate>,
}

impl Altered {
    /// Not altered yet.
    pub fn new(host: &Host) -> Self {
        Self { host: host.clone(), cut_off: None, held_up: None, disk: host.disk(), points: None }
    }

    /// A connect to there meets silence, as across a cut.
    pub fn without_way_to(self, target: &Target) -> Self {
        Self { cut_off: Some(target.clone()), ..self }
    }

    /// A connect to there takes until the gate opens.
    pub fn with_gate_to(self, target: &Target, gate: &Gate) -> Self {
        Self { held_up: Some((target.clone(), gate.clone())), ..self }
    }

    /// Every sync takes until the gate opens.
    pub fn with_gate_before_syncs(self, gate: &Gate) -> Self {
        let disk = GatedDisk { disk: self.disk, gate: Some(gate.clone()), broken: Rc::default() };
        Self { disk: Rc::new(disk), ..self }
    }

    /// Every sync fails as long as this says so.
    pub fn with_broken_syncs(self, broken: &Rc<RefCell<bool>>) -> Self {
        let disk = GatedDisk { disk: self.disk, gate: None, broken: broken.clone() };
        Self { disk: Rc::new(disk), ..self }
    }

    /// Every point stalls until the gate opens.
    pub fn with_gate_at_points(self, gate: &Gate) -> Self {
        Self { points: Some(gate.clone()), ..self }
    }

    pub fn host(self) -> Host {
        Host::new(Rc::new(self))
    }
}

impl Machine for Altered {
    fn name(&self) -> &str {
        self.host.name()
    }

    fn connect(&self, host: &str, port: u16) -> LocalBoxFuture<'static, io::Result<Stream>> {
        let target = Target::new(host, port);
        if self.cut_off.as_ref() == Some(&target) {
            return Box::pin(pending());
        }
        let gate = self.held_up.clone().filter(|(held_up, _)| *held_up == target);
        let host = self.host.clone();
        Box::pin(async move {
            if let Some((_, gate)) = gate {
                gate.pass().await;
            }
            host.connect(&target.host, target.port).await
        })
    }

    fn bind(&self, port: u16) -> LocalBoxFuture<'static, io::Result<Box<dyn Listener>>> {
        let host = self.host.clone();
        Box::pin(async move { host.bind(port).await })
    }

    fn now(&self, clock: Clock) -> Duration {
        self.host.now(clock)
    }

    fn sleep_until(&self, clock: Clock, deadline: Duration) -> LocalBoxFuture<'static, ()> {
        let host = self.host.clone();
        Box::pin(async move { host.sleep_until(clock, deadline).await })
    }

    fn disk(&self) -> Rc<dyn Disk> {
        self.disk.clone()
    }

    fn random(&self, purpose: &str) -> Random {
        self.host.random(purpose)
    }

    fn spawn(&self, future: LocalBoxFuture<'static, ()>) -> Task {
        self.host.spawn(future)
    }

    fn point(&self, _: &'static str) -> Option<LocalBoxFuture<'static, ()>> {
        let gate = self.points.clone()?;
        Some(Box::pin(async move { gate.pass().await }))
    }

    fn observe(&self, observation: Observation) {
        self.host.observe(observation);
    }

    fn probe(&self, probe: Probe) {
        self.host.probe(probe);
    }
}

struct GatedDisk {
    disk: Rc<dyn Disk>,
    gate: Option<Gate>,
    broken: Rc<RefCell<bool>>,
}

impl Disk for GatedDisk {
    fn read(&self, name: &str) -> LocalBoxFuture<'static, io::Result<Vec<u8>>> {
        self.disk.read(name)
    }

    fn write(&self, name: &str, content: Vec<u8>) -> LocalBoxFuture<'static, io::Result<()>> {
        self.disk.write(name, content)
    }

    fn append(&self, name: &str, content: Vec<u8>) -> LocalBoxFuture<'static, io::Result<()>> {
        self.disk.append(name, content)
    }

    fn rename(&self, from: &str, to: &str) -> LocalBoxFuture<'static, io::Result<()>> {
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> LocalBoxFuture<'static, io::Result<()>> {
        self.disk.remove(name)
    }

    fn sync(&self, name: &str) -> LocalBoxFuture<'static, io::Result<()>> {
        if *self.broken.borrow() {
            return Box::pin(std::future::ready(Err(io::Error::other("the disk is broken"))));
        }
        let (syncing, gate) = (self.disk.sync(name), self.gate.clone());
        Box::pin(async move {
            if let Some(gate) = gate {
                gate.pass().await;
            }
            syncing.await
        })
    }
}
