//! Which calls are to blame, if calls have no order that explains every answer.
//!
//! First the shortest beginning of the history that has none. Then, of its calls, a core: calls
//! that have no order *whatever the others did and when*. A call outside the core is freed, so
//! that it may have taken effect at any time or never, and nothing that it heard counts. Freeing
//! a call never takes an order away, so that what is left over is to blame, and of it everything.

use super::super::windows::Moment;
use super::calls::Call;
use super::order::Order;
use super::search::{Found, search};

/// For how many steps calls are freed. What is not reached by then stays in the core.
const STEPS_MAX: u64 = 200_000;

/// The shortest beginning of calls without an order, as calls; unless a search for one ran out
/// of steps.
pub(super) fn beginning<'r>(calls: &[Call<'r>], steps_max: u64) -> Vec<Call<'r>> {
    let order = Order::of(calls, |_| false);
    let until = |last: usize| -> Vec<Call<'r>> {
        let each = calls.iter().enumerate();
        each.filter_map(|(at, call)| order.until(last, at, call)).collect()
    };
    // Without one at `last`, not known to be without one before `first`.
    let (mut first, mut last) = (0, order.ends.len() - 1);
    while first < last {
        let middle = usize::midpoint(first, last);
        if search(&until(middle), &mut { steps_max }) == Found::NoOrder {
            last = middle;
        } else {
            first = middle + 1;
        }
    }
    until(last)
}

/// The core of calls without an order.
pub(super) fn core<'r>(calls: &[Call<'r>]) -> Vec<Call<'r>> {
    let mut freed = vec![false; calls.len()];
    let mut steps = STEPS_MAX;
    let mut length = calls.len().div_ceil(2);
    while length > 0 && steps > 0 {
        let held: Vec<usize> = (0..calls.len()).filter(|at| !freed[*at]).collect();
        for some in held.chunks(length) {
            some.iter().for_each(|at| freed[*at] = true);
            if search(&without(calls, &freed), &mut steps) != Found::NoOrder {
                some.iter().for_each(|at| freed[*at] = false);
            }
        }
        length = if length == 1 { 0 } else { length.div_ceil(2) };
    }
    let held = calls.iter().zip(freed).filter(|(_, freed)| !freed);
    held.map(|(call, _)| call.clone()).collect()
}

/// With some calls freed.
fn without<'r>(calls: &[Call<'r>], freed: &[bool]) -> Vec<Call<'r>> {
    let each = calls.iter().zip(freed);
    let mut calls: Vec<Call> = each
        .filter_map(|(call, freed)| if *freed { free(call) } else { Some(call.clone()) })
        .collect();
    calls.sort_by_key(|call| call.invoked);
    calls
}

fn free<'r>(call: &Call<'r>) -> Option<Call<'r>> {
    let mut call = call.unfinished()?;
    call.invoked = Moment { at_ms: 0, event: 0 };
    Some(call)
}
