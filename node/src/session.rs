//! What a node keeps for one connection between its requests.

use std::rc::Rc;

use bytes::Bytes;

use crate::clients::ClientFacts;
use crate::reply::Protocol;
use crate::transaction::Transaction;
use crate::watches::Watch;

/// The state of one connection.
#[derive(Debug)]
pub(crate) struct Session {
    /// Its number, for `CLIENT ID`.
    pub(crate) id: u64,
    /// Where it comes from.
    pub(crate) peer: String,
    /// What others may be told of it.
    pub(crate) client: Rc<ClientFacts>,
    /// It has given the password, if there was one.
    pub(crate) authenticated: bool,
    /// READONLY was said, and not READWRITE since.
    pub(crate) readonly: bool,
    /// MULTI is open.
    pub(crate) transaction: Option<Transaction>,
    /// What WATCH named.
    pub(crate) watch: Option<Watch>,
    /// The sequence number of its last write; 0 before any.
    pub(crate) last_write: u64,
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
    pub(crate) fn new(client: Rc<ClientFacts>) -> Self {
        Self {
            id: client.id,
            peer: client.address.clone(),
            client,
            authenticated: false,
            readonly: false,
            transaction: None,
            watch: None,
            last_write: 0,
            listening_port: 0,
            snapshot: None,
        }
    }

    /// How replies are written.
    pub(crate) fn protocol(&self) -> Protocol {
        self.client.protocol.get()
    }

    /// A request was refused. An open transaction will not be executed.
    pub(crate) fn refused(&mut self) {
        if let Some(transaction) = &mut self.transaction {
            transaction.failed = true;
        }
    }
}
