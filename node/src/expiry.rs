//! When a key expires, as arguments say it: in or at so many seconds or milliseconds. What is
//! stored is always the absolute millisecond of the wall clock.
//!
//! The trap: relative moments are resolved once, on the node that executes the command, and
//! never again: replicas and recovery get the result.

use bytes::Bytes;

use crate::arguments;
use crate::error_reply::ErrorReply;

/// A moment as it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// So many milliseconds from now; in the past if negative.
    After(i64),
    /// At this millisecond of the wall clock.
    At(i64),
}

impl Moment {
    /// Reads the amount of the option or command of this name: `EX`, `PX`, `EXAT`, `PXAT`.
    /// `None` if that is not one of them.
    ///
    /// # Errors
    /// If the amount is no number, or more milliseconds than can be counted.
    pub(crate) fn parse(unit: &str, amount: &Bytes) -> Result<Option<Moment>, ErrorReply> {
        let (scale, moment): (i64, fn(i64) -> Moment) = match unit {
            "ex" => (1000, Moment::After),
            "px" => (1, Moment::After),
            "exat" => (1000, Moment::At),
            "pxat" => (1, Moment::At),
            _ => return Ok(None),
        };
        let amount: i64 = arguments::number(amount).ok_or_else(ErrorReply::not_an_integer)?;
        Ok(Some(moment(amount.checked_mul(scale).ok_or_else(invalid)?)))
    }

    /// As [`Moment::parse`], for options that allow nothing but 1 and more.
    ///
    /// # Errors
    /// As [`Moment::parse`], and for 0 and less.
    pub(crate) fn parse_positive(unit: &str, amount: &Bytes) -> Result<Option<Moment>, ErrorReply> {
        match Moment::parse(unit, amount)? {
            Some(Moment::After(..=0) | Moment::At(..=0)) => Err(invalid()),
            moment => Ok(moment),
        }
    }

    /// The millisecond of the wall clock, 0 for all that is before the epoch.
    pub(crate) fn until_ms(self, now_ms: u64) -> u64 {
        match self {
            Moment::After(ms) => now_ms.saturating_add_signed(ms),
            Moment::At(ms) => u64::try_from(ms).unwrap_or(0),
        }
    }
}

fn invalid() -> ErrorReply {
    ErrorReply::err("invalid expire time")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_become_absolute() {
        let until = |unit, amount: &'static str| {
            Moment::parse(unit, &Bytes::from(amount)).map(|moment| moment.unwrap().until_ms(5000))
        };
        assert_eq!(until("ex", "3"), Ok(8000));
        assert_eq!(until("px", "3"), Ok(5003));
        assert_eq!(until("px", "-6000"), Ok(0));
        assert_eq!(until("exat", "3"), Ok(3000));
        assert_eq!(until("pxat", "-3"), Ok(0));
        assert_eq!(until("ex", "9223372036854775807"), Err(invalid()));
        assert_eq!(until("px", "9223372036854775807"), Ok(9223372036854780807));
        assert_eq!(until("px", "x"), Err(ErrorReply::not_an_integer()));
        assert_eq!(Moment::parse("keepttl", &Bytes::new()), Ok(None));
        assert_eq!(Moment::parse_positive("ex", &Bytes::from("0")), Err(invalid()));
    }
}
