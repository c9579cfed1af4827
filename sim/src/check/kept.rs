//! What is kept of writes in a final content. A list is taken apart once, when it is first asked
//! for, so that asking for each of its tokens stays cheap.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use super::written_values::tokens;
use crate::history::Intent;

/// A final content that is asked for writes.
pub(super) struct Kept<'r> {
    values: &'r IndexMap<&'r str, &'r str>,
    /// The tokens of each list, by key and by what they end with.
    lists: RefCell<BTreeMap<(&'r str, char), BTreeSet<&'r str>>>,
}

impl<'r> Kept<'r> {
    pub(super) fn of(values: &'r IndexMap<&'r str, &'r str>) -> Self {
        Self { values, lists: RefCell::default() }
    }

    /// Whether a write is there that nobody overwrites: a fresh key's value, or a list's token.
    pub(super) fn has(&self, intent: &Intent, token: &str) -> bool {
        let Some((&key, &value)) = self.values.get_key_value(intent.key()) else {
            return false;
        };
        match (intent, token.chars().next_back()) {
            (Intent::Append { .. }, Some(separator)) => {
                let mut lists = self.lists.borrow_mut();
                let list = lists.entry((key, separator));
                list.or_insert_with(|| tokens(value, Some(separator)).collect()).contains(token)
            }
            _ => value == token,
        }
    }

    /// The value of a key as a number; 0 if it is none.
    pub(super) fn count(&self, key: &str) -> u64 {
        self.values.get(key).and_then(|value| value.parse().ok()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_ends_a_longer_one_is_not_there() {
        let append = Intent::Append { key: "list".into(), token: "1,".into() };
        let has = |list: &str| Kept::of(&IndexMap::from([("list", list)])).has(&append, "1,");
        assert!(has("11,1,") && has("1,11,"));
        assert!(!has("11,21,") && !has(""));
    }

    #[test]
    fn a_fresh_key_must_have_its_very_value() {
        let set = Intent::SetFresh { key: "k".into(), value: "v".into() };
        let values = IndexMap::from([("k", "v")]);
        assert!(Kept::of(&values).has(&set, "v"));
        assert!(!Kept::of(&values).has(&set, "w"));
        assert!(!Kept::of(&IndexMap::new()).has(&set, "v"));
    }
}
