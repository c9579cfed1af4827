//! The points at which a process is held up, and how much each stall bit.
//!
//! What this is not: a hang. Only the tasks that come to the point stop; others run on.
//!
//! The trap: being held up belongs to a life, as being hung does. A kill ends it, and what the
//! stall did until then counts.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use tokio::sync::Notify;

use crate::time::SimTime;

/// The stalls that lie on the process of one machine.
#[derive(Clone, Default)]
pub(crate) struct Stalls {
    time: SimTime,
    laid: Rc<RefCell<BTreeMap<u64, Rc<Stall>>>>,
}

/// One stall: holds up every task that comes to its point.
struct Stall {
    point: String,
    over: Cell<bool>,
    changed: Notify,
    held: Cell<Held>,
    /// The tasks that stand at the point now, and since when there is any.
    standing: Cell<(u64, u64)>,
}

/// What a stall did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Tasks that stopped at the point.
    pub tasks: u64,
    /// Milliseconds for which any task stood there.
    pub stood_ms: u64,
}

impl Stalls {
    pub(crate) fn new(time: SimTime) -> Self {
        Self { time, laid: Rc::default() }
    }

    /// Lays a stall on the current life, or on the next one if there is none.
    pub(crate) fn lay(&self, id: u64, point: &str) {
        let stall = Stall {
            point: point.to_owned(),
            over: Cell::new(false),
            changed: Notify::new(),
            held: Cell::default(),
            standing: Cell::default(),
        };
        self.laid.borrow_mut().insert(id, Rc::new(stall));
    }

    /// Takes a stall away: what it did.
    pub(crate) fn lift(&self, id: u64) -> Held {
        let stall = self.laid.borrow_mut().remove(&id);
        stall.map_or(Held::default(), |stall| {
            stall.end(self.time.now_ms());
            stall.changed.notify_waiters();
            stall.held.get()
        })
    }

    /// The life ends: nothing of it stands anywhere, and no later life is held up.
    pub(crate) fn end_of_life(&self) {
        let now_ms = self.time.now_ms();
        self.laid.borrow().values().for_each(|stall| stall.end(now_ms));
    }

    /// Whether a task that comes to the point now is held up.
    pub(crate) fn holds(&self, point: &str) -> bool {
        self.at(point).is_some()
    }

    /// Stands at the point until no stall lies on it any more.
    pub(crate) async fn stand(self, point: &'static str) {
        while let Some(stall) = self.at(point) {
            let _standing = Standing::of(&stall, &self.time);
            while !stall.over.get() {
                stall.changed.notified().await;
            }
        }
    }

    fn at(&self, point: &str) -> Option<Rc<Stall>> {
        let laid = self.laid.borrow();
        laid.values().find(|stall| stall.point == point && !stall.over.get()).cloned()
    }
}

impl Stall {
    fn end(&self, now_ms: u64) {
        if !self.over.replace(true) {
            self.count_standing(now_ms);
        }
    }

    fn count_standing(&self, now_ms: u64) {
        let (tasks, since_ms) = self.standing.get();
        if tasks > 0 {
            let held = self.held.get();
            self.held.set(Held { stood_ms: held.stood_ms + now_ms - since_ms, ..held });
        }
    }
}

/// A task that stands at a point; it may be dropped there.
struct Standing {
    stall: Rc<Stall>,
    time: SimTime,
}

impl Standing {
    fn of(stall: &Rc<Stall>, time: &SimTime) -> Self {
        let held = stall.held.get();
        stall.held.set(Held { tasks: held.tasks + 1, ..held });
        let (tasks, since_ms) = stall.standing.get();
        let since_ms = if tasks == 0 { time.now_ms() } else { since_ms };
        stall.standing.set((tasks + 1, since_ms));
        Self { stall: stall.clone(), time: time.clone() }
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        let (tasks, since_ms) = self.stall.standing.get();
        if tasks == 1 && !self.stall.over.get() {
            self.stall.count_standing(self.time.now_ms());
        }
        self.stall.standing.set((tasks - 1, since_ms));
    }
}
