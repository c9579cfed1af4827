//! Whether the data here may hold writes that nobody else has: this node was a master since they
//! were last copied whole from another one. Rule `truncate-rejoin`.
//!
//! If such a node comes to follow another, it is not continued at its sequence number, which does
//! not say who wrote what. It takes a full copy, and its own data is dropped by the swap, when
//! the copy is complete and synced. Until then it is loading, and shows neither role nor sequence
//! number by which it could be chosen for a master; only orders of a controller get through. If
//! whom it follows dies meanwhile, its own data is still there: an order that names it master
//! again makes it master of that data, and it owes nothing.
//!
//! The mark is a file. It is put down and synced before the role of master is taken, so that
//! being deposed needs no write of its own, and no restart at whatever moment loses the duty;
//! nor does a power loss that brings an older `nodes.conf` back. A node that never was a master
//! has none.
//!
//! What this is not: a finding that data diverged. A master that was deposed without a write of
//! its own copies all the same. And it is about roles in a topology: `SLAVEOF` outside of a
//! cluster marks nobody.
//!
//! The trap: marked before the role, unmarked after the swap. Anything else loses either the
//! duty or the data.

use std::cell::Cell;
use std::io;

use host::Host;
use tokio::sync::Mutex;

/// The mark of one node.
pub(crate) struct FormerMaster {
    host: Host,
    rule: bool,
    was_master: Cell<bool>,
    /// The mark survives power loss.
    synced: Cell<bool>,
    /// Held while the file comes or goes.
    changing: Mutex<()>,
}

impl FormerMaster {
    /// Unmarked, before [`FormerMaster::recover`]; without the rule for ever.
    pub(crate) fn new(host: Host, rule: bool) -> Self {
        let (was_master, synced) = (Cell::new(false), Cell::new(false));
        Self { host, rule, was_master, synced, changing: Mutex::default() }
    }

    /// Takes over the mark that an earlier life has left.
    ///
    /// # Errors
    /// If the disk does not say whether there is one.
    pub(crate) async fn recover(&self) -> io::Result<()> {
        if !self.rule {
            return Ok(());
        }
        match self.host.disk().read(MARK).await {
            Ok(_) => self.was_master.set(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Whether the data was a master's since it was last copied whole.
    pub(crate) fn was_master(&self) -> bool {
        self.was_master.get()
    }

    /// This node is going to be a master.
    ///
    /// # Errors
    /// If the disk fails. The node must not be one then.
    pub(crate) async fn mark(&self) -> io::Result<()> {
        let _changing = self.changing.lock().await;
        if !self.rule || self.synced.get() {
            return Ok(());
        }
        self.host.disk().write(MARK, MARK_TEXT.as_bytes().to_vec()).await?;
        self.host.disk().sync(MARK).await?;
        self.synced.set(true);
        self.was_master.set(true);
        Ok(())
    }

    /// All data is another node's copy now. If the file does not go, or comes back after power
    /// loss, the next life takes one copy too many.
    pub(crate) async fn unmark(&self) {
        let _changing = self.changing.lock().await;
        if !self.was_master.get() {
            return;
        }
        // Before the file: if this is given up in the middle, the next mark is written anew.
        self.synced.set(false);
        self.was_master.set(false);
        if let Err(error) = self.host.disk().remove(MARK).await {
            tracing::warn!("{MARK} cannot be removed: {error}");
        }
    }
}

/// The name of the file.
const MARK: &str = "was-master";
const MARK_TEXT: &str =
    "This node was a master since its data was last copied whole from another node.\n";
