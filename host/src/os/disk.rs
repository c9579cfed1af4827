//! Files of a process in one real directory.
//!
//! The trap: the calls block the thread, and with it every task of the process, as long as the
//! disk takes; that is how a stall of the disk looks to a process with one event loop.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::{Disk, LocalBoxFuture, check_name};

/// The files in one directory, which must exist.
pub(super) struct OsDisk {
    dir: PathBuf,
}

impl OsDisk {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// Runs `act` on a file's path when the future is polled.
    fn on<T: 'static>(
        &self,
        name: &str,
        act: impl FnOnce(&Path) -> io::Result<T> + 'static,
    ) -> LocalBoxFuture<'static, io::Result<T>> {
        let path = path_in(&self.dir, name);
        Box::pin(async move { act(&path?) })
    }
}

#[expect(clippy::disallowed_methods, reason = "the machine as the operating system has it")]
impl Disk for OsDisk {
    fn read(&self, name: &str) -> LocalBoxFuture<'static, io::Result<Vec<u8>>> {
        self.on(name, |path| fs::read(path))
    }

    fn write(&self, name: &str, content: Vec<u8>) -> LocalBoxFuture<'static, io::Result<()>> {
        self.on(name, move |path| fs::write(path, content))
    }

    fn append(&self, name: &str, content: Vec<u8>) -> LocalBoxFuture<'static, io::Result<()>> {
        self.on(name, move |path| {
            let mut file = OpenOptions::new().append(true).create(true).open(path)?;
            file.write_all(&content)
        })
    }

    fn rename(&self, from: &str, to: &str) -> LocalBoxFuture<'static, io::Result<()>> {
        let to = path_in(&self.dir, to);
        self.on(from, move |from| fs::rename(from, to?))
    }

    fn remove(&self, name: &str) -> LocalBoxFuture<'static, io::Result<()>> {
        self.on(name, |path| fs::remove_file(path))
    }

    fn sync(&self, name: &str) -> LocalBoxFuture<'static, io::Result<()>> {
        let dir = self.dir.clone();
        self.on(name, move |path| {
            File::open(path)?.sync_all()?;
            // The name stands in the directory, which is a file of its own.
            File::open(dir)?.sync_all()
        })
    }
}

/// The path of a file; only a plain name is one.
fn path_in(dir: &Path, name: &str) -> io::Result<PathBuf> {
    check_name(name)?;
    Ok(dir.join(name))
}
