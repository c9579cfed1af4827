//! Links that are slow for a while: how long a packet takes on each, and what every slowness did.
//!
//! What this is not: about packets that wait or are lost, which is `links.rs`. turmoil keeps one
//! latency per link for both directions; it counts for what is sent from now on, and what is
//! under way arrives when it was to.
//!
//! The trap: what a cut of kind *stall* lets go when it is healed arrives at once, on a slow link
//! too; and so does what is under way in the open direction when a stall of the other begins.

use std::collections::BTreeMap;

use crate::links::CutId;

/// Two machines by their number, the lower one first.
pub(crate) type Pair = (usize, usize);

/// The links that are slow now.
#[derive(Debug, Default)]
pub(crate) struct SlowLinks {
    /// What each slowness asks for, in milliseconds.
    laid: BTreeMap<Pair, BTreeMap<CutId, u64>>,
    slowed: BTreeMap<CutId, u64>,
}

impl SlowLinks {
    /// How long a packet takes between two machines, in milliseconds, if their link is slow. The
    /// slowest of what lies on it counts.
    pub(crate) fn one_way_ms(&self, a: usize, b: usize) -> Option<u64> {
        self.laid.get(&pair(a, b))?.values().max().copied()
    }

    /// Makes links slow; those that change.
    pub(crate) fn lay(&mut self, id: CutId, pairs: &[Pair], one_way_ms: u64) -> Vec<Pair> {
        for &(a, b) in pairs {
            self.laid.entry(pair(a, b)).or_default().insert(id, one_way_ms);
        }
        self.of(id)
    }

    /// Takes a slowness away: the links that change, and how many packets it slowed.
    pub(crate) fn lift(&mut self, id: CutId) -> (Vec<Pair>, u64) {
        let changed = self.of(id);
        for pair in &changed {
            if let Some(laid) = self.laid.get_mut(pair) {
                laid.remove(&id);
            }
        }
        (changed, self.slowed.remove(&id).unwrap_or(0))
    }

    /// A packet is sent that arrives: it counts for all that slows its link.
    pub(crate) fn on_send(&mut self, from: usize, to: usize) {
        for id in self.laid.get(&pair(from, to)).into_iter().flat_map(BTreeMap::keys) {
            *self.slowed.entry(*id).or_default() += 1;
        }
    }

    fn of(&self, id: CutId) -> Vec<Pair> {
        self.laid.iter().filter(|(_, laid)| laid.contains_key(&id)).map(|(&pair, _)| pair).collect()
    }
}

fn pair(a: usize, b: usize) -> Pair {
    (a.min(b), a.max(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_counts_and_overlapping_ones_end_in_any_order() {
        for (first, left_ms) in [(1, 300), (2, 200)] {
            let mut links = SlowLinks::default();
            assert_eq!(links.lay(1, &[(3, 0), (0, 3)], 200), [(0, 3)]);
            assert_eq!(links.lay(2, &[(0, 3)], 300), [(0, 3)]);
            assert_eq!(links.one_way_ms(3, 0), Some(300));
            assert_eq!(links.one_way_ms(0, 1), None);
            links.lift(first);
            assert_eq!(links.one_way_ms(0, 3), Some(left_ms));
            links.lift(3 - first);
            assert_eq!(links.one_way_ms(0, 3), None);
        }
    }

    #[test]
    fn packets_count_for_all_that_slows_their_link() {
        let mut links = SlowLinks::default();
        links.lay(1, &[(0, 1)], 200);
        links.on_send(1, 0);
        links.lay(2, &[(0, 1), (0, 2)], 100);
        links.on_send(0, 1);
        links.on_send(1, 2);
        assert_eq!(links.lift(1), (vec![(0, 1)], 2));
        assert_eq!(links.lift(2), (vec![(0, 1), (0, 2)], 1));
    }
}
