//! From time to place: the horizontal scale, its ticks, and the length of bars of counts.

/// A stretch of a run that is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its begin, in simulated milliseconds.
    pub from_ms: u64,
    /// Its end.
    pub until_ms: u64,
}

impl Window {
    /// Its length in milliseconds, at least 1.
    pub fn length_ms(self) -> u64 {
        self.until_ms.saturating_sub(self.from_ms).max(1)
    }

    pub(super) fn holds(self, at_ms: u64) -> bool {
        (self.from_ms..=self.until_ms).contains(&at_ms)
    }
}

/// The horizontal scale.
#[derive(Clone, Copy)]
pub(super) struct Scale {
    pub(super) window: Window,
    left: f64,
    right: f64,
}

impl Scale {
    pub(super) fn new(window: Window, left: f64, right: f64) -> Scale {
        Scale { window, left, right }
    }

    /// The place of an instant, cut to the window.
    pub(super) fn x(&self, at_ms: u64) -> f64 {
        let at_ms = at_ms.clamp(self.window.from_ms, self.window.until_ms.max(self.window.from_ms));
        let part = (at_ms - self.window.from_ms) as f64 / self.window.length_ms() as f64;
        self.left + part * (self.right - self.left)
    }

    /// The left edge and the width of a stretch of time; none if it lies outside the window.
    pub(super) fn stretch(&self, from_ms: u64, until_ms: u64) -> Option<(f64, f64)> {
        if until_ms < self.window.from_ms || from_ms > self.window.until_ms {
            return None;
        }
        let (from, until) = (self.x(from_ms), self.x(until_ms));
        Some((from, until - from))
    }

    /// The instants that get a tick, at round numbers, 8 to 20 of them.
    pub(super) fn ticks(&self) -> Vec<u64> {
        let step = step_ms(self.window);
        let first = self.window.from_ms.div_ceil(step);
        (first..).map(|at| at * step).take_while(|at| *at <= self.window.until_ms).collect()
    }

    /// The label of a tick, in seconds, with as many decimals as the step needs.
    pub(super) fn tick_label(&self, at_ms: u64) -> String {
        match step_ms(self.window) {
            step if step >= 1_000 => format!("{}", at_ms / 1_000),
            step if step >= 100 => format!("{}.{}", at_ms / 1_000, at_ms % 1_000 / 100),
            _ => format!("{}.{:03}", at_ms / 1_000, at_ms % 1_000),
        }
    }
}

/// A length to draw with: one decimal.
pub(super) fn px(length: f64) -> String {
    format!("{length:.1}")
}

/// The length of the bars of counts: 250 ms in the usual run, finer in a close-up.
pub(super) fn bin_ms(window: Window) -> u64 {
    let fits = |bin: &u64| window.length_ms() / bin <= 300;
    [10, 50, 100, 250, 500, 1_000, 2_000, 5_000].into_iter().find(fits).unwrap_or(10_000)
}

fn step_ms(window: Window) -> u64 {
    let fits = |step: &u64| window.length_ms() / step <= 16;
    let steps = [
        1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 60_000,
        120_000, 300_000, 600_000, 1_800_000,
    ];
    steps.into_iter().find(fits).unwrap_or(3_600_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale(from_ms: u64, until_ms: u64) -> Scale {
        Scale::new(Window { from_ms, until_ms }, 100.0, 1_100.0)
    }

    #[test]
    fn instants_are_placed_and_cut() {
        let scale = scale(10_000, 20_000);
        assert_eq!(scale.x(15_000), 600.0);
        assert_eq!(scale.x(0), 100.0);
        assert_eq!(scale.stretch(0, 12_000), Some((100.0, 200.0)));
        assert_eq!(scale.stretch(0, 9_999), None);
        assert_eq!(scale.stretch(20_001, 30_000), None);
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(scale(0, 60_000).ticks().len(), 13);
        assert_eq!(scale(0, 60_000).tick_label(5_000), "5");
        let close = scale(21_300, 23_000);
        assert_eq!(close.ticks().first(), Some(&21_400));
        assert_eq!(close.tick_label(21_400), "21.4");
    }

    #[test]
    fn a_run_of_no_time_is_drawn_too() {
        let scale = scale(0, 0);
        assert_eq!(scale.x(0), 100.0);
        assert_eq!(scale.ticks(), [0]);
    }

    #[test]
    fn a_usual_run_is_counted_in_quarters_of_a_second() {
        assert_eq!(bin_ms(Window { from_ms: 0, until_ms: 70_000 }), 250);
        assert_eq!(bin_ms(Window { from_ms: 20_000, until_ms: 40_000 }), 100);
    }
}
