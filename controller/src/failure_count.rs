//! How often in a row each node failed its probe, and when that calls for a promotion. Pure, and
//! in the memory of one leader: the next one starts from zero.

use std::collections::BTreeMap;

/// Failed probes in a row by node id.
pub(crate) struct FailureCounts {
    max: u32,
    counts: BTreeMap<String, u32>,
}

impl FailureCounts {
    /// `max`, more than 0, is the count at which a master is given up.
    pub(crate) fn new(max: u32) -> Self {
        Self { max, counts: BTreeMap::new() }
    }

    /// Counts a failed probe and returns how many there were in a row.
    pub(crate) fn failed(&mut self, id: &str) -> u32 {
        let count = self.counts.entry(id.to_owned()).or_default();
        *count = count.saturating_add(1);
        *count
    }

    /// Whether so many failures of a master call for a promotion: with the last allowed one, and
    /// with every later one (upstream's condition, to the letter).
    pub(crate) fn calls_for_promotion(&self, count: u32) -> bool {
        count.is_multiple_of(self.max) || count > self.max
    }

    /// Starts again from zero: after a good probe, and for a master that was just promoted.
    pub(crate) fn clear(&mut self, id: &str) {
        self.counts.remove(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promotion_is_called_for_from_the_last_allowed_failure_on() {
        let mut counts = FailureCounts::new(3);
        let calls: Vec<bool> = (0..7)
            .map(|_| {
                let count = counts.failed("a");
                counts.calls_for_promotion(count)
            })
            .collect();
        assert_eq!(calls, [false, false, true, true, true, true, true]);
        assert!(FailureCounts::new(1).calls_for_promotion(1));
    }

    #[test]
    fn a_good_probe_starts_again_from_zero() {
        let mut counts = FailureCounts::new(3);
        assert_eq!((counts.failed("a"), counts.failed("a"), counts.failed("b")), (1, 2, 1));
        counts.clear("a");
        assert_eq!((counts.failed("a"), counts.failed("b")), (1, 2));
    }
}
