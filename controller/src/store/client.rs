//! The store's client: one connection, calls one after another, nothing tried twice.
//!
//! The trap: a write that failed may have been done all the same, unless
//! [`StoreClientError::surely_not_done`] says otherwise.

use std::time::Duration;

use host::Host;
use node::client::{Client, ClientError, Timeouts};
use node::resp::Frame;
use tokio::sync::Mutex;

use crate::config::StoreAddress;

/// A client of the store. It connects when it is first used, and again after an error.
pub struct StoreClient {
    host: Host,
    address: StoreAddress,
    timeouts: Timeouts,
    connection: Mutex<Option<Client>>,
}

/// Why a call to the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreClientError {
    /// No reply.
    #[error("store: {0}")]
    Client(#[from] ClientError),
    /// The key's revision is another than expected.
    #[error("store: {0}")]
    Conflict(String),
    /// There is no such session, or no more.
    #[error("store: {0}")]
    NoSession(String),
    /// Another error reply.
    #[error("store: {0}")]
    Refused(String),
    /// A reply that does not answer the request.
    #[error("store: unexpected reply to {0}")]
    Unexpected(String),
}

impl StoreClientError {
    /// Whether the request surely had no effect.
    pub fn surely_not_done(&self) -> bool {
        match self {
            StoreClientError::Client(error) => error.surely_not_sent(),
            StoreClientError::Conflict(_) | StoreClientError::NoSession(_) => true,
            StoreClientError::Refused(_) | StoreClientError::Unexpected(_) => false,
        }
    }
}

/// A value as the store has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The revision of the write that set it.
    pub revision: u64,
    /// The value.
    pub value: String,
}

/// Who leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leader {
    /// The session that asked.
    Myself,
    /// Another session, of this name.
    Other(String),
}

impl StoreClient {
    /// A client that has not connected yet.
    pub fn new(host: &Host, address: &StoreAddress, timeouts: Timeouts) -> Self {
        let (host, address) = (host.clone(), address.clone());
        Self { host, address, timeouts, connection: Mutex::new(None) }
    }

    /// Reads a key.
    ///
    /// # Errors
    /// See [`StoreClientError`].
    pub async fn get(&self, key: &str) -> Result<Option<Stored>, StoreClientError> {
        let elements = match self.call(&["GET", key]).await? {
            Frame::Null => return Ok(None),
            Frame::Array(elements) => elements,
            _ => Vec::new(),
        };
        match elements.as_slice() {
            [Frame::Integer(revision), value] => {
                let revision = unsigned(*revision, "GET")?;
                Ok(Some(Stored { revision, value: text(value, "GET")? }))
            }
            _ => Err(unexpected("GET")),
        }
    }

    /// Writes a key, whatever it has, and returns the new revision.
    ///
    /// # Errors
    /// See [`StoreClientError`].
    pub async fn put(&self, key: &str, value: &str) -> Result<u64, StoreClientError> {
        self.call_for_number(&["PUT", key, value]).await
    }

    /// Writes a key if it is at this revision (0: if it is not there), and returns the new one.
    ///
    /// # Errors
    /// [`StoreClientError::Conflict`] if it is at another.
    pub async fn compare_and_set(
        &self,
        key: &str,
        revision: u64,
        value: &str,
    ) -> Result<u64, StoreClientError> {
        self.call_for_number(&["CAS", key, &revision.to_string(), value]).await
    }

    /// Opens a session and returns its id.
    ///
    /// # Errors
    /// See [`StoreClientError`].
    pub async fn open_session(&self, ttl: Duration) -> Result<u64, StoreClientError> {
        self.call_for_number(&["SESSION", "OPEN", &ttl.as_millis().to_string()]).await
    }

    /// Lets a session last for its TTL from when the store has got this.
    ///
    /// # Errors
    /// [`StoreClientError::NoSession`] if it has expired.
    pub async fn keep_session(&self, id: u64) -> Result<(), StoreClientError> {
        self.call(&["SESSION", "KEEP", &id.to_string()]).await.map(drop)
    }

    /// Ends a session and its leaderships.
    ///
    /// # Errors
    /// See [`StoreClientError`].
    pub async fn close_session(&self, id: u64) -> Result<(), StoreClientError> {
        self.call(&["SESSION", "CLOSE", &id.to_string()]).await.map(drop)
    }

    /// Claims leadership under a key for a session, under a name.
    ///
    /// # Errors
    /// [`StoreClientError::NoSession`] if the session has expired.
    pub async fn lead(
        &self,
        key: &str,
        session: u64,
        name: &str,
    ) -> Result<Leader, StoreClientError> {
        match self.call(&["LEAD", key, &session.to_string(), name]).await? {
            Frame::SimpleString(_) => Ok(Leader::Myself),
            holder => Ok(Leader::Other(text(&holder, "LEAD")?)),
        }
    }

    /// Registers a value under a key for as long as the session lasts.
    ///
    /// # Errors
    /// [`StoreClientError::NoSession`] if the session has expired.
    pub async fn register(
        &self,
        key: &str,
        session: u64,
        value: &str,
    ) -> Result<(), StoreClientError> {
        self.call(&["REGISTER", key, &session.to_string(), value]).await.map(drop)
    }

    /// Every key that begins so and is registered, with its value.
    ///
    /// # Errors
    /// See [`StoreClientError`].
    pub async fn registered(
        &self,
        prefix: &str,
    ) -> Result<Vec<(String, String)>, StoreClientError> {
        let Frame::Array(elements) = self.call(&["REGISTERED", prefix]).await? else {
            return Err(unexpected("REGISTERED"));
        };
        let pair = |pair: &[Frame]| match pair {
            [key, value] => Ok((text(key, "REGISTERED")?, text(value, "REGISTERED")?)),
            _ => Err(unexpected("REGISTERED")),
        };
        elements.chunks(2).map(pair).collect()
    }

    /// Waits until another name than this leads under a key, or nobody, but no longer than `wait`;
    /// then returns who leads. To be used by a client whose request timeout is longer than `wait`
    /// and that has nothing else to do.
    ///
    /// # Errors
    /// See [`StoreClientError`].
    pub async fn watch_leader(
        &self,
        key: &str,
        name: &str,
        wait: Duration,
    ) -> Result<Option<String>, StoreClientError> {
        match self.call(&["WATCH", key, name, &wait.as_millis().to_string()]).await? {
            Frame::Null => Ok(None),
            holder => Ok(Some(text(&holder, "WATCH")?)),
        }
    }

    async fn call_for_number(&self, args: &[&str]) -> Result<u64, StoreClientError> {
        match self.call(args).await? {
            Frame::Integer(number) => unsigned(number, args[0]),
            _ => Err(unexpected(args[0])),
        }
    }

    /// A call on the connection, which is kept if the call went well.
    async fn call(&self, args: &[&str]) -> Result<Frame, StoreClientError> {
        let mut connection = self.connection.lock().await;
        let mut client = match connection.take().and_then(Client::reusable) {
            Some(client) => client,
            None => {
                let StoreAddress { host, port } = &self.address;
                Client::connect(&self.host, host, *port, self.timeouts).await?
            }
        };
        let reply = client.call(args).await?;
        *connection = Some(client);
        match reply {
            Frame::Error(text) if text.starts_with("CONFLICT ") => {
                Err(StoreClientError::Conflict(text.to_string()))
            }
            Frame::Error(text) if text.starts_with("NOSESSION ") => {
                Err(StoreClientError::NoSession(text.to_string()))
            }
            Frame::Error(text) => Err(StoreClientError::Refused(text.to_string())),
            reply => Ok(reply),
        }
    }
}

fn unsigned(number: i64, request: &str) -> Result<u64, StoreClientError> {
    u64::try_from(number).map_err(|_| unexpected(request))
}

fn text(frame: &Frame, request: &str) -> Result<String, StoreClientError> {
    match frame {
        Frame::BulkString(bytes) => {
            String::from_utf8(bytes.to_vec()).map_err(|_| unexpected(request))
        }
        _ => Err(unexpected(request)),
    }
}

fn unexpected(request: &str) -> StoreClientError {
    StoreClientError::Unexpected(request.to_owned())
}
