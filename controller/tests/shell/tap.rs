//! A tap between the controllers and the store: it logs what passes, but for keepalives, and can
//! hold back writes, so that their outcome is unknown to whoever sent them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use host::{Host, Stream};
use node::client::{Client, Timeouts};
use node::resp::{self, Frame, FrameReader};
use tokio::io::AsyncWriteExt;

use super::memory::Network;

pub struct StoreTap {
    network: Rc<Network>,
    host: Host,
    behind: &'static str,
    port: u16,
    /// Writes are kept and not answered.
    pub holds_writes: Cell<bool>,
    held: RefCell<Vec<Vec<Bytes>>>,
}

impl StoreTap {
    /// A tap at `store`, in front of the store on the machine `behind`.
    pub fn start(network: &Rc<Network>, behind: &'static str, port: u16) -> Rc<Self> {
        let tap = Rc::new(Self {
            network: network.clone(),
            host: network.host("store"),
            behind,
            port,
            holds_writes: Cell::default(),
            held: RefCell::default(),
        });
        let serving = tap.clone();
        tap.host.spawn(async move {
            let mut listener = serving.host.bind(port).await.unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                serving.host.spawn(serving.clone().serve(stream));
            }
        });
        tap
    }

    /// Sends the writes that were held to the store, and returns its replies.
    pub async fn release(&self) -> Vec<Frame> {
        let mut client = self.connect().await;
        let mut replies = Vec::new();
        for write in self.held.take() {
            replies.push(client.call(&write).await.unwrap());
        }
        replies
    }

    async fn serve(self: Rc<Self>, stream: Stream) {
        let (mut stream, mut behind) = (FrameReader::new(stream), self.connect().await);
        while let Ok(Some(request)) = stream.request().await {
            let name = String::from_utf8_lossy(&request[0]).into_owned();
            if ["GET", "PUT", "CAS"].contains(&name.as_str()) {
                self.network.tell(format!("store is asked {name}"));
            }
            if self.holds_writes.get() && ["PUT", "CAS"].contains(&name.as_str()) {
                self.held.borrow_mut().push(request);
                return std::future::pending().await;
            }
            let Ok(reply) = behind.call(&request).await else { return };
            let mut out = BytesMut::new();
            resp::encode(&reply, &mut out);
            if stream.get_mut().write_all(&out).await.is_err() {
                return;
            }
        }
    }

    async fn connect(&self) -> Client {
        let minute = Duration::from_secs(60);
        let timeouts = Timeouts { connect: minute, request: minute };
        Client::connect(&self.host, self.behind, self.port, timeouts).await.unwrap()
    }
}
