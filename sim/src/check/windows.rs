//! For every commit that changed a shard's master: p, the last instant that counts for it, and
//! the writes acknowledged until then by deposed nodes (DESIGN section 6). Measured once, in one
//! pass over the stretches of authority.

use std::collections::BTreeMap;

use super::reading::{Acknowledgement, Reading};
use super::stretch::{Stretch, stretches};
use super::tenure::Tenures;

/// The windows of every shard.
#[derive(Debug, Default)]
pub(super) struct Windows(BTreeMap<u32, Vec<Window>>);

/// What one commit brought about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Window {
    /// p: the first instant after the commit at which a node acting under it, or under a later
    /// one, was authoritative.
    pub(super) effect: Option<Moment>,
    /// The last instant from p on at which a deposed node's authority or acknowledgement counted
    /// for this commit.
    pub(super) last_stale: Option<Moment>,
    /// Writes acknowledged by a deposed node from p on, counted for this commit.
    pub(super) stale_writes: u64,
}

/// When something happened, and the event that shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment {
    pub(super) at_ms: u64,
    pub(super) event: u64,
}

impl Windows {
    pub(super) fn of(reading: &Reading) -> Self {
        let shards = reading.tenures.iter();
        Self(shards.map(|(&shard, tenures)| (shard, of_shard(reading, shard, tenures))).collect())
    }

    /// The windows of a shard, by commit.
    pub(super) fn of_shard(&self, shard: u32) -> &[Window] {
        self.0.get(&shard).map_or(&[], Vec::as_slice)
    }

    /// p of one commit.
    pub(super) fn effect(&self, shard: u32, commit: usize) -> Option<Moment> {
        self.of_shard(shard).get(commit)?.effect
    }

    /// Whether an acknowledgement came from a deposed node after the p it counts for.
    pub(super) fn is_stale(&self, tenures: &Tenures, ack: &Acknowledgement) -> bool {
        let stretch = Stretch::of(tenures, ack);
        stretch.is_deposed(tenures) && self.is_after_p(ack, stretch.counts_for())
    }

    /// Whether an acknowledgement came at or after p of a commit.
    pub(super) fn is_after_p(&self, ack: &Acknowledgement, commit: Option<usize>) -> bool {
        let effect = commit.and_then(|commit| self.effect(ack.shard, commit));
        effect.is_some_and(|p| p.at_ms <= ack.at_ms)
    }
}

fn of_shard(reading: &Reading, shard: u32, tenures: &Tenures) -> Vec<Window> {
    let stood = stretches(reading, shard, tenures);
    let acknowledged: Vec<(Stretch, u64)> = reading
        .acknowledgements
        .iter()
        .filter(|ack| ack.shard == shard)
        .map(|ack| (Stretch::of(tenures, ack), ack.writes.len() as u64))
        .collect();
    let mut windows = vec![Window::default(); tenures.all.len()];
    let all = || {
        let stood = stood.iter().map(|stretch| (stretch, 0));
        stood.chain(acknowledged.iter().map(|(stretch, writes)| (stretch, *writes)))
    };
    for (stretch, _) in all() {
        take_effect(&mut windows, stretch);
    }
    // Who acts under a later commit shows the effect of the earlier ones, too.
    for commit in (1..windows.len()).rev() {
        let (earlier, later) = (windows[commit - 1].effect, windows[commit].effect);
        windows[commit - 1].effect = earlier.into_iter().chain(later).min();
    }
    for (stretch, writes) in all() {
        if stretch.is_deposed(tenures) {
            count_stale(&mut windows, stretch, writes, reading.setup.tick_ms);
        }
    }
    windows
}

/// An instant after commit k counts for commits up to k, even if its machine was quicker than
/// the store.
fn take_effect(windows: &mut [Window], stretch: &Stretch) {
    if let (Some(under), Some(in_force)) = (stretch.under, stretch.in_force) {
        let moment = Moment { at_ms: stretch.from_ms, event: stretch.event };
        let effect = &mut windows[under.min(in_force)].effect;
        *effect = Some(effect.map_or(moment, |earliest| earliest.min(moment)));
    }
}

fn count_stale(windows: &mut [Window], stretch: &Stretch, writes: u64, tick_ms: u64) {
    let window = stretch.counts_for().and_then(|commit| windows.get_mut(commit));
    let Some(window) = window else { return };
    let last = window.effect.and_then(|p| stretch.last_instant(p.at_ms, tick_ms));
    let Some(at_ms) = last else { return };
    window.last_stale = window.last_stale.max(Some(Moment { at_ms, event: stretch.event }));
    window.stale_writes += writes;
}
