//! Files of a process in one real directory.
//!
//! A file that is appended to stays open until its name means another file. What was written
//! and not yet synced is remembered by name, for the end of the process.
//!
//! The trap: the calls block the thread, and with it every task of the process, as long as the
//! disk takes; that is how a stall of the disk looks to a process with one event loop.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::rc::Rc;

use crate::{Disk, LocalBoxFuture, check_name};

/// The files in one directory, which must exist.
#[derive(Clone)]
pub(super) struct OsDisk(Rc<Files>);

struct Files {
    dir: PathBuf,
    /// Open for appending, by name.
    appended: RefCell<BTreeMap<String, File>>,
    /// Written and not yet synced.
    unsynced: RefCell<BTreeSet<String>>,
    /// Names may have come or gone since the directory was synced.
    names_unsynced: Cell<bool>,
}

impl OsDisk {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self(Rc::new(Files {
            dir,
            appended: RefCell::default(),
            unsynced: RefCell::default(),
            // An earlier life may have left some.
            names_unsynced: Cell::new(true),
        }))
    }

    /// Makes everything that was written survive a power loss.
    ///
    /// # Errors
    /// The first that the operating system has; the other files were synced all the same.
    pub(super) fn sync_written(&self) -> io::Result<()> {
        let names = self.0.unsynced.borrow().clone();
        let synced: Vec<_> = names.iter().map(|name| self.0.sync(name)).collect();
        synced.into_iter().collect()
    }

    /// Acts on a file when the future is polled.
    fn on<T: 'static>(
        &self,
        name: &str,
        act: impl FnOnce(&Files, &str) -> io::Result<T> + 'static,
    ) -> LocalBoxFuture<'static, io::Result<T>> {
        let (files, name) = (self.0.clone(), name.to_owned());
        Box::pin(async move {
            check_name(&name)?;
            act(&files, &name)
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "the machine as the operating system has it")]
impl Disk for OsDisk {
    fn read(&self, name: &str) -> LocalBoxFuture<'static, io::Result<Vec<u8>>> {
        self.on(name, |files, name| fs::read(files.path(name)))
    }

    fn write(&self, name: &str, content: Vec<u8>) -> LocalBoxFuture<'static, io::Result<()>> {
        self.on(name, move |files, name| {
            files.now_another(name);
            files.changed(name);
            fs::write(files.path(name), content)
        })
    }

    fn append(&self, name: &str, content: Vec<u8>) -> LocalBoxFuture<'static, io::Result<()>> {
        self.on(name, move |files, name| files.append(name, &content))
    }

    fn rename(&self, from: &str, to: &str) -> LocalBoxFuture<'static, io::Result<()>> {
        let to = to.to_owned();
        self.on(from, move |files, from| {
            check_name(&to)?;
            fs::rename(files.path(from), files.path(&to))?;
            files.now_another(from);
            files.now_another(&to);
            files.unsynced.borrow_mut().remove(from);
            files.changed(&to);
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> LocalBoxFuture<'static, io::Result<()>> {
        self.on(name, |files, name| {
            fs::remove_file(files.path(name))?;
            files.now_another(name);
            files.unsynced.borrow_mut().remove(name);
            Ok(())
        })
    }

    fn sync(&self, name: &str) -> LocalBoxFuture<'static, io::Result<()>> {
        self.on(name, Files::sync)
    }
}

impl Files {
    /// The path of a file; the name was checked.
    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn append(&self, name: &str, content: &[u8]) -> io::Result<()> {
        self.changed(name);
        let mut appended = self.appended.borrow_mut();
        if let Some(file) = appended.get_mut(name) {
            return file.write_all(content);
        }
        self.names_unsynced.set(true);
        let mut file = OpenOptions::new().append(true).create(true).open(self.path(name))?;
        let written = file.write_all(content);
        appended.insert(name.to_owned(), file);
        written
    }

    fn sync(&self, name: &str) -> io::Result<()> {
        match self.appended.borrow().get(name) {
            Some(open) => open.sync_all()?,
            None => File::open(self.path(name))?.sync_all()?,
        }
        // The name stands in the directory, which is a file of its own.
        if self.names_unsynced.get() {
            File::open(&self.dir)?.sync_all()?;
            self.names_unsynced.set(false);
        }
        self.unsynced.borrow_mut().remove(name);
        Ok(())
    }

    fn changed(&self, name: &str) {
        let mut unsynced = self.unsynced.borrow_mut();
        if !unsynced.contains(name) {
            unsynced.insert(name.to_owned());
        }
    }

    /// The name means another file than the one that may be open, or none.
    fn now_another(&self, name: &str) {
        self.names_unsynced.set(true);
        self.appended.borrow_mut().remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os;

    fn disk() -> (OsDisk, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        (OsDisk::new(dir.path().to_owned()), dir)
    }

    #[test]
    fn what_is_appended_goes_to_the_file_that_bears_the_name_now() {
        let (disk, _dir) = disk();
        os::run(async {
            let append = async |text: &str| disk.append("log", text.into()).await.unwrap();
            append("old").await;
            disk.write("log.tmp", b"new".to_vec()).await.unwrap();
            disk.rename("log.tmp", "log").await.unwrap();
            append("er").await;
            assert_eq!(disk.read("log").await.unwrap(), b"newer");
            disk.rename("log", "kept").await.unwrap();
            append("another").await;
            assert_eq!(disk.read("kept").await.unwrap(), b"newer");
            disk.remove("log").await.unwrap();
            append("a third").await;
            assert_eq!(disk.read("log").await.unwrap(), b"a third");
        })
        .unwrap();
    }

    #[test]
    fn what_was_written_is_synced_once_and_what_is_gone_is_not() {
        let (disk, _dir) = disk();
        os::run(async {
            disk.append("log", b"x".to_vec()).await.unwrap();
            disk.write("log.tmp", b"x".to_vec()).await.unwrap();
            disk.write("gone", b"x".to_vec()).await.unwrap();
            disk.remove("gone").await.unwrap();
            disk.rename("log.tmp", "conf").await.unwrap();
            disk.sync("log").await.unwrap();
        })
        .unwrap();
        assert!(disk.0.unsynced.borrow().iter().eq(["conf"]));
        disk.sync_written().unwrap();
        assert!(disk.0.unsynced.borrow().is_empty());
    }
}
