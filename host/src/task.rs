//! Handles on tasks that a process started.

use tokio::task::JoinHandle;

/// A task of a process. Dropping this leaves it running; see [`Task::guard`].
#[derive(Debug)]
pub struct Task(JoinHandle<()>);

impl Task {
    /// Wraps what a machine's own spawn returned.
    pub fn new(handle: JoinHandle<()>) -> Self {
        Self(handle)
    }

    /// Ends the task at its next await.
    pub fn abort(&self) {
        self.0.abort();
    }

    /// Whether it ended, by itself or by [`Task::abort`].
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }

    /// Ends the task when the guard is dropped.
    pub fn guard(self) -> TaskGuard {
        TaskGuard(self)
    }
}

/// Ends its task when dropped.
#[derive(Debug)]
pub struct TaskGuard(Task);

impl TaskGuard {
    /// Whether the task ended by itself.
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

impl Drop for TaskGuard {
    fn drop(&mut self) {
        self.0.abort();
    }
}
