//! A connection as plain as it gets, for what no client library shows: which reply came to
//! which request, and when. Requests are inline commands; replies are of one line, or bulk.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::process::LIMIT;

/// A connection to a node.
pub struct Raw(BufReader<TcpStream>);

impl Raw {
    /// Connects. A node that is stopped accepts too: its machine does.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, LIMIT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LIMIT))?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends a request and does not wait.
    pub fn send(&mut self, request: &str) -> io::Result<()> {
        self.0.get_mut().write_all(format!("{request}\r\n").as_bytes())
    }

    /// The next reply: a line with its type byte, or the text of a bulk string.
    pub fn receive(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end();
        let length = line.strip_prefix('$').and_then(|length| length.parse::<usize>().ok());
        let Some(length) = length else { return Ok(line.to_owned()) };
        let mut text = vec![0; length + 2];
        self.0.read_exact(&mut text)?;
        text.truncate(length);
        String::from_utf8(text).map_err(io::Error::other)
    }

    /// One request, one reply.
    pub fn call(&mut self, request: &str) -> io::Result<String> {
        self.send(request)?;
        self.receive()
    }
}

/// One request on a connection of its own, to a node that may not answer.
pub fn ask(address: SocketAddr, request: &str) -> io::Result<String> {
    let mut raw = Raw::connect(address)?;
    raw.0.get_ref().set_read_timeout(Some(Duration::from_millis(500)))?;
    raw.call(request)
}
