//! The operating system's clocks, and timers on them.
//!
//! The monotonic clock is tokio's own. Timers on the other two are timerfds with absolute
//! deadlines, since a timer that counts a length knows neither suspend nor steps.
//!
//! The trap: each sleep on the wall or boottime clock holds a file descriptor while it lasts.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::Clock;

/// How often a clock is looked at when it cannot have a timer.
const COARSE: Duration = Duration::from_secs(1);

/// Reads a clock. A wall clock that stands before 1970 reads 0.
pub(super) fn now(clock: Clock) -> Duration {
    let time = clock_gettime(match clock {
        Clock::Wall => ClockId::Realtime,
        Clock::Monotonic => ClockId::Monotonic,
        Clock::Boottime => ClockId::Boottime,
    });
    Duration::try_from(time).unwrap_or(Duration::ZERO)
}

/// Sleeps until `clock` reads `deadline` or more.
pub(super) async fn sleep_until(clock: Clock, deadline: Duration) {
    match timer_of(clock) {
        None => sleep_in_pieces(clock, deadline, Duration::MAX).await,
        Some(id) => {
            if let Err(error) = sleep_on_timerfd(clock, id, deadline).await {
                tracing::warn!(%clock, %error, "no timer: looking at the clock now and then");
                sleep_in_pieces(clock, deadline, COARSE).await;
            }
        }
    }
}

/// The timerfd clock, or `None` where tokio's timer is on the right clock already.
fn timer_of(clock: Clock) -> Option<TimerfdClockId> {
    match clock {
        Clock::Wall => Some(TimerfdClockId::Realtime),
        Clock::Monotonic => None,
        Clock::Boottime => Some(TimerfdClockId::Boottime),
    }
}

/// Sleeps on the monotonic clock for what is left on `clock`, at most `piece` at a time.
#[expect(clippy::disallowed_methods, reason = "here the machine's clock is tokio's")]
async fn sleep_in_pieces(clock: Clock, deadline: Duration, piece: Duration) {
    while let Some(left) = left(clock, deadline) {
        tokio::time::sleep(left.min(piece)).await;
    }
}

/// What is left until `deadline`; `None` once it is reached.
fn left(clock: Clock, deadline: Duration) -> Option<Duration> {
    let left = deadline.saturating_sub(now(clock));
    (!left.is_zero()).then_some(left)
}

async fn sleep_on_timerfd(clock: Clock, id: TimerfdClockId, deadline: Duration) -> io::Result<()> {
    if left(clock, deadline).is_none() {
        return Ok(());
    }
    let timer = timerfd(id)?;
    // A deadline of 0 would disarm the timer, but what is left is more than nothing.
    while left(clock, deadline).is_some() {
        arm(timer.get_ref(), clock, deadline)?;
        let mut ready = timer.readable().await?;
        if let Ok(read) = ready.try_io(|timer| expirations(timer.get_ref())) {
            read?;
        }
    }
    Ok(())
}

/// A timer that is not armed yet.
#[expect(
    deprecated,
    reason = "unsound only for types that may close or swap their descriptor, which OwnedFd \
              cannot; what replaces it is an unsafe function, and unsafe code is forbidden here"
)]
fn timerfd(id: TimerfdClockId) -> io::Result<AsyncFd<OwnedFd>> {
    let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
    AsyncFd::with_interest(timerfd_create(id, flags)?, Interest::READABLE)
}

fn arm(timer: &OwnedFd, clock: Clock, deadline: Duration) -> io::Result<()> {
    let flags = match clock {
        // So that a step of the clock wakes the sleeper, who then looks again.
        Clock::Wall => TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET,
        Clock::Monotonic | Clock::Boottime => TimerfdTimerFlags::ABSTIME,
    };
    let spec = Itimerspec { it_interval: Timespec::default(), it_value: timespec(deadline) };
    match timerfd_settime(timer, flags, &spec) {
        // The clock stepped between creation and here; the timer is armed all the same.
        Ok(_) | Err(Errno::CANCELED) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Takes the expiration off the timer, or the notice that the clock stepped.
fn expirations(timer: &OwnedFd) -> io::Result<()> {
    match rustix::io::read(timer, &mut [0; 8]) {
        Ok(_) | Err(Errno::CANCELED) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The kernel takes what is beyond its own range as "never".
fn timespec(time: Duration) -> Timespec {
    Timespec::try_from(time).unwrap_or(Timespec { tv_sec: i64::MAX, tv_nsec: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os;

    const NAP: Duration = Duration::from_millis(20);

    #[test]
    fn a_timer_takes_any_deadline_and_does_not_fire_before_it() {
        os::run(async {
            for clock in [Clock::Wall, Clock::Boottime] {
                let id = timer_of(clock).unwrap();
                arm(timerfd(id).unwrap().get_ref(), clock, Duration::MAX).unwrap();
                for deadline in [Duration::ZERO, now(clock) + NAP] {
                    sleep_on_timerfd(clock, id, deadline).await.unwrap();
                    assert!(now(clock) >= deadline);
                }
            }
        })
        .unwrap();
    }

    #[test]
    fn a_clock_without_a_timer_is_looked_at_until_the_deadline() {
        os::run(async {
            let deadline = now(Clock::Boottime) + NAP;
            sleep_in_pieces(Clock::Boottime, deadline, Duration::from_millis(3)).await;
            assert!(now(Clock::Boottime) >= deadline);
        })
        .unwrap();
    }
}
