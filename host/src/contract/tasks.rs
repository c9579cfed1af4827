//! The contract of tasks.

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use crate::{Clock, Host, Task};

pub(super) async fn contract(host: &Host) {
    ends_by_itself(host).await;
    is_left_running(host).await;
    is_aborted(host).await;
    is_guarded(host).await;
}

async fn ends_by_itself(host: &Host) {
    let done = Rc::new(Cell::new(false));
    let task = host.spawn({
        let done = done.clone();
        async move { done.set(true) }
    });
    assert!(!done.get(), "a task does not run inside its own spawn");
    breathe(host).await;
    assert!(done.get() && task.is_finished());
}

async fn is_left_running(host: &Host) {
    let done = Rc::new(Cell::new(false));
    drop(host.spawn({
        let (done, host) = (done.clone(), host.clone());
        async move {
            host.sleep(Clock::Monotonic, Duration::from_millis(1)).await;
            done.set(true);
        }
    }));
    breathe(host).await;
    assert!(done.get(), "dropping the handle leaves the task running");
}

async fn is_aborted(host: &Host) {
    let (task, held) = endless(host);
    breathe(host).await;
    assert!(!task.is_finished());
    task.abort();
    breathe(host).await;
    assert!(task.is_finished());
    assert_eq!(Rc::strong_count(&held), 1, "an aborted task drops what it holds");
}

async fn is_guarded(host: &Host) {
    let (task, held) = endless(host);
    let guard = task.guard();
    breathe(host).await;
    assert!(!guard.is_finished());
    assert_eq!(Rc::strong_count(&held), 2);
    drop(guard);
    breathe(host).await;
    assert_eq!(Rc::strong_count(&held), 1, "a task ends when its guard is dropped");
}

/// A task that never ends, and what it holds.
fn endless(host: &Host) -> (Task, Rc<()>) {
    let held = Rc::new(());
    let task = host.spawn({
        let held = held.clone();
        async move {
            pending::<()>().await;
            drop(held);
        }
    });
    (task, held)
}

/// Gives other tasks the time to do what they are about to do.
async fn breathe(host: &Host) {
    host.sleep(Clock::Monotonic, Duration::from_millis(20)).await;
}
