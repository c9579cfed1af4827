//! The contract of clocks and timers.

use std::future::{pending, ready};
use std::time::Duration;

use crate::{Clock, Elapsed, Host};

const CLOCKS: [Clock; 3] = [Clock::Wall, Clock::Monotonic, Clock::Boottime];
const NAP: Duration = Duration::from_millis(20);

pub(super) async fn contract(host: &Host) {
    never_back(host).await;
    for clock in CLOCKS {
        sleeps_are_not_short(host, clock).await;
        limits_are_kept(host, clock).await;
    }
}

async fn never_back(host: &Host) {
    let read = || [host.now(Clock::Monotonic), host.now(Clock::Boottime)];
    let mut before = read();
    for _ in 0..5 {
        host.sleep(Clock::Monotonic, Duration::from_millis(1)).await;
        let after = read();
        assert!(
            before[0] <= after[0] && before[1] <= after[1],
            "a clock went back: {before:?}, then {after:?}"
        );
        before = after;
    }
}

async fn sleeps_are_not_short(host: &Host, clock: Clock) {
    let start = host.now(clock);
    host.sleep(clock, NAP).await;
    let slept = host.now(clock) - start;
    assert!(slept >= NAP, "slept {slept:?} of {NAP:?} on the {clock} clock");

    let deadline = host.now(clock) + NAP;
    host.sleep_until(clock, deadline).await;
    let woke = host.now(clock);
    assert!(woke >= deadline, "woke at {woke:?}, before {deadline:?}, on the {clock} clock");

    // A deadline that has passed is no reason to wait: not even for a first deadline of 0.
    host.sleep_until(clock, start).await;
    host.sleep_until(clock, Duration::ZERO).await;
}

async fn limits_are_kept(host: &Host, clock: Clock) {
    let start = host.now(clock);
    let late = host.timeout(clock, NAP, pending::<()>()).await;
    assert_eq!(late, Err(Elapsed { clock, limit: NAP }));
    assert!(host.now(clock) - start >= NAP, "a limit came early");

    assert_eq!(host.timeout(clock, NAP, ready(1)).await, Ok(1));
    let tie = host.timeout(clock, Duration::ZERO, ready(2)).await;
    assert_eq!(tie, Ok(2), "what is ready at the deadline wins");
    let endless = host.timeout(clock, Duration::MAX, host.sleep(clock, NAP));
    assert_eq!(endless.await, Ok(()), "a limit beyond all time is no limit");
}
