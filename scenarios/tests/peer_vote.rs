//! Asking peers before a promotion, compared with the lease: it helps where only the leader does
//! not reach the master, and not where no controller does.

use scenarios::catalogue;
use scenarios::profile::Profile;
use scenarios::run;
use sim::check::SPAN_WITHIN_TTL;
use sim::figures::Figures;
use sim::verdict::Outcome;

fn played(scenario: &str, profile: &str) -> (Outcome, Figures) {
    let profile = Profile::built_in(profile).unwrap();
    let plan = catalogue::find(scenario).unwrap().plan(&profile, 3);
    let record = run::judge(&plan, &run::run(&plan).unwrap());
    assert_eq!(record.vacuity(), None, "{scenario} under {}", profile.name);
    let span = record.verdicts.iter().find(|verdict| verdict.check == SPAN_WITHIN_TTL).unwrap();
    (span.outcome, record.figures)
}

#[test]
fn a_vote_prevents_the_promotion_that_only_the_leader_calls_for() {
    let (voted, figures) = played("leader_cut_from_master", "peer-vote");
    assert_eq!((voted, figures.failovers.len()), (Outcome::Pass, 0));
    assert_eq!(figures.unavailable_ms, 0);
    let (baseline, figures) = played("leader_cut_from_master", "baseline");
    assert_eq!((baseline, figures.failovers.len()), (Outcome::Fail, 1));
    let (lease, figures) = played("leader_cut_from_master", "lease");
    assert_eq!((lease, figures.failovers.len()), (Outcome::Pass, 1));
}

#[test]
fn a_vote_bounds_nothing_once_no_controller_reaches_the_master() {
    let (voted, _) = played("master_cut_with_its_clients_drop", "peer-vote");
    assert_eq!(voted, Outcome::Fail);
    let (lease, _) = played("master_cut_with_its_clients_drop", "lease");
    assert_eq!(lease, Outcome::Pass);
}
