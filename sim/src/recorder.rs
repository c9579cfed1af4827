//! The one writer of a history: gathers what a step yields, sorts it, numbers it.
//!
//! The trap: hosts run one after another through the same tick, so events arrive out of time
//! order. What a step yields waits here until [`Recorder::seal`] sorts it by (time, host,
//! sequence); what the driver does between steps is written at once.

use std::cell::RefCell;
use std::rc::Rc;

use crate::history::{Content, History, Invocation, Return, What};
use crate::time::SimTime;

/// A shared handle on the history being written.
#[derive(Clone, Default)]
pub(crate) struct Recorder {
    time: SimTime,
    state: Rc<RefCell<State>>,
}

#[derive(Default)]
struct State {
    sealed: History,
    /// In order of arrival, which is each host's own order.
    pending: Vec<Pending>,
}

struct Pending {
    at_ms: u64,
    host: usize,
    on: String,
    what: What,
}

impl Recorder {
    pub(crate) fn new(time: SimTime) -> Self {
        Self { time, state: Rc::default() }
    }

    /// From inside a host, while a step runs.
    pub(crate) fn by_host(&self, host: usize, on: &str, what: What) {
        let at_ms = self.time.now_ms();
        self.state.borrow_mut().pending.push(Pending { at_ms, host, on: on.to_owned(), what });
    }

    /// From the driver or the nemesis, between steps.
    pub(crate) fn by_driver(&self, on: &str, what: What) {
        let at_ms = self.time.now_ms();
        let mut state = self.state.borrow_mut();
        debug_assert!(
            state.pending.is_empty(),
            "a step's events are sealed before the driver acts"
        );
        state.sealed.push(at_ms, on.to_owned(), what);
    }

    /// Numbers what the last step yielded.
    pub(crate) fn seal(&self) {
        let mut state = self.state.borrow_mut();
        let mut pending = std::mem::take(&mut state.pending);
        // Stable, so that each host's own order is the last criterion.
        pending.sort_by_key(|event| (event.at_ms, event.host));
        for Pending { at_ms, on, what, .. } in pending.drain(..) {
            state.sealed.push(at_ms, on, what);
        }
        state.pending = pending;
    }

    /// Reads the history so far.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&History) -> T) -> T {
        read(&self.state.borrow().sealed)
    }

    /// The finished history; the recorder is empty afterwards.
    pub(crate) fn take(&self) -> History {
        self.seal();
        std::mem::take(&mut self.state.borrow_mut().sealed)
    }
}

/// By which a client process records its operations.
#[derive(Clone)]
pub struct OperationLog {
    pub(crate) recorder: Recorder,
    pub(crate) host: usize,
    pub(crate) machine: String,
    pub(crate) next_op: Rc<std::cell::Cell<u64>>,
}

impl OperationLog {
    /// A number for the next operation, unique in the run.
    pub fn next_op(&self) -> u64 {
        let op = self.next_op.get();
        self.next_op.set(op + 1);
        op
    }

    /// An operation is about to be sent.
    pub fn invoke(&self, invocation: Invocation) {
        self.recorder.by_host(self.host, &self.machine, What::Invoke(invocation));
    }

    /// An operation ended.
    pub fn end(&self, end: Return) {
        self.recorder.by_host(self.host, &self.machine, What::Return(end));
    }

    /// The content of a data node was read at the end of the run.
    pub fn read_back(&self, node: &str, content: Content) {
        self.recorder.by_host(self.host, node, What::Final(content));
    }
}
