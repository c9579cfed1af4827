//! The disk of a simulated machine: survives its process, and loses what was not synced when
//! the power goes.
//!
//! A sync makes durable the file's content and the directory: names that were removed or
//! renamed away before it stay gone.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

use host::{Disk, LocalBoxFuture, check_name};

/// The files of one machine.
#[derive(Clone, Debug, Default)]
pub(crate) struct SimDisk(Rc<RefCell<Files>>);

#[derive(Debug, Default)]
struct Files {
    /// What a process sees.
    written: BTreeMap<String, Vec<u8>>,
    /// What a power loss leaves.
    durable: BTreeMap<String, Vec<u8>>,
}

impl SimDisk {
    /// What a file holds, as a process would read it.
    pub(crate) fn content(&self, name: &str) -> Option<Vec<u8>> {
        self.0.borrow().written.get(name).cloned()
    }

    /// The power goes: what was not synced is lost.
    pub(crate) fn lose_power(&self) {
        let mut files = self.0.borrow_mut();
        files.written = files.durable.clone();
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
        let files = self.0.clone();
        Box::pin(async move {
            checked?;
            act(&mut files.borrow_mut())
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
        self.on(&[name], move |files| {
            files.written.insert(file, content);
            Ok(())
        })
    }

    fn append(&self, name: &str, content: Vec<u8>) -> LocalBoxFuture<'static, io::Result<()>> {
        let file = name.to_owned();
        self.on(&[name], move |files| {
            files.written.entry(file).or_default().extend(content);
            Ok(())
        })
    }

    fn rename(&self, from: &str, to: &str) -> LocalBoxFuture<'static, io::Result<()>> {
        let (old, new) = (from.to_owned(), to.to_owned());
        self.on(&[from, to], move |files| files.rename(&old, &new))
    }

    fn remove(&self, name: &str) -> LocalBoxFuture<'static, io::Result<()>> {
        let file = name.to_owned();
        self.on(&[name], move |files| {
            files.written.remove(&file).map(drop).ok_or_else(|| not_found(&file))
        })
    }

    fn sync(&self, name: &str) -> LocalBoxFuture<'static, io::Result<()>> {
        let file = name.to_owned();
        self.on(&[name], move |files| files.sync(&file))
    }
}

fn not_found(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("no such file: {name}"))
}
