//! Step functions of time: a value, or none, holds until the next word.
//!
//! While a history is read, the last stretch may be *open*: it ends at [`OPEN`] until
//! [`turn`] ends it.

/// The end of a stretch that has not ended yet.
const OPEN: u64 = u64::MAX;

/// A stretch of time in which something had one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch<T> {
    /// Its begin, in simulated milliseconds.
    pub from_ms: u64,
    /// Its end, exclusive.
    pub until_ms: u64,
    /// The value.
    pub value: T,
}

/// From now on it has this value, or none. What lasted no time is forgotten.
pub(super) fn turn<T: PartialEq>(steps: &mut Vec<Stretch<T>>, at_ms: u64, value: Option<T>) {
    let open = steps.last().filter(|last| last.until_ms == OPEN);
    if open.map(|last| &last.value) == value.as_ref() {
        return;
    }
    if let Some(last) = steps.last_mut().filter(|last| last.until_ms == OPEN) {
        last.until_ms = at_ms;
        if last.from_ms == at_ms {
            steps.pop();
        }
    }
    let Some(value) = value else { return };
    match steps.last_mut() {
        Some(last) if last.until_ms == at_ms && last.value == value => last.until_ms = OPEN,
        _ => steps.push(Stretch { from_ms: at_ms, until_ms: OPEN, value }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_hold_until_the_next() {
        let mut steps = Vec::new();
        let words = [
            (10, Some('a')),
            (20, Some('a')),
            (30, Some('b')),
            (30, Some('a')),
            (40, None),
            (45, None),
            (50, Some('a')),
            (60, None),
        ];
        for (at_ms, value) in words {
            turn(&mut steps, at_ms, value);
        }
        let stretch = |from_ms, until_ms| Stretch { from_ms, until_ms, value: 'a' };
        assert_eq!(steps, [stretch(10, 40), stretch(50, 60)]);
    }
}
