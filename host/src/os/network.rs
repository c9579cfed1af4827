//! The operating system's TCP, without Nagle's delay; and how a server comes to its end.
//!
//! What this is not: a place for timeouts. Linux itself gives up a silent connect after some
//! two minutes; callers set their own limits.

#![expect(clippy::disallowed_types, reason = "the machine as the operating system has it")]

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use crate::{Listener, LocalBoxFuture, Stream};

/// Connects to an address or a name.
pub(super) async fn connect(host: String, port: u16) -> io::Result<Stream> {
    Ok(Box::new(prompt(TcpStream::connect((host.as_str(), port)).await?)?))
}

/// Listens on `address`. What is accepted ends by `ending`.
pub(super) async fn bind(
    address: IpAddr,
    port: u16,
    ending: Rc<Ending>,
) -> io::Result<Box<dyn Listener>> {
    let inner = TcpListener::bind((address, port)).await?;
    let port = inner.local_addr()?.port();
    Ok(Box::new(OsListener { inner, port, ending }))
}

struct OsListener {
    inner: TcpListener,
    port: u16,
    ending: Rc<Ending>,
}

impl Listener for OsListener {
    fn accept(&mut self) -> LocalBoxFuture<'_, io::Result<(Stream, String)>> {
        Box::pin(async {
            let (stream, peer) = self.inner.accept().await?;
            let stream: Stream = Box::new(Accepted::new(prompt(stream)?, self.ending.clone()));
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

/// How the connections that a process has accepted come to their end: once it has begun, each
/// reads what has already arrived, and then nothing more, as if its peer had closed.
#[derive(Default)]
pub(super) struct Ending {
    begun: Cell<bool>,
    /// Who waits to read, by connection. Every accepted connection has its place.
    accepted: RefCell<BTreeMap<u64, Option<Waker>>>,
    last: Cell<u64>,
    /// Who waits for the last of them to go.
    waits: Cell<Option<Waker>>,
}

impl Ending {
    /// Begins, and waits until every accepted connection is closed.
    pub(super) async fn begin(&self) {
        self.begun.set(true);
        let readers: Vec<Waker> =
            self.accepted.borrow_mut().values_mut().filter_map(Option::take).collect();
        readers.into_iter().for_each(Waker::wake);
        std::future::poll_fn(|context| {
            if self.accepted.borrow().is_empty() {
                return Poll::Ready(());
            }
            self.waits.set(Some(context.waker().clone()));
            Poll::Pending
        })
        .await;
    }
}

/// A connection that was accepted.
struct Accepted {
    inner: TcpStream,
    id: u64,
    ending: Rc<Ending>,
}

impl Accepted {
    fn new(inner: TcpStream, ending: Rc<Ending>) -> Self {
        let id = ending.last.get() + 1;
        ending.last.set(id);
        ending.accepted.borrow_mut().insert(id, None);
        Self { inner, id, ending }
    }

    fn wait_to_read(&self, waker: &Waker) {
        let mut accepted = self.ending.accepted.borrow_mut();
        let place = accepted.get_mut(&self.id).expect("it is there until this is dropped");
        match place {
            Some(waiting) => waiting.clone_from(waker),
            None => *place = Some(waker.clone()),
        }
    }
}

impl Drop for Accepted {
    fn drop(&mut self) {
        let mut accepted = self.ending.accepted.borrow_mut();
        accepted.remove(&self.id);
        if accepted.is_empty()
            && let Some(waits) = self.ending.waits.take()
        {
            waits.wake();
        }
    }
}

impl AsyncRead for Accepted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.inner).poll_read(context, buffer) {
            Poll::Pending if self.ending.begun.get() => Poll::Ready(Ok(())),
            Poll::Pending => {
                self.wait_to_read(context.waker());
                Poll::Pending
            }
            ready => ready,
        }
    }
}

impl AsyncWrite for Accepted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
