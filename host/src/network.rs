//! Connections: a byte stream in both directions, and the listener that yields them.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::LocalBoxFuture;

/// What a connection can do. Implemented by every type that reads and writes.
pub trait ByteStream: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> ByteStream for T {}

/// One established connection. Dropping it closes it.
pub type Stream = Box<dyn ByteStream>;

/// A port on which connections arrive. Dropping it refuses later ones.
pub trait Listener {
    /// The next connection in the order of arrival, and the peer's address as text.
    ///
    /// # Errors
    /// What the operating system says; the listener stays usable.
    fn accept(&mut self) -> LocalBoxFuture<'_, io::Result<(Stream, String)>>;

    /// The port that is bound (of use if 0 was asked for).
    fn port(&self) -> u16;
}
