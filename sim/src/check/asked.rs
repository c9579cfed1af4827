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
    begun: IndexMap<(&'r str, Option<&'r str>), Vec<&'r Operation<'r>>>,
}

impl<'r> Asked<'r> {
    /// By these operations, which come in the order in which they began.
    pub(super) fn by(operations: impl Iterator<Item = &'r Operation<'r>> + 'r) -> Self {
        let coming: Box<dyn Iterator<Item = _>> = Box::new(operations);
        Self { coming: coming.peekable(), begun: IndexMap::new() }
    }

    /// The operations of which a reply can be that acknowledges these writes at an event: of
    /// increments all that may still be under way. To be asked in the order of events.
    pub(super) fn can_be(&mut self, writes: &'r [Write], event: u64) -> &[&'r Operation<'r>] {
        while let Some(operation) = self.coming.next_if(|next| next.invoked.event < event) {
            for write in operation.asked.intents.iter().filter(|intent| intent.is_write()) {
                let told = (write.key(), write.token());
                self.begun.entry(told).or_default().push(operation);
            }
        }
        let tells = |write: &'r Write| (write.key.as_str(), Some(write.token.as_str()));
        if let Some(write) = writes.iter().find(|write| self.begun.contains_key(&tells(write))) {
            return &self.begun[&tells(write)];
        }
        let counts = |write: &'r Write| (write.key.as_str(), None);
        let Some(write) = writes.iter().find(|write| self.begun.contains_key(&counts(write)))
        else {
            return &[];
        };
        let increments = self.begun.entry(counts(write)).or_default();
        increments.retain(|increment| !increment.is_over_before(event));
        increments
    }
}
