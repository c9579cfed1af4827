//! A ticker with a fixed period on the monotonic clock: ticks that were missed collapse into one,
//! which comes at once, and the schedule stays (Go's `time.Ticker`, which upstream's loops use).

use std::time::Duration;

use host::{Clock, Host};

/// The ticker. It begins when it is made; the first tick comes one period later.
pub(crate) struct Ticker {
    host: Host,
    schedule: Schedule,
}

impl Ticker {
    pub(crate) fn new(host: &Host, period: Duration) -> Self {
        let start = host.now(Clock::Monotonic);
        Self { host: host.clone(), schedule: Schedule { last: start, period } }
    }

    /// Waits for the next tick.
    pub(crate) async fn tick(&mut self) {
        let due = self.schedule.next();
        self.host.sleep_until(Clock::Monotonic, due).await;
        self.schedule.ticked(self.host.now(Clock::Monotonic));
    }
}

struct Schedule {
    /// The latest tick that is over.
    last: Duration,
    /// More than 0.
    period: Duration,
}

impl Schedule {
    fn next(&self) -> Duration {
        self.last.saturating_add(self.period)
    }

    /// A tick was taken at `now`, which is not before [`Schedule::next`].
    fn ticked(&mut self, now: Duration) {
        let late = now.saturating_sub(self.last).as_nanos() % self.period.as_nanos();
        let late =
            u64::try_from(late).expect("less than a period, whose nanoseconds fit 584 years");
        self.last = now.saturating_sub(Duration::from_nanos(late));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missed_ticks_collapse_into_one_and_the_schedule_stays() {
        let ms = Duration::from_millis;
        let mut schedule = Schedule { last: ms(1000), period: ms(300) };
        assert_eq!(schedule.next(), ms(1300));
        schedule.ticked(ms(1300));
        assert_eq!(schedule.next(), ms(1600));
        schedule.ticked(ms(2250)); // the ticks at 1600, 1900 and 2200
        assert_eq!(schedule.next(), ms(2500));
    }
}
