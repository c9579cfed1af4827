//! What a process tells about itself: observations it makes, and the status it can be asked for.
//!
//! The words are those of any leased leadership (role, version, lease, authority), not of one
//! store's protocol, so that the checkers in `sim` judge other systems too.

use std::rc::Rc;

use serde::{Deserialize, Serialize};

/// How a process answers when it is asked how it stands; see [`crate::Host::probe`].
pub type Probe = Rc<dyn Fn() -> Status>;

/// How a data node stands, in its own eyes, at one instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Its role under the topology that it has applied.
    pub role: Role,
    /// The version of that topology; −1 before any.
    pub topology_version: i64,
    /// The election version that it would hold a grant against; 0 before any.
    pub election_version: u64,
    /// The lease as its own clock sees it.
    pub lease: Lease,
    /// Whether a well-formed write that reached it now would be applied and acknowledged
    /// (DESIGN section 6): master in its own eyes, not loading, not paused, lease gate open.
    pub authoritative: bool,
    /// Its replication link to a master, if it has one to follow.
    pub link: Option<Link>,
}

/// The role of a data node in its own eyes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// In no topology.
    None,
    /// Master of a shard.
    Master,
    /// Replica of a master.
    Replica,
}

/// The lease of a data node in its own eyes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lease {
    /// Never granted in this life and role.
    None,
    /// Granted and running.
    Held,
    /// Granted and past its deadline.
    Expired,
}

/// The state of a replica's link to its master.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// Not connected, or still shaking hands.
    Connecting,
    /// Taking a full copy; the node is loading.
    FullSync,
    /// Following the stream.
    Streaming,
}

/// A master as a commit of the store names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MasterOf {
    /// The shard, counted from 0.
    pub shard: u32,
    /// The id of the member that is its master.
    pub member: String,
}

/// One applied write, as its acknowledgement names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Write {
    /// The key written.
    pub key: String,
    /// What tells this write from others on the key: the value set, the suffix appended, the
    /// counter's new value; empty for a deletion.
    pub token: String,
}

/// Something that a process tells at the instant at which it happens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Observation {
    /// A data node's status changed, or may have: told at every change of role, topology,
    /// lease or loading, so that authority between two samples is known too.
    Status {
        /// How it stands from now on.
        status: Status,
    },
    /// The reply that acknowledges these writes was handed to the connection's output buffer.
    Acknowledged {
        /// The writes of one reply: one, or all of a transaction.
        writes: Vec<Write>,
    },
    /// A lease was granted or renewed, until this reading of the holder's lease clock.
    LeaseRenewed {
        /// Milliseconds on the clock that the holder counts leases on.
        until_ms: u64,
        /// The election version of the grant.
        election_version: u64,
    },
    /// A write was refused because the lease had expired.
    LeaseRefused,
    /// A write was let through with an error log although the lease had expired.
    LeaseExpiredLogged,
    /// The store committed a topology.
    Committed {
        /// Its version.
        version: i64,
        /// The master of every shard under it.
        masters: Vec<MasterOf>,
    },
    /// A controller began or ceased to believe that it leads.
    Leading {
        /// Whether it believes so from now on.
        leads: bool,
    },
    /// A controller has decided to replace the master of a shard, and begins with it.
    FailoverBegun {
        /// The shard, counted from 0.
        shard: u32,
    },
    /// A load balancer sends new connections for a shard here from now on.
    Routed {
        /// The shard, counted from 0.
        shard: u32,
        /// Where to, as `host:port`.
        target: String,
        /// The version of the topology by which it was redirected there, if it was told one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<i64>,
    },
    /// Something worth a line in the timeline, for people; no checker reads it.
    Note {
        /// The line.
        text: String,
    },
}
