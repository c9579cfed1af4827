//! An error as a client sees it: the prefix by which clients tell errors apart, and the text.
//!
//! What this is not: a Rust error of the node itself (see [`crate::NodeError`]).

use std::fmt;

use crate::resp::{self, Frame};

/// An error reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ErrorReply {
    prefix: &'static str,
    text: String,
}

impl ErrorReply {
    /// With the general prefix `ERR`.
    pub(crate) fn err(text: impl Into<String>) -> Self {
        Self::with_prefix("ERR", text)
    }

    /// With a prefix of its own: `MOVED`, `LOADING`, ….
    pub(crate) fn with_prefix(prefix: &'static str, text: impl Into<String>) -> Self {
        Self { prefix, text: text.into() }
    }

    /// The wrong number of arguments.
    pub(crate) fn arity() -> Self {
        Self::err("wrong number of arguments")
    }

    /// An argument that should be a signed integer of 64 bits and is none.
    pub(crate) fn not_an_integer() -> Self {
        Self::err("value is not an integer or out of range")
    }
}

impl fmt::Display for ErrorReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.prefix, self.text)
    }
}

impl From<ErrorReply> for Frame {
    fn from(error: ErrorReply) -> Self {
        resp::error(error.to_string())
    }
}
