//! What every rule buys: the scenario that breaks without it, by how much, in a base profile in
//! which it alone makes the difference; and what happens to `hardened` without it.
//!
//! Measured, not declared: every cell of the table is runs. What a scenario declares is only where
//! to look ([`catalogue::Shows`]), and which other rules cover for one that `hardened` does not
//! miss.

use std::fmt::Write as _;
use std::ops::Range;

use reports::record::RunRecord;
use sim::verdict::Outcome;

use crate::batch;
use crate::catalogue::{self, Scenario, Shows};
use crate::plan::Plan;
use crate::profile::{Profile, ProfileError};
use crate::rule::Rule;

/// One rule in one scenario that shows it.
#[derive(Debug)]
pub struct Row {
    /// The rule.
    pub rule: Rule,
    /// The scenario.
    pub scenario: &'static str,
    /// The check that fails without the rule.
    pub check: &'static str,
    /// The base profile's name.
    pub base: &'static str,
    /// Under the base profile.
    pub without: Found,
    /// Under the base profile with the rule on.
    pub with: Found,
    /// Under `hardened` (with every rule) with this one off.
    pub hardened_without: Found,
    /// The rules that cover for it there, and what is found with those off, too.
    pub covered_by: &'static [Rule],
    /// See `covered_by`; none if nothing covers.
    pub uncovered: Option<Found>,
    /// Why it is kept though it is covered.
    pub kept: &'static str,
}

/// What some runs showed about one check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Runs.
    pub runs: u64,
    /// Those in which the check failed.
    pub failed: u64,
    /// The seed of the worst of these, and its span in milliseconds.
    pub worst: Option<(u64, u64)>,
    /// The bound on the span in milliseconds.
    pub ttl_ms: u64,
}

/// Why there is no table.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// A base profile that there is not.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// A run that did not come to its end.
    #[error("{scenario} under {profile} with seed {seed}: {error}")]
    Run {
        /// The scenario.
        scenario: String,
        /// The profile.
        profile: String,
        /// The seed.
        seed: u64,
        /// What went wrong.
        error: String,
    },
}

/// The table, rule by rule, over these seeds.
///
/// # Errors
/// If a run did not come to its end.
pub fn measure(seeds: &Range<u64>, jobs: usize) -> Result<Vec<Row>, TableError> {
    let mut rows = Vec::new();
    for rule in Rule::ALL {
        for scenario in catalogue::ALL {
            if let Some(shows) = scenario.shows.as_ref().filter(|shows| shows.rule == rule) {
                rows.push(row(scenario, shows, seeds, jobs)?);
            }
        }
    }
    Ok(rows)
}

fn row(
    scenario: &'static Scenario,
    shows: &'static Shows,
    seeds: &Range<u64>,
    jobs: usize,
) -> Result<Row, TableError> {
    let Shows { rule, base, check, covered_by, kept } = *shows;
    let found = |profile: String| find(scenario, &Profile::built_in(&profile)?, check, seeds, jobs);
    let off = |rules: &[Rule]| rules.iter().map(|rule| format!("-{rule}")).collect::<String>();
    // Every rule on, so that one which `hardened` leaves out can be taken away, too.
    let all = format!("hardened+{}", Rule::PromotionWait);
    let hardened = if rule == Rule::PromotionWait { all.as_str() } else { "hardened" };
    let uncovered = match covered_by {
        [] => None,
        rules => Some(found(format!("{hardened}-{rule}{}", off(rules)))?),
    };
    Ok(Row {
        rule,
        scenario: scenario.name,
        check,
        base,
        without: found(base.to_owned())?,
        with: found(format!("{base}+{rule}"))?,
        hardened_without: found(format!("{hardened}-{rule}"))?,
        covered_by,
        uncovered,
        kept,
    })
}

fn find(
    scenario: &Scenario,
    profile: &Profile,
    check: &str,
    seeds: &Range<u64>,
    jobs: usize,
) -> Result<Found, TableError> {
    let plans: Vec<Plan> = seeds.clone().map(|seed| scenario.plan(profile, seed)).collect();
    let (records, failed) = batch::run_all(&plans, jobs, &|| {});
    if let Some(failed) = failed.into_iter().next() {
        return Err(TableError::Run {
            scenario: scenario.name.to_owned(),
            profile: profile.name.clone(),
            seed: plans[failed.at].seed,
            error: failed.error,
        });
    }
    let ttl_ms = plans.first().map_or(0, |plan| plan.profile.ttl_ms);
    Ok(summary(&records, check, ttl_ms))
}

fn summary(records: &[RunRecord], check: &str, ttl_ms: u64) -> Found {
    let fails = |record: &&RunRecord| {
        let mut verdicts = record.verdicts.iter();
        verdicts.any(|verdict| verdict.check == check && verdict.outcome == Outcome::Fail)
    };
    let failed: Vec<&RunRecord> = records.iter().filter(fails).collect();
    let worst = failed.iter().max_by_key(|record| record.figures.span_ms);
    Found {
        runs: records.len() as u64,
        failed: failed.len() as u64,
        worst: worst.map(|record| (record.seed, record.figures.span_ms)),
        ttl_ms,
    }
}

impl Found {
    /// Whether the check failed in any run.
    pub fn breaks(&self) -> bool {
        self.failed > 0
    }

    fn cell(&self, check: &str) -> String {
        let Found { runs, failed, worst, ttl_ms } = *self;
        let Some((seed, span_ms)) = worst else {
            return format!("holds {runs}/{runs}");
        };
        let how_much = match check {
            sim::check::SPAN_WITHIN_TTL => {
                format!("span {:.3} s > {:.3} s, ", seconds(span_ms), seconds(ttl_ms))
            }
            sim::check::NO_SPAN => format!("span {:.3} s > 0, ", seconds(span_ms)),
            _ => String::new(),
        };
        format!("**breaks** {failed}/{runs}: {how_much}seed {seed}")
    }
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}

/// The page on the rules, as Markdown: what each demands, and the table.
pub fn page(rows: &[Row], seeds: &Range<u64>) -> String {
    let Range { start, end } = seeds;
    let mut text = format!(
        "# What every rule buys\n\n\
         Measured by `splitbrain rules --seeds {start}..{end}`, which prints this page; change \
         nothing by hand. A rule is shown in a scenario that breaks under a base profile without \
         it and holds with it, same seeds, same plan. Beside it stands what becomes of `hardened` \
         (for `promotion-wait`, of `hardened` with that) without the rule. A cell says in how many \
         of the runs the check failed, and the seed of the worst; `splitbrain run SCENARIO \
         --profile BASE+RULE --seed SEED` plays one of them, and `hardened-RULE` takes a rule \
         away.\n\n"
    );
    for rule in Rule::ALL {
        let _ = writeln!(text, "- `{rule}`: {}", rule.about());
    }
    text.push('\n');
    text.push_str(&markdown(rows));
    text
}

/// The table as Markdown.
pub fn markdown(rows: &[Row]) -> String {
    let mut text = String::from(
        "| rule | scenario | check | base profile | without the rule | with it | `hardened` minus \
         it |\n|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let _ = writeln!(
            text,
            "| `{}` | `{}` | `{}` | `{}` | {} | {} | {} |",
            row.rule,
            row.scenario,
            row.check,
            row.base,
            row.without.cell(row.check),
            row.with.cell(row.check),
            row.minus_cell(),
        );
    }
    text
}

impl Row {
    /// Whether the rule alone makes the difference, and `hardened` misses it unless it is covered
    /// as declared.
    pub fn is_as_declared(&self) -> bool {
        let covered = match &self.uncovered {
            None => self.hardened_without.breaks(),
            Some(uncovered) => !self.hardened_without.breaks() && uncovered.breaks(),
        };
        self.without.breaks() && !self.with.breaks() && covered
    }

    fn minus_cell(&self) -> String {
        let found = self.hardened_without.cell(self.check);
        let Some(uncovered) = &self.uncovered else {
            return found;
        };
        let rules: Vec<String> = self.covered_by.iter().map(|rule| format!("`{rule}`")).collect();
        let without_them = uncovered.cell(self.check);
        format!(
            "{found}; covered by {}, without which it {without_them}; kept because {}",
            rules.join(" and "),
            self.kept
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLDS: Found = Found { runs: 5, failed: 0, worst: None, ttl_ms: 8_000 };
    const BREAKS: Found = Found { runs: 5, failed: 2, worst: Some((3, 12_345)), ttl_ms: 8_000 };

    fn alone() -> Row {
        Row {
            rule: Rule::ClosedStart,
            scenario: "restart_without_a_lease",
            check: sim::check::SPAN_WITHIN_TTL,
            base: "lease",
            without: BREAKS,
            with: HOLDS,
            hardened_without: BREAKS,
            covered_by: &[],
            uncovered: None,
            kept: "",
        }
    }

    fn covered() -> Row {
        Row {
            hardened_without: HOLDS,
            covered_by: &[Rule::DatedHeartbeat],
            uncovered: Some(BREAKS),
            kept: "it is cheap",
            ..alone()
        }
    }

    #[test]
    fn a_rule_that_alone_makes_the_difference_is_as_declared() {
        assert!(alone().is_as_declared());
        for surprise in [
            Row { without: HOLDS, ..alone() },
            Row { with: BREAKS, ..alone() },
            Row { hardened_without: HOLDS, ..alone() },
        ] {
            assert!(!surprise.is_as_declared(), "{surprise:?}");
        }
    }

    #[test]
    fn a_covered_rule_is_missed_only_once_its_covers_are_off() {
        assert!(covered().is_as_declared());
        for surprise in [
            Row { hardened_without: BREAKS, ..covered() },
            Row { uncovered: Some(HOLDS), ..covered() },
            Row { uncovered: None, ..covered() },
        ] {
            assert!(!surprise.is_as_declared(), "{surprise:?}");
        }
    }

    #[test]
    fn cells_say_how_often_by_how_much_and_with_which_seed() {
        assert_eq!(HOLDS.cell("converged"), "holds 5/5");
        assert_eq!(BREAKS.cell("converged"), "**breaks** 2/5: seed 3");
        let span = BREAKS.cell(sim::check::SPAN_WITHIN_TTL);
        assert_eq!(span, "**breaks** 2/5: span 12.345 s > 8.000 s, seed 3");
        let text = page(&[alone(), covered()], &(0..5));
        assert!(text.contains("`splitbrain rules --seeds 0..5`"), "{text}");
        let row = "| holds 5/5; covered by `dated-heartbeat`, without which it **breaks** 2/5: span \
                   12.345 s > 8.000 s, seed 3; kept because it is cheap |";
        assert!(text.contains(row), "{text}");
    }
}
