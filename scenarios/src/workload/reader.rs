//! The final reads: a client that reads every key from every node, each for itself, and how far
//! and in which topology each is. A node that is still loading shows nothing, and its content is
//! missing.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use host::{Host, LocalBoxFuture, Observation};
use node::client::{Client, ClientError, Timeouts};
use node::resp::Frame;
use sim::history::Content;
use sim::{OperationLog, Process};

use super::Addresses;
use crate::topology_text;

/// A node whose content cannot be read: absence must not be concluded from that.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("it is loading")]
    Loading,
    #[error("{request} answered {reply:?}")]
    Reply { request: String, reply: Frame },
    #[error("{0}")]
    Topology(String),
}

impl ReadError {
    fn of(request: String, reply: Frame) -> Self {
        match &reply {
            Frame::Error(text) if text.starts_with("LOADING ") => Self::Loading,
            _ => Self::Reply { request, reply },
        }
    }
}

/// Requests that are sent before their replies are awaited.
const PIPELINE: usize = 256;

/// A process that reads these keys from every node and ends. What a node keeps of its topology
/// comes from its disk, by node.
pub fn process(
    log: OperationLog,
    addresses: Addresses,
    keys: Rc<Vec<String>>,
    kept: Rc<BTreeMap<String, String>>,
) -> Process {
    Rc::new(move |host: Host| {
        let (log, addresses) = (log.clone(), addresses.clone());
        let (keys, kept) = (keys.clone(), kept.clone());
        Box::pin(async move {
            for node in &addresses.nodes {
                match read(&host, node, addresses.port, &keys).await {
                    Ok(content) => {
                        let topology_kept = kept.get(node).cloned();
                        log.read_back(node, Content { topology_kept, ..content });
                    }
                    Err(error @ ReadError::Loading) => {
                        host.observe(Observation::Note { text: format!("{node}: {error}") });
                    }
                    Err(error) => return Err(format!("{node}: {error}")),
                }
            }
            Ok(())
        }) as LocalBoxFuture<'static, Result<(), String>>
    })
}

async fn read(host: &Host, node: &str, port: u16, keys: &[String]) -> Result<Content, ReadError> {
    let timeouts = Timeouts { connect: Duration::from_secs(2), request: Duration::from_secs(5) };
    let mut client = Client::connect(host, node, port, timeouts).await?;
    client.call(&["READONLY"]).await?;
    let values = values(&mut client, keys).await?;
    let info = text(&mut client, &["INFO", "keyspace"]).await?;
    let sequence = info.lines().find_map(|line| line.strip_prefix("sequence:")?.parse().ok());
    let shown = text(&mut client, &["CLUSTER", "NODES"]).await?;
    let shown = topology_text::of_cluster_nodes(&shown).map_err(ReadError::Topology)?;
    Ok(Content { values, sequence, topology_kept: None, topology_shown: Some(shown) })
}

async fn values(
    client: &mut Client,
    keys: &[String],
) -> Result<BTreeMap<String, String>, ReadError> {
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
                reply => return Err(ReadError::of(format!("GET {key}"), reply)),
            }
        }
    }
    Ok(values)
}

async fn text(client: &mut Client, request: &[&str]) -> Result<String, ReadError> {
    match client.call(request).await? {
        Frame::BulkString(text) => Ok(String::from_utf8_lossy(&text).into_owned()),
        reply => Err(ReadError::of(request.join(" "), reply)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_is_loading_is_told_from_one_that_answers_nonsense() {
        let error =
            |text: &str| ReadError::of("GET k".to_owned(), node::resp::error(text.to_owned()));
        let loading = "LOADING kvrocks is restoring the db from backup";
        assert!(matches!(error(loading), ReadError::Loading));
        assert_eq!(error("ERR no").to_string(), r#"GET k answered Error("ERR no")"#);
    }
}
