//! Nothing happens.

use reports::record::Expectation;
use sim::goal::Goal;
use sim::promise::Promise;

use super::{PLAIN, Scenario};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "no_fault",
    story: "Nothing happens; every protection must leave a healthy cluster alone.",
    faults: |_| vec![],
    expectation: |_| Expectation::Holds,
    goals: |_| vec![Goal::NoPromotion],
    promises: &[Promise::NoOutage],
    ..PLAIN
};
