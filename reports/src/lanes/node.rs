//! The lane of a data node: role, lease and authority as it told and as it was sampled, and what
//! it acknowledged.
//!
//! The trap: whether authority is that of a deposed node depends on the store, not on the node,
//! so a commit changes the lanes of nodes that did nothing at that instant.

use std::collections::BTreeMap;

use host::{Lease, Observation, Role, Status};
use sim::history::{Event, History, Member, ProcessState, What};

use super::steps::turn;
use super::{Kind, Lane, Stretch};

/// What a data node was, in its own eyes and in the store's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeLane {
    /// Its id and shard.
    pub member: Member,
    /// Its role in its own eyes, while it lives.
    pub role: Vec<Stretch<Role>>,
    /// Its lease in its own eyes, while it lives; nothing stands for [`Lease::None`].
    pub lease: Vec<Stretch<Lease>>,
    /// When it would have taken a write.
    pub authority: Vec<Stretch<Authority>>,
    /// The replies with which it acknowledged writes.
    pub acknowledged: Vec<Acknowledgement>,
}

/// Whose authority a node's is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authority {
    /// The last commit names it, or there was none yet.
    Named,
    /// The last commit names another.
    Deposed,
}

/// A reply that acknowledged writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// When, in simulated milliseconds.
    pub at_ms: u64,
    /// The number of its event.
    pub event: u64,
    /// How many writes.
    pub writes: usize,
    /// Whether the node was deposed by then.
    pub by: Authority,
}

/// The lanes of the data nodes, with all that [`super::Lane::hear`] knows nothing of.
pub(super) fn lanes(history: &History) -> Vec<Lane> {
    let members = history.setup().map_or(&[][..], |setup| &setup.members);
    let mut named: BTreeMap<u32, String> = BTreeMap::new();
    let mut nodes: Vec<Reader> = members.iter().map(Reader::new).collect();
    for event in history.events() {
        if let What::Observe { observation: Observation::Committed { masters, .. }, .. } =
            &event.what
        {
            named.extend(masters.iter().map(|master| (master.shard, master.member.clone())));
            nodes.iter_mut().for_each(|node| node.turn(event.at_ms, &named));
        }
        if let Some(node) = nodes.iter_mut().find(|node| node.lane.member.machine == event.on) {
            node.hear(event, &named);
        }
    }
    nodes.into_iter().map(|node| node.finish(history.end_ms())).collect()
}

/// A node's lane while its history is read.
struct Reader {
    lane: NodeLane,
    state: Option<ProcessState>,
    status: Option<Status>,
}

impl Reader {
    fn new(member: &Member) -> Reader {
        let lane = NodeLane {
            member: member.clone(),
            role: vec![],
            lease: vec![],
            authority: vec![],
            acknowledged: vec![],
        };
        Reader { lane, state: None, status: None }
    }

    fn hear(&mut self, event: &Event, named: &BTreeMap<u32, String>) {
        match &event.what {
            What::Start { .. } => self.state = Some(ProcessState::Running),
            What::Exit { .. } => self.state = Some(ProcessState::Down),
            What::Sample { state, status } => {
                self.state = Some(*state);
                if status.is_some() {
                    self.status.clone_from(status);
                }
            }
            What::Observe { observation: Observation::Status { status }, .. } => {
                self.status = Some(status.clone());
            }
            What::Observe { observation: Observation::Acknowledged { writes }, .. } => {
                self.lane.acknowledged.push(Acknowledgement {
                    at_ms: event.at_ms,
                    event: event.number,
                    writes: writes.len(),
                    by: self.authority(named),
                });
            }
            _ => return,
        }
        if self.state == Some(ProcessState::Down) {
            self.status = None;
        }
        self.turn(event.at_ms, named);
    }

    fn turn(&mut self, at_ms: u64, named: &BTreeMap<u32, String>) {
        let status = self.status.as_ref();
        let runs = self.state == Some(ProcessState::Running);
        let takes_writes = runs && status.is_some_and(|status| status.authoritative);
        let lease = status.map(|status| status.lease).filter(|lease| *lease != Lease::None);
        turn(&mut self.lane.role, at_ms, status.map(|status| status.role));
        turn(&mut self.lane.lease, at_ms, lease);
        let authority = takes_writes.then(|| self.authority(named));
        turn(&mut self.lane.authority, at_ms, authority);
    }

    fn authority(&self, named: &BTreeMap<u32, String>) -> Authority {
        let member = &self.lane.member;
        match named.get(&member.shard) {
            Some(id) if *id != member.id => Authority::Deposed,
            _ => Authority::Named,
        }
    }

    fn finish(mut self, end_ms: u64) -> Lane {
        turn(&mut self.lane.role, end_ms, None);
        turn(&mut self.lane.lease, end_ms, None);
        turn(&mut self.lane.authority, end_ms, None);
        let mut lane = Lane::empty(&self.lane.member.machine);
        lane.kind = Kind::Node(self.lane);
        lane
    }
}
