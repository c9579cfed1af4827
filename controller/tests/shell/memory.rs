//! Machines in memory, on the paused clock of tokio: a network that refuses or delivers at once,
//! files in a map, and one log of everything that all processes tell.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use host::{
    Clock, Disk, Host, Listener, LocalBoxFuture, Machine, Observation, Probe, Random, Stream, Task,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;
use tokio::time::Instant;

type Backlog = UnboundedSender<(Stream, String)>;

/// What several machines share.
pub struct Network {
    start: Instant,
    listeners: RefCell<BTreeMap<(String, u16), Backlog>>,
    /// Every task with the machine on which it runs.
    tasks: RefCell<Vec<(String, AbortHandle)>>,
    /// What happened, in order.
    pub log: RefCell<Vec<String>>,
}

impl Network {
    #[expect(clippy::disallowed_methods, reason = "the one clock of all machines")]
    pub fn new() -> Rc<Self> {
        let (listeners, tasks, log) = (RefCell::default(), RefCell::default(), RefCell::default());
        Rc::new(Self { start: Instant::now(), listeners, tasks, log })
    }

    /// A machine of this name with an empty disk.
    pub fn host(self: &Rc<Self>, name: &str) -> Host {
        let (name, network, disk) = (name.to_owned(), self.clone(), Rc::default());
        Host::new(Rc::new(MemoryMachine { name, network, disk }))
    }

    /// Kills the process on this machine: its tasks, connections and listeners end, its disk
    /// stays.
    pub fn kill(&self, name: &str) {
        self.tasks.borrow().iter().filter(|(of, _)| of == name).for_each(|(_, task)| task.abort());
    }

    /// Adds a line to the log.
    pub fn tell(&self, line: String) {
        self.log.borrow_mut().push(line);
    }

    /// The lines of the log that contain a text.
    pub fn lines(&self, text: &str) -> Vec<String> {
        self.log.borrow().iter().filter(|line| line.contains(text)).cloned().collect()
    }
}

/// Runs a test on a paused clock, which goes on when nothing else can.
pub fn run(test: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, test);
}

/// Lets this much time pass.
#[expect(clippy::disallowed_methods, reason = "the driver of the test, which has no host")]
pub async fn pass(length_ms: u64) {
    tokio::time::sleep(Duration::from_millis(length_ms)).await;
}

struct MemoryMachine {
    name: String,
    network: Rc<Network>,
    disk: Rc<MemoryDisk>,
}

impl Machine for MemoryMachine {
    fn name(&self) -> &str {
        &self.name
    }

    fn connect(&self, host: &str, port: u16) -> LocalBoxFuture<'static, io::Result<Stream>> {
        let backlog = self.network.listeners.borrow().get(&(host.to_owned(), port)).cloned();
        let name = self.name.clone();
        Box::pin(async move {
            let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
            let (near, far) = tokio::io::duplex(1 << 20);
            backlog.ok_or_else(refused)?.send((Box::new(far), name)).map_err(|_| refused())?;
            Ok(Box::new(near) as Stream)
        })
    }

    fn bind(&self, port: u16) -> LocalBoxFuture<'static, io::Result<Box<dyn Listener>>> {
        let (sender, queue) = unbounded_channel();
        self.network.listeners.borrow_mut().insert((self.name.clone(), port), sender);
        Box::pin(async move { Ok(Box::new(MemoryListener { port, queue }) as Box<dyn Listener>) })
    }

    fn now(&self, _: Clock) -> Duration {
        self.network.start.elapsed()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the machine")]
    fn sleep_until(&self, _: Clock, deadline: Duration) -> LocalBoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep_until(self.network.start + deadline))
    }

    fn disk(&self) -> Rc<dyn Disk> {
        self.disk.clone()
    }

    fn random(&self, purpose: &str) -> Random {
        // As after a restart, each call gives another stream.
        host::random_stream(self.network.log.borrow().len() as u64, purpose)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the machine")]
    fn spawn(&self, future: LocalBoxFuture<'static, ()>) -> Task {
        let task = tokio::task::spawn_local(future);
        self.network.tasks.borrow_mut().push((self.name.clone(), task.abort_handle()));
        Task::new(task)
    }

    fn point(&self, _: &'static str) -> Option<LocalBoxFuture<'static, ()>> {
        None
    }

    fn observe(&self, observation: Observation) {
        let line = match observation {
            Observation::Committed { version, masters } => {
                let letters = masters.iter().filter_map(|master| master.member.chars().last());
                format!("committed {version}, masters {}", letters.collect::<String>())
            }
            Observation::Leading { leads } => format!("{} leads: {leads}", self.name),
            Observation::Note { text } => format!("{} notes {text}", self.name),
            other => format!("{} tells {other:?}", self.name),
        };
        self.network.tell(line);
    }

    fn probe(&self, _: Probe) {}
}

struct MemoryListener {
    port: u16,
    queue: UnboundedReceiver<(Stream, String)>,
}

impl Listener for MemoryListener {
    fn accept(&mut self) -> LocalBoxFuture<'_, io::Result<(Stream, String)>> {
        let closed = || io::Error::other("another one is bound to the port");
        Box::pin(async move { self.queue.recv().await.ok_or_else(closed) })
    }

    fn port(&self) -> u16 {
        self.port
    }
}

/// Files that a test can look at.
#[derive(Default)]
struct MemoryDisk(RefCell<BTreeMap<String, Vec<u8>>>);

impl MemoryDisk {
    fn file<T>(
        &self,
        name: &str,
        take: impl FnOnce(&mut BTreeMap<String, Vec<u8>>) -> Option<T>,
    ) -> LocalBoxFuture<'static, io::Result<T>>
    where
        T: 'static,
    {
        let found = take(&mut self.0.borrow_mut());
        let missing = io::Error::new(io::ErrorKind::NotFound, name.to_owned());
        Box::pin(std::future::ready(found.ok_or(missing)))
    }
}

impl Disk for MemoryDisk {
    fn read(&self, name: &str) -> LocalBoxFuture<'static, io::Result<Vec<u8>>> {
        self.file(name, |files| files.get(name).cloned())
    }

    fn write(&self, name: &str, content: Vec<u8>) -> LocalBoxFuture<'static, io::Result<()>> {
        self.file(name, |files| {
            files.insert(name.to_owned(), content);
            Some(())
        })
    }

    fn append(&self, name: &str, mut content: Vec<u8>) -> LocalBoxFuture<'static, io::Result<()>> {
        self.file(name, |files| {
            files.entry(name.to_owned()).or_default().append(&mut content);
            Some(())
        })
    }

    fn rename(&self, from: &str, to: &str) -> LocalBoxFuture<'static, io::Result<()>> {
        self.file(from, |files| {
            let content = files.remove(from)?;
            files.insert(to.to_owned(), content);
            Some(())
        })
    }

    fn remove(&self, name: &str) -> LocalBoxFuture<'static, io::Result<()>> {
        self.file(name, |files| files.remove(name).map(drop))
    }

    fn sync(&self, name: &str) -> LocalBoxFuture<'static, io::Result<()>> {
        self.file(name, |files| files.contains_key(name).then_some(()))
    }
}
