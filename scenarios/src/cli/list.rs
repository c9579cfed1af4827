//! `splitbrain list`: scenarios, profiles, and what is expected of each pair.

use clap::Args;
use reports::record::Expectation;
use serde::Serialize;

use super::{AS_EXPECTED, CliError, Format, print};
use crate::catalogue::{self, Scenario};
use crate::profile::{Profile, all_names};

#[derive(Args, Debug)]
pub(super) struct List {
    /// How to print: text or json.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Serialize)]
struct Listing {
    schema: u32,
    scenarios: Vec<ScenarioListing>,
    profiles: Vec<ProfileListing>,
}

#[derive(Serialize)]
struct ScenarioListing {
    name: &'static str,
    story: &'static str,
    by_default: bool,
    expectations: Vec<(String, Expectation)>,
}

#[derive(Serialize)]
struct ProfileListing {
    name: String,
    about: String,
    ttl_ms: u64,
    detection_ms: u64,
}

impl List {
    pub(super) fn execute(&self) -> Result<u8, CliError> {
        let listing = listing()?;
        match self.format {
            Format::Text => print(&text(&listing)),
            Format::Json => {
                let json = serde_json::to_string_pretty(&listing).expect("plain data");
                print(&format!("{json}\n"));
            }
            Format::Junit | Format::Markdown => {
                return Err(CliError::Usage("list prints text or json".to_owned()));
            }
        }
        Ok(AS_EXPECTED)
    }
}

fn listing() -> Result<Listing, CliError> {
    let profiles: Vec<Profile> =
        all_names().into_iter().map(Profile::built_in).collect::<Result<_, _>>()?;
    let all = catalogue::ALL.iter().chain([&catalogue::CANARY]);
    Ok(Listing {
        schema: reports::record::SCHEMA,
        scenarios: all.map(|scenario| listed(scenario, &profiles)).collect(),
        profiles: profiles.into_iter().map(described).collect(),
    })
}

fn listed(scenario: &Scenario, profiles: &[Profile]) -> ScenarioListing {
    let expected = |profile: &Profile| (profile.name.clone(), (scenario.expectation)(profile));
    ScenarioListing {
        name: scenario.name,
        story: scenario.story,
        by_default: scenario.by_default,
        expectations: profiles.iter().map(expected).collect(),
    }
}

fn described(profile: Profile) -> ProfileListing {
    let detection_ms = profile.detection_ms();
    let Profile { name, about, ttl_ms, .. } = profile;
    ProfileListing { name, about, ttl_ms, detection_ms }
}

fn text(listing: &Listing) -> String {
    let mut text = String::from("Scenarios\n");
    for scenario in &listing.scenarios {
        let note = if scenario.by_default { "" } else { " (only when named)" };
        text += &format!("\n  {}{note}\n    {}\n", scenario.name, scenario.story);
        for (profile, expectation) in &scenario.expectations {
            let expected = match expectation {
                Expectation::Holds => "holds".to_owned(),
                Expectation::Breaks { reason, .. } => format!("breaks: {reason}"),
            };
            text += &format!("      {profile:<10} {expected}\n");
        }
    }
    text += "\nProfiles\n\n";
    for ProfileListing { name, about, ttl_ms, detection_ms } in &listing.profiles {
        text += &format!(
            "  {name:<10} {about}; TTL {ttl_ms} ms, a silent master is replaced within \
             {detection_ms} ms\n"
        );
    }
    text
}
