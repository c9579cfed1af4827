//! What a report is made of: one record a run, and cells that gather the runs of one scenario
//! under one profile.

use serde::{Deserialize, Serialize};
use sim::fault::Bite;
use sim::figures::Figures;
use sim::verdict::{Outcome, Verdict};

use crate::vacuity::vacuity;

/// The version of the JSON that is written: raised when a field changes its meaning or goes.
pub const SCHEMA: u32 = 1;

/// What a scenario expects under a profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "expect", rename_all = "snake_case")]
pub enum Expectation {
    /// Every check passes in every run.
    Holds,
    /// This check fails in at least one run of the cell, and no check in any but it and those
    /// that may break with it.
    Breaks {
        /// The check.
        check: String,
        /// Checks that may break for the same reason.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        also: Vec<String>,
        /// Why it breaks, in one sentence.
        reason: String,
    },
}

impl Expectation {
    /// Whether this check may fail.
    pub fn allows(&self, failing: &str) -> bool {
        match self {
            Self::Holds => false,
            Self::Breaks { check, also, .. } => {
                check == failing || also.iter().any(|check| check == failing)
            }
        }
    }
}

/// One run, judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The scenario's name.
    pub scenario: String,
    /// The profile's name.
    pub profile: String,
    /// The seed.
    pub seed: u64,
    /// The yardstick in milliseconds.
    pub ttl_ms: u64,
    /// The tick in milliseconds.
    pub tick_ms: u64,
    /// What was expected of the cell.
    pub expectation: Expectation,
    /// The digest of the history.
    pub digest: String,
    /// Every checker's answer, goals included.
    pub verdicts: Vec<Verdict>,
    /// The figures.
    pub figures: Figures,
    /// What each planned fault did, in the order of the plan: its name and its bite.
    pub bites: Vec<(String, Bite)>,
    /// Simulated milliseconds from start to end.
    pub simulated_ms: u64,
    /// The command line that runs just this again.
    pub replay: String,
}

impl RunRecord {
    /// The verdicts that count: not those about what was never promised.
    pub fn counted(&self) -> impl Iterator<Item = &Verdict> {
        self.verdicts.iter().filter(|verdict| !verdict.informative)
    }

    /// What it missed, if it proves nothing.
    pub fn vacuity(&self) -> Option<&str> {
        vacuity(&self.verdicts, &self.figures)
    }

    /// The worst of its verdicts that count.
    pub fn outcome(&self) -> Outcome {
        sim::verdict::merge(&self.verdicts)
    }
}
