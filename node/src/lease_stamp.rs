//! Stamps: moments that a node itself has noted, from which a lease may count.
//!
//! Every reply to a heartbeat carries one; whoever grants a lease sends it back. So what a
//! heartbeat grants began no later than when the stamp was issued, however long the heartbeat
//! lay in a buffer.
//!
//! What this is not: a secret. It proves nothing against somebody who makes one up.
//!
//! The trap: boottime starts again with each boot, so that a stamp of an earlier boot can lie in
//! the future. That is why a stamp names the life of the process that issued it.

use std::fmt;

use rand::Rng;

/// Tells one life of a node's process from all others: 128 random bits, drawn at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LifeId(u128);

impl LifeId {
    /// A new one.
    pub(crate) fn draw(random: &mut impl Rng) -> Self {
        Self(random.random())
    }
}

/// A moment in the life of a node. To everybody else its text is one opaque word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeaseStamp {
    /// Who issued it; empty for a node without an id.
    pub(crate) node_id: String,
    /// In which life.
    pub(crate) life: LifeId,
    /// The election version that it held then.
    pub(crate) election_version: u64,
    /// When, in whole milliseconds since its boot.
    pub(crate) boottime_ms: u64,
}

impl LeaseStamp {
    /// Reads what [`LeaseStamp`] displays; `None` for anything else.
    pub(crate) fn parse(word: &[u8]) -> Option<LeaseStamp> {
        let text = std::str::from_utf8(word).ok()?;
        let mut fields = text.rsplitn(4, SEPARATOR);
        let boottime_ms = fields.next()?.parse().ok()?;
        let election_version = fields.next()?.parse().ok()?;
        let life = LifeId(u128::from_str_radix(fields.next()?, 16).ok()?);
        let node_id = fields.next()?.to_owned();
        let stamp = LeaseStamp { node_id, life, election_version, boottime_ms };
        // There is one way to write a stamp.
        (stamp.to_string() == text).then_some(stamp)
    }

    /// How long ago it was issued, in milliseconds, if that was by the node that would issue
    /// `now` at this moment: in the same life, under the same election version.
    pub(crate) fn age_ms(&self, now: &LeaseStamp) -> Option<u64> {
        let own = self.node_id == now.node_id
            && self.life == now.life
            && self.election_version == now.election_version;
        // What lies in the future was never issued.
        now.boottime_ms.checked_sub(self.boottime_ms).filter(|_| own)
    }
}

impl fmt::Display for LeaseStamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LeaseStamp { node_id, life: LifeId(life), election_version, boottime_ms } = self;
        let s = SEPARATOR;
        write!(f, "{node_id}{s}{life:032x}{s}{election_version}{s}{boottime_ms}")
    }
}

/// Fields are told apart from the end, since an id may contain it.
const SEPARATOR: char = '/';

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stamp() -> LeaseStamp {
        LeaseStamp {
            node_id: "a/b".to_owned(),
            life: LifeId(0xabc),
            election_version: 7,
            boottime_ms: 1_000,
        }
    }

    #[test]
    fn one_word_that_is_read_as_it_is_written() {
        let text = stamp().to_string();
        assert_eq!(text, "a/b/00000000000000000000000000000abc/7/1000");
        assert_eq!(LeaseStamp::parse(text.as_bytes()), Some(stamp()));
        let nobody = LeaseStamp { node_id: String::new(), ..stamp() };
        assert_eq!(LeaseStamp::parse(nobody.to_string().as_bytes()), Some(nobody));
    }

    #[test]
    fn what_is_no_stamp() {
        let good = stamp().to_string();
        for bad in [
            "",
            "17",
            "a/7/1000",
            "a/abc/7/1000",
            &good.replace("abc", "ABC"),
            &good.replace("/7/", "/+7/"),
            &good.replace("/7/", "/07/"),
            &good.replace("/7/", "/-7/"),
            &good.replace("1000", "18446744073709551616"),
            &format!("{good} "),
            &format!("{good}/"),
        ] {
            assert_eq!(LeaseStamp::parse(bad.as_bytes()), None, "{bad:?}");
        }
        assert_eq!(LeaseStamp::parse(&[0xff, b'/', b'1']), None);
    }

    #[test]
    fn only_an_exact_match_has_an_age() {
        let now = LeaseStamp { boottime_ms: 1_500, ..stamp() };
        assert_eq!(stamp().age_ms(&now), Some(500));
        assert_eq!(now.age_ms(&now), Some(0));
        for other in [
            LeaseStamp { node_id: "a/c".to_owned(), ..stamp() },
            LeaseStamp { life: LifeId(0xabd), ..stamp() },
            LeaseStamp { election_version: 6, ..stamp() },
            LeaseStamp { election_version: 8, ..stamp() },
            LeaseStamp { boottime_ms: 1_501, ..stamp() },
        ] {
            assert_eq!(other.age_ms(&now), None, "{other}");
        }
    }

    #[test]
    fn every_life_is_another() {
        let mut random = host::random_stream(1, "life");
        assert_ne!(LifeId::draw(&mut random), LifeId::draw(&mut random));
    }

    proptest! {
        #[test]
        fn parse_reads_what_is_displayed(
            node_id in "[!-~]{0,40}",
            life in any::<u128>(),
            election_version in any::<u64>(),
            boottime_ms in any::<u64>(),
        ) {
            let stamp = LeaseStamp { node_id, life: LifeId(life), election_version, boottime_ms };
            let word = stamp.to_string();
            prop_assert!(!word.contains(char::is_whitespace));
            prop_assert_eq!(LeaseStamp::parse(word.as_bytes()), Some(stamp));
        }

        #[test]
        fn what_was_nearly_a_stamp_is_none_or_another(
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
            noise in proptest::collection::vec(any::<u8>(), 0..90),
        ) {
            let _ = LeaseStamp::parse(&noise);
            let mut bytes = stamp().to_string().into_bytes();
            let at = at.index(bytes.len());
            let same = bytes[at] == byte;
            bytes[at] = byte;
            prop_assert_eq!(LeaseStamp::parse(&bytes) == Some(stamp()), same);
        }
    }
}
