//! The contract of the network, in two halves that tell each other over a control connection
//! how far they are.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::within_limit;
use crate::{Clock, Host, Listener, Stream};

/// The ports of the server's machine that the contract is about. Nobody else may use them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkPorts {
    /// The port on which the server listens.
    pub served: u16,
    /// A port on which nobody listens.
    pub silent: u16,
}

/// How often the client looks whether the server has begun.
const FIRST_CONNECTS: u32 = 200;
const BETWEEN_CONNECTS: Duration = Duration::from_millis(20);
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// Bytes that no machine carries in one piece.
const LARGE: usize = 300_000;

/// The server's half; the client's half must run beside it.
pub async fn network_server(host: Host, ports: NetworkPorts) {
    within_limit(&host, "network (server's half)", async {
        let mut listener = host.bind(ports.served).await.unwrap();
        assert_eq!(listener.port(), ports.served);
        let taken = host.bind(ports.served).await.err().map(|e| e.kind());
        assert_eq!(taken, Some(ErrorKind::AddrInUse));

        let mut control = accept(&mut *listener).await;
        serve_echo(&mut control).await;
        serve_in_order(&mut *listener, &mut control).await;
        serve_ends(&mut *listener).await;
        rebind(&host, listener, ports, &mut control).await;
    })
    .await;
}

/// The client's half: connects to `server`, and waits for it to begin listening.
pub async fn network_client(host: Host, server: &str, ports: NetworkPorts) {
    within_limit(&host, "network (client's half)", async {
        let mut control = first_connect(&host, server, ports.served).await;
        let refused = host.connect(server, ports.silent).await.err();
        assert_eq!(refused.map(|e| e.kind()), Some(ErrorKind::ConnectionRefused));

        ask_echo(&mut control).await;
        arrive_in_order(&host, server, ports, &mut control).await;
        see_ends(&host, server, ports).await;
        see_rebind(&host, server, ports, &mut control).await;
    })
    .await;
}

async fn first_connect(host: &Host, server: &str, port: u16) -> Stream {
    for _ in 0..FIRST_CONNECTS {
        match host.connect_within(server, port, CONNECT_LIMIT).await {
            Ok(stream) => return stream,
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{error}"),
        }
        host.sleep(Clock::Monotonic, BETWEEN_CONNECTS).await;
    }
    panic!("the server's half of the network contract never listened");
}

/// Bytes go both ways, unchanged and in order.
async fn serve_echo(control: &mut Stream) {
    let mut received = vec![0; LARGE];
    control.read_exact(&mut received).await.unwrap();
    control.write_all(&received).await.unwrap();
    control.flush().await.unwrap();
}

async fn ask_echo(control: &mut Stream) {
    let sent: Vec<u8> = (0..251).cycle().take(LARGE).collect();
    control.write_all(&sent).await.unwrap();
    control.flush().await.unwrap();
    let mut echoed = vec![0; LARGE];
    control.read_exact(&mut echoed).await.unwrap();
    assert!(sent == echoed, "the echo is not what was sent");
}

/// Connections and their first bytes wait for the accept, and are accepted as they came.
async fn serve_in_order(listener: &mut dyn Listener, control: &mut Stream) {
    expect(control, b"all connected").await;
    for number in 0..3 {
        let mut stream = accept(listener).await;
        expect(&mut stream, &[number]).await;
        tell(&mut stream, &[number]).await;
    }
}

async fn arrive_in_order(host: &Host, server: &str, ports: NetworkPorts, control: &mut Stream) {
    let mut streams = Vec::new();
    for number in 0..3 {
        let mut stream = host.connect(server, ports.served).await.unwrap();
        tell(&mut stream, &[number]).await;
        streams.push(stream);
    }
    tell(control, b"all connected").await;
    for (number, stream) in (0..).zip(&mut streams) {
        expect(stream, &[number]).await;
    }
}

/// Each side sees when the other one ends, and half an end is only half of one.
async fn serve_ends(listener: &mut dyn Listener) {
    drop(accept(listener).await);

    let mut dropped_by_client = accept(listener).await;
    expect_end(&mut dropped_by_client).await;

    let mut half = accept(listener).await;
    expect(&mut half, b"question").await;
    expect_end(&mut half).await;
    tell(&mut half, b"answer").await;
}

async fn see_ends(host: &Host, server: &str, ports: NetworkPorts) {
    let connect = || async { host.connect(server, ports.served).await.unwrap() };
    let mut dropped_by_server = connect().await;
    expect_end(&mut dropped_by_server).await;

    drop(connect().await);

    let mut half = connect().await;
    tell(&mut half, b"question").await;
    half.shutdown().await.unwrap();
    expect(&mut half, b"answer").await;
    expect_end(&mut half).await;
}

/// A port is closed with its listener, connections that it yielded live on, and the port can be
/// bound again at once.
async fn rebind(
    host: &Host,
    listener: Box<dyn Listener>,
    ports: NetworkPorts,
    control: &mut Stream,
) {
    drop(listener);
    tell(control, b"closed").await;
    expect(control, b"refused").await;
    let mut listener = host.bind(ports.served).await.unwrap();
    tell(control, b"open").await;
    let mut stream = accept(&mut *listener).await;
    expect(&mut stream, b"again").await;
    tell(control, b"done").await;
}

async fn see_rebind(host: &Host, server: &str, ports: NetworkPorts, control: &mut Stream) {
    expect(control, b"closed").await;
    let refused = host.connect(server, ports.served).await.err();
    assert_eq!(refused.map(|e| e.kind()), Some(ErrorKind::ConnectionRefused));
    tell(control, b"refused").await;
    expect(control, b"open").await;
    let mut stream = host.connect(server, ports.served).await.unwrap();
    tell(&mut stream, b"again").await;
    expect(control, b"done").await;
}

async fn accept(listener: &mut dyn Listener) -> Stream {
    let (stream, peer) = listener.accept().await.unwrap();
    assert!(!peer.is_empty(), "a peer has an address");
    stream
}

async fn tell(stream: &mut Stream, words: &[u8]) {
    stream.write_all(words).await.unwrap();
    stream.flush().await.unwrap();
}

async fn expect(stream: &mut Stream, words: &[u8]) {
    let mut received = vec![0; words.len()];
    stream.read_exact(&mut received).await.unwrap();
    assert_eq!(received, words);
}

async fn expect_end(stream: &mut Stream) {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"");
}
