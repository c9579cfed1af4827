//! What a client does next: writes of fresh keys, appended tokens, a counter, transactions of the
//! first two, keys that all clients set, and reads of all these. Every value is unique in the
//! run, so that a lost write is known by what is missing, and a stale read by what it answers.

use host::Random;
use rand::Rng;
use sim::history::Intent;

/// How many keys all clients set and read.
const SHARED_KEYS: u64 = 4;

/// Draws one client's operations.
pub(super) struct Generator {
    client: String,
    random: Random,
    next: u64,
    /// The last key that it set, if any.
    last_set: Option<String>,
}

impl Generator {
    pub(super) fn new(client: String, random: Random) -> Self {
        Self { client, random, next: 0, last_set: None }
    }

    /// The next operation: one intent, or all of a transaction.
    pub(super) fn next(&mut self) -> Vec<Intent> {
        self.next += 1;
        match self.random.random_range(0..100) {
            0..40 => vec![self.set()],
            40..55 => vec![self.append()],
            55..65 => vec![Intent::Increment { key: self.counter() }],
            65..75 => vec![self.set(), self.append()],
            75..83 => vec![self.set_shared()],
            _ => vec![Intent::Read { key: self.readable() }],
        }
    }

    /// The pause before the next operation, in milliseconds.
    pub(super) fn pause_ms(&mut self, min: u64, max: u64) -> u64 {
        self.random.random_range(min..=max)
    }

    fn set(&mut self) -> Intent {
        let key = format!("{}:{}", self.client, self.next);
        self.last_set = Some(key.clone());
        Intent::SetFresh { key, value: format!("v{}", self.next) }
    }

    fn append(&self) -> Intent {
        Intent::Append { key: self.list(), token: format!("t{};", self.next) }
    }

    fn set_shared(&mut self) -> Intent {
        let value = format!("{}:{}", self.client, self.next);
        Intent::Set { key: self.shared(), value }
    }

    /// A key that may hold something: one of its own, or a shared one.
    fn readable(&mut self) -> String {
        match self.random.random_range(0..5) {
            0 => self.list(),
            1 => self.counter(),
            2 => self.last_set.clone().unwrap_or_else(|| self.list()),
            _ => self.shared(),
        }
    }

    fn list(&self) -> String {
        format!("{}:list", self.client)
    }

    fn counter(&self) -> String {
        format!("{}:count", self.client)
    }

    fn shared(&mut self) -> String {
        format!("shared:{}", self.random.random_range(0..SHARED_KEYS))
    }
}
