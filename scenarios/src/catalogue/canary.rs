//! The canary: a break that is expected not to happen, so that it must be reported.

use reports::record::Expectation;

use super::{PLAIN, Scenario, hung_master_returns};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "canary",
    story: "`hung_master_returns` with its expectation forced to `holds`: must be reported as a \
            surprise under `baseline`, which proves that failures are reported.",
    faults: hung_master_returns::faults,
    expectation: |_| Expectation::Holds,
    goals: hung_master_returns::goals,
    by_default: false,
    ..PLAIN
};
