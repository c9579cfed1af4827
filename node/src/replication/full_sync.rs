//! A full copy of the master's data, when it cannot continue where this node is, or must not
//! (see [`crate::former_master`]). The copy is complete before anything here is replaced; of the
//! whole only the swap itself is under LOADING.
//!
//! What this is not: a decision. No data is removed before the copy is there.

use std::rc::Rc;

use bytes::Bytes;
use host::Link;

use super::LinkState;
use super::link::{LinkError, MasterLink};
use crate::node::Node;
use crate::storage::WriteError;

/// Takes a full copy over a new connection.
pub(super) async fn take(
    node: &Rc<Node>,
    state: &Rc<LinkState>,
    host: &str,
    port: u16,
) -> Result<(), LinkError> {
    state.set(node, Link::FullSync);
    let snapshot = fetch(node, host, port).await?;
    let _loading = Loading::begin(node, state);
    let replaced = node.storage.replace(snapshot).await;
    state.unrecoverable.set(replaced.is_err());
    replaced.map_err(|error| match error {
        WriteError::NotASnapshot => LinkError::Protocol(error.to_string()),
        _ => LinkError::Connection(error.to_string()),
    })?;
    node.former.unmark().await;
    Ok(())
}

async fn fetch(node: &Node, host: &str, port: u16) -> Result<Bytes, LinkError> {
    let mut link = MasterLink::connect(node, host, port).await?;
    link.send(&["_fetch_meta"]).await?;
    let files = link.line().await?;
    let file = match files.split(',').collect::<Vec<_>>().as_slice() {
        [file] => (*file).to_owned(),
        _ => {
            return Err(LinkError::Protocol(format!("expected one file, not `{files}`")));
        }
    };
    link.send(&["_fetch_file", &file]).await?;
    let size = link.line().await?;
    let size =
        size.parse().map_err(|_| LinkError::Protocol(format!("`{size}` is no size of a file")))?;
    link.bytes(size).await
}

/// The node is loading until this is dropped, also if the replication is ended meanwhile.
struct Loading {
    node: Rc<Node>,
    state: Rc<LinkState>,
}

impl Loading {
    fn begin(node: &Rc<Node>, state: &Rc<LinkState>) -> Self {
        state.loading.set(true);
        node.tell_status();
        Self { node: node.clone(), state: state.clone() }
    }
}

impl Drop for Loading {
    fn drop(&mut self) {
        self.state.loading.set(false);
        self.node.tell_status();
    }
}
