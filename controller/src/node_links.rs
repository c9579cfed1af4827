//! Connections to nodes and load balancers: at most one lies idle per address, and one that had
//! an error or a timeout is closed, as go-redis does it for upstream.
//!
//! The trap: closing does not take back what was sent. A hung peer finds it in its buffer.

use std::cell::RefCell;
use std::collections::BTreeMap;

use bytes::Bytes;
use host::{Clock, Host};
use node::client::{Client, ClientError, Timeouts};
use node::resp::Frame;

/// The connections of one controller.
pub(crate) struct NodeLinks {
    host: Host,
    timeouts: Timeouts,
    idle: RefCell<BTreeMap<(String, u16), Client>>,
}

/// The two replies to a probe and its heartbeat. There is none to the second if the first is
/// missing.
pub(crate) struct ProbeReplies {
    pub(crate) info: Result<Frame, ClientError>,
    pub(crate) heartbeat: Option<Result<Frame, ClientError>>,
}

impl NodeLinks {
    pub(crate) fn new(host: &Host, timeouts: Timeouts) -> Self {
        Self { host: host.clone(), timeouts, idle: RefCell::default() }
    }

    /// One request, one reply.
    pub(crate) async fn call<A: AsRef<[u8]>>(
        &self,
        address: &str,
        port: u16,
        args: &[A],
    ) -> Result<Frame, ClientError> {
        let mut client = self.take(address, port).await?;
        let reply = client.call(args).await?;
        self.put_back(address, port, client);
        Ok(reply)
    }

    /// Two requests in one write; each reply is awaited for its own timeout from then.
    pub(crate) async fn call_both(
        &self,
        address: &str,
        port: u16,
        requests: &[Vec<Bytes>; 2],
    ) -> ProbeReplies {
        let alone = |info| ProbeReplies { info: Err(info), heartbeat: None };
        let mut client = match self.take(address, port).await {
            Ok(client) => client,
            Err(error) => return alone(error),
        };
        let deadline = self.host.now(Clock::Monotonic).saturating_add(self.timeouts.request);
        if let Err(error) = client.send_all(requests).await {
            return alone(error);
        }
        let info = client.receive_until(deadline).await;
        if info.is_err() {
            return ProbeReplies { info, heartbeat: None };
        }
        let heartbeat = client.receive_until(deadline).await;
        if heartbeat.is_ok() {
            self.put_back(address, port, client);
        }
        ProbeReplies { info, heartbeat: Some(heartbeat) }
    }

    /// The idle connection if there is one that is still open, else a new one.
    async fn take(&self, address: &str, port: u16) -> Result<Client, ClientError> {
        let idle = self.idle.borrow_mut().remove(&(address.to_owned(), port));
        match idle.and_then(Client::reusable) {
            Some(client) => Ok(client),
            None => Client::connect(&self.host, address, port, self.timeouts).await,
        }
    }

    fn put_back(&self, address: &str, port: u16, client: Client) {
        self.idle.borrow_mut().insert((address.to_owned(), port), client);
    }
}
