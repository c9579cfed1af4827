//! Which plans a command line asks for: scenarios or plan files, profiles, seeds.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use super::CliError;
use crate::catalogue::{self, Scenario};
use crate::plan::Plan;
use crate::profile::{Profile, built_in_names};
use crate::run_dir;

/// Seeds of a cell unless told otherwise.
pub(super) const SEEDS: Range<u64> = 0..20;

/// Every plan asked for, cell by cell.
pub(super) fn plans(
    what: &[String],
    profiles: &[String],
    seeds: Range<u64>,
) -> Result<Vec<Plan>, CliError> {
    let profiles = read_profiles(profiles)?;
    let mut scenarios: Vec<&Scenario> = Vec::new();
    let mut plans = Vec::new();
    for name in what {
        if is_file(name) {
            plans.push(run_dir::load_plan(Path::new(name))?);
        } else {
            scenarios.push(catalogue::find(name)?);
        }
    }
    if what.is_empty() {
        scenarios = catalogue::ALL.iter().filter(|scenario| scenario.by_default).collect();
    }
    for scenario in &scenarios {
        for profile in &profiles {
            plans.extend(seeds.clone().map(|seed| scenario.plan(profile, seed)));
        }
    }
    refuse_twice(&plans)?;
    Ok(plans)
}

/// Two plans of one name would be mixed up in the report.
fn refuse_twice(plans: &[Plan]) -> Result<(), CliError> {
    let mut seen = BTreeSet::new();
    for Plan { scenario, profile, seed, .. } in plans {
        if !seen.insert((scenario, &profile.name, seed)) {
            return Err(CliError::Usage(format!(
                "{scenario} under {} with seed {seed} is asked for twice",
                profile.name
            )));
        }
    }
    Ok(())
}

fn read_profiles(names: &[String]) -> Result<Vec<Profile>, CliError> {
    if names.is_empty() {
        let all = built_in_names().into_iter().map(Profile::built_in);
        return Ok(all.collect::<Result<_, _>>()?);
    }
    names.iter().map(|name| read_profile(name)).collect()
}

fn read_profile(name: &str) -> Result<Profile, CliError> {
    if !is_file(name) {
        return Ok(Profile::built_in(name)?);
    }
    let text = std::fs::read_to_string(name)
        .map_err(|error| CliError::Usage(format!("{name}: {error}")))?;
    let stem = Path::new(name).file_stem().and_then(|stem| stem.to_str()).unwrap_or(name);
    Ok(Profile::parse(stem, &text)?)
}

fn is_file(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "toml")
}

/// `A..B`: from A to B, without B.
pub(super) fn parse_seeds(text: &str) -> Result<Range<u64>, String> {
    let wrong = || format!("`{text}` is no range of seeds; allowed is A..B with A < B, like 0..20");
    let (from, to) = text.split_once("..").ok_or_else(wrong)?;
    let range = from.parse().map_err(|_| wrong())?..to.parse().map_err(|_| wrong())?;
    if range.is_empty() { Err(wrong()) } else { Ok(range) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_half_open_range() {
        assert_eq!(parse_seeds("3..7"), Ok(3..7));
        for wrong in ["7..3", "3..3", "3", "a..b", "..", "-1..2"] {
            assert!(parse_seeds(wrong).expect_err(wrong).contains("allowed is A..B"), "{wrong}");
        }
    }

    #[test]
    fn without_names_every_default_scenario_runs_under_every_profile() {
        let all = plans(&[], &[], 0..2).expect("all valid");
        let played = catalogue::ALL.iter().filter(|scenario| scenario.by_default).count();
        assert_eq!(all.len(), played * built_in_names().len() * 2);
        assert!(all.iter().all(|plan| plan.scenario != catalogue::CANARY.name));
    }
}
