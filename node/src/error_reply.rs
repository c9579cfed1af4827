//! An error as a client sees it: the prefix by which clients tell errors apart, and the text.
//!
//! What this is not: a Rust error of the node itself (see [`crate::NodeError`]).

use std::fmt;

use crate::resp::{self, Frame};

/// An error reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ErrorReply(String);

impl ErrorReply {
    /// With the general prefix `ERR`.
    pub(crate) fn err(text: impl fmt::Display) -> Self {
        Self::with_prefix("ERR", text)
    }

    /// With a prefix of its own: `MOVED`, `LOADING`, ….
    pub(crate) fn with_prefix(prefix: &'static str, text: impl fmt::Display) -> Self {
        Self(format!("{prefix} {text}"))
    }

    /// As it is, the prefix included.
    pub(crate) fn verbatim(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The wrong number of arguments.
    pub(crate) fn arity() -> Self {
        Self::err("wrong number of arguments")
    }

    /// Options that make no sense together, or at all.
    pub(crate) fn syntax() -> Self {
        Self::err("syntax error")
    }

    /// A command on a key of another type.
    pub(crate) fn wrong_type() -> Self {
        Self::with_prefix("WRONGTYPE", "Operation against a key holding the wrong kind of value")
    }

    /// Nobody has said who they are.
    pub(crate) fn no_auth() -> Self {
        Self::with_prefix("NOAUTH", "Authentication required.")
    }

    /// An argument that should be a signed integer of 64 bits and is none.
    pub(crate) fn not_an_integer() -> Self {
        Self::err("value is not an integer or out of range")
    }
}

impl fmt::Display for ErrorReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<ErrorReply> for Frame {
    fn from(error: ErrorReply) -> Self {
        resp::error(error.0)
    }
}
