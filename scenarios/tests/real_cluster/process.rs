//! A process of `splitbrain serve`, which ends with the value that stands for it.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long anything at all may take: generous, as machines may be slow.
pub const LIMIT: Duration = Duration::from_secs(30);

/// A running process.
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `splitbrain serve` with its log in `dir`.
    pub fn serve<A: AsRef<OsStr>>(dir: &Path, name: &str, arguments: &[A]) -> Self {
        let log = dir.join(format!("{name}.log"));
        let child = Command::new(env!("CARGO_BIN_EXE_splitbrain"))
            .arg("serve")
            .args(arguments)
            // What a node and a controller tell about themselves is in the log too.
            .env("RUST_LOG", "info,host::os=debug")
            .current_dir(dir)
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Self { child, log }
    }

    /// `SIGSTOP`.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// `SIGCONT`.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// `SIGTERM`. One that is stopped finds it when it is resumed.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// How it ends.
    pub fn wait(mut self) -> ExitStatus {
        eventually("it ends", || self.child.try_wait().unwrap())
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already. A process that is stopped is killed as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let last: Vec<&str> = log.lines().rev().take(10).collect();
            eprintln!("the end of {}, backwards:\n{}\n", self.log.display(), last.join("\n"));
        }
    }
}

/// Looks again and again until there is an answer. For what happens in another process, which
/// tells nobody.
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < LIMIT, "not within {} s: {what}", LIMIT.as_secs());
        std::thread::sleep(Duration::from_millis(10));
    }
}
