//! The whole world at one instant: two nodes, two controllers, the store, heartbeats in flight,
//! and what only an observer outside knows.
//!
//! Times are ticks. A clock reads the true time plus its skew, so that a perfect clock needs no
//! state of its own.

/// Everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    /// True time.
    pub(crate) now: i8,
    /// A and B.
    pub(crate) nodes: [Node; 2],
    /// 1 and 2.
    pub(crate) controllers: [Controller; 2],
    pub(crate) store: Store,
    /// Heartbeats that wait, in order, so that the order of sending makes no other state.
    pub(crate) in_flight: [Option<Heartbeat>; 3],
    /// Records that a controller has pushed, by bit. A push may arrive at any later time, and
    /// again, because it is repeated as long as a node lags behind.
    pub(crate) pushed: u8,
    pub(crate) spent: Tally,
    /// p of each tenure: the first instant at which somebody acting under it, or under a later
    /// one, was authoritative. Nobody in the world knows it.
    pub(crate) effect: [Option<i8>; 5],
    /// A deposed node acknowledged a write later than it may.
    pub(crate) late_acknowledgement: bool,
    /// A deposed node took a grant with a stamp that it had issued after p.
    pub(crate) late_stamp: bool,
    /// The store's master refused the store's own election version.
    pub(crate) refused_the_record: bool,
}

/// A data node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Node {
    /// The record whose topology it has applied.
    pub(crate) record: u8,
    /// Its topology version: the record's, unless an operator raised it.
    pub(crate) version: u8,
    /// The highest election version that it took.
    pub(crate) election: u8,
    /// Until when it may write, on the clock of its lease; none if it has no lease.
    pub(crate) deadline: Option<i8>,
    /// Counts starts; stands for the life id.
    pub(crate) life: u8,
    pub(crate) write: Write,
    /// What its boottime is ahead of true time.
    pub(crate) skew: i8,
    /// How far its wall clock was set back.
    pub(crate) wall_behind: i8,
}

/// A client's write on its way through a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Write {
    None,
    /// The gate was open.
    Checked,
    /// Applied, and not yet acknowledged.
    Applied,
}

/// A controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Controller {
    /// Until when it can prove that it leads, on its own clock; none if it never led. Without
    /// `leader-guard` it believes so for ever.
    pub(crate) leads_until: Option<i8>,
    /// The record that it acts on.
    pub(crate) record: Option<u8>,
    /// Its promotion, on the way to the store.
    pub(crate) promotion: Option<Promotion>,
    /// When it last granted or took office, on its own clock; kept for `promotion-wait` only.
    pub(crate) granted_at: i8,
    /// It has checked its guard, and then stalled. Only if the stamp comes after the guard.
    pub(crate) guard_checked: bool,
    /// A keepalive was processed, and its answer is on the way. Only if that is what counts.
    pub(crate) answer_waits: bool,
    pub(crate) skew: i8,
}

/// A write to the store: this record, made from that one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Promotion {
    pub(crate) made_from: u8,
    pub(crate) master: u8,
    pub(crate) version: u8,
    pub(crate) election: u8,
}

/// The linearizable store, with all that was ever committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Store {
    records: [Option<Record>; 5],
    pub(crate) leader: Option<u8>,
    /// The last instant of the leader's session on the store's clock; nobody is elected before.
    pub(crate) session_until: i8,
    pub(crate) skew: i8,
}

/// The cluster's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Record {
    /// The number of the commit that made this master. No one in the world reads it.
    pub(crate) tenure: u8,
    pub(crate) master: u8,
    pub(crate) version: u8,
    pub(crate) election: u8,
}

/// A HEARTBEAT that names the node it was sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Heartbeat {
    pub(crate) to: u8,
    pub(crate) election: u8,
    /// Without `dated-heartbeat` nobody looks at it.
    pub(crate) stamp: Stamp,
}

/// A node's stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Stamp {
    pub(crate) life: u8,
    pub(crate) election: u8,
    /// On the clock of the node's lease.
    pub(crate) time: i8,
    /// In true time, for the observer.
    pub(crate) issued_at: i8,
}

/// A clock that may drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Clock {
    Node(u8),
    Controller(u8),
    Store,
}

/// How often each fault has happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Tally {
    pub(crate) failovers: u8,
    pub(crate) restarts: u8,
    pub(crate) power_losses: u8,
    pub(crate) wall_steps: u8,
    pub(crate) set_slots: u8,
    pub(crate) store_restarts: u8,
    pub(crate) writes: u8,
    /// By bit: the drifts of the list that have happened.
    pub(crate) drift: u8,
}

impl State {
    /// The record whose topology a node has applied.
    pub(crate) fn applied(&self, node: u8) -> Record {
        self.store.record(self.node(node).record)
    }

    /// Whether a node is master in its own eyes.
    pub(crate) fn is_master(&self, node: u8) -> bool {
        self.applied(node).master == node
    }

    /// The tenure that a node acts under: the last with its version that names it.
    pub(crate) fn acting_under(&self, node: u8) -> Option<u8> {
        let version = self.node(node).version;
        let named = |record: &&Record| record.master == node && record.version == version;
        let record = self.store.records.iter().flatten().rev().find(named);
        record.filter(|_| self.is_master(node)).map(|record| record.tenure)
    }

    pub(crate) fn node(&self, node: u8) -> &Node {
        &self.nodes[usize::from(node)]
    }

    pub(crate) fn node_mut(&mut self, node: u8) -> &mut Node {
        &mut self.nodes[usize::from(node)]
    }

    pub(crate) fn controller(&self, controller: u8) -> &Controller {
        &self.controllers[usize::from(controller)]
    }

    pub(crate) fn controller_mut(&mut self, controller: u8) -> &mut Controller {
        &mut self.controllers[usize::from(controller)]
    }

    /// A node's boottime.
    pub(crate) fn boottime(&self, node: u8) -> i8 {
        self.now + self.node(node).skew
    }

    /// A controller's boottime.
    pub(crate) fn controller_time(&self, controller: u8) -> i8 {
        self.now + self.controller(controller).skew
    }

    /// The store's clock.
    pub(crate) fn store_time(&self) -> i8 {
        self.now + self.store.skew
    }
}

impl Node {
    /// Has applied the first record and never had a lease.
    pub(crate) fn new(first: Record) -> Node {
        Node {
            record: 0,
            version: first.version,
            election: 0,
            deadline: None,
            life: 0,
            write: Write::None,
            skew: 0,
            wall_behind: 0,
        }
    }
}

impl Controller {
    /// Has never led.
    pub(crate) const IDLE: Controller = Controller {
        leads_until: None,
        record: None,
        promotion: None,
        granted_at: 0,
        guard_checked: false,
        answer_waits: false,
        skew: 0,
    };
}

impl Store {
    pub(crate) fn new(first: Record) -> Store {
        let records = [Some(first), None, None, None, None];
        Store { records, leader: None, session_until: 0, skew: 0 }
    }

    pub(crate) fn record(&self, index: u8) -> Record {
        self.records[usize::from(index)].expect("nobody knows a record that was not committed")
    }

    pub(crate) fn last_index(&self) -> u8 {
        let committed = self.records.iter().flatten().count();
        u8::try_from(committed - 1).expect("five records at most")
    }

    pub(crate) fn last(&self) -> Record {
        self.record(self.last_index())
    }

    /// Commits a record; nothing if there is no room for it in this bounded world.
    pub(crate) fn append(&mut self, record: Record) -> Option<u8> {
        let index = self.last_index() + 1;
        *self.records.get_mut(usize::from(index))? = Some(record);
        Some(index)
    }

    /// The tenure of a record that is committed now.
    pub(crate) fn next_tenure(&self, master: u8) -> u8 {
        let last = self.last();
        if last.master == master { last.tenure } else { last.tenure + 1 }
    }
}
