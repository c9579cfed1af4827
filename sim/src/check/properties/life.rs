//! A good life of a small cluster, as it is drawn: plain data without times or events.
//!
//! Not the life itself: `cluster.rs` lives it, and there everything goes as promised.

use proptest::prelude::*;

use crate::history::{Gate, Via};

/// All that is drawn.
#[derive(Clone, Debug)]
pub(super) struct Life {
    pub(super) shards: usize,
    /// Per shard.
    pub(super) nodes: usize,
    pub(super) balancers: usize,
    pub(super) gate: Gate,
    pub(super) chapters: Vec<Chapter>,
    /// After the heal.
    pub(super) epilogue: Vec<Op>,
}

/// Operations, and then perhaps a failover of one shard.
#[derive(Clone, Debug)]
pub(super) struct Chapter {
    pub(super) ops: Vec<Op>,
    pub(super) failover: Option<Failover>,
}

/// One shard loses its master and gets another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failover {
    /// Modulo the number of shards.
    pub(super) shard: usize,
    /// Which of the other nodes, modulo their number.
    pub(super) successor: usize,
    pub(super) blow: Blow,
    /// Whether another promotion comes first and never takes effect; needs a third node.
    pub(super) false_start: bool,
    /// Writes that the old master acknowledges and does not replicate any more.
    pub(super) lagged: usize,
    /// Writes that it acknowledges after p.
    pub(super) stale: usize,
    /// Whether it refuses one when its lease has run out.
    pub(super) refuses: bool,
    /// From the commit to p, in milliseconds.
    pub(super) effect_ms: u64,
    /// From p until the old master's authority ends, in milliseconds.
    pub(super) stale_ms: u64,
}

/// What befalls the old master.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blow {
    Hang,
    Cut,
    Kill,
}

/// One operation of a client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Op {
    /// Modulo the number of shards.
    pub(super) shard: usize,
    pub(super) via: Via,
    pub(super) act: Act,
    pub(super) end: End,
}

/// What it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Fresh,
    Append,
    Increment,
    Set,
    /// A fresh key, a token, and a read of the list.
    Transaction,
    Read(Of),
    /// By a client that stays with a replica.
    ReadReplica(Of),
}

/// What is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    LastFresh,
    List,
    Counter,
    Register,
}

/// How it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Ok,
    /// Surely not done.
    Failed,
    /// Done and acknowledged, but the reply is lost.
    Unheard,
    /// Done, but the node dies on the reply.
    Unacknowledged,
    /// Not done, and nobody knows.
    Vanished,
}

/// Any life.
pub(super) fn lives() -> impl Strategy<Value = Life> {
    let gate = prop_oneof![Just(Gate::Open), Just(Gate::Log), Just(Gate::Block)];
    gate.prop_flat_map(lives_under)
}

/// A life whose leases are of this kind.
pub(super) fn lives_under(gate: Gate) -> impl Strategy<Value = Life> {
    let chapters = prop::collection::vec(chapter(), 1..4);
    let epilogue = prop::collection::vec(op(), 0..5);
    (1..=2_usize, 2..=3_usize, 0..=2_usize, chapters, epilogue).prop_map(
        move |(shards, nodes, balancers, chapters, epilogue)| Life {
            shards,
            nodes,
            balancers,
            gate,
            chapters,
            epilogue,
        },
    )
}

fn chapter() -> impl Strategy<Value = Chapter> {
    let failover = prop::option::weighted(0.8, failover());
    (prop::collection::vec(op(), 0..6), failover)
        .prop_map(|(ops, failover)| Chapter { ops, failover })
}

fn failover() -> impl Strategy<Value = Failover> {
    let blow = prop_oneof![Just(Blow::Hang), Just(Blow::Cut), Just(Blow::Kill)];
    let who = (0..2_usize, 0..2_usize, blow, any::<bool>());
    // Before its authority ends there must be time for the writes.
    let what = (0..3_usize, 0..3_usize, any::<bool>(), 0..30_u64, 50..75_u64);
    (who, what).prop_map(
        |((shard, successor, blow, false_start), (lagged, stale, refuses, effect_ms, stale_ms))| {
            Failover {
                shard,
                successor,
                blow,
                false_start,
                lagged,
                stale,
                refuses,
                effect_ms,
                stale_ms,
            }
        },
    )
}

fn op() -> impl Strategy<Value = Op> {
    let via = prop_oneof![Just(Via::Direct), Just(Via::Sticky), Just(Via::Lb)];
    let act = prop_oneof![
        3 => Just(Act::Fresh),
        2 => Just(Act::Append),
        2 => Just(Act::Increment),
        1 => Just(Act::Set),
        2 => Just(Act::Transaction),
        2 => of().prop_map(Act::Read),
        2 => of().prop_map(Act::ReadReplica),
    ];
    let end = prop_oneof![
        12 => Just(End::Ok),
        2 => Just(End::Failed),
        1 => Just(End::Unheard),
        1 => Just(End::Unacknowledged),
        1 => Just(End::Vanished),
    ];
    (0..2_usize, via, act, end).prop_map(|(shard, via, act, end)| Op { shard, via, act, end })
}

fn of() -> impl Strategy<Value = Of> {
    prop_oneof![Just(Of::LastFresh), Just(Of::List), Just(Of::Counter), Just(Of::Register)]
}
