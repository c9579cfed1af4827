//! Simulated time: one axis for the whole run, read inside a host or by the driver between steps.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// The run's time axis. Inside a host it is that host's place in the current tick; between
/// steps it is the end of the last tick.
#[derive(Clone, Debug, Default)]
pub(crate) struct SimTime {
    driver: Rc<Cell<Duration>>,
}

impl SimTime {
    /// Since the start of the run.
    pub(crate) fn now(&self) -> Duration {
        turmoil::sim_elapsed().unwrap_or_else(|| self.driver.get())
    }

    /// Since the start of the run, in whole milliseconds; turmoil's timers know no finer ones.
    pub(crate) fn now_ms(&self) -> u64 {
        // A run lasts hours at most, far below 2^64 ms.
        self.now().as_millis() as u64
    }

    /// The driver has stepped to here.
    pub(crate) fn set(&self, elapsed: Duration) {
        self.driver.set(elapsed);
    }
}
