//! Runs that once ended in a fault of the harness, each with what it found.

use host::Observation;
use scenarios::catalogue;
use scenarios::profile::Profile;
use scenarios::run::{self, Run};
use sim::check::{self, CONVERGED};
use sim::history::What;
use sim::verdict::Outcome;

fn played(scenario: &str, profile: &str, seed: u64) -> Run {
    let profile = Profile::built_in(profile).unwrap();
    run::run(&catalogue::find(scenario).unwrap().plan(&profile, seed)).unwrap()
}

fn observes(run: &Run, such: impl Fn(&str, &Observation) -> bool) -> bool {
    run.history.events().iter().any(|event| match &event.what {
        What::Observe { observation, .. } => such(&event.on, observation),
        _ => false,
    })
}

fn converged(run: &Run) -> Outcome {
    let (verdicts, _) = check::judge(&run.history);
    verdicts.into_iter().find(|verdict| verdict.check == CONVERGED).unwrap().outcome
}

/// It opened connections to itself until the simulated machine had no port left.
#[test]
fn a_load_balancer_that_is_redirected_to_itself_ends_nobody() {
    let run = played("operator_activates_a_side", "lb", 1);
    let to_itself = |on: &str, what: &Observation| match what {
        Observation::Routed { target, .. } => on == "lb-1" && target.starts_with("lb-1:"),
        _ => false,
    };
    assert!(observes(&run, to_itself));
    assert_eq!(converged(&run), Outcome::Fail);
}

/// Its content was asked for and could not be had, and the run was given up for that.
#[test]
fn a_node_that_is_loading_in_the_end_is_a_finding() {
    let run = played("lb_address_adopted_as_node", "hardened-store-is-truth", 4);
    let loading = |_: &str, what: &Observation| match what {
        Observation::Note { text } => text == "node-3: it is loading",
        _ => false,
    };
    assert!(observes(&run, loading));
    assert_eq!(converged(&run), Outcome::Fail);
}
