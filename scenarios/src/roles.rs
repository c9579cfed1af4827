//! Roles: the words by which a fault names its targets, and who has them at a moment.
//!
//! The trap: roles are resolved when a fault strikes, by what the history says until then. Who
//! leads is whoever last said so, and a controller that is cut off goes on saying it.

use host::{MasterOf, Observation};
use sim::World;
use sim::history::What;

use crate::cluster::{
    FAR_CLIENTS, NEAR_CLIENTS, SHARD, STORE, controllers, lbs, machines, node_id, nodes,
};
use crate::plan::Plan;

/// The machines that a role names now; none if nobody has it. Besides the roles below every
/// machine's own name is one.
pub fn resolve(plan: &Plan, offices: &Offices, role: &str) -> Vec<String> {
    let master = offices.master.as_str();
    let own = |name: &str| machines(plan).into_iter().filter(|known| known == name).collect();
    match role {
        "master" => vec![master.to_owned()],
        "deposed" => offices.deposed.iter().cloned().collect(),
        "replicas" => nodes(plan).into_iter().filter(|name| name != master).collect(),
        "controllers" => controllers(plan),
        "leader" => own(&offices.leader),
        "followers" => {
            controllers(plan).into_iter().filter(|name| *name != offices.leader).collect()
        }
        "store" => own(STORE),
        "lb" => lbs(plan).into_iter().take(1).collect(),
        "lbs" => lbs(plan),
        "near-clients" => own(NEAR_CLIENTS),
        "far-clients" => own(FAR_CLIENTS),
        "control-plane" => [own(STORE), controllers(plan)].concat(),
        "others" => {
            let near = [master, NEAR_CLIENTS];
            machines(plan).into_iter().filter(|name| !near.contains(&name.as_str())).collect()
        }
        name => own(name),
    }
}

/// The roles that [`resolve`] knows, with what each names, for the reference pages.
pub const ROLES: [(&str, &str); 13] = [
    ("master", "the master by the store's last commit"),
    ("deposed", "the master before the store's last commit that named another one"),
    ("replicas", "the other data nodes"),
    ("controllers", "all controllers"),
    ("leader", "the controller that last said that it leads"),
    ("followers", "the other controllers"),
    ("store", "the store"),
    ("lb", "the first load balancer, if the profile has any"),
    ("lbs", "all load balancers"),
    ("near-clients", "the clients on the master's side of a partition that takes clients along"),
    ("far-clients", "the clients on the controller's side"),
    ("control-plane", "the store and all controllers"),
    ("others", "everything but the master and the near clients"),
];

/// Every role and machine that a fault of this plan can name.
pub fn roles(plan: &Plan) -> Vec<String> {
    let has = |role: &&str| plan.profile.lb || !["lb", "lbs"].contains(role);
    let named = ROLES.iter().map(|(role, _)| *role).filter(has);
    named.map(str::to_owned).chain(machines(plan)).collect()
}

/// Who is master by the store's last commit, who was before, and which controller leads, read on
/// from where it was read before.
#[derive(Debug)]
pub struct Offices {
    events_read: usize,
    master: String,
    deposed: Option<String>,
    leader: String,
}

impl Offices {
    /// Before anything happened: the first node, and the first controller.
    pub fn new(plan: &Plan) -> Self {
        let (master, leader) = (nodes(plan)[0].clone(), controllers(plan)[0].clone());
        Self { events_read: 0, master, deposed: None, leader }
    }

    /// The machine that the last commit names.
    pub fn master(&self) -> &str {
        &self.master
    }

    /// Reads what has happened since.
    pub fn read(&mut self, plan: &Plan, world: &World) {
        world.history(|history| {
            for event in &history.events()[self.events_read..] {
                match &event.what {
                    What::Observe {
                        observation: Observation::Committed { masters, .. }, ..
                    } => {
                        self.commit(plan, masters);
                    }
                    What::Observe { observation: Observation::Leading { leads: true }, .. } => {
                        self.leader.clone_from(&event.on);
                    }
                    _ => {}
                }
            }
            self.events_read = history.events().len();
        });
    }

    fn commit(&mut self, plan: &Plan, masters: &[MasterOf]) {
        let named = masters.iter().find(|master| master.shard == SHARD);
        let is_named = |name: &String| named.is_some_and(|m| m.member == node_id(name));
        let master = nodes(plan).into_iter().find(is_named);
        if let Some(master) = master.filter(|master| *master != self.master) {
            self.deposed = Some(std::mem::replace(&mut self.master, master));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;
    use crate::profile::Profile;

    fn plan(profile: &str) -> Plan {
        let profile = Profile::built_in(profile).expect("valid");
        let mut plan = catalogue::find("no_fault").expect("it exists").plan(&profile, 1);
        plan.cluster.lbs = 2;
        plan
    }

    #[test]
    fn faults_can_name_the_first_load_balancer_all_and_each() {
        let (with, without) = (plan("lb"), plan("baseline"));
        let named = |role| resolve(&with, &Offices::new(&with), role);
        assert_eq!(named("lb"), ["lb-1"]);
        assert_eq!(named("lbs"), ["lb-1", "lb-2"]);
        assert_eq!(named("lb-2"), ["lb-2"]);
        for role in ["lb", "lbs", "lb-1", "lb-2"] {
            assert!(roles(&with).iter().any(|known| known == role), "{role}");
            assert!(!roles(&without).iter().any(|known| known == role), "{role}");
        }
    }
}
