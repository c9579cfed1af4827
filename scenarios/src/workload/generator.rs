//! What a client writes next: fresh keys, appended tokens, a counter, transactions of the first
//! two. Every value is unique in the run, so that a lost write is known by what is missing.

use host::Random;
use rand::Rng;
use sim::history::Intent;

/// Draws one client's operations.
pub(super) struct Generator {
    client: String,
    random: Random,
    next: u64,
}

impl Generator {
    pub(super) fn new(client: String, random: Random) -> Self {
        Self { client, random, next: 0 }
    }

    /// The writes of the next operation: one, or all of a transaction.
    pub(super) fn next(&mut self) -> Vec<Intent> {
        self.next += 1;
        match self.random.random_range(0..100) {
            0..50 => vec![self.set()],
            50..70 => vec![self.append()],
            70..85 => vec![Intent::Increment { key: format!("{}:count", self.client) }],
            _ => vec![self.set(), self.append()],
        }
    }

    /// The pause before the next operation, in milliseconds.
    pub(super) fn pause_ms(&mut self, min: u64, max: u64) -> u64 {
        self.random.random_range(min..=max)
    }

    fn set(&self) -> Intent {
        let Self { client, next, .. } = self;
        Intent::SetFresh { key: format!("{client}:{next}"), value: format!("v{next}") }
    }

    fn append(&self) -> Intent {
        let Self { client, next, .. } = self;
        Intent::Append { key: format!("{client}:list"), token: format!("t{next};") }
    }
}
