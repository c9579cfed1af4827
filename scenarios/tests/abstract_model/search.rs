//! The two ways to use the checker: look at every state there is, or look for the shortest run
//! that breaks a promise, and tell it.
//!
//! The trap: a search that ends with a counter-example has not seen the rest. Only one that found
//! none has looked at everything.

use std::collections::BTreeSet;

use stateright::{Checker, Expectation, HasDiscoveries, Model};

use crate::actions::Action;
use crate::model::PROMISES;
use crate::setup::Setup;

/// Looks at every state: all promises hold.
pub(crate) fn holds(name: &str, setup: Setup) {
    holds_for(name, setup, &PROMISES);
}

/// Looks at every state: these promises hold, and all that a run must reach is reached, so that
/// nothing holds for want of anything happening.
pub(crate) fn holds_for(name: &str, setup: Setup, promises: &[&'static str]) {
    let checker = setup.checker().threads(2).spawn_bfs().join();
    println!("{name}: holds in all {} states", checker.unique_state_count());
    assert!(checker.is_done(), "{name}: the search ended before its end");
    for promise in promises {
        if let Some(run) = checker.discovery(promise) {
            let told = setup.tell(&run.into_vec(), promise);
            panic!("{name}: broken after all: {promise}\n{}", told.join("\n"));
        }
    }
    for property in setup.properties() {
        if property.expectation == Expectation::Sometimes {
            checker.assert_any_discovery(property.name);
        }
    }
}

/// Looks for the shortest run that breaks a promise, and tells it. All that was asked for must
/// be in it: it is the story that the scenario of this name tells.
pub(crate) fn breaks(scenario: &str, setup: Setup, promise: &'static str, story: &[Action]) {
    // The checker looks at 1,500 states before it asks whether to go on, and keeps the last that
    // it found: the run is the shortest, or a step longer if a level ended among those.
    let found = HasDiscoveries::AnyOf(BTreeSet::from([promise]));
    let checker = setup.checker().finish_when(found).spawn_bfs().join();
    let unique = checker.unique_state_count();
    let run = checker.discovery(promise).unwrap_or_else(|| {
        panic!("{scenario}: holds in all {unique} states, although a rule is missing")
    });
    let run = run.into_vec();
    let told = setup.tell(&run, promise);
    println!("{scenario}: breaks, {unique} states seen\n    {}", told.join("\n    "));
    for action in story {
        let in_it = run.iter().any(|(_, done)| done.as_ref() == Some(action));
        assert!(in_it, "{scenario}: breaks, but without {action:?}");
    }
}
