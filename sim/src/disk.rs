//! The disk of a simulated machine: survives its process, and loses what was not synced when
//! the power goes.
//!
//! A sync makes durable the file's content and the directory: names that were removed or
//! renamed away before it stay gone.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::ready;
use std::io;
use std::rc::Rc;

use host::{Disk, LocalBoxFuture};

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
    /// The power goes: what was not synced is lost.
    pub(crate) fn lose_power(&self) {
        let mut files = self.0.borrow_mut();
        files.written = files.durable.clone();
    }
}

impl Files {
    fn existing(&mut self, name: &str) -> io::Result<&mut Vec<u8>> {
        self.written.get_mut(name).ok_or_else(|| not_found(name))
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

impl Disk for SimDisk {
    fn read(&self, name: &str) -> LocalBoxFuture<'static, io::Result<Vec<u8>>> {
        done(self.0.borrow_mut().existing(name).map(|content| content.clone()))
    }

    fn write(&self, name: &str, content: Vec<u8>) -> LocalBoxFuture<'static, io::Result<()>> {
        self.0.borrow_mut().written.insert(name.to_owned(), content);
        done(Ok(()))
    }

    fn append(&self, name: &str, content: Vec<u8>) -> LocalBoxFuture<'static, io::Result<()>> {
        self.0.borrow_mut().written.entry(name.to_owned()).or_default().extend(content);
        done(Ok(()))
    }

    fn rename(&self, from: &str, to: &str) -> LocalBoxFuture<'static, io::Result<()>> {
        done(self.0.borrow_mut().rename(from, to))
    }

    fn remove(&self, name: &str) -> LocalBoxFuture<'static, io::Result<()>> {
        let removed = self.0.borrow_mut().written.remove(name);
        done(removed.map(drop).ok_or_else(|| not_found(name)))
    }

    fn sync(&self, name: &str) -> LocalBoxFuture<'static, io::Result<()>> {
        done(self.0.borrow_mut().sync(name))
    }
}

fn done<T: 'static>(result: T) -> LocalBoxFuture<'static, T> {
    Box::pin(ready(result))
}

fn not_found(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("no such file: {name}"))
}
