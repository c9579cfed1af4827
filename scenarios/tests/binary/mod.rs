//! The `splitbrain` binary, run in a folder as a person runs it.

use std::path::Path;
use std::process::{Command, Output};

/// How it ended, and what it printed.
pub struct Ran {
    pub status: i32,
    pub out: String,
    pub err: String,
}

/// Runs it to its end.
pub fn splitbrain(dir: &Path, arguments: &[&str]) -> Ran {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_splitbrain"))
        .args(arguments)
        .current_dir(dir)
        .output()
        .expect("the binary runs");
    Ran {
        status: status.code().expect("it ended by itself"),
        out: String::from_utf8(stdout).expect("text"),
        err: String::from_utf8(stderr).expect("text"),
    }
}
