//! The state of every link, derived from the set of faults that lie on it.
//!
//! turmoil keeps one state per link, and its verbs overwrite each other: `release` heals a
//! partition, `repair` strands what is held, `hold` overwrites a one-way cut. So the set of
//! active faults is kept here, per link and direction; one effective state is derived (drop
//! over hold over open); and [`Change::apply`] is the only caller of those verbs. A heal removes
//! one fault and derives again, so overlapping faults may heal in any order.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::fault::{Bite, CutKind};

/// What a direction of a link does with a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum LinkState {
    /// Delivers it.
    #[default]
    Open,
    /// Keeps it until the heal.
    Hold,
    /// Loses it.
    Drop,
}

/// Names one cut, so that it can be healed by itself.
pub type CutId = u64;

/// Machines are known by their number in the order of registration.
type Direction = (usize, usize);

/// All links of a world.
#[derive(Debug, Default)]
pub(crate) struct Links {
    active: BTreeMap<Direction, BTreeMap<CutId, CutKind>>,
    bites: BTreeMap<CutId, Bite>,
    /// How often each link began to lose packets, by pair, the lower number first.
    drops: BTreeMap<(usize, usize), u64>,
}

/// A link whose effective state changed, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// The two machines, the lower number first.
    pub(crate) pair: (usize, usize),
    /// Before: from the first to the second, and back.
    pub(crate) old: (LinkState, LinkState),
    /// After.
    pub(crate) new: (LinkState, LinkState),
}

impl Links {
    /// What a packet meets on its way.
    pub(crate) fn state(&self, from: usize, to: usize) -> LinkState {
        let faults = self.active.get(&(from, to));
        faults.and_then(|faults| faults.values().map(|&kind| kind.into()).max()).unwrap_or_default()
    }

    /// Whether packets between two machines are affected in either direction.
    pub(crate) fn is_cut(&self, a: usize, b: usize) -> bool {
        self.state(a, b) != LinkState::Open || self.state(b, a) != LinkState::Open
    }

    /// How often packets between two machines began to be lost in either direction.
    pub(crate) fn drops(&self, a: usize, b: usize) -> u64 {
        self.drops.get(&(a.min(b), a.max(b))).copied().unwrap_or(0)
    }

    /// Lays a cut on these directions; says which links change.
    pub(crate) fn cut(
        &mut self,
        id: CutId,
        directions: &[Direction],
        kind: CutKind,
    ) -> Vec<Change> {
        self.bites.entry(id).or_default();
        self.changing(directions.iter().copied(), |links| {
            for &direction in directions {
                links.active.entry(direction).or_default().insert(id, kind);
            }
        })
    }

    /// Takes a cut away; says which links change, and how much it bit.
    pub(crate) fn heal(&mut self, id: CutId) -> (Vec<Change>, Bite) {
        let directions: Vec<Direction> = self
            .active
            .iter()
            .filter(|(_, faults)| faults.contains_key(&id))
            .map(|(&direction, _)| direction)
            .collect();
        let changes = self.changing(directions.iter().copied(), |links| {
            for direction in &directions {
                if let Some(faults) = links.active.get_mut(direction) {
                    faults.remove(&id);
                }
            }
        });
        (changes, self.bites.remove(&id).unwrap_or_default())
    }

    /// A packet is sent: it counts for every cut that lies on its way.
    pub(crate) fn on_send(&mut self, from: usize, to: usize) {
        self.count(from, to, 1);
    }

    /// So many packets were under way when a cut came down.
    pub(crate) fn count(&mut self, from: usize, to: usize, packets: u64) {
        let state = self.state(from, to);
        let Some(faults) = self.active.get(&(from, to)) else {
            return;
        };
        for id in faults.keys() {
            let bite = self.bites.entry(*id).or_default();
            match state {
                LinkState::Open => {}
                LinkState::Hold => bite.packets_held += packets,
                LinkState::Drop => bite.packets_dropped += packets,
            }
        }
    }

    fn changing(
        &mut self,
        directions: impl Iterator<Item = Direction>,
        change: impl FnOnce(&mut Self),
    ) -> Vec<Change> {
        let pairs: BTreeSet<(usize, usize)> =
            directions.map(|(a, b)| (a.min(b), a.max(b))).collect();
        let both = |links: &Self, (a, b)| (links.state(a, b), links.state(b, a));
        let before: Vec<_> = pairs.iter().map(|&pair| both(self, pair)).collect();
        change(self);
        let all = pairs.into_iter().zip(before);
        let changes: Vec<Change> = all
            .map(|(pair, old)| Change { pair, old, new: both(self, pair) })
            .filter(|change| change.old != change.new)
            .collect();
        for change in &changes {
            let starts = |old, new| new == LinkState::Drop && old != LinkState::Drop;
            if starts(change.old.0, change.new.0) || starts(change.old.1, change.new.1) {
                *self.drops.entry(change.pair).or_default() += 1;
            }
        }
        changes
    }
}

impl From<CutKind> for LinkState {
    fn from(kind: CutKind) -> Self {
        match kind {
            CutKind::Stall => LinkState::Hold,
            CutKind::Drop => LinkState::Drop,
        }
    }
}

impl Change {
    /// Makes turmoil's link do what the new state says.
    pub(crate) fn apply(&self, sim: &turmoil::Sim<'_>, addresses: &[IpAddr]) {
        let (a, b) = (addresses[self.pair.0], addresses[self.pair.1]);
        let forward = Half { from: a, to: b, old: self.old.0, new: self.new.0 };
        let back = Half { from: b, to: a, old: self.old.1, new: self.new.1 };
        if forward.starts_to_hold() || back.starts_to_hold() {
            // `hold` takes both directions and all that is under way on them, and overwrites
            // what they were; each that is not to be held is set right by hand.
            sim.hold(a, b);
            for half in [forward, back] {
                half.after_hold(sim);
            }
        } else {
            for half in [forward, back] {
                half.change(sim);
            }
        }
    }
}

/// One direction of a changing link.
#[derive(Clone, Copy)]
struct Half {
    from: IpAddr,
    to: IpAddr,
    old: LinkState,
    new: LinkState,
}

impl Half {
    fn starts_to_hold(&self) -> bool {
        self.new == LinkState::Hold && self.old != LinkState::Hold
    }

    fn after_hold(&self, sim: &turmoil::Sim<'_>) {
        match self.new {
            LinkState::Hold => {}
            LinkState::Drop => sim.partition_oneway(self.from, self.to),
            LinkState::Open => {
                sim.repair_oneway(self.from, self.to);
                deliver(sim, self.from, self.to);
            }
        }
    }

    fn change(&self, sim: &turmoil::Sim<'_>) {
        match (self.old, self.new) {
            (old, new) if old == new => {}
            (_, LinkState::Drop) => sim.partition_oneway(self.from, self.to),
            (LinkState::Hold, LinkState::Open) => {
                sim.repair_oneway(self.from, self.to);
                deliver(sim, self.from, self.to);
            }
            (_, LinkState::Open) => sim.repair_oneway(self.from, self.to),
            (_, LinkState::Hold) => unreachable!("a direction that starts to hold is done by hold"),
        }
    }
}

/// Everything under way from one machine to another arrives with the next step.
fn deliver(sim: &turmoil::Sim<'_>, from: IpAddr, to: IpAddr) {
    each_under_way(sim, from, to, |sent| sent.deliver());
}

/// How many packets are under way from one machine to another.
pub(crate) fn under_way(sim: &turmoil::Sim<'_>, from: IpAddr, to: IpAddr) -> u64 {
    let mut packets = 0;
    each_under_way(sim, from, to, |_| packets += 1);
    packets
}

fn each_under_way(
    sim: &turmoil::Sim<'_>,
    from: IpAddr,
    to: IpAddr,
    mut each: impl FnMut(turmoil::SentRef<'_>),
) {
    sim.links(|links| {
        for link in links {
            let pair = link.pair();
            if pair != (from, to) && pair != (to, from) {
                continue;
            }
            for sent in link.filter(|sent| sent.pair().0.ip() == from) {
                each(sent);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drop_wins_over_hold_wins_over_open() {
        let mut links = Links::default();
        assert_eq!(links.state(0, 1), LinkState::Open);
        links.cut(1, &[(0, 1)], CutKind::Stall);
        assert_eq!(links.state(0, 1), LinkState::Hold);
        links.cut(2, &[(0, 1), (1, 0)], CutKind::Drop);
        assert_eq!(links.state(0, 1), LinkState::Drop);
        let (changes, _) = links.heal(2);
        let expected = Change {
            pair: (0, 1),
            old: (LinkState::Drop, LinkState::Drop),
            new: (LinkState::Hold, LinkState::Open),
        };
        assert_eq!(changes, vec![expected]);
        assert!(links.is_cut(0, 1) && links.is_cut(1, 0), "cut in one direction is cut");
    }

    #[test]
    fn overlapping_faults_heal_in_any_order() {
        for order in [[1, 2], [2, 1]] {
            for kinds in [
                [CutKind::Drop, CutKind::Drop],
                [CutKind::Drop, CutKind::Stall],
                [CutKind::Stall, CutKind::Drop],
                [CutKind::Stall, CutKind::Stall],
            ] {
                let mut links = Links::default();
                links.cut(1, &[(3, 4)], kinds[0]);
                links.cut(2, &[(3, 4)], kinds[1]);
                links.heal(order[0]);
                let left = kinds[order[1] as usize - 1];
                assert_eq!(links.state(3, 4), left.into(), "{order:?} {kinds:?}");
                links.heal(order[1]);
                assert_eq!(links.state(3, 4), LinkState::Open, "{order:?} {kinds:?}");
            }
        }
    }

    #[test]
    fn a_packet_counts_for_every_cut_on_its_way() {
        let mut links = Links::default();
        links.cut(1, &[(0, 1)], CutKind::Stall);
        links.on_send(0, 1);
        links.cut(2, &[(0, 1)], CutKind::Drop);
        links.on_send(0, 1);
        links.on_send(1, 0);
        let one = Bite { packets_held: 1, packets_dropped: 1, ..Bite::default() };
        assert_eq!(links.heal(1).1, one);
        assert_eq!(links.heal(2).1, Bite { packets_dropped: 1, ..Bite::default() });
    }
}
