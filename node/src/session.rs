//! What a node keeps for one connection between its requests.

use bytes::Bytes;

use crate::transaction::Transaction;

/// The state of one connection.
#[derive(Debug)]
pub(crate) struct Session {
    /// Its number, for `CLIENT ID`.
    pub(crate) id: u64,
    /// Where it comes from.
    pub(crate) peer: String,
    /// What `CLIENT SETNAME` said.
    pub(crate) name: Bytes,
    /// READONLY was said, and not READWRITE since.
    pub(crate) readonly: bool,
    /// MULTI is open.
    pub(crate) transaction: Option<Transaction>,
    /// The port on which the peer listens, if it is a replica.
    pub(crate) listening_port: u16,
    /// What `_fetch_meta` announced, until it is fetched.
    pub(crate) snapshot: Option<Announced>,
}

/// A snapshot that a replica was told of.
#[derive(Clone, Debug)]
pub(crate) struct Announced {
    /// The name of its file.
    pub(crate) file: String,
    /// The content.
    pub(crate) content: Bytes,
}

impl Session {
    /// A connection that has said nothing yet.
    pub(crate) fn new(id: u64, peer: String) -> Self {
        Self {
            id,
            peer,
            name: Bytes::new(),
            readonly: false,
            transaction: None,
            listening_port: 0,
            snapshot: None,
        }
    }

    /// A request was refused. An open transaction will not be executed.
    pub(crate) fn refused(&mut self) {
        if let Some(transaction) = &mut self.transaction {
            transaction.failed = true;
        }
    }
}
