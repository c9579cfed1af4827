//! What a node does: takes topologies and heartbeats, restarts, and lets writes through.
//!
//! The trap: the election version in a stamp is compared with the one that the node has *after*
//! it took the heartbeat's. The first heartbeat of an election only raises it; the second grants.

use crate::setup::Setup;
use crate::state::{Heartbeat, Stamp, State, Write};

impl Setup {
    /// The clock that a node's lease is kept on.
    pub(crate) fn lease_time(&self, state: &State, node: u8) -> i8 {
        let behind = if self.rules.boottime_deadline { 0 } else { state.node(node).wall_behind };
        state.boottime(node) - behind
    }

    /// Whether the lease lets a write pass now.
    pub(crate) fn gate_open(&self, state: &State, node: u8) -> bool {
        match state.node(node).deadline {
            None => !self.rules.closed_start,
            Some(deadline) => self.lease_time(state, node) <= deadline,
        }
    }

    /// The stamp in a reply that a node sends now.
    pub(crate) fn stamp(&self, state: &State, node: u8) -> Stamp {
        Stamp {
            life: state.node(node).life,
            election: state.node(node).election,
            time: self.lease_time(state, node),
            issued_at: state.now,
        }
    }

    /// SETNODES with a record. It waits until no write is under way, and a version that is not
    /// higher changes nothing, also an equal one.
    pub(crate) fn take_topology(&self, state: &mut State, node: u8, index: u8) -> Option<()> {
        let record = state.store.record(index);
        let was_master = state.is_master(node);
        let of = state.node_mut(node);
        if of.write != Write::None || record.version <= of.version {
            return None;
        }
        of.record = index;
        of.version = record.version;
        if was_master && record.master != node {
            of.deadline = None;
            if !self.rules.durable_version {
                of.election = 0;
            }
        }
        Some(())
    }

    /// HEARTBEAT, one step from compare to store.
    pub(crate) fn take_heartbeat(&self, state: &mut State, heartbeat: Heartbeat) {
        let Heartbeat { to, election, stamp } = heartbeat;
        if !state.is_master(to) {
            return;
        }
        let now = self.lease_time(state, to);
        let of = state.node_mut(to);
        if election < of.election {
            self.watch_refusal(state, heartbeat);
            return;
        }
        of.election = election;
        if !self.rules.dated_heartbeat {
            of.deadline = Some(now + self.hold());
            return;
        }
        if self.stamp_is_mine(state, heartbeat) {
            let granted = stamp.time + self.hold();
            let of = state.node_mut(to);
            of.deadline = Some(of.deadline.map_or(granted, |deadline| deadline.max(granted)));
            self.watch_grant(state, heartbeat);
        }
    }

    /// Whether the stamp of a heartbeat is of this life and of the present election. The
    /// heartbeat was sent to the node that issued it.
    pub(crate) fn stamp_is_mine(&self, state: &State, heartbeat: Heartbeat) -> bool {
        let of = state.node(heartbeat.to);
        let life = heartbeat.stamp.life == of.life || !self.orderings.life_in_stamp;
        let election = heartbeat.stamp.election == of.election || !self.orderings.election_in_stamp;
        life && election
    }

    /// The process ends and starts again: memory is lost, what was persisted is not.
    pub(crate) fn restart(&self, state: &mut State, node: u8) {
        let durable = self.rules.durable_version;
        let of = state.node_mut(node);
        of.life += 1;
        of.deadline = None;
        of.write = Write::None;
        if !durable {
            of.election = 0;
        }
    }

    /// The machine loses power: boottime starts at 0, and of the topologies, which nobody synced,
    /// only the first is left.
    pub(crate) fn lose_power(&self, state: &mut State, node: u8) {
        self.restart(state, node);
        let first = state.store.record(0);
        let now = state.now;
        let of = state.node_mut(node);
        of.skew = -now;
        of.record = 0;
        of.version = first.version;
    }

    /// A deadline that has passed on a clock that never steps back is as good as any other.
    pub(crate) fn forget_deadline(&self, state: &mut State, node: u8) {
        let passed = self.lease_time(state, node) - 1;
        let of = state.node_mut(node);
        if self.rules.boottime_deadline && of.deadline.is_some_and(|deadline| deadline < passed) {
            of.deadline = Some(passed);
        }
    }

    /// A write passes the first check.
    pub(crate) fn check_write(&self, state: &mut State, node: u8) -> Option<()> {
        let free = state.node(node).write == Write::None;
        if !free || !state.is_master(node) || !self.gate_open(state, node) {
            return None;
        }
        state.node_mut(node).write = Write::Checked;
        Some(())
    }

    /// A checked write is applied.
    pub(crate) fn apply_write(&self, state: &mut State, node: u8) -> Option<()> {
        let of = state.node_mut(node);
        (of.write == Write::Checked).then(|| of.write = Write::Applied)
    }

    /// An applied write is answered: acknowledged, or by an error.
    pub(crate) fn answer_write(&self, state: &mut State, node: u8) -> Option<()> {
        if state.node(node).write != Write::Applied {
            return None;
        }
        state.node_mut(node).write = Write::None;
        if !self.rules.ack_recheck || self.gate_open(state, node) {
            self.watch_acknowledgement(state, node);
        }
        Some(())
    }
}
