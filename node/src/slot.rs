//! Hash slots: which slot a key hashes to, and ranges of slots as topologies write them.
//!
//! What this is not: the slot table (that is [`crate::topology::Topology`]).
//!
//! The trap: only the *first* `{` of a key opens a hash tag, and an empty tag (`{}`) is none, so
//! the whole key is hashed then, later braces included.

use std::fmt;
use std::str::FromStr;

use crc::{CRC_16_XMODEM, Crc};
use serde::{Deserialize, Serialize};

/// How many hash slots there are.
pub const SLOTS: u16 = 16384;

const CRC16: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);

/// The slot of a key: CRC16 (XMODEM) of the key, or of its hash tag if it has one, modulo
/// [`SLOTS`].
///
/// ```
/// use node::slot::key_slot;
/// assert_eq!(key_slot(b"{user1}.following"), key_slot(b"{user1}.followers"));
/// ```
pub fn key_slot(key: &[u8]) -> u16 {
    CRC16.checksum(hash_tag(key).unwrap_or(key)) % SLOTS
}

/// What stands between the first `{` and the next `}`, unless it is empty.
fn hash_tag(key: &[u8]) -> Option<&[u8]> {
    let open = key.iter().position(|byte| *byte == b'{')?;
    let rest = &key[open + 1..];
    let close = rest.iter().position(|byte| *byte == b'}')?;
    (close > 0).then(|| &rest[..close])
}

/// A range of slots, both ends included. Written `5` or `0-100`, by serde too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct SlotRange {
    /// The first slot.
    pub first: u16,
    /// The last slot, not below the first.
    pub last: u16,
}

impl SlotRange {
    /// Every slot.
    pub const ALL: SlotRange = SlotRange { first: 0, last: SLOTS - 1 };

    /// Whether the slot lies in the range.
    pub fn contains(self, slot: u16) -> bool {
        (self.first..=self.last).contains(&slot)
    }

    /// Every slot of the range in ascending order.
    pub fn slots(self) -> impl Iterator<Item = u16> {
        self.first..=self.last
    }
}

/// The slots of both, in ascending order, neighbouring ranges as one.
pub(crate) fn union(some: &[SlotRange], others: &[SlotRange]) -> Vec<SlotRange> {
    let mut ranges = [some, others].concat();
    ranges.sort_unstable();
    let mut merged: Vec<SlotRange> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.first <= last.last + 1 => last.last = last.last.max(range.last),
            _ => merged.push(range),
        }
    }
    merged
}

/// The slots of the first that the second does not have, range by range in the first's order.
pub(crate) fn difference(ranges: &[SlotRange], without: &[SlotRange]) -> Vec<SlotRange> {
    let gaps = union(without, &[]);
    let mut rest = Vec::new();
    for range in ranges {
        let mut first = range.first;
        for gap in gaps.iter().filter(|gap| gap.last >= range.first && gap.first <= range.last) {
            if gap.first > first {
                rest.push(SlotRange { first, last: gap.first - 1 });
            }
            first = gap.last + 1;
        }
        if first <= range.last {
            rest.push(SlotRange { first, last: range.last });
        }
    }
    rest
}

impl fmt::Display for SlotRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

impl From<SlotRange> for String {
    fn from(range: SlotRange) -> String {
        range.to_string()
    }
}

impl TryFrom<String> for SlotRange {
    type Error = SlotRangeError;

    fn try_from(text: String) -> Result<Self, SlotRangeError> {
        text.parse()
    }
}

/// A text is not a slot range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no slot range: expected a slot or `first-last`, 0 to 16383, first <= last")]
pub struct SlotRangeError {
    /// The text.
    pub text: String,
}

impl FromStr for SlotRange {
    type Err = SlotRangeError;

    /// Reads `5` or `0-100`. One slot may also be written `5-5`.
    fn from_str(text: &str) -> Result<Self, SlotRangeError> {
        parse_range(text).ok_or_else(|| SlotRangeError { text: text.to_owned() })
    }
}

fn parse_range(text: &str) -> Option<SlotRange> {
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (parse_slot(first)?, parse_slot(last)?),
        None => (parse_slot(text)?, parse_slot(text)?),
    };
    (first <= last).then_some(SlotRange { first, last })
}

fn parse_slot(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|slot| digits && *slot < SLOTS)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_checksum_is_crc16_xmodem() {
        assert_eq!(CRC16.checksum(b"123456789"), 0x31C3);
        assert_eq!(key_slot(b"123456789"), 0x31C3 % SLOTS);
        assert_eq!(key_slot(b""), 0);
        assert_eq!(key_slot(b"foo"), 12182);
    }

    #[test]
    fn hash_tags() {
        for (key, hashed) in [
            ("{user}.a", "user"),
            ("a{user}b", "user"),
            ("foo{}{bar}", "foo{}{bar}"),
            ("foo{{bar}}zap", "{bar"),
            ("foo{bar}{zap}", "bar"),
            ("foo{bar", "foo{bar"),
            ("foo}bar{", "foo}bar{"),
            ("}{a}", "a"),
        ] {
            let expected = CRC16.checksum(hashed.as_bytes()) % SLOTS;
            assert_eq!(key_slot(key.as_bytes()), expected, "{key}");
        }
    }

    #[test]
    fn ranges_are_read_and_written() {
        for text in ["0", "16383", "0-1", "5-16383"] {
            assert_eq!(text.parse::<SlotRange>().unwrap().to_string(), text);
        }
        assert_eq!("7-7".parse(), Ok(SlotRange { first: 7, last: 7 }));
        for text in ["", "-", "1-", "-1", "2-1", "16384", "0-16384", "1-2-3", "+1", "a", " 1"] {
            assert!(text.parse::<SlotRange>().is_err(), "{text}");
        }
    }

    fn ranges() -> impl Strategy<Value = Vec<SlotRange>> {
        let range = (0..40u16, 0..9u16)
            .prop_map(|(first, length)| SlotRange { first, last: first + length });
        proptest::collection::vec(range, 0..5)
    }

    fn slots(ranges: &[SlotRange]) -> BTreeSet<u16> {
        ranges.iter().flat_map(|range| range.slots()).collect()
    }

    proptest! {
        #[test]
        fn ranges_are_sets_of_slots(some in ranges(), others in ranges()) {
            let (a, b) = (slots(&some), slots(&others));
            let both = union(&some, &others);
            prop_assert_eq!(slots(&both), &a | &b);
            prop_assert!(both.windows(2).all(|pair| pair[0].last + 1 < pair[1].first));
            prop_assert_eq!(slots(&difference(&some, &others)), &a - &b);
        }
    }

    #[test]
    fn ranges_have_both_ends() {
        let range = SlotRange { first: 3, last: 5 };
        assert_eq!(range.slots().collect::<Vec<_>>(), [3, 4, 5]);
        assert!(range.contains(3) && range.contains(5) && !range.contains(6));
        assert_eq!(SlotRange::ALL.slots().count(), usize::from(SLOTS));
    }
}
