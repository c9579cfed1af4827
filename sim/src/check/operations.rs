//! The clients' operations: what was asked for, and how it ended.

use std::collections::BTreeMap;

use super::reading::ReadingError;
use super::windows::Moment;
use crate::history::{Event, Intent, Invocation, OpResult, Return};

/// One operation of a client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operation<'a> {
    pub(super) asked: &'a Invocation,
    pub(super) invoked: Moment,
    /// None if its end was never told.
    pub(super) ended: Option<(Moment, &'a Return)>,
}

impl<'a> Operation<'a> {
    /// When it ended, if it was acknowledged.
    pub(super) fn acknowledged(&self) -> Option<Moment> {
        let (moment, end) = self.ended?;
        (end.result == OpResult::Ok).then_some(moment)
    }

    /// Whether it asks for a write.
    pub(super) fn is_write(&self) -> bool {
        self.asked.intents.iter().any(Intent::is_write)
    }

    /// Whether it was surely not done.
    pub(super) fn failed(&self) -> bool {
        self.ended.is_some_and(|(_, end)| matches!(end.result, OpResult::Fail { .. }))
    }

    /// Whether a client knew before an event that it was done, or that it was not.
    pub(super) fn is_over_before(&self, event: u64) -> bool {
        self.ended.is_some_and(|(moment, end)| {
            moment.event < event && !matches!(end.result, OpResult::Info { .. })
        })
    }

    /// The machine that answered, if the client knows.
    pub(super) fn by(&self) -> Option<&'a str> {
        self.ended.and_then(|(_, end)| end.by.as_deref())
    }

    /// Its intents, each with its answer if it was acknowledged and has one.
    pub(super) fn intents(&self) -> impl Iterator<Item = (&'a Intent, Option<Answer<'a>>)> {
        let answers = self.ended.map_or(&[][..], |(_, end)| &end.answers[..]);
        self.asked.intents.iter().enumerate().map(move |(at, intent)| {
            let answer = answers.get(at).filter(|_| intent.has_answer());
            (intent, answer.map(|answer| answer.as_deref()))
        })
    }
}

/// What a read was answered: none if the key was absent.
pub(super) type Answer<'a> = Option<&'a str>;

/// All operations, in the order of their invocations.
#[derive(Debug, Default)]
pub(super) struct Operations<'a> {
    all: Vec<Operation<'a>>,
    by_number: BTreeMap<u64, usize>,
}

impl<'a> Operations<'a> {
    /// In the order of their invocations.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Operation<'a>> {
        self.all.iter()
    }

    pub(super) fn invoke(
        &mut self,
        event: &Event,
        asked: &'a Invocation,
    ) -> Result<(), ReadingError> {
        let invoked = Moment { at_ms: event.at_ms, event: event.number };
        if self.by_number.insert(asked.op, self.all.len()).is_some() {
            return Err(ReadingError::RepeatedOperation { event: event.number, op: asked.op });
        }
        self.all.push(Operation { asked, invoked, ended: None });
        Ok(())
    }

    /// The end of an operation. One that nobody invoked is found by following the trails.
    pub(super) fn end(&mut self, event: &Event, end: &'a Return) -> Result<(), ReadingError> {
        let Some(&at) = self.by_number.get(&end.op) else {
            return Ok(());
        };
        let operation = &mut self.all[at];
        let wanted = match operation.asked.intents.iter().any(Intent::has_answer) {
            true if end.result == OpResult::Ok => operation.asked.intents.len(),
            _ => 0,
        };
        if end.answers.len() != wanted {
            let (event, op, found) = (event.number, end.op, end.answers.len());
            return Err(ReadingError::Answers { event, op, wanted, found });
        }
        if operation.ended.is_some() {
            return Err(ReadingError::RepeatedEnd { event: event.number, op: end.op });
        }
        operation.ended = Some((Moment { at_ms: event.at_ms, event: event.number }, end));
        Ok(())
    }
}
