//! `CLIENT PAUSE`: commands that wait until the pause is over. What a controller does to an old
//! master while it switches over. A node that pauses writes has no authority.
//!
//! The trap: who waits must not hold the lock that a topology change needs, or a switchover would
//! wait for the end of its own pause.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use host::{Clock, TaskGuard};
use tokio::sync::watch;

use crate::node::Node;

/// What waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Paused {
    /// Nothing.
    #[default]
    Nothing,
    /// What writes.
    Writes,
    /// What reads or writes data. Orders to the node itself never wait.
    All,
}

/// The pause of a node.
#[derive(Default)]
pub(crate) struct Pause {
    paused: watch::Sender<Paused>,
    timer: RefCell<Option<TaskGuard>>,
}

impl Pause {
    /// What waits now.
    pub(crate) fn now(&self) -> Paused {
        *self.paused.borrow()
    }

    /// Waits until no more than this is paused.
    pub(crate) async fn until_at_most(&self, paused: Paused) {
        let mut changes = self.paused.subscribe();
        let changed = changes.wait_for(|now| *now <= paused).await;
        changed.expect("the pause lives as long as its node");
    }
}

impl Node {
    /// Pauses from now on for so long, whatever was paused before.
    pub(crate) fn pause(self: &Rc<Self>, paused: Paused, length: Duration) {
        self.pause.paused.send_replace(paused);
        self.tell_status();
        let node = Rc::downgrade(self);
        let host = self.host.clone();
        let task = self.host.spawn(async move {
            host.sleep(Clock::Monotonic, length).await;
            if let Some(node) = node.upgrade() {
                node.pause.paused.send_replace(Paused::Nothing);
                node.tell_status();
            }
        });
        *self.pause.timer.borrow_mut() = Some(task.guard());
    }

    /// Ends the pause.
    pub(crate) fn unpause(&self) {
        self.pause.timer.take();
        self.pause.paused.send_replace(Paused::Nothing);
        self.tell_status();
    }
}
