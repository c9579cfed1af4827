//! What the catalogue expects is what the checkers find, for a few seeds of every cell; the
//! main job does the same for more.

use reports::cell::{Cell, CellResult};
use scenarios::profile::{Profile, built_in_names};
use scenarios::{batch, catalogue};
use sim::history::Via;

fn cells(scenarios: &[&str], profiles: &[Profile], seeds: u64) -> Vec<Cell> {
    let mut plans = Vec::new();
    for scenario in scenarios {
        let scenario = catalogue::find(scenario).unwrap();
        for profile in profiles {
            plans.extend((0..seeds).map(|seed| scenario.plan(profile, seed)));
        }
    }
    let (records, failed) = batch::run_all(&plans, 2, &|| {});
    assert!(failed.is_empty(), "{failed:?}");
    Cell::gather(records)
}

fn built_in() -> Vec<Profile> {
    built_in_names().into_iter().map(|name| Profile::built_in(name).unwrap()).collect()
}

#[test]
fn every_cell_is_as_expected() {
    let played = catalogue::ALL.iter().filter(|scenario| scenario.by_default);
    let all: Vec<&str> = played.map(|scenario| scenario.name).collect();
    for cell in cells(&all, &built_in(), 2) {
        let told = format!("{} under {}: {:?}", cell.scenario, cell.profile, cell.result);
        assert_eq!(cell.result, CellResult::AsExpected, "{told}");
    }
}

/// A hang then buffers no heartbeat, and neither does a stalled link.
#[test]
fn a_heartbeat_sent_only_after_a_good_info_lets_the_bound_hold() {
    let mut profile = Profile::built_in("lease").unwrap();
    profile.name = "lease-after-info".to_owned();
    profile.heartbeat = controller::Heartbeat::AfterInfo;
    let names = [
        "hung_master_returns",
        "controller_cut_from_master_stall",
        "nic_fails_and_returns_stall",
        "master_cut_with_its_clients_stall",
    ];
    for cell in cells(&names, &[profile], 4) {
        assert_eq!(cell.result, CellResult::AsExpected, "{}: {:?}", cell.scenario, cell.result);
        assert_eq!(cell.expectation, reports::record::Expectation::Holds, "{}", cell.scenario);
    }
}

/// The restarted master has lost its flows, and new ones go to the successor.
#[test]
fn with_a_load_balancer_nothing_stale_goes_through_it_to_a_restarted_master() {
    let profiles = ["lb", "lease-lb"].map(|name| Profile::built_in(name).unwrap());
    for cell in cells(&["crashed_master_restarts"], &profiles, 3) {
        for run in &cell.runs {
            let stale = &run.figures.stale_writes;
            assert_eq!(stale.get(&Via::Lb), None, "{} seed {}", cell.profile, run.seed);
            assert!(stale.get(&Via::Sticky).is_some(), "others do reach it");
        }
    }
}

#[test]
fn the_canary_is_reported() {
    let baseline = Profile::built_in("baseline").unwrap();
    let cells = cells(&["canary"], &[baseline], 1);
    let CellResult::PromiseBroken { check, .. } = &cells[0].result else {
        panic!("the canary went unnoticed: {:?}", cells[0].result);
    };
    assert_eq!(check, sim::check::SPAN_WITHIN_TTL);
    assert_eq!(reports::cell::exit_status(&cells), 1);
}
