//! The catalogue: one small file a scenario, named by its story.

mod canary;
mod controller_cut_from_master;
mod crashed_master_restarts;
mod deposed_master_rejoins;
mod drifting_clocks;
mod established_flow_outlives_redirect;
mod healthy_for_long;
mod heartbeat_waits_out_a_partition;
mod hung_master_returns;
mod late_redirect_arrives_last;
mod lb_address_adopted_as_node;
mod leader_cut_from_master;
mod leader_cut_from_store;
mod master_cut_with_its_clients;
mod nic_fails_and_returns;
mod no_fault;
mod one_way_master;
mod operator_activates_a_side;
mod planned_switchover_during_a_round;
mod power_loss_and_old_heartbeats;
mod promoted_then_cut_off;
mod redirect_reaches_one_lb_of_two;
mod restart_without_a_lease;
mod rolling_restart;
mod stale_controller_after_restart;
mod stall_on_the_write_path;
mod store_restarts;
mod successor_dies_too;
mod ttl_typo;
mod two_controllers_lead;
mod two_failovers_in_a_row;
mod vm_freeze_with_a_lease;
mod vm_suspend_with_a_lease;
mod wall_clock_steps_back;

use rand::Rng;
use reports::record::Expectation;
use sim::ClockPlan;
use sim::check::{LB_SEPARATES, RECOVERS, SPAN_WITHIN_TTL};
use sim::fault::{Fault, PlannedFault};
use sim::goal::Goal;
use sim::promise::Promise;

use host::{Random, random_stream};

use crate::cluster;
use crate::names;
use crate::operator::PlannedOrder;
use crate::plan::{self, Cluster, Phases, Plan, Workload};
use crate::profile::Profile;
use crate::rule::Rule;

/// A story to be played under every profile.
pub struct Scenario {
    /// Its name: the story in a few words.
    pub name: &'static str,
    /// The story, for people.
    pub story: &'static str,
    /// What it changes of the profile that it is played under: timing that the story needs.
    pub adjust: fn(&mut Profile),
    /// The machines that it is played on.
    pub cluster: Cluster,
    /// What else it changes of the plan, before faults and orders are drawn.
    pub shape: fn(&mut Plan),
    /// What the operator orders, drawn from the seed.
    pub orders: fn(&mut Draw) -> Vec<PlannedOrder>,
    /// What happens, drawn from the seed.
    pub faults: fn(&mut Draw) -> Vec<PlannedFault>,
    /// What is judged in it under every profile, promised or not.
    pub promises: &'static [Promise],
    /// What is expected under a profile.
    pub expectation: fn(&Profile) -> Expectation,
    /// What a run must reach under a profile, besides writes before and after.
    pub goals: fn(&Profile) -> Vec<Goal>,
    /// Whether `run` without arguments plays it.
    pub by_default: bool,
    /// The rule that it shows, if it shows one.
    pub shows: Option<Shows>,
}

/// That a rule alone makes the difference in a scenario.
pub struct Shows {
    /// The rule.
    pub rule: Rule,
    /// The profile in which the check fails, and with the rule does not.
    pub base: &'static str,
    /// The check.
    pub check: &'static str,
    /// The rules that cover for it in `hardened`, so that nothing breaks there without it alone.
    pub covered_by: &'static [Rule],
    /// Why it is kept all the same.
    pub kept: &'static str,
}

impl Shows {
    /// A rule that nothing covers.
    const fn alone(rule: Rule, base: &'static str, check: &'static str) -> Self {
        Self { rule, base, check, covered_by: &[], kept: "" }
    }
}

/// A scenario that does nothing: what the others do not say is as it is here.
pub(crate) const PLAIN: Scenario = Scenario {
    name: "",
    story: "",
    adjust: |_| {},
    cluster: Cluster { replicas: 2, controllers: 1, lbs: 1 },
    shape: |_| {},
    orders: |_| Vec::new(),
    faults: |_| Vec::new(),
    promises: &[],
    expectation: |_| Expectation::Holds,
    goals: |_| Vec::new(),
    by_default: true,
    shows: None,
};

/// Every scenario, in the order of the tables.
pub static ALL: &[Scenario] = &[
    no_fault::SCENARIO,
    controller_cut_from_master::DROP,
    controller_cut_from_master::STALL,
    master_cut_with_its_clients::DROP,
    master_cut_with_its_clients::STALL,
    hung_master_returns::SCENARIO,
    nic_fails_and_returns::DROP,
    nic_fails_and_returns::STALL,
    crashed_master_restarts::SCENARIO,
    one_way_master::DEAF,
    one_way_master::MUTE,
    heartbeat_waits_out_a_partition::SCENARIO,
    wall_clock_steps_back::SCENARIO,
    vm_suspend_with_a_lease::SCENARIO,
    vm_freeze_with_a_lease::SCENARIO,
    drifting_clocks::SCENARIO,
    restart_without_a_lease::SCENARIO,
    promoted_then_cut_off::SCENARIO,
    stall_on_the_write_path::BEFORE_WRITE,
    stall_on_the_write_path::BEFORE_REPLY,
    two_controllers_lead::SCENARIO,
    leader_cut_from_master::SCENARIO,
    leader_cut_from_store::SCENARIO,
    stale_controller_after_restart::SCENARIO,
    deposed_master_rejoins::SCENARIO,
    two_failovers_in_a_row::SCENARIO,
    successor_dies_too::SCENARIO,
    established_flow_outlives_redirect::SCENARIO,
    redirect_reaches_one_lb_of_two::SCENARIO,
    late_redirect_arrives_last::SCENARIO,
    lb_address_adopted_as_node::SCENARIO,
    planned_switchover_during_a_round::SCENARIO,
    operator_activates_a_side::SCENARIO,
    power_loss_and_old_heartbeats::SCENARIO,
    ttl_typo::SCENARIO,
    store_restarts::SCENARIO,
    rolling_restart::SCENARIO,
    healthy_for_long::SCENARIO,
];

/// The one that always fails, to prove that failures are reported.
pub static CANARY: Scenario = canary::SCENARIO;

/// No scenario has this name.
#[derive(Debug, thiserror::Error)]
#[error("no scenario is named `{name}`; {}", names::near(name, &all_names()))]
pub struct UnknownScenario {
    /// The name asked for.
    pub name: String,
}

/// Finds a scenario by name.
///
/// # Errors
/// If there is none of that name; the error lists near ones.
pub fn find(name: &str) -> Result<&'static Scenario, UnknownScenario> {
    let unknown = || UnknownScenario { name: name.to_owned() };
    ALL.iter().chain([&CANARY]).find(|scenario| scenario.name == name).ok_or_else(unknown)
}

/// The names of all scenarios.
pub fn all_names() -> Vec<&'static str> {
    ALL.iter().chain([&CANARY]).map(|scenario| scenario.name).collect()
}

impl Scenario {
    /// The plan of one run: every choice is made here.
    pub fn plan(&self, profile: &Profile, seed: u64) -> Plan {
        let mut profile = profile.clone();
        (self.adjust)(&mut profile);
        let profile = &profile;
        let expectation = (self.expectation)(profile);
        let mut goals = Vec::new();
        // A cluster that is not expected to recover need not take writes in the end.
        if !expectation.allows(RECOVERS) {
            goals.push(Goal::Writes);
            goals.extend(profile.lb.then_some(Goal::LbWrites));
        }
        goals.extend((self.goals)(profile));
        let mut plan = Plan {
            schema: plan::SCHEMA,
            scenario: self.name.to_owned(),
            seed,
            promises: promises(profile, &goals, self.promises),
            goals,
            expectation,
            phases: Phases {
                settle_ms: SETTLE_MS,
                disturb_ms_min: 3 * profile.round_ms(),
                heal_ms_min: 3 * profile.round_ms(),
                rest_ms_max: 4 * profile.ttl_ms + 20 * profile.round_ms(),
                quiet_ms: 500,
            },
            world: sim::WorldConfig::default(),
            cluster: self.cluster.clone(),
            workload: Workload { pause_ms_min: 50, pause_ms_max: 250, timeout_ms: 500 },
            profile: profile.clone(),
            lease_ttl_ms: Default::default(),
            clocks: Default::default(),
            orders: Vec::new(),
            faults: Vec::new(),
        };
        (self.shape)(&mut plan);
        let mut draw = Draw { profile, random: random_stream(seed, "plan") };
        plan.faults = (self.faults)(&mut draw);
        plan.orders = (self.orders)(&mut draw);
        let mut random = random_stream(seed, "clocks");
        plan.clocks =
            cluster::machines(&plan).into_iter().map(|name| (name, clocks(&mut random))).collect();
        plan
    }
}

/// As long as nobody is promoted there is one master, and one master promises everything but a
/// lease that is needed from the start, and that it is always there.
fn promises(profile: &Profile, goals: &[Goal], judged: &[Promise]) -> Vec<Promise> {
    if !goals.contains(&Goal::NoPromotion) {
        let more = judged.iter().filter(|promise| !profile.promises.contains(promise));
        return profile.promises.iter().chain(more).copied().collect();
    }
    let needs_more = [Promise::ClosedStart, Promise::NoOutage];
    let made = |promise: &Promise| {
        !needs_more.contains(promise)
            || profile.promises.contains(promise)
            || judged.contains(promise)
    };
    Promise::ALL.into_iter().filter(made).collect()
}

/// Settling lasts so long: long enough for a first round of probes and a first full sync.
const SETTLE_MS: u64 = 5_000;

/// Clocks as they are in a well-kept cluster: a quarter of a second off, 50 ppm too fast or
/// too slow.
fn clocks(random: &mut Random) -> ClockPlan {
    ClockPlan {
        wall_offset_ms: random.random_range(-250..=250),
        drift_ppm: random.random_range(-50..=50),
    }
}

/// Draws the times of faults.
pub struct Draw<'a> {
    profile: &'a Profile,
    random: Random,
}

impl Draw<'_> {
    /// When the first fault begins: anywhere in a round of probes.
    pub fn beginning_ms(&mut self) -> u64 {
        SETTLE_MS + self.up_to_a_round_ms()
    }

    /// When something happens that follows the first fault by so long.
    pub fn later_ms(&mut self, by_ms: u64) -> u64 {
        // A fault that begins in the last moment of a round is no later than this.
        SETTLE_MS + self.profile.round_ms() + by_ms + self.up_to_a_round_ms()
    }

    /// How long a fault lasts that outlasts detection, a whole lease and two rounds.
    pub fn long_ms(&mut self) -> u64 {
        let Profile { ttl_ms, .. } = self.profile;
        self.profile.detection_ms() + ttl_ms + 2 * self.profile.round_ms() + self.up_to_a_round_ms()
    }

    /// A fault that begins somewhere in a round and outlasts everything.
    pub fn long(&mut self, fault: Fault) -> Vec<PlannedFault> {
        let at_ms = self.beginning_ms();
        vec![PlannedFault::between(at_ms, at_ms + self.long_ms(), fault)]
    }

    /// How long until a silent master is replaced, at most.
    pub fn detection_ms(&self) -> u64 {
        self.profile.detection_ms()
    }

    /// The longest that a round of probes lasts.
    pub fn round_ms(&self) -> u64 {
        self.profile.round_ms()
    }

    fn up_to_a_round_ms(&mut self) -> u64 {
        self.random.random_range(0..self.profile.round_ms())
    }
}

/// The profile has a lease that rejects writes, and the bound holds; without one it breaks.
fn holds_with_a_lease(profile: &Profile) -> Expectation {
    if profile.blocks_writes() { Expectation::Holds } else { breaks(NOTHING_ENDS_IT) }
}

/// As above, but the heartbeat that waited renews the lease, unless none was sent.
fn holds_without_buffered_heartbeats(profile: &Profile) -> Expectation {
    let buffered =
        profile.heartbeat == controller::Heartbeat::WithInfo && !profile.has(Rule::DatedHeartbeat);
    if profile.blocks_writes() && buffered {
        breaks(LATE_HEARTBEAT)
    } else {
        holds_with_a_lease(profile)
    }
}

fn breaks(reason: &str) -> Expectation {
    breaks_with(&[], reason)
}

/// The bound on the span breaks, and these checks may break for the same reason.
fn breaks_with(also: &[&str], reason: &str) -> Expectation {
    Expectation::Breaks {
        check: SPAN_WITHIN_TTL.to_owned(),
        also: also.iter().map(|check| (*check).to_owned()).collect(),
        reason: reason.to_owned(),
    }
}

/// With a lease that rejects writes the span holds; a load balancer separates with `lb-sever` only.
fn separates_with_lb_sever(profile: &Profile, reason: &str) -> Expectation {
    if !profile.blocks_writes() {
        return breaks_with(&[LB_SEPARATES], NOTHING_ENDS_IT);
    }
    if !profile.lb || profile.has(Rule::LbSever) {
        return Expectation::Holds;
    }
    let (check, also) = (LB_SEPARATES.to_owned(), vec![]);
    Expectation::Breaks { check, also, reason: reason.to_owned() }
}

const NOTHING_ENDS_IT: &str =
    "nothing ends the old master's authority until the new topology reaches it after the heal";
const LATE_HEARTBEAT: &str = "a heartbeat that waited is processed late and grants a whole TTL \
     from then, although another master was promoted meanwhile";

/// A promotion; with a lease that must hold, one that ran out after it.
fn promotion_goals(profile: &Profile) -> Vec<Goal> {
    if profile.blocks_writes() && !profile.has(Rule::PromotionWait) {
        vec![Goal::Promotion, Goal::LeaseEndedAfterP]
    } else {
        vec![Goal::Promotion]
    }
}

/// As above, and where clients reach the old master while nothing stops it, stale writes.
fn promotion_goals_with_reachable_master(profile: &Profile) -> Vec<Goal> {
    let mut goals = promotion_goals(profile);
    goals.extend((!profile.has(Rule::PromotionWait)).then_some(Goal::StaleWrite));
    goals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::built_in_names;

    #[test]
    fn a_plan_is_a_function_of_scenario_profile_and_seed() {
        let profile = Profile::built_in("lease").expect("valid");
        for scenario in ALL {
            let plan = scenario.plan(&profile, 7);
            assert_eq!(plan, scenario.plan(&profile, 7));
            assert_ne!(plan, scenario.plan(&profile, 8), "the seed matters");
        }
    }

    #[test]
    fn every_plan_is_valid_and_reads_back_from_its_toml() {
        for name in built_in_names() {
            let profile = Profile::built_in(name).expect("valid");
            for scenario in ALL.iter().chain([&CANARY]) {
                let plan = scenario.plan(&profile, 3);
                let text = plan.to_toml();
                let read = Plan::from_toml(&text);
                assert_eq!(read.expect("its own TOML is valid"), plan, "{text}");
            }
        }
    }

    #[test]
    fn a_long_fault_outlasts_detection_ttl_and_two_rounds() {
        let profile = Profile::built_in("lease").expect("valid");
        for seed in 0..50 {
            let plan = find("hung_master_returns").expect("it exists").plan(&profile, seed);
            let lasted = plan.faults[0].heal_at_ms - plan.faults[0].at_ms;
            assert!(lasted >= profile.detection_ms() + profile.ttl_ms + 2 * profile.round_ms());
        }
    }

    #[test]
    fn an_unknown_scenario_lists_the_near_ones() {
        let error = find("hung_master").err().expect("there is none").to_string();
        assert!(error.contains("hung_master_returns"), "{error}");
    }
}
