//! The clocks of one simulated machine, as functions of simulated time.
//!
//! Integer arithmetic in nanoseconds throughout, so that every platform reads the same.

use std::time::Duration;

use host::Clock;
use serde::{Deserialize, Serialize};

/// How the clocks of a machine differ from simulated time at the start of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClockPlan {
    /// How far the wall clock is ahead, in milliseconds; negative if it is behind.
    pub wall_offset_ms: i64,
    /// How much too fast all three clocks run, in parts per million; negative if too slow.
    pub drift_ppm: i64,
}

/// The three clocks of a machine.
#[derive(Clone, Debug)]
pub(crate) struct Clocks {
    wall: Reading,
    monotonic: Reading,
    boottime: Reading,
}

/// A clock: linear since the last time it was touched.
#[derive(Clone, Copy, Debug)]
struct Reading {
    /// Simulated nanoseconds at which `value` was exact.
    since: i128,
    /// Nanoseconds on the clock then.
    value: i128,
    /// Parts per million by which it runs too fast.
    drift_ppm: i128,
    /// How many reasons it has to stand still.
    frozen: u32,
}

const MILLION: i128 = 1_000_000;

impl Clocks {
    /// Clocks that start with the run: wall at `epoch` plus its offset, the others at the
    /// machine's boot, which is now.
    pub(crate) fn new(plan: ClockPlan, epoch: Duration) -> Self {
        let drift_ppm = i128::from(plan.drift_ppm);
        let at = |value| Reading { since: 0, value, drift_ppm, frozen: 0 };
        Self {
            wall: at(nanos(epoch) + i128::from(plan.wall_offset_ms) * MILLION),
            monotonic: at(0),
            boottime: at(0),
        }
    }

    /// What a clock reads at `now`, never below zero.
    pub(crate) fn read(&self, clock: Clock, now: Duration) -> Duration {
        duration(self.get(clock).at(nanos(now)))
    }

    /// How long in simulated time until a clock reads `deadline`; none while it stands still.
    pub(crate) fn until(
        &self,
        clock: Clock,
        deadline: Duration,
        now: Duration,
    ) -> Option<Duration> {
        let reading = self.get(clock);
        let left = nanos(deadline) - reading.at(nanos(now));
        if left <= 0 {
            return Some(Duration::ZERO);
        }
        let rate = reading.rate();
        if rate == 0 {
            return None;
        }
        // Rounded up, so that the clock has surely reached the deadline then.
        Some(duration((left * MILLION + rate - 1) / rate))
    }

    /// Steps a clock by so many milliseconds, back if negative: how far its reading moved, which
    /// is less if it would go below zero.
    pub(crate) fn step(&mut self, clock: Clock, by_ms: i64, now: Duration) -> Duration {
        let before = self.read(clock, now);
        let reading = self.touch(clock, now);
        reading.value += i128::from(by_ms) * MILLION;
        self.read(clock, now).abs_diff(before)
    }

    /// Makes a clock run faster by so many parts per million from now on, slower if negative.
    /// At worst it stands still: no clock runs back.
    pub(crate) fn drift(&mut self, clock: Clock, by_ppm: i64, now: Duration) {
        self.touch(clock, now).drift_ppm += i128::from(by_ppm);
    }

    /// Stops a clock until it has been thawed as often as it was frozen.
    pub(crate) fn freeze(&mut self, clock: Clock, now: Duration) {
        self.touch(clock, now).frozen += 1;
    }

    /// Takes away one reason for a clock to stand still.
    pub(crate) fn thaw(&mut self, clock: Clock, now: Duration) {
        let reading = self.touch(clock, now);
        reading.frozen = reading.frozen.saturating_sub(1);
    }

    /// The machine boots: monotonic and boottime start again at zero.
    pub(crate) fn boot(&mut self, now: Duration) {
        for clock in [Clock::Monotonic, Clock::Boottime] {
            self.touch(clock, now).value = 0;
        }
    }

    fn get(&self, clock: Clock) -> &Reading {
        match clock {
            Clock::Wall => &self.wall,
            Clock::Monotonic => &self.monotonic,
            Clock::Boottime => &self.boottime,
        }
    }

    fn touch(&mut self, clock: Clock, now: Duration) -> &mut Reading {
        let reading = match clock {
            Clock::Wall => &mut self.wall,
            Clock::Monotonic => &mut self.monotonic,
            Clock::Boottime => &mut self.boottime,
        };
        let now = nanos(now);
        *reading = Reading { since: now, value: reading.at(now), ..*reading };
        reading
    }
}

impl Reading {
    fn at(&self, now: i128) -> i128 {
        self.value + (now - self.since) * self.rate() / MILLION
    }

    /// Its nanoseconds in a simulated millisecond; 0 while it stands still.
    fn rate(&self) -> i128 {
        if self.frozen > 0 { 0 } else { (MILLION + self.drift_ppm).max(0) }
    }
}

fn nanos(duration: Duration) -> i128 {
    // A duration has less than 2^95 nanoseconds.
    duration.as_nanos() as i128
}

fn duration(nanos: i128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH: Duration = Duration::from_secs(1_000);

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn offset_and_drift_move_readings_and_timers() {
        let plan = ClockPlan { wall_offset_ms: -250, drift_ppm: 100_000 };
        let clocks = Clocks::new(plan, EPOCH);
        assert_eq!(clocks.read(Clock::Wall, secs(10)), Duration::from_millis(1_010_750));
        assert_eq!(clocks.read(Clock::Boottime, secs(10)), secs(11));
        // 11 s on a clock that runs a tenth too fast are 10 s of simulated time.
        assert_eq!(clocks.until(Clock::Monotonic, secs(11), Duration::ZERO), Some(secs(10)));
        assert_eq!(clocks.until(Clock::Monotonic, secs(1), secs(5)), Some(Duration::ZERO));
    }

    #[test]
    fn a_step_moves_one_clock_and_its_timers_only() {
        let mut clocks = Clocks::new(ClockPlan::default(), EPOCH);
        clocks.step(Clock::Wall, -3_000, secs(5));
        assert_eq!(clocks.read(Clock::Wall, secs(6)), secs(1_003));
        assert_eq!(clocks.read(Clock::Boottime, secs(6)), secs(6));
        assert_eq!(clocks.until(Clock::Wall, secs(1_010), secs(6)), Some(secs(7)));
    }

    #[test]
    fn a_frozen_clock_stands_still_and_its_timers_never_come() {
        let mut clocks = Clocks::new(ClockPlan::default(), EPOCH);
        clocks.freeze(Clock::Monotonic, secs(5));
        assert_eq!(clocks.read(Clock::Monotonic, secs(9)), secs(5));
        assert_eq!(clocks.until(Clock::Monotonic, secs(6), secs(9)), None);
        clocks.thaw(Clock::Monotonic, secs(9));
        assert_eq!(clocks.read(Clock::Monotonic, secs(10)), secs(6));
        assert_eq!(clocks.read(Clock::Boottime, secs(10)), secs(10));
    }

    #[test]
    fn a_boot_starts_two_clocks_again() {
        let mut clocks = Clocks::new(ClockPlan::default(), EPOCH);
        clocks.boot(secs(30));
        assert_eq!(clocks.read(Clock::Boottime, secs(31)), secs(1));
        assert_eq!(clocks.read(Clock::Monotonic, secs(31)), secs(1));
        assert_eq!(clocks.read(Clock::Wall, secs(31)), secs(1_031));
    }

    #[test]
    fn a_change_of_drift_does_not_jump() {
        let mut clocks = Clocks::new(ClockPlan::default(), EPOCH);
        clocks.drift(Clock::Boottime, 500_000, secs(10));
        assert_eq!(clocks.read(Clock::Boottime, secs(10)), secs(10));
        assert_eq!(clocks.read(Clock::Boottime, secs(12)), secs(13));
    }

    #[test]
    fn overlapping_drifts_and_freezes_end_in_any_order() {
        let clock = Clock::Boottime;
        for (first, second) in [(250_000, -500_000), (-500_000, 250_000)] {
            let mut clocks = Clocks::new(ClockPlan::default(), EPOCH);
            clocks.drift(clock, 250_000, secs(0));
            clocks.drift(clock, -500_000, secs(4));
            assert_eq!(clocks.read(clock, secs(8)), secs(8), "5 s, and 3 s in 4 s");
            clocks.drift(clock, -first, secs(8));
            clocks.drift(clock, -second, secs(8));
            assert_eq!(clocks.read(clock, secs(9)), secs(9), "as planned again");
            clocks.freeze(clock, secs(9));
            clocks.freeze(clock, secs(10));
            clocks.thaw(clock, secs(11));
            assert_eq!(clocks.read(clock, secs(12)), secs(9), "one reason is left");
            clocks.thaw(clock, secs(12));
            assert_eq!(clocks.read(clock, secs(13)), secs(10));
        }
    }

    #[test]
    fn no_clock_runs_back_and_none_reads_below_zero() {
        let clock = Clock::Monotonic;
        let mut clocks = Clocks::new(ClockPlan::default(), EPOCH);
        clocks.drift(clock, -3_000_000, secs(2));
        assert_eq!(clocks.read(clock, secs(9)), secs(2));
        assert_eq!(clocks.until(clock, secs(3), secs(9)), None);
        assert_eq!(clocks.step(clock, -5_000, secs(9)), secs(2), "all there was");
        assert_eq!(clocks.read(clock, secs(9)), secs(0));
        assert_eq!(clocks.step(Clock::Wall, 7_000, secs(9)), secs(7));
    }
}
