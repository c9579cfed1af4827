//! The disk of a simulated machine: survives its process, and loses what was not synced when
//! the power goes.
//!
//! A sync makes durable the file's content and the directory: names that were removed or
//! renamed away before it stay gone.
//!
//! The trap: what writes is done at the end of the time that it takes, so that a process which is
//! killed meanwhile has not written. While a disk is slow, what writes is done in the order in
//! which it began, also by what begins when it is fast again.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use host::{Disk, LocalBoxFuture, check_name};
use tokio::sync::Mutex;

use crate::fault::DiskTrouble;
use crate::time::SimTime;

/// The files of one machine, and what is wrong with its disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct SimDisk(Rc<State>);

#[derive(Debug, Default)]
struct State {
    files: RefCell<Files>,
    time: SimTime,
    /// What lies on it, and how many operations met each.
    troubles: RefCell<BTreeMap<u64, (DiskTrouble, u64)>>,
    /// Held by what writes while it takes its time.
    turn: Mutex<()>,
}

#[derive(Debug, Default)]
struct Files {
    /// What a process sees.
    written: BTreeMap<String, Vec<u8>>,
    /// What a power loss leaves.
    durable: BTreeMap<String, Vec<u8>>,
}

impl SimDisk {
    /// An empty disk that works.
    pub(crate) fn new(time: SimTime) -> Self {
        Self(Rc::new(State { time, ..State::default() }))
    }

    /// What a file holds, as a process would read it.
    pub(crate) fn content(&self, name: &str) -> Option<Vec<u8>> {
        self.0.files.borrow().written.get(name).cloned()
    }

    /// The power goes: what was not synced is lost.
    pub(crate) fn lose_power(&self) {
        let mut files = self.0.files.borrow_mut();
        files.written = files.durable.clone();
    }

    /// From now on something is wrong with it.
    pub(crate) fn trouble(&self, id: u64, trouble: DiskTrouble) {
        self.0.troubles.borrow_mut().insert(id, (trouble, 0));
    }

    /// Takes a trouble away: how many operations met it.
    pub(crate) fn mend(&self, id: u64) -> u64 {
        self.0.troubles.borrow_mut().remove(&id).map_or(0, |(_, met)| met)
    }
}

impl State {
    /// Takes the time that a write takes now; the slowest trouble counts.
    async fn take_time(&self) -> io::Result<()> {
        let (mut slow_ms, mut fails) = (0, false);
        for (trouble, met) in self.troubles.borrow_mut().values_mut() {
            *met += 1;
            match trouble {
                DiskTrouble::SlowMs(ms) => slow_ms = slow_ms.max(*ms),
                DiskTrouble::Fails => fails = true,
            }
        }
        let done = self.time.now() + Duration::from_millis(slow_ms);
        let _turn = match self.turn.try_lock() {
            Ok(turn) => turn,
            Err(_) => self.turn.lock().await,
        };
        wait(done.saturating_sub(self.time.now())).await;
        if fails {
            return Err(io::Error::other("the disk fails"));
        }
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "a disk keeps no clock of its machine")]
async fn wait(length: Duration) {
    if length > Duration::ZERO {
        tokio::time::sleep(length).await;
    }
}

impl Files {
    fn existing(&self, name: &str) -> io::Result<&Vec<u8>> {
        self.written.get(name).ok_or_else(|| not_found(name))
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let content = self.written.remove(from).ok_or_else(|| not_found(from))?;
        self.written.insert(to.to_owned(), content);
        Ok(())
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        let content = self.existing(name)?.clone();
        self.durable.insert(name.to_owned(), content);
        let Files { written, durable } = self;
        durable.retain(|name, _| written.contains_key(name));
        Ok(())
    }
}

impl SimDisk {
    /// Acts when the future is polled, as a real disk would.
    fn on<T: 'static>(
        &self,
        names: &[&str],
        act: impl FnOnce(&mut Files) -> io::Result<T> + 'static,
    ) -> LocalBoxFuture<'static, io::Result<T>> {
        let checked = names.iter().try_for_each(|name| check_name(name));
        let state = self.0.clone();
        Box::pin(async move {
            checked?;
            act(&mut state.files.borrow_mut())
        })
    }

    /// As above, for what writes: it takes the time that the disk takes.
    fn write_on(
        &self,
        names: &[&str],
        act: impl FnOnce(&mut Files) -> io::Result<()> + 'static,
    ) -> LocalBoxFuture<'static, io::Result<()>> {
        let state = self.0.clone();
        let act = self.on(names, act);
        Box::pin(async move {
            state.take_time().await?;
            act.await
        })
    }
}

impl Disk for SimDisk {
    fn read(&self, name: &str) -> LocalBoxFuture<'static, io::Result<Vec<u8>>> {
        let file = name.to_owned();
        self.on(&[name], move |files| files.existing(&file).cloned())
    }

    fn write(&self, name: &str, content: Vec<u8>) -> LocalBoxFuture<'static, io::Result<()>> {
        let file = name.to_owned();
        self.write_on(&[name], move |files| {
            files.written.insert(file, content);
            Ok(())
        })
    }

    fn append(&self, name: &str, content: Vec<u8>) -> LocalBoxFuture<'static, io::Result<()>> {
        let file = name.to_owned();
        self.write_on(&[name], move |files| {
            files.written.entry(file).or_default().extend(content);
            Ok(())
        })
    }

    fn rename(&self, from: &str, to: &str) -> LocalBoxFuture<'static, io::Result<()>> {
        let (old, new) = (from.to_owned(), to.to_owned());
        self.write_on(&[from, to], move |files| files.rename(&old, &new))
    }

    fn remove(&self, name: &str) -> LocalBoxFuture<'static, io::Result<()>> {
        let file = name.to_owned();
        self.write_on(&[name], move |files| {
            files.written.remove(&file).map(drop).ok_or_else(|| not_found(&file))
        })
    }

    fn sync(&self, name: &str) -> LocalBoxFuture<'static, io::Result<()>> {
        let file = name.to_owned();
        self.write_on(&[name], move |files| files.sync(&file))
    }
}

fn not_found(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("no such file: {name}"))
}
