//! Progress: a bar on a terminal, plain lines otherwise, on standard error in both cases.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Counts runs as they end. Shared by all threads.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    done: AtomicU64,
    total: u64,
}

impl Progress {
    pub(super) fn new(total: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| bar(total));
        Self { bar, done: AtomicU64::new(0), total }
    }

    /// One more run has ended.
    pub(super) fn step(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        match &self.bar {
            Some(bar) => bar.inc(1),
            None if self.crosses_a_tenth(done) => eprintln!("{done} of {} runs", self.total),
            None => {}
        }
    }

    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn crosses_a_tenth(&self, done: u64) -> bool {
        self.total >= 20 && done * 10 / self.total > (done - 1) * 10 / self.total
    }
}

fn bar(total: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} runs, {eta} left")
        .expect("a valid template");
    bar.with_style(style)
}
