//! Who is connected: what `CLIENT LIST` and `CLIENT INFO` tell of each connection.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

use crate::arguments;
use crate::reply::Protocol;

/// The connections by number.
#[derive(Default)]
pub(crate) struct Clients(RefCell<BTreeMap<u64, Rc<ClientFacts>>>);

/// What is told of one connection.
#[derive(Debug)]
pub(crate) struct ClientFacts {
    /// Its number.
    pub(crate) id: u64,
    /// Where it comes from.
    pub(crate) address: String,
    /// What `SETNAME` said.
    pub(crate) name: RefCell<Bytes>,
    /// What `CLIENT SETINFO LIB-NAME` said.
    pub(crate) library: RefCell<Bytes>,
    /// What `CLIENT SETINFO LIB-VER` said.
    pub(crate) library_version: RefCell<Bytes>,
    /// How replies are written to it.
    pub(crate) protocol: Cell<Protocol>,
    /// The last command that it sent.
    pub(crate) command: Cell<&'static str>,
    /// When that was, on the monotonic clock.
    pub(crate) heard_at: Cell<Duration>,
    /// When it came, on the monotonic clock.
    connected_at: Duration,
}

impl ClientFacts {
    /// A connection that has said nothing yet.
    pub(crate) fn new(id: u64, address: String, now: Duration) -> Rc<Self> {
        Rc::new(Self {
            id,
            address,
            name: RefCell::default(),
            library: RefCell::default(),
            library_version: RefCell::default(),
            protocol: Cell::default(),
            command: Cell::new("NULL"),
            heard_at: Cell::new(now),
            connected_at: now,
        })
    }

    /// One line without its end.
    pub(crate) fn line(&self, now: Duration) -> String {
        let seconds = |since: Duration| now.saturating_sub(since).as_secs();
        let text = |bytes: &RefCell<Bytes>| arguments::text(&bytes.borrow());
        format!(
            "id={} addr={} name={} age={} idle={} flags=N db=0 cmd={} resp={} lib-name={} \
             lib-ver={}",
            self.id,
            self.address,
            text(&self.name),
            seconds(self.connected_at),
            seconds(self.heard_at.get()),
            self.command.get(),
            self.protocol.get().number(),
            text(&self.library),
            text(&self.library_version),
        )
    }
}

impl Clients {
    /// A connection came.
    pub(crate) fn enter(&self, client: Rc<ClientFacts>) {
        self.0.borrow_mut().insert(client.id, client);
    }

    /// A connection went.
    pub(crate) fn leave(&self, id: u64) {
        self.0.borrow_mut().remove(&id);
    }

    /// A line for each, in the order in which they came.
    pub(crate) fn list(&self, now: Duration) -> String {
        self.0.borrow().values().map(|client| client.line(now) + "\n").collect()
    }
}
