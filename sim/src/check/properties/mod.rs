//! Properties of the checkers. A drawn life of an honest cluster (`life.rs`, `cluster.rs`) is
//! judged good by all of them; broken in one place (`*_breaks.rs`), the checker of the promise
//! that was broken finds that place, and no other check complains, unless the break names it. On
//! random and on damaged histories each checker agrees with a slow and obvious version of itself
//! (`*_naive.rs`, `agreement.rs`).
//!
//! Cases are drawn from a fixed seed; `PROPTEST_CASES` and `PROPTEST_RNG_SEED` draw others.

#![cfg(test)]

mod agreement;
mod cluster;
mod data_breaks;
mod data_naive;
mod handover;
mod life;
mod lived;
mod random;
mod rule_breaks;
mod rule_naive;
mod small_cases;
mod tape;
mod window_breaks;
mod window_naive;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{RngSeed, TestRunner};

use super::judge;
use crate::history::History;
use crate::verdict::Outcome;
use cluster::live;
use life::{Life, lives};
use lived::{Lived, in_words};

/// The same cases in every run, unless the environment asks for others or for more.
fn config() -> ProptestConfig {
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if let RngSeed::Random = config.rng_seed {
        config.rng_seed = RngSeed::Fixed(1);
    }
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = CASES;
    }
    // Lives without a place to break are cheap, and some places are rare.
    config.max_global_rejects = 40 * config.cases;
    config
}

const CASES: u32 = 64;

/// A good history that was broken in one place.
struct Broken {
    history: History,
    /// The check that must fail.
    check: &'static str,
    /// The event that its evidence must name, if it names any.
    place: Option<u64>,
    /// The checks that fail with it, because they cannot but.
    also: Vec<&'static str>,
}

impl Broken {
    fn of(check: &'static str, history: History, place: u64) -> Self {
        Self { history, check, place: Some(place), also: Vec::new() }
    }

    fn without_place(check: &'static str, history: History) -> Self {
        Self { history, check, place: None, also: Vec::new() }
    }

    fn also(mut self, check: &'static str, necessarily: bool) -> Self {
        self.also.extend(necessarily.then_some(check));
        self
    }
}

/// Whether the checkers find just what was broken.
fn caught(broken: &Broken) -> Result<(), TestCaseError> {
    let events = broken.history.events();
    for verdict in judge(&broken.history).0.iter().filter(|verdict| !verdict.informative) {
        let check = verdict.check.as_str();
        let fails = check == broken.check || broken.also.contains(&check);
        let expected = if fails { Outcome::Fail } else { Outcome::Pass };
        let shown: Vec<String> =
            verdict.evidence.iter().map(|number| in_words(&events[*number as usize])).collect();
        let found = format!("{check}: {} {shown:#?}", verdict.reason);
        prop_assert_eq!(verdict.outcome, expected, "{}", found);
        if let (true, Some(place)) = (check == broken.check, broken.place) {
            let named = verdict.evidence.contains(&place);
            prop_assert!(named, "{}\ndoes not name {}", found, in_words(&events[place as usize]));
        }
    }
    Ok(())
}

/// Breaks lives in a place of which there may be several; one that has none is not counted.
fn each_is_caught(
    lives: impl Strategy<Value = Life>,
    break_one: impl Fn(&Lived, Index) -> Option<Broken>,
) {
    let found = TestRunner::new(config()).run(&(lives, any::<Index>()), |(life, index)| {
        let broken = break_one(&live(&life), index);
        caught(&broken.ok_or_else(|| TestCaseError::reject("it has no such place"))?)
    });
    found.unwrap_or_else(|error| panic!("{error}"));
}

/// One of several places, if there is any.
fn one_of<T: Clone>(places: impl IntoIterator<Item = T>, index: Index) -> Option<T> {
    let places: Vec<T> = places.into_iter().collect();
    (!places.is_empty()).then(|| places[index.index(places.len())].clone())
}

#[test]
fn a_good_life_passes_every_check() {
    let found = TestRunner::new(config()).run(&lives(), |life| {
        let history = live(&life).history();
        for verdict in judge(&history).0.iter().filter(|verdict| !verdict.informative) {
            let found = format!("{}: {}", verdict.check, verdict.reason);
            prop_assert_eq!(verdict.outcome, Outcome::Pass, "{}", found);
        }
        Ok(())
    });
    found.unwrap_or_else(|error| panic!("{error}"));
}
