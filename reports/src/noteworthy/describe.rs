//! An event in words. A status is told as what changed of it.

use std::collections::BTreeMap;

use host::{Lease, Link, Observation, Role, Status, Write};
use sim::history::{Event, Intent, Invocation, OpResult, Phase, ProcessState, Setup, What};

use crate::wording;

/// What is known of each process so far.
#[derive(Default)]
pub(super) struct Known {
    processes: BTreeMap<String, (Option<ProcessState>, Option<Status>)>,
    /// The machine of each member, by its id.
    machines: BTreeMap<String, String>,
}

impl Known {
    /// The event in words, against what is known; none for client operations, acknowledgements,
    /// final reads, and words that tell nothing new.
    pub(super) fn tell(&mut self, event: &Event) -> Option<String> {
        match &event.what {
            What::Setup(setup) => {
                let members = setup.members.iter();
                self.machines.extend(members.map(|m| (m.id.clone(), m.machine.clone())));
                Some(tell_setup(setup))
            }
            What::Phase { phase } => Some(format!("phase: {}", phase_name(*phase))),
            What::Inject { fault, planned, targets } => {
                let what = wording::fault(planned, targets);
                Some(format!("fault {fault}: {what} ({})", planned.story()))
            }
            What::Heal { fault, bite } => Some(format!("fault {fault} healed; it did: {bite}")),
            What::Start { life } => {
                self.processes.insert(event.on.clone(), (Some(ProcessState::Running), None));
                Some(format!("process starts, life {life}"))
            }
            What::Exit { life, error } => {
                let why = error.as_ref().map_or(String::new(), |error| format!(": {error}"));
                Some(format!("process ends by itself, life {life}{why}"))
            }
            What::Sample { state, status } => self.tell_sample(&event.on, *state, status.as_ref()),
            What::Observe { observation, .. } => self.tell_observation(&event.on, observation),
            _ => None,
        }
    }

    fn tell_sample(
        &mut self,
        machine: &str,
        state: ProcessState,
        status: Option<&Status>,
    ) -> Option<String> {
        let known = self.processes.entry(machine.into()).or_default();
        let mut told: Vec<String> = Vec::new();
        if known.0 != Some(state) {
            told.push(format!("process {}", state_name(state)));
        }
        known.0 = Some(state);
        if state == ProcessState::Down {
            known.1 = None;
        }
        told.extend(status.and_then(|status| change(&mut known.1, status)));
        (!told.is_empty()).then(|| told.join("; "))
    }

    fn tell_observation(&mut self, machine: &str, observation: &Observation) -> Option<String> {
        match observation {
            Observation::Status { status } => {
                change(&mut self.processes.entry(machine.into()).or_default().1, status)
            }
            Observation::Acknowledged { .. } => None,
            Observation::LeaseRenewed { until_ms, election_version } => Some(format!(
                "lease granted until {} s on its clock, election version {election_version}",
                wording::seconds(*until_ms)
            )),
            Observation::LeaseRefused => Some("refuses a write: lease expired".into()),
            Observation::LeaseExpiredLogged => Some("lets a write through: lease expired".into()),
            Observation::Committed { version, masters } => {
                let machine = |id: &String| self.machines.get(id).unwrap_or(id).clone();
                let masters: Vec<String> = masters
                    .iter()
                    .map(|master| format!("{} of shard {}", machine(&master.member), master.shard))
                    .collect();
                Some(format!("commits topology version {version}: master {}", masters.join(", ")))
            }
            Observation::Leading { leads: true } => Some("believes that it leads".into()),
            Observation::Leading { leads: false } => Some("does not believe that it leads".into()),
            Observation::Routed { shard, target, .. } => {
                Some(format!("sends new connections for shard {shard} to {target}"))
            }
            Observation::FailoverBegun { shard } => {
                Some(format!("begins to replace the master of shard {shard}"))
            }
            Observation::Note { text } => Some(text.clone()),
        }
    }
}

/// An operation, acknowledgement or other event that is only told as evidence.
pub(super) fn operation(event: &Event) -> String {
    match &event.what {
        What::Invoke(invocation) => tell_invocation(invocation),
        What::Return(ended) => match &ended.result {
            OpResult::Ok => format!("operation {} acknowledged", ended.op),
            OpResult::Fail { error } => format!("operation {} not done: {error}", ended.op),
            OpResult::Info { error } => format!("operation {} may be done: {error}", ended.op),
        },
        What::Observe { observation: Observation::Acknowledged { writes }, .. } => {
            format!("acknowledges {}", tell_writes(writes))
        }
        What::Final(content) => {
            format!("holds {} in the end", wording::count(content.values.len(), "key"))
        }
        What::Sample { .. } | What::Observe { .. } => "status told again, unchanged".into(),
        _ => String::new(),
    }
}

/// The name of a phase.
pub(crate) fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Settle => "settle",
        Phase::Disturb => "disturb",
        Phase::Heal => "heal",
        Phase::Converge => "converge",
        Phase::FinalReads => "final reads",
    }
}

fn tell_setup(setup: &Setup) -> String {
    let members: Vec<String> = setup
        .members
        .iter()
        .map(|member| format!("{} = {} (shard {})", member.machine, member.id, member.shard))
        .collect();
    let (ttl, tick) = (wording::seconds(setup.ttl_ms), setup.tick_ms);
    format!("setup: TTL {ttl} s, tick {tick} ms, {}", members.join(", "))
}

fn tell_invocation(invocation: &Invocation) -> String {
    let intents: Vec<String> = invocation
        .intents
        .iter()
        .map(|intent| match intent {
            Intent::SetFresh { key, value } | Intent::Set { key, value } => {
                format!("set {key} = {value}")
            }
            Intent::Append { key, token } => format!("append {token} to {key}"),
            Intent::Increment { key } => format!("increment {key}"),
            Intent::Read { key } => format!("read {key}"),
        })
        .collect();
    format!("{} sends operation {}: {}", invocation.client, invocation.op, intents.join(", "))
}

fn tell_writes(writes: &[Write]) -> String {
    let writes: Vec<String> =
        writes.iter().map(|write| format!("{} = {}", write.key, write.token)).collect();
    writes.join(", ")
}

/// What is new in a status, which is known from now on.
fn change(known: &mut Option<Status>, status: &Status) -> Option<String> {
    let before = known.replace(status.clone());
    let old = before.as_ref();
    let fields = [
        field("role", old.map(|s| role_name(s.role)), role_name(status.role)),
        field(
            "topology version",
            old.map(|s| s.topology_version.to_string()),
            status.topology_version.to_string(),
        ),
        field(
            "election version",
            old.map(|s| s.election_version.to_string()),
            status.election_version.to_string(),
        ),
        field("lease", old.map(|s| lease_name(s.lease)), lease_name(status.lease)),
        field("takes writes", old.map(|s| yes(s.authoritative)), yes(status.authoritative)),
        field("link", old.map(|s| link_name(s.link)), link_name(status.link)),
    ];
    let told: Vec<String> = fields.into_iter().flatten().collect();
    (!told.is_empty()).then(|| told.join("; "))
}

fn field<T: PartialEq + std::fmt::Display>(name: &str, old: Option<T>, new: T) -> Option<String> {
    match old {
        None => Some(format!("{name} {new}")),
        Some(old) if old != new => Some(format!("{name} {old} → {new}")),
        Some(_) => None,
    }
}

fn state_name(state: ProcessState) -> &'static str {
    match state {
        ProcessState::Running => "runs",
        ProcessState::Hung => "hangs",
        ProcessState::Down => "is down",
    }
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::None => "none",
        Role::Master => "master",
        Role::Replica => "replica",
    }
}

fn lease_name(lease: Lease) -> &'static str {
    match lease {
        Lease::None => "none",
        Lease::Held => "held",
        Lease::Expired => "expired",
    }
}

fn link_name(link: Option<Link>) -> &'static str {
    match link {
        None => "none",
        Some(Link::Connecting) => "connecting",
        Some(Link::FullSync) => "full sync",
        Some(Link::Streaming) => "streaming",
    }
}

fn yes(flag: bool) -> &'static str {
    if flag { "yes" } else { "no" }
}
