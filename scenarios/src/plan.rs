//! The plan: every choice that can be made before a run, as plain data. Printed, saved as
//! TOML, edited, replayed.

use std::collections::BTreeMap;

use reports::record::Expectation;
use serde::{Deserialize, Serialize};
use sim::fault::PlannedFault;
use sim::goal::Goal;
use sim::promise::Promise;
use sim::{ClockPlan, WorldConfig};

use crate::catalogue;
use crate::cluster;
use crate::names;
use crate::operator::PlannedOrder;
use crate::planned_faults;
use crate::points;
use crate::profile::{Profile, ProfileError};

/// The version of the TOML: raised when a field changes its meaning or goes.
pub const SCHEMA: u32 = 1;

/// Everything that decides a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The scenario that it came from.
    pub scenario: String,
    /// The seed of every random stream of the run.
    pub seed: u64,
    /// What the run must have reached.
    pub goals: Vec<Goal>,
    /// What the system promises in it, besides what is judged of every one.
    #[serde(default)]
    pub promises: Vec<Promise>,
    /// What is expected of it.
    pub expectation: Expectation,
    /// The length of the phases.
    pub phases: Phases,
    /// The simulated world.
    pub world: WorldConfig,
    /// The machines of the cluster.
    pub cluster: Cluster,
    /// What the clients do.
    pub workload: Workload,
    /// The protection under test.
    pub profile: Profile,
    /// The TTL that a controller grants, by machine, where it is not the profile's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lease_ttl_ms: BTreeMap<String, u64>,
    /// How clocks differ, by machine; the others are exact.
    pub clocks: BTreeMap<String, ClockPlan>,
    /// What the operator orders, in the order of time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub orders: Vec<PlannedOrder>,
    /// The faults, in the order of injection.
    #[serde(default)]
    pub faults: Vec<PlannedFault>,
}

/// The length of the phases of a run, in simulated milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phases {
    /// Settle lasts so long; the cluster must be up by then.
    pub settle_ms: u64,
    /// Disturb lasts at least so long, and until the last fault is healed.
    pub disturb_ms_min: u64,
    /// Heal lasts at least so long, with clients writing.
    pub heal_ms_min: u64,
    /// Heal goes on at most so long beyond its least length, and converge lasts at most so long.
    pub rest_ms_max: u64,
    /// The cluster must have been quiet so long before the final reads.
    pub quiet_ms: u64,
}

/// The machines of the cluster: one shard, one store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// Replicas of the master.
    pub replicas: u32,
    /// Controllers, one of which leads.
    #[serde(default = "one")]
    pub controllers: u32,
    /// Load balancers in front of the master, where the profile has any.
    #[serde(default = "one")]
    pub lbs: u32,
}

fn one() -> u32 {
    1
}

/// What each client does: one operation after another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// The least pause between two operations, in milliseconds.
    pub pause_ms_min: u64,
    /// The greatest pause, in milliseconds.
    pub pause_ms_max: u64,
    /// How long a connect and a reply may each take, in milliseconds.
    pub timeout_ms: u64,
}

/// A plan that cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The TOML is malformed.
    #[error("plan: {0}")]
    Toml(#[from] Box<toml::de::Error>),
    /// It is of another version.
    #[error("plan: schema is {found}; this program reads {SCHEMA}")]
    Schema {
        /// The version found.
        found: u32,
    },
    /// Its profile makes no sense.
    #[error("plan: {0}")]
    Profile(#[from] ProfileError),
    /// A fault's target names no machine of this plan.
    #[error("plan: faults[{fault}]: `{role}` names no machine here; {}", names::near(role, roles))]
    Role {
        /// The fault's place in the plan.
        fault: usize,
        /// The role.
        role: String,
        /// The roles and machines that there are.
        roles: Vec<String>,
    },
    /// An order's node is none of this plan.
    #[error("plan: orders[{order}]: `{node}` is no data node; {}", names::near(node, nodes))]
    Node {
        /// The order's place in the plan.
        order: usize,
        /// The node.
        node: String,
        /// The nodes that there are.
        nodes: Vec<String>,
    },
    /// A fault stalls at a point that no process has.
    #[error("plan: faults[{fault}]: no process has a point `{point}`; {}", points::near(point))]
    Point {
        /// The fault's place in the plan.
        fault: usize,
        /// The point.
        point: String,
    },
    /// A value makes no sense.
    #[error("plan: {place} is {value}; allowed is {allowed}")]
    Value {
        /// The field.
        place: String,
        /// Its value.
        value: u64,
        /// What is allowed.
        allowed: String,
    },
}

impl Plan {
    /// Reads a plan.
    ///
    /// # Errors
    /// With line and column if it is malformed, with field and allowed range if a value makes
    /// no sense.
    pub fn from_toml(text: &str) -> Result<Self, PlanError> {
        let plan: Self = toml::from_str(text).map_err(Box::new)?;
        plan.validate()?;
        Ok(plan)
    }

    /// Writes the plan.
    pub fn to_toml(&self) -> String {
        // Every field is a plain number, string, list or table.
        toml::to_string(self).expect("a plan is plain data")
    }

    /// Whether scenario, profile and seed alone make this very plan.
    pub fn is_of_the_catalogue(&self) -> bool {
        let scenario = catalogue::find(&self.scenario).ok();
        let profile = Profile::built_in(&self.profile.name).ok();
        scenario
            .zip(profile)
            .is_some_and(|(scenario, profile)| scenario.plan(&profile, self.seed) == *self)
    }

    fn validate(&self) -> Result<(), PlanError> {
        if self.schema != SCHEMA {
            return Err(PlanError::Schema { found: self.schema });
        }
        self.profile.validate()?;
        let refuse =
            |place: String, value, allowed: String| Err(PlanError::Value { place, value, allowed });
        let Workload { pause_ms_min, pause_ms_max, timeout_ms } = self.workload;
        if pause_ms_min == 0 || pause_ms_max < pause_ms_min {
            let allowed = format!("pause_ms_min ({pause_ms_min}, at least 1) or more");
            return refuse("workload.pause_ms_max".into(), pause_ms_max, allowed);
        }
        if timeout_ms == 0 {
            return refuse("workload.timeout_ms".into(), 0, "1 or more".into());
        }
        if !(1..=8).contains(&self.cluster.replicas) {
            let replicas = u64::from(self.cluster.replicas);
            return refuse("cluster.replicas".into(), replicas, "1 to 8".into());
        }
        if !(1..=3).contains(&self.cluster.controllers) {
            let controllers = u64::from(self.cluster.controllers);
            return refuse("cluster.controllers".into(), controllers, "1 to 3".into());
        }
        if !(1..=3).contains(&self.cluster.lbs) {
            return refuse("cluster.lbs".into(), u64::from(self.cluster.lbs), "1 to 3".into());
        }
        self.orders_name_nodes()?;
        planned_faults::check(self)
    }

    /// What an operator sends to a machine that there is not would reach nobody.
    fn orders_name_nodes(&self) -> Result<(), PlanError> {
        let nodes = cluster::nodes(self);
        for (order, planned) in self.orders.iter().enumerate() {
            let named = planned.order.node().filter(|node| !nodes.iter().any(|n| n == node));
            if let Some(node) = named.map(str::to_owned) {
                return Err(PlanError::Node { order, node, nodes });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::Order;

    fn changed(change: impl FnOnce(&mut Plan)) -> String {
        let profile = Profile::built_in("lease").expect("valid");
        let scenario = catalogue::find("hung_master_returns").expect("it exists");
        let mut plan = scenario.plan(&profile, 1);
        change(&mut plan);
        Plan::from_toml(&plan.to_toml()).expect_err("refused").to_string()
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name_and_with_what_is_allowed() {
        let cases = [
            (changed(|plan| plan.schema = 99), "schema is 99; this program reads 1"),
            (changed(|plan| plan.faults[0].at_ms = 1), "faults[0].at_ms is 1; allowed is"),
            (changed(|plan| plan.faults[0].heal_at_ms = 1), "faults[0].heal_at_ms is 1; allowed"),
            (changed(|plan| plan.cluster.replicas = 0), "cluster.replicas is 0; allowed is 1 to 8"),
            (changed(|plan| plan.cluster.lbs = 4), "cluster.lbs is 4; allowed is 1 to 3"),
            (
                changed(|plan| {
                    let order = Order::Activate { node: "node-9".into() };
                    plan.orders.push(PlannedOrder { at_ms: 9_000, order });
                }),
                "orders[0]: `node-9` is no data node; did you mean `node-1`",
            ),
            (changed(|plan| plan.workload.pause_ms_max = 0), "workload.pause_ms_max is 0"),
            (changed(|plan| plan.workload.timeout_ms = 0), "workload.timeout_ms is 0"),
            (changed(|plan| plan.profile.ttl_ms = 0), "ttl_ms is 0; allowed is 1 to"),
            (
                changed(|plan| {
                    plan.faults[0].fault = sim::fault::Fault::Hang { target: "mastr".into() }
                }),
                "faults[0]: `mastr` names no machine here; did you mean `master`",
            ),
            (
                changed(|plan| {
                    plan.faults[0].fault = sim::fault::Fault::Hang { target: "lb".into() }
                }),
                "`lb` names no machine here",
            ),
        ];
        for (error, expected) in cases {
            assert!(error.contains(expected), "{error:?} does not say {expected:?}");
        }
    }

    #[test]
    fn malformed_toml_points_at_line_and_column() {
        let error = Plan::from_toml("schema = 1\nseed = x\n").expect_err("malformed").to_string();
        assert!(error.contains("line 2, column 8"), "{error}");
        let profile = Profile::built_in("lease").expect("valid");
        let plan = catalogue::find("hung_master_returns").expect("it exists").plan(&profile, 1);
        let typo = plan.to_toml().replace("target = \"master\"", "traget = \"master\"");
        let error = Plan::from_toml(&typo).expect_err("unknown field").to_string();
        assert!(error.contains("traget"), "{error}");
    }
}
