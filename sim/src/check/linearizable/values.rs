//! The values that a key may have had. Each is kept once and known by a number, so that states
//! of a search are small and quickly compared; a list is kept as what it was before and the token
//! that was appended.
//!
//! The semantics are those of the commands: what is appended to an absent key sets it, and a
//! counter counts what is written as a decimal number.

use std::borrow::Cow;

use indexmap::IndexSet;

use super::super::operations::Answer;

/// A value's number.
pub(super) type ValueId = u32;

/// The key is not there.
pub(super) const ABSENT: ValueId = 0;

/// Digits of the longest number that is counted, with its sign.
const NUMBER_LENGTH_MAX: usize = 20;

/// All values met so far.
pub(super) struct Values<'r> {
    all: IndexSet<Value<'r>>,
    /// Their lengths in bytes.
    lengths: Vec<usize>,
}

/// A text appended to a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Value<'r> {
    before: ValueId,
    text: Cow<'r, str>,
}

impl<'r> Values<'r> {
    pub(super) fn new() -> Self {
        // Unlike any that is there: nothing comes before an absent key.
        let absent = Value { before: ValueId::MAX, text: Cow::Borrowed("") };
        Self { all: IndexSet::from([absent]), lengths: vec![0] }
    }

    /// What a key is that was set.
    pub(super) fn set(&mut self, text: &'r str) -> ValueId {
        self.append(ABSENT, text)
    }

    /// What a value becomes by appending.
    pub(super) fn append(&mut self, before: ValueId, text: &'r str) -> ValueId {
        self.intern(before, Cow::Borrowed(text))
    }

    /// What a value becomes by counting; none if it is no number.
    pub(super) fn increment(&mut self, value: ValueId) -> Option<ValueId> {
        let next = self.number(value)?.checked_add(1)?;
        Some(self.intern(ABSENT, Cow::Owned(next.to_string())))
    }

    /// A value as a counter has it: 0 if it is absent, none if it is no number.
    pub(super) fn number(&self, value: ValueId) -> Option<i64> {
        if value == ABSENT {
            return Some(0);
        }
        (self.length(value) <= NUMBER_LENGTH_MAX).then(|| self.text(value))?.parse().ok()
    }

    /// In bytes.
    pub(super) fn length(&self, value: ValueId) -> usize {
        self.lengths[value as usize]
    }

    /// Whether a read that was answered so read this value.
    pub(super) fn equals(&self, value: ValueId, answer: Answer) -> bool {
        match answer {
            None => value == ABSENT,
            Some(text) => {
                value != ABSENT && self.length(value) == text.len() && self.begins(value, answer)
            }
        }
    }

    /// Whether appending to this value can lead to what a read was answered.
    pub(super) fn begins(&self, value: ValueId, answer: Answer) -> bool {
        if value == ABSENT {
            return true;
        }
        let Some(answer) = answer.map(str::as_bytes) else {
            return false;
        };
        let mut at = value;
        while at != ABSENT {
            let Value { before, text } = &self.all[at as usize];
            let (from, until) = (self.length(*before), self.length(at));
            if answer.get(from..until) != Some(text.as_bytes()) {
                return false;
            }
            at = *before;
        }
        true
    }

    /// What comes next in what a read was answered, if this value begins it.
    pub(super) fn rest<'a>(&self, value: ValueId, answer: Answer<'a>) -> Option<&'a str> {
        answer?.get(self.length(value)..)
    }

    fn text(&self, value: ValueId) -> String {
        let (mut texts, mut at) = (Vec::new(), value);
        while at != ABSENT {
            let Value { before, text } = &self.all[at as usize];
            texts.push(&**text);
            at = *before;
        }
        texts.into_iter().rev().collect()
    }

    fn intern(&mut self, before: ValueId, text: Cow<'r, str>) -> ValueId {
        // The empty text is a value, though not the one that an absent key has.
        if text.is_empty() && before != ABSENT {
            return before;
        }
        let length = self.length(before) + text.len();
        let (at, new) = self.all.insert_full(Value { before, text });
        if new {
            self.lengths.push(length);
        }
        ValueId::try_from(at).expect("fewer values than a search has steps")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_equals_what_its_tokens_make_and_begins_what_is_longer() {
        let mut values = Values::new();
        let one = values.set("a,");
        let two = values.append(one, "b,");
        assert_eq!(values.append(ABSENT, "a,"), one, "appending to nothing sets");
        assert!(values.equals(two, Some("a,b,")));
        assert!(!values.equals(two, Some("b,a,")) && !values.equals(two, Some("a,b,c,")));
        assert!(values.begins(two, Some("a,b,")) && values.begins(two, Some("a,b,c,")));
        assert!(!values.begins(two, Some("a,")) && !values.begins(two, Some("a,c,b,")));
        assert!(!values.begins(two, None) && values.begins(ABSENT, None));
    }

    #[test]
    fn an_empty_value_is_there() {
        let mut values = Values::new();
        let empty = values.set("");
        assert_ne!(empty, ABSENT);
        assert!(values.equals(empty, Some("")) && !values.equals(empty, None));
        assert!(values.equals(ABSENT, None) && !values.equals(ABSENT, Some("")));
        let one = values.set("a");
        assert_eq!(values.append(one, ""), one);
    }

    #[test]
    fn numbers_count_and_nothing_else_does() {
        let mut values = Values::new();
        let one = values.increment(ABSENT).expect("counted from nothing");
        assert!(values.equals(one, Some("1")));
        let twelve = values.append(one, "2");
        let next = values.increment(twelve).expect("a number, however it was written");
        assert!(values.equals(next, Some("13")));
        let word = values.set("word");
        assert_eq!(values.increment(word), None);
        let most = values.set("9223372036854775807");
        assert_eq!(values.increment(most), None);
    }
}
