//! A simulated machine: the turmoil host is the machine, its process is a child in it.
//!
//! The machine accepts connections and keeps clocks and disk whether or not its process runs.
//! The gate is around the child only: a hung process is one that is not polled; a killed one
//! is dropped inside its host, so that peers see its connections close.
//!
//! What this is not: the driver's side, which is `world.rs`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::mem::take;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::FutureExt;
use host::{
    Clock, Disk, Host, Listener, LocalBoxFuture, Machine, Observation, Probe, Random, Status,
    Stream, Task, random_stream,
};
use tokio::sync::Notify;

use crate::clocks::Clocks;
use crate::disk::SimDisk;
use crate::fabric::Fabric;
use crate::history::{ProcessState, What};
use crate::network::{self, Acceptor};
use crate::process::{Life, Process};
use crate::recorder::Recorder;
use crate::stall::Stalls;
use crate::time::SimTime;

/// The seam of `host` on turmoil, and what the driver needs to reach into it.
pub(crate) struct SimMachine {
    pub(crate) number: usize,
    pub(crate) name: String,
    pub(crate) seed: u64,
    pub(crate) time: SimTime,
    pub(crate) fabric: Rc<Fabric>,
    pub(crate) recorder: Recorder,
    pub(crate) disk: SimDisk,
    pub(crate) clocks: RefCell<Clocks>,
    pub(crate) clocks_changed: Notify,
    /// What runs here, for a restart.
    pub(crate) process: RefCell<Option<Process>>,
    /// Lives begun so far; the current life's number while one is lived.
    pub(crate) life: Cell<u32>,
    pub(crate) state: Cell<ProcessState>,
    /// Whether the machine has power.
    pub(crate) powered: Cell<bool>,
    /// Since when the process does not run, if it does not, and for how long before that.
    stopped: Cell<(Option<u64>, u64)>,
    /// The hangs that lie on the current life, and how much waited already when each began.
    hangs: RefCell<BTreeMap<u64, u64>>,
    /// What came to wait during hangs that a kill ended.
    waited: RefCell<BTreeMap<u64, u64>>,
    pub(crate) probe: RefCell<Option<Probe>>,
    /// The status that the process told of itself last since the last sample.
    pub(crate) told: RefCell<Option<Status>>,
    pub(crate) stalls: Stalls,
    orders: RefCell<Vec<Order>>,
    new_acceptors: RefCell<Vec<Acceptor>>,
    waker: RefCell<Option<Waker>>,
}

/// What the driver has told the machine to do, to be done when it is next polled.
enum Order {
    Kill,
    Start(Process),
}

impl SimMachine {
    pub(crate) fn new(
        number: usize,
        name: &str,
        seed: u64,
        clocks: Clocks,
        fabric: Rc<Fabric>,
        recorder: Recorder,
        time: SimTime,
    ) -> Self {
        Self {
            number,
            name: name.to_owned(),
            seed,
            fabric,
            recorder,
            disk: SimDisk::new(time.clone()),
            stalls: Stalls::new(time.clone()),
            time,
            clocks: RefCell::new(clocks),
            clocks_changed: Notify::new(),
            process: RefCell::default(),
            life: Cell::new(0),
            state: Cell::new(ProcessState::Down),
            powered: Cell::new(true),
            stopped: Cell::new((Some(0), 0)),
            hangs: RefCell::default(),
            waited: RefCell::default(),
            told: RefCell::default(),
            probe: RefCell::default(),
            orders: RefCell::default(),
            new_acceptors: RefCell::default(),
            waker: RefCell::default(),
        }
    }

    /// Begins a life with the machine's next poll.
    pub(crate) fn order_start(&self, process: Process) {
        self.life.set(self.life.get() + 1);
        self.enter(ProcessState::Running);
        self.order(Order::Start(process));
    }

    /// Ends the current life with the machine's next poll; nothing of it runs any more.
    pub(crate) fn order_kill(&self) {
        self.end_of_life();
        self.order(Order::Kill);
    }

    /// The power goes: the life ends, and nothing that was ordered is done any more.
    pub(crate) fn lose_power(&self) {
        self.end_of_life();
        self.orders.borrow_mut().clear();
        self.new_acceptors.borrow_mut().clear();
        self.waker.borrow_mut().take();
    }

    /// What ends with a life: being hung, its probe, its being held up.
    fn end_of_life(&self) {
        let waiting = self.fabric.resume(self.number);
        for (hang, before) in take(&mut *self.hangs.borrow_mut()) {
            self.waited.borrow_mut().insert(hang, waiting - before);
        }
        self.enter(ProcessState::Down);
        self.probe.borrow_mut().take();
        self.told.borrow_mut().take();
        self.stalls.end_of_life();
    }

    /// Lays a hang on the current life, if there is one.
    pub(crate) fn hang(&self, hang: u64) {
        match self.state.get() {
            ProcessState::Down => return,
            ProcessState::Running => self.fabric.hang(self.number),
            ProcessState::Hung => {}
        }
        self.enter(ProcessState::Hung);
        self.hangs.borrow_mut().insert(hang, self.fabric.waiting(self.number));
    }

    /// Takes a hang away: how many bytes came to wait while it lasted.
    pub(crate) fn resume(&self, hang: u64) -> u64 {
        let begun = self.hangs.borrow_mut().remove(&hang);
        let Some(before) = begun else {
            return self.waited.borrow_mut().remove(&hang).unwrap_or(0);
        };
        let waited = self.fabric.waiting(self.number) - before;
        if self.hangs.borrow().is_empty() {
            self.fabric.resume(self.number);
            self.enter(ProcessState::Running);
            self.wake();
        }
        waited
    }

    /// For how many milliseconds so far the process did not run.
    pub(crate) fn stopped_ms(&self) -> u64 {
        let (since_ms, before_ms) = self.stopped.get();
        before_ms + since_ms.map_or(0, |since_ms| self.time.now_ms() - since_ms)
    }

    fn enter(&self, state: ProcessState) {
        let running = state == ProcessState::Running;
        let before_ms = self.stopped_ms();
        let since_ms = (!running).then(|| self.time.now_ms());
        self.stopped.set((since_ms, before_ms));
        self.state.set(state);
    }

    /// Has the machine polled in the next step.
    pub(crate) fn wake(&self) {
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }

    fn order(&self, order: Order) {
        self.orders.borrow_mut().push(order);
        self.wake();
    }
}

/// The software of the turmoil host: the machine itself, never done.
pub(crate) async fn run(machine: Rc<SimMachine>) -> turmoil::Result {
    let mut running = Running { machine, life: None, acceptors: Vec::new() };
    poll_fn(|cx| running.poll(cx)).await
}

/// What is gone when the power goes.
struct Running {
    machine: Rc<SimMachine>,
    life: Option<Life>,
    acceptors: Vec<Acceptor>,
}

impl Running {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<turmoil::Result> {
        self.machine.waker.replace(Some(cx.waker().clone()));
        self.obey();
        self.accept(cx);
        self.poll_process(cx);
        if !self.machine.new_acceptors.borrow().is_empty() {
            // A port was bound just now: its acceptor is polled before anything else happens.
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    fn obey(&mut self) {
        let orders = take(&mut *self.machine.orders.borrow_mut());
        for order in orders {
            self.end();
            if let Order::Start(process) = order {
                let seam = Seam { machine: self.machine.clone(), life: self.machine.life.get() };
                self.life = Some(Life::begin(&process, Host::new(Rc::new(seam))));
            }
        }
    }

    /// The kernel's part: takes connections whether or not the process runs.
    fn accept(&mut self, cx: &mut Context<'_>) {
        self.acceptors.append(&mut self.machine.new_acceptors.borrow_mut());
        self.acceptors.retain_mut(|acceptor| acceptor.poll_unpin(cx).is_pending());
    }

    fn poll_process(&mut self, cx: &mut Context<'_>) {
        if self.machine.state.get() != ProcessState::Running {
            return;
        }
        let Some(life) = &mut self.life else { return };
        let Poll::Ready(end) = life.poll(cx) else {
            return;
        };
        let what = What::Exit { life: self.machine.life.get(), error: end.err() };
        self.machine.recorder.by_host(self.machine.number, &self.machine.name, what);
        self.machine.end_of_life();
        self.end();
    }

    /// Connections first, so that peers hear of the end; then the ports.
    fn end(&mut self) {
        self.life = None;
        self.machine.new_acceptors.borrow_mut().clear();
        self.acceptors.clear();
    }
}

/// The handle that a process holds: the seam of `host`.
struct Seam {
    machine: Rc<SimMachine>,
    life: u32,
}

impl Machine for Seam {
    fn name(&self) -> &str {
        &self.machine.name
    }

    fn connect(&self, host: &str, port: u16) -> LocalBoxFuture<'static, io::Result<Stream>> {
        Box::pin(network::connect(
            self.machine.fabric.clone(),
            self.machine.number,
            host.to_owned(),
            port,
        ))
    }

    fn bind(&self, port: u16) -> LocalBoxFuture<'static, io::Result<Box<dyn Listener>>> {
        let bound = network::bind(&self.machine.fabric, self.machine.number, port).map(
            |(listener, acceptor)| {
                self.machine.new_acceptors.borrow_mut().push(acceptor);
                self.machine.wake();
                Box::new(listener) as Box<dyn Listener>
            },
        );
        Box::pin(std::future::ready(bound))
    }

    fn now(&self, clock: Clock) -> Duration {
        self.machine.clocks.borrow().read(clock, self.machine.time.now())
    }

    fn sleep_until(&self, clock: Clock, deadline: Duration) -> LocalBoxFuture<'static, ()> {
        let machine = self.machine.clone();
        Box::pin(async move { machine.sleep(clock, deadline).await })
    }

    fn disk(&self) -> Rc<dyn Disk> {
        Rc::new(self.machine.disk.clone())
    }

    fn random(&self, purpose: &str) -> Random {
        random_stream(
            self.machine.seed,
            &format!("{}/boot-{}/{purpose}", self.machine.name, self.life),
        )
    }

    #[expect(clippy::disallowed_methods, reason = "this is the replacement: the child's LocalSet")]
    fn spawn(&self, future: LocalBoxFuture<'static, ()>) -> Task {
        Task::new(tokio::task::spawn_local(future))
    }

    fn point(&self, name: &'static str) -> Option<LocalBoxFuture<'static, ()>> {
        let stalls = &self.machine.stalls;
        stalls.holds(name).then(|| Box::pin(stalls.clone().stand(name)) as LocalBoxFuture<_>)
    }

    fn observe(&self, observation: Observation) {
        if let Observation::Status { status } = &observation {
            if self.is_over() {
                // Said while its tasks were dropped; an acknowledgement would be a leak, and told.
                return;
            }
            self.machine.told.replace(Some(status.clone()));
        }
        let what = What::Observe { life: self.life, observation };
        self.machine.recorder.by_host(self.machine.number, &self.machine.name, what);
    }

    fn probe(&self, probe: Probe) {
        self.machine.probe.replace(Some(probe));
    }
}

impl Seam {
    /// Whether the life that holds this has ended.
    fn is_over(&self) -> bool {
        self.life != self.machine.life.get() || self.machine.state.get() == ProcessState::Down
    }
}

impl SimMachine {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the replacement: timers on named clocks"
    )]
    async fn sleep(&self, clock: Clock, deadline: Duration) {
        loop {
            let left = self.clocks.borrow().until(clock, deadline, self.time.now());
            match left {
                Some(Duration::ZERO) => return,
                Some(left) => tokio::select! {
                    biased;
                    () = self.clocks_changed.notified() => {}
                    () = tokio::time::sleep(left) => {}
                },
                None => self.clocks_changed.notified().await,
            }
        }
    }
}
