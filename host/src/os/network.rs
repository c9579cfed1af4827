//! The operating system's TCP, without Nagle's delay.
//!
//! What this is not: a place for timeouts. Linux itself gives up a silent connect after some
//! two minutes; callers set their own limits.

#![expect(clippy::disallowed_types, reason = "the machine as the operating system has it")]

use std::io;
use std::net::IpAddr;

use tokio::net::{TcpListener, TcpStream};

use crate::{Listener, LocalBoxFuture, Stream};

/// Connects to an address or a name.
pub(super) async fn connect(host: String, port: u16) -> io::Result<Stream> {
    Ok(Box::new(prompt(TcpStream::connect((host.as_str(), port)).await?)?))
}

/// Listens on `address`.
pub(super) async fn bind(address: IpAddr, port: u16) -> io::Result<Box<dyn Listener>> {
    let inner = TcpListener::bind((address, port)).await?;
    let port = inner.local_addr()?.port();
    Ok(Box::new(OsListener { inner, port }))
}

struct OsListener {
    inner: TcpListener,
    port: u16,
}

impl Listener for OsListener {
    fn accept(&mut self) -> LocalBoxFuture<'_, io::Result<(Stream, String)>> {
        Box::pin(async {
            let (stream, peer) = self.inner.accept().await?;
            let stream: Stream = Box::new(prompt(stream)?);
            Ok((stream, peer.to_string()))
        })
    }

    fn port(&self) -> u16 {
        self.port
    }
}

/// Small messages leave at once: a heartbeat must not wait for the acknowledgement of another.
fn prompt(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    Ok(stream)
}
