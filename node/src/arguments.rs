//! Reading the arguments of a command.

use std::str::FromStr;

use bytes::Bytes;

use crate::error_reply::ErrorReply;

/// An argument as text; what is not UTF-8 is replaced, which no keyword or id survives.
pub(crate) fn text(argument: &Bytes) -> String {
    String::from_utf8_lossy(argument).into_owned()
}

/// An argument as a number, without the leading `+` that Rust would allow.
pub(crate) fn number<T: FromStr>(argument: &Bytes) -> Option<T> {
    let text = std::str::from_utf8(argument).ok()?;
    if text.starts_with('+') { None } else { text.parse().ok() }
}

/// Whether an argument is this keyword, in any case.
pub(crate) fn is(argument: &Bytes, keyword: &str) -> bool {
    argument.eq_ignore_ascii_case(keyword.as_bytes())
}

/// Arguments two by two.
///
/// # Errors
/// If one is left over.
pub(crate) fn pairs(args: &[Bytes]) -> Result<Vec<(Bytes, Bytes)>, ErrorReply> {
    let (pairs, rest) = args.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(ErrorReply::arity());
    }
    Ok(pairs.iter().map(|[first, second]| (first.clone(), second.clone())).collect())
}
