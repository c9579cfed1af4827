//! The final reads: a client that reads every key from every node, each for itself.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use host::{Host, LocalBoxFuture};
use node::client::{Client, ClientError, Timeouts};
use node::resp::Frame;
use sim::{OperationLog, Process};

use super::Addresses;

/// A node whose content cannot be read: absence must not be concluded from that.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("GET {key} answered {reply:?}")]
    Reply { key: String, reply: Frame },
}

/// Requests that are sent before their replies are awaited.
const PIPELINE: usize = 256;

/// A process that reads these keys from every node and ends.
pub fn process(log: OperationLog, addresses: Addresses, keys: Rc<Vec<String>>) -> Process {
    Rc::new(move |host: Host| {
        let (log, addresses, keys) = (log.clone(), addresses.clone(), keys.clone());
        Box::pin(async move {
            for node in &addresses.nodes {
                let values = read(&host, node, addresses.port, &keys).await;
                log.read_back(node, values.map_err(|error| format!("{node}: {error}"))?);
            }
            Ok(())
        }) as LocalBoxFuture<'static, Result<(), String>>
    })
}

async fn read(
    host: &Host,
    node: &str,
    port: u16,
    keys: &[String],
) -> Result<BTreeMap<String, String>, ReadError> {
    let timeouts = Timeouts { connect: Duration::from_secs(2), request: Duration::from_secs(5) };
    let mut client = Client::connect(host, node, port, timeouts).await?;
    client.call(&["READONLY"]).await?;
    let mut values = BTreeMap::new();
    for keys in keys.chunks(PIPELINE) {
        let get = |key: &String| vec![Bytes::from_static(b"GET"), Bytes::from(key.clone())];
        let requests: Vec<Vec<Bytes>> = keys.iter().map(get).collect();
        let replies = client.pipeline(&requests).await?;
        for (key, reply) in keys.iter().zip(replies) {
            match reply {
                Frame::BulkString(value) => {
                    values.insert(key.clone(), String::from_utf8_lossy(&value).into_owned());
                }
                Frame::Null => {}
                other => return Err(ReadError::Reply { key: key.clone(), reply: other }),
            }
        }
    }
    Ok(values)
}
