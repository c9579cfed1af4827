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
    /// Whether it stands still.
    frozen: bool,
}

const MILLION: i128 = 1_000_000;

impl Clocks {
    /// Clocks that start with the run: wall at `epoch` plus its offset, the others at the
    /// machine's boot, which is now.
    pub(crate) fn new(plan: ClockPlan, epoch: Duration) -> Self {
        let drift_ppm = i128::from(plan.drift_ppm);
        let at = |value| Reading { since: 0, value, drift_ppm, frozen: false };
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
        if reading.frozen {
            return None;
        }
        // Rounded up, so that the clock has surely reached the deadline then.
        let rate = MILLION + reading.drift_ppm;
        Some(duration((left * MILLION + rate - 1) / rate))
    }

    /// Steps a clock by so many milliseconds, back if negative.
    pub(crate) fn step(&mut self, clock: Clock, by_ms: i64, now: Duration) {
        let reading = self.touch(clock, now);
        reading.value += i128::from(by_ms) * MILLION;
    }

    /// Makes a clock run too fast by so many parts per million from now on.
    pub(crate) fn drift(&mut self, clock: Clock, ppm: i64, now: Duration) {
        self.touch(clock, now).drift_ppm = i128::from(ppm);
    }

    /// Stops a clock or lets it run on.
    pub(crate) fn freeze(&mut self, clock: Clock, frozen: bool, now: Duration) {
        self.touch(clock, now).frozen = frozen;
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
        if self.frozen {
            return self.value;
        }
        self.value + (now - self.since) * (MILLION + self.drift_ppm) / MILLION
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
        clocks.freeze(Clock::Monotonic, true, secs(5));
        assert_eq!(clocks.read(Clock::Monotonic, secs(9)), secs(5));
        assert_eq!(clocks.until(Clock::Monotonic, secs(6), secs(9)), None);
        clocks.freeze(Clock::Monotonic, false, secs(9));
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
}
