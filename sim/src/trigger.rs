//! Triggers: what must happen in a run before a fault strikes, and when it happened.
//!
//! Read from the history as it grows. The trap: what happened is known at the end of the step in
//! which it did, so a fault without a delay strikes up to a tick later.

use std::collections::BTreeMap;

use host::{Observation, Role, Status};
use serde::{Deserialize, Serialize};

use crate::history::{Event, History, What};

/// What must happen before a fault is injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// What.
    pub event: TriggerEvent,
    /// How often, counted over the whole run; 1 is the first time.
    pub count: u32,
    /// How long after it, in milliseconds.
    #[serde(default)]
    pub delay_ms: u64,
}

/// What a fault can wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TriggerEvent {
    /// The store commits a topology that changes the master of a shard.
    Commit,
    /// The node that such a commit names is master in its own eyes, under the commit's version or
    /// a later one.
    Applied,
    /// A controller decides to replace a master.
    FailoverBegun,
}

/// When each of these events happened so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Happened {
    events_read: usize,
    at_ms: BTreeMap<TriggerEvent, Vec<u64>>,
    /// The machine of each member, by its id.
    machines: BTreeMap<String, String>,
    /// The member that the last commit named, by shard.
    masters: BTreeMap<u32, String>,
    /// Promotions that are not applied yet: the machine, and the version that names it.
    promotions: Vec<(String, i64)>,
}

impl Happened {
    /// Reads on from where it was read before.
    pub(crate) fn read(&mut self, history: &History) {
        for event in &history.events()[self.events_read..] {
            self.hear(event);
        }
        self.events_read = history.events().len();
    }

    /// When a trigger came, with its delay; none if it has not come.
    pub(crate) fn due_ms(&self, trigger: &Trigger) -> Option<u64> {
        let place = usize::try_from(trigger.count).ok()?.checked_sub(1)?;
        let at_ms = self.at_ms.get(&trigger.event)?.get(place)?;
        Some(at_ms + trigger.delay_ms)
    }

    fn hear(&mut self, event: &Event) {
        match &event.what {
            What::Setup(setup) => {
                let members = setup.members.iter();
                self.machines.extend(members.map(|m| (m.id.clone(), m.machine.clone())));
            }
            What::Sample { status: Some(status), .. } => self.hear_status(event, status),
            What::Observe { observation, .. } => match observation {
                Observation::Status { status } => self.hear_status(event, status),
                Observation::Committed { version, masters } => {
                    let changed = masters
                        .iter()
                        .filter(|named| self.changes_master(named.shard, &named.member))
                        .filter_map(|named| self.machines.get(&named.member));
                    let promoted: Vec<_> =
                        changed.map(|machine| (machine.clone(), *version)).collect();
                    if !promoted.is_empty() {
                        self.happens(TriggerEvent::Commit, event.at_ms);
                    }
                    self.promotions.extend(promoted);
                    let named = masters.iter().map(|named| (named.shard, named.member.clone()));
                    self.masters.extend(named);
                }
                Observation::FailoverBegun { .. } => {
                    self.happens(TriggerEvent::FailoverBegun, event.at_ms);
                }
                _ => {}
            },
            _ => {}
        }
    }

    /// The first commit of a shard changes nothing: there was no master before it.
    fn changes_master(&self, shard: u32, member: &str) -> bool {
        self.masters.get(&shard).is_some_and(|before| before != member)
    }

    fn hear_status(&mut self, event: &Event, status: &Status) {
        if status.role != Role::Master {
            return;
        }
        let before = self.promotions.len();
        self.promotions.retain(|(machine, version)| {
            *machine != event.on || status.topology_version < *version
        });
        for _ in self.promotions.len()..before {
            self.happens(TriggerEvent::Applied, event.at_ms);
        }
    }

    fn happens(&mut self, event: TriggerEvent, at_ms: u64) {
        self.at_ms.entry(event).or_default().push(at_ms);
    }
}

#[cfg(test)]
mod tests {
    use host::{Lease, MasterOf};

    use super::*;
    use crate::history::{Member, ProcessState, Setup};

    fn commit(at_ms: u64, version: i64, masters: &[(u32, &str)]) -> (u64, String, What) {
        let named =
            |(shard, name): &(u32, &str)| MasterOf { shard: *shard, member: format!("id-{name}") };
        let masters = masters.iter().map(named).collect();
        observed(at_ms, "store", Observation::Committed { version, masters })
    }

    fn observed(at_ms: u64, on: &str, observation: Observation) -> (u64, String, What) {
        (at_ms, on.to_owned(), What::Observe { life: 1, observation })
    }

    fn status(role: Role, topology_version: i64) -> Status {
        Status {
            role,
            topology_version,
            election_version: 0,
            lease: Lease::None,
            authoritative: false,
            link: None,
        }
    }

    fn history(events: Vec<(u64, String, What)>) -> History {
        let members = ["a", "b", "c", "d"].map(|name| Member {
            machine: name.into(),
            id: format!("id-{name}"),
            shard: u32::from(name > "b"),
        });
        let setup = What::Setup(Setup::of(8_000, 5, members.to_vec()));
        History::from_events([(0, "driver".to_owned(), setup)].into_iter().chain(events))
    }

    fn times(happened: &Happened, event: TriggerEvent) -> Vec<u64> {
        (1..9).map_while(|count| happened.due_ms(&Trigger { event, count, delay_ms: 0 })).collect()
    }

    #[test]
    fn a_commit_counts_once_and_only_if_it_changes_a_master() {
        let history = history(vec![
            commit(10, 1, &[(0, "a"), (1, "c")]),
            commit(20, 2, &[(0, "a"), (1, "c")]),
            commit(30, 3, &[(0, "b"), (1, "d")]),
            commit(40, 4, &[(0, "b"), (1, "d")]),
            commit(50, 5, &[(0, "a"), (1, "d")]),
        ]);
        let mut happened = Happened::default();
        happened.read(&history);
        assert_eq!(times(&happened, TriggerEvent::Commit), [30, 50]);
        let later = Trigger { event: TriggerEvent::Commit, count: 2, delay_ms: 7 };
        assert_eq!(happened.due_ms(&later), Some(57));
        let never = Trigger { count: 0, ..later };
        assert_eq!(happened.due_ms(&never), None, "counted from 1");
    }

    #[test]
    fn a_promotion_is_applied_by_the_node_it_names_under_its_version_or_a_later_one() {
        let told = |at_ms, on, role, version| {
            observed(at_ms, on, Observation::Status { status: status(role, version) })
        };
        let sampled =
            What::Sample { state: ProcessState::Running, status: Some(status(Role::Master, 9)) };
        let history = history(vec![
            commit(10, 1, &[(0, "a")]),
            told(15, "a", Role::Master, 1),
            commit(20, 2, &[(0, "b")]),
            told(25, "b", Role::Master, 1),
            told(30, "a", Role::Master, 2),
            told(35, "b", Role::Replica, 2),
            told(40, "b", Role::Master, 2),
            told(45, "b", Role::Master, 2),
            commit(50, 3, &[(0, "a")]),
            (60, "a".to_owned(), sampled),
        ]);
        let mut happened = Happened::default();
        happened.read(&history);
        assert_eq!(times(&happened, TriggerEvent::Applied), [40, 60]);
    }

    #[test]
    fn what_was_read_before_is_not_read_again() {
        let begun = observed(10, "controller", Observation::FailoverBegun { shard: 0 });
        let mut happened = Happened::default();
        happened.read(&history(vec![begun.clone()]));
        happened.read(&history(vec![begun.clone()]));
        assert_eq!(times(&happened, TriggerEvent::FailoverBegun), [10]);
        let again = (20, begun.1.clone(), begun.2.clone());
        happened.read(&history(vec![begun, again]));
        assert_eq!(times(&happened, TriggerEvent::FailoverBegun), [10, 20]);
    }
}
