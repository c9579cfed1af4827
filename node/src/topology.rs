//! The topology: the text of `CLUSTERX SETNODES`, which is also the heart of `nodes.conf` and
//! what a controller pushes. One member per line:
//!
//! ```text
//! <id> <host> <port> master - [slot|first-last]... [<lb_host> <lb_port>]
//! <id> <host> <port> slave <master_id> [<lb_host> <lb_port>]
//! ```
//!
//! What this is not: the slot routing of a node, which also knows migrations and its own id.
//!
//! The trap: the pair of the load balancer stands where a slot could stand, and its port is a
//! valid slot number. The first field there that is not written like a slot begins the pair, it
//! must be the last, and a host that is written like a slot (`7`, `1-2`) or like a node id (40
//! hexadecimal digits) cannot be supported.
//!
//! One difference from upstream, where the later of two lines with one id silently replaces the
//! earlier: the text is refused with `Invalid cluster node id`.

use std::fmt::Write as _;

use indexmap::IndexMap;

use crate::slot::{self, SLOTS, SlotRange};

/// A whole cluster as one version of its topology has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    /// The version, 0 or more.
    pub version: i64,
    /// The members by id, in the order of the text.
    pub members: IndexMap<String, Member>,
}

/// One node of a topology.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its id, 40 bytes.
    pub id: String,
    /// Its own host name or address.
    pub host: String,
    /// Its own port.
    pub port: u16,
    /// Its role, and what goes with it.
    pub role: MemberRole,
    /// The load balancer by which clients reach it, if there is one.
    pub lb: Option<LbAddress>,
}

/// The role of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberRole {
    /// Master of these slots, none perhaps.
    Master {
        /// The slots in the order of the text.
        slots: Vec<SlotRange>,
    },
    /// Replica.
    Replica {
        /// The id of its master, which need not be in the topology.
        of: String,
    },
}

/// Where a load balancer takes clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LbAddress {
    /// Its host name or address.
    pub host: String,
    /// Its port, 1 or more.
    pub port: u16,
}

/// Why a text is no topology, worded as upstream words it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopologyError {
    /// No line, too few fields in one, or a replica's line with fields that it cannot have.
    #[error("Invalid cluster nodes info")]
    Info,
    /// An id that is not 40 bytes long or that another line has, or a wrong master field.
    #[error("Invalid cluster node id")]
    Id,
    /// A port of the node or of its load balancer that is none.
    #[error("Invalid cluster node port")]
    Port,
    /// A role other than `master`, `slave` and `replica`.
    #[error("Invalid cluster node role")]
    Role,
    /// A field among the slots looks like the id of the next node.
    #[error("Invalid nodes definition: Missing newline between node entries.")]
    MissingNewline,
    /// A field among the slots that is no slot, and begins no load balancer's pair either.
    #[error("Slot is out of range")]
    SlotRange,
    /// A slot that an earlier field of the text has taken.
    #[error("Slot distribution is overlapped")]
    Overlap,
}

impl Topology {
    /// Reads the text of `CLUSTERX SETNODES`. All or nothing: the first error in the order of
    /// the text is the result.
    ///
    /// ```
    /// use node::topology::Topology;
    /// let id = "a".repeat(40);
    /// let text = format!("{id} node-1 6379 master - 0-16383 lb 7000");
    /// let topology = Topology::parse(&text, 1).unwrap();
    /// assert_eq!(topology.owner(5).unwrap().lb.as_ref().unwrap().port, 7000);
    /// ```
    ///
    /// # Errors
    /// See [`TopologyError`].
    pub fn parse(text: &str, version: i64) -> Result<Topology, TopologyError> {
        let mut topology = Topology { version, members: IndexMap::new() };
        let mut taken = vec![false; usize::from(SLOTS)];
        for line in text.split('\n').filter(|line| !line.is_empty()) {
            let member = parse_member(line, &mut taken)?;
            if topology.members.contains_key(&member.id) {
                return Err(TopologyError::Id);
            }
            topology.members.insert(member.id.clone(), member);
        }
        if topology.members.is_empty() { Err(TopologyError::Info) } else { Ok(topology) }
    }

    /// The text of `CLUSTERX SETNODES`, lines joined by `\n`. [`Topology::parse`] reads it back
    /// to an equal topology.
    pub fn to_setnodes(&self) -> String {
        let mut text = String::new();
        for member in self.members.values() {
            if !text.is_empty() {
                text.push('\n');
            }
            member.write_line(&mut text);
        }
        text
    }

    /// The master that has the slot.
    pub fn owner(&self, slot: u16) -> Option<&Member> {
        self.members.values().find(|member| match &member.role {
            MemberRole::Master { slots } => slots.iter().any(|range| range.contains(slot)),
            MemberRole::Replica { .. } => false,
        })
    }

    /// Gives slots to the master with this id and takes them from all others. Nobody else's
    /// slots are given.
    pub(crate) fn give_slots(&mut self, ranges: &[SlotRange], id: &str) {
        for member in self.members.values_mut() {
            if let MemberRole::Master { slots } = &mut member.role {
                *slots = if member.id == id {
                    slot::union(slots, ranges)
                } else {
                    slot::difference(slots, ranges)
                };
            }
        }
    }

    /// The replicas of the member with this id, in the order of the text.
    pub fn replicas_of<'a>(&'a self, id: &str) -> impl Iterator<Item = &'a Member> {
        self.members
            .values()
            .filter(move |member| matches!(&member.role, MemberRole::Replica { of } if of == id))
    }
}

impl Member {
    /// Whether its role is master.
    pub fn is_master(&self) -> bool {
        matches!(self.role, MemberRole::Master { .. })
    }

    fn write_line(&self, text: &mut String) {
        let mut put = |part: &dyn std::fmt::Display| {
            write!(text, "{part}").expect("writing to a String cannot fail");
        };
        put(&format_args!("{} {} {}", self.id, self.host, self.port));
        match &self.role {
            MemberRole::Master { slots } => {
                put(&" master -");
                slots.iter().for_each(|range| put(&format_args!(" {range}")));
            }
            MemberRole::Replica { of } => put(&format_args!(" slave {of}")),
        }
        if let Some(lb) = &self.lb {
            put(&format_args!(" {} {}", lb.host, lb.port));
        }
    }
}

impl LbAddress {
    /// Whether a topology's text can name this host as a load balancer: see the trap above.
    pub fn host_is_writable(host: &str) -> bool {
        let separators = host.contains([' ', '\n', '\r']);
        !host.is_empty() && !separators && !is_written_like_slot(host) && !is_written_like_id(host)
    }
}

/// One line, checked in upstream's order.
fn parse_member(line: &str, taken: &mut [bool]) -> Result<Member, TopologyError> {
    let fields: Vec<&str> = line.split(' ').filter(|field| !field.is_empty()).collect();
    let [id, host, port, role, master, rest @ ..] = fields.as_slice() else {
        return Err(TopologyError::Info);
    };
    check_id(id)?;
    let port = port.parse().map_err(|_| TopologyError::Port)?;
    let (role, lb) = match role.to_ascii_lowercase().as_str() {
        "master" if *master == "-" => parse_master_rest(rest, taken)?,
        "master" => return Err(TopologyError::Id),
        "slave" | "replica" => parse_replica_rest(master, rest)?,
        _ => return Err(TopologyError::Role),
    };
    Ok(Member { id: (*id).to_owned(), host: (*host).to_owned(), port, role, lb })
}

fn check_id(id: &str) -> Result<(), TopologyError> {
    if is_id(id) { Ok(()) } else { Err(TopologyError::Id) }
}

/// Slots, then perhaps the pair of the load balancer.
fn parse_master_rest(
    mut rest: &[&str],
    taken: &mut [bool],
) -> Result<(MemberRole, Option<LbAddress>), TopologyError> {
    let mut slots = Vec::new();
    while let [field, following @ ..] = rest {
        if is_written_like_id(field) {
            return Err(TopologyError::MissingNewline);
        }
        if !is_written_like_slot(field) {
            let lb = parse_pair(rest, TopologyError::SlotRange)?;
            return Ok((MemberRole::Master { slots }, Some(lb)));
        }
        slots.push(take_range(field, taken)?);
        rest = following;
    }
    Ok((MemberRole::Master { slots }, None))
}

/// Unlike `SETSLOT`, a topology writes one slot only as `5`, never as `5-5`.
fn take_range(field: &str, taken: &mut [bool]) -> Result<SlotRange, TopologyError> {
    let range: SlotRange = field.parse().map_err(|_| TopologyError::SlotRange)?;
    if range.first == range.last && field.contains('-') {
        return Err(TopologyError::SlotRange);
    }
    let part = &mut taken[usize::from(range.first)..=usize::from(range.last)];
    if part.contains(&true) {
        return Err(TopologyError::Overlap);
    }
    part.fill(true);
    Ok(range)
}

/// Nothing, or the pair of the load balancer.
fn parse_replica_rest(
    master: &str,
    rest: &[&str],
) -> Result<(MemberRole, Option<LbAddress>), TopologyError> {
    check_id(master)?;
    let lb = match rest {
        [] => None,
        [host, _] if is_written_like_id(host) => return Err(TopologyError::MissingNewline),
        [host, _] if is_written_like_slot(host) => return Err(TopologyError::Info),
        pair => Some(parse_pair(pair, TopologyError::Info)?),
    };
    Ok((MemberRole::Replica { of: master.to_owned() }, lb))
}

/// `wrong_count` is what upstream says of extra fields at this place.
fn parse_pair(fields: &[&str], wrong_count: TopologyError) -> Result<LbAddress, TopologyError> {
    let [host, port] = fields else {
        return Err(wrong_count);
    };
    match port.parse() {
        Ok(0) | Err(_) => Err(TopologyError::Port),
        Ok(port) => Ok(LbAddress { host: (*host).to_owned(), port }),
    }
}

/// Whether this can be a node's id: 40 bytes, none of which would end a field or a line of
/// `nodes.conf`.
pub(crate) fn is_id(id: &str) -> bool {
    id.len() == ID_LENGTH && !id.contains(|c: char| c.is_whitespace() || c.is_control())
}

fn is_written_like_slot(field: &str) -> bool {
    field.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

fn is_written_like_id(field: &str) -> bool {
    field.len() == ID_LENGTH && field.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// How long a node's id is, in bytes.
pub const ID_LENGTH: usize = 40;

#[cfg(test)]
#[path = "topology_tests.rs"]
mod tests;
