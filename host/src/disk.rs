//! Files of one process: flat names, whole-file operations and append, explicit sync.
//!
//! What a kill leaves behind is all that was written; what a power loss leaves behind is only
//! what was synced. Names are relative to the process's own directory and have no `..`.

use std::io;
use std::path::{Component, Path};

use crate::LocalBoxFuture;

/// The files of a process.
///
/// Every method may take time (a slow disk) and may fail (a broken one) with the
/// operating system's error kinds; `NotFound` where a named file does not exist.
pub trait Disk {
    /// The whole content of a file.
    fn read(&self, name: &str) -> LocalBoxFuture<'static, io::Result<Vec<u8>>>;
    /// Creates the file or replaces its content.
    fn write(&self, name: &str, content: Vec<u8>) -> LocalBoxFuture<'static, io::Result<()>>;
    /// Adds to the end of a file, which is created if need be.
    fn append(&self, name: &str, content: Vec<u8>) -> LocalBoxFuture<'static, io::Result<()>>;
    /// Renames a file, replacing what bore the new name, in one step.
    fn rename(&self, from: &str, to: &str) -> LocalBoxFuture<'static, io::Result<()>>;
    /// Removes a file.
    fn remove(&self, name: &str) -> LocalBoxFuture<'static, io::Result<()>>;
    /// Makes the file's content, and its name, survive a power loss.
    fn sync(&self, name: &str) -> LocalBoxFuture<'static, io::Result<()>>;
}

/// Refuses what is no plain file name, on every machine alike.
///
/// # Errors
/// `InvalidInput` for a name with a separator, for `.` and `..`, and for none.
pub fn check_name(name: &str) -> io::Result<()> {
    let mut parts = Path::new(name).components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(part)), None) if part == name => Ok(()),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("file name {name:?}: must be a plain name, without separators or \"..\""),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_taken() {
        for name in ["nodes.conf", "..conf"] {
            assert!(check_name(name).is_ok(), "{name:?}");
        }
        for name in ["", ".", "..", "/etc", "a/b", "a/", "./a", "a/..", "../a"] {
            let error = check_name(name).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{name:?}");
        }
    }
}
