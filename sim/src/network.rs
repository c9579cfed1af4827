//! Connections between simulated machines, as Linux would have them.
//!
//! Bare turmoil is wrong where split brain is decided; each difference is mended here:
//! - The machine accepts, outside the gate of its process, and queues (the kernel's backlog):
//!   a connect to a hung process completes and its request waits in the socket.
//! - A connect is complete when one byte that the accepting machine writes has come back over
//!   the link, so a cut of the way back stops it. The byte is taken off again here.
//! - A refusal while either direction is cut is silence; otherwise it takes a round trip.

use std::future::pending;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use host::{Listener, LocalBoxFuture, Stream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::mpsc;

use crate::fabric::Fabric;

/// The byte by which an accepting machine completes a connect.
const ACCEPTED: u8 = 0x06;

/// Connects from machine `from` to a machine by name.
pub(crate) async fn connect(
    fabric: Rc<Fabric>,
    from: usize,
    to: String,
    port: u16,
) -> io::Result<Stream> {
    let Some(peer) = fabric.number_of(&to) else {
        return Err(io::Error::new(io::ErrorKind::NotFound, format!("no such host: {to}")));
    };
    fabric.on_send(from, peer, 0);
    let drops = fabric.drops(from, peer);
    let silenced = || fabric.is_cut(from, peer) || fabric.drops(from, peer) != drops;
    let refused = match turmoil::net::TcpStream::connect((to.as_str(), port)).await {
        Ok(stream) => {
            let mut stream = SimStream { inner: stream, fabric: fabric.clone(), from, peer };
            match stream.read_u8().await {
                Ok(_) => return Ok(Box::new(stream)),
                Err(error) => error,
            }
        }
        Err(error) => error,
    };
    // What refused was a cut, perhaps one that is over by now, for a hung process hears of it
    // late; and a cut says nothing.
    if silenced() {
        return pending().await;
    }
    wait(fabric.latency(from, peer)).await;
    if silenced() {
        return pending().await;
    }
    Err(io::Error::new(io::ErrorKind::ConnectionRefused, refused.to_string()))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the way back of a refusal is the network's own time"
)]
async fn wait(length: Duration) {
    tokio::time::sleep(length).await;
}

/// What waits in a port's backlog.
type Backlog = mpsc::UnboundedReceiver<(Stream, String)>;

/// A listening port, in the hands of its process.
pub(crate) struct SimListener {
    port: u16,
    backlog: Backlog,
}

/// The machine's side of a listening port: accepts and queues for as long as it is polled.
pub(crate) type Acceptor = LocalBoxFuture<'static, ()>;

/// Binds a port of machine `number`. The acceptor is to be polled by the machine.
pub(crate) fn bind(
    fabric: &Rc<Fabric>,
    number: usize,
    port: u16,
) -> io::Result<(SimListener, Acceptor)> {
    let bound = turmoil::net::TcpListener::bind(("0.0.0.0", port)).now_or_never();
    let listener = bound.expect("turmoil binds without waiting")?;
    let port = listener.local_addr()?.port();
    let (queue, backlog) = mpsc::unbounded_channel();
    let acceptor = accept_all(fabric.clone(), number, listener, queue);
    Ok((SimListener { port, backlog }, Box::pin(acceptor)))
}

async fn accept_all(
    fabric: Rc<Fabric>,
    number: usize,
    listener: turmoil::net::TcpListener,
    queue: mpsc::UnboundedSender<(Stream, String)>,
) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = queue.closed() => return,
            accepted = listener.accept() => accepted,
        };
        let (inner, address) = accepted.expect("turmoil's accept does not fail");
        let peer = fabric.number_of_address(address.ip()).unwrap_or(number);
        let mut stream = SimStream { inner, fabric: fabric.clone(), from: number, peer };
        // Fails only if the peer is gone already; its connection then reads as reset.
        let _ = stream.write_u8(ACCEPTED).now_or_never();
        let told = format!("{}:{}", fabric.name_of(peer), address.port());
        if queue.send((Box::new(stream), told)).is_err() {
            return;
        }
    }
}

impl Listener for SimListener {
    fn accept(&mut self) -> LocalBoxFuture<'_, io::Result<(Stream, String)>> {
        Box::pin(async {
            match self.backlog.recv().await {
                Some(accepted) => Ok(accepted),
                // The acceptor lives as long as the machine; without it nothing ever arrives.
                None => pending().await,
            }
        })
    }

    fn port(&self) -> u16 {
        self.port
    }
}

/// A connection's end on machine `from`. Counts what meets a fault.
struct SimStream {
    inner: turmoil::net::TcpStream,
    fabric: Rc<Fabric>,
    from: usize,
    peer: usize,
}

impl AsyncRead for SimStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for SimStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, buf);
        if let Poll::Ready(Ok(bytes)) = &written {
            self.fabric.on_send(self.from, self.peer, *bytes as u64);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.inner).poll_shutdown(cx) {
            // Shut down before: nothing left to do, as on Linux.
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::NotConnected => {
                Poll::Ready(Ok(()))
            }
            other => other,
        }
    }
}
