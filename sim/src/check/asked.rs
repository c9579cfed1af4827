//! Of which operation an acknowledged write can be. Values and tokens tell; increments of one
//! counter are not told apart.

use std::iter::Peekable;

use host::Write;
use indexmap::IndexMap;

use super::operations::Operation;

/// What was asked to be written so far.
pub(super) struct Asked<'r> {
    /// Not yet begun, in order.
    coming: Peekable<Box<dyn Iterator<Item = &'r Operation<'r>> + 'r>>,
    /// By key, and by what tells the write from others on it.
    begun: IndexMap<(&'r str, Option<&'r str>), Begun<'r>>,
}

/// Operations that have begun, each list in that order.
#[derive(Default)]
pub(super) struct Begun<'r> {
    /// Those that a client will have known to be over.
    ends: Vec<&'r Operation<'r>>,
    /// Those that stay under way for good; there may be many of one counter.
    never_ends: Vec<&'r Operation<'r>>,
}

impl<'r> Begun<'r> {
    pub(super) fn iter(&self) -> impl Iterator<Item = &'r Operation<'r>> {
        self.ends.iter().chain(&self.never_ends).copied()
    }

    /// When the first one began, in milliseconds.
    pub(super) fn earliest_ms(&self) -> Option<u64> {
        let first = self.ends.first().into_iter().chain(self.never_ends.first());
        first.map(|operation| operation.invoked.at_ms).min()
    }

    fn push(&mut self, operation: &'r Operation<'r>) {
        let ends = operation.is_over_before(u64::MAX);
        if ends { &mut self.ends } else { &mut self.never_ends }.push(operation);
    }
}

impl<'r> Asked<'r> {
    /// By these operations, which come in the order in which they began.
    pub(super) fn by(operations: impl Iterator<Item = &'r Operation<'r>> + 'r) -> Self {
        let coming: Box<dyn Iterator<Item = _>> = Box::new(operations);
        Self { coming: coming.peekable(), begun: IndexMap::new() }
    }

    /// The operations of which a reply can be that acknowledges these writes at an event: of
    /// increments all that may still be under way. None if there was no such operation at all. To
    /// be asked in the order of events.
    pub(super) fn can_be(&mut self, writes: &'r [Write], event: u64) -> Option<&Begun<'r>> {
        while let Some(operation) = self.coming.next_if(|next| next.invoked.event < event) {
            for write in operation.asked.intents.iter().filter(|intent| intent.is_write()) {
                let told = (write.key(), write.token());
                self.begun.entry(told).or_default().push(operation);
            }
        }
        let tells = |write: &'r Write| (write.key.as_str(), Some(write.token.as_str()));
        if let Some(write) = writes.iter().find(|write| self.begun.contains_key(&tells(write))) {
            return self.begun.get(&tells(write));
        }
        let counts = |write: &'r Write| (write.key.as_str(), None);
        let write = writes.iter().find(|write| self.begun.contains_key(&counts(write)))?;
        let increments = self.begun.get_mut(&counts(write))?;
        increments.ends.retain(|increment| !increment.is_over_before(event));
        Some(increments)
    }
}
