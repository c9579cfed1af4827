//! One life of a process: a future and all tasks that it starts, in a `LocalSet` of their own,
//! so that its machine can stop polling all of it, or drop all of it, at once.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use host::{Host, LocalBoxFuture};
use tokio::task::{JoinHandle, LocalSet};

/// What a machine runs: called once for each life. The error is why the process ended itself.
pub type Process = Rc<dyn Fn(Host) -> LocalBoxFuture<'static, Result<(), String>>>;

/// One life of a process. Dropping it is the kill.
pub(crate) struct Life {
    tasks: LocalSet,
    main: JoinHandle<Result<(), String>>,
}

impl Life {
    pub(crate) fn begin(process: &Process, host: Host) -> Self {
        let tasks = local_set();
        let main = tasks.spawn_local(process(host));
        Self { tasks, main }
    }

    /// Lets everything that is ready run. Ready when the process has ended itself.
    ///
    /// # Panics
    /// If any of its tasks panicked: that is a bug, and fails the run.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        // Ready would mean that no task is left; the main task's own end is what counts.
        let _ = Pin::new(&mut self.tasks).poll(cx);
        Pin::new(&mut self.main).poll(cx).map(|end| end.expect("a process panicked"))
    }
}

/// A panic in a spawned task is swallowed unless every `LocalSet` is told otherwise.
fn local_set() -> LocalSet {
    #[cfg_attr(not(tokio_unstable), expect(unused_mut, reason = "see below"))]
    let mut set = LocalSet::new();
    #[cfg(tokio_unstable)]
    set.unhandled_panic(tokio::runtime::UnhandledPanic::ShutdownRuntime);
    set
}
