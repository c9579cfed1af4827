//! A run in words, line by line, for whoever looks at a counter-example.

use crate::actions::Action;
use crate::model::WINDOW;
use crate::setup::Setup;
use crate::state::{Clock, Heartbeat, State};

/// States, and what happened in each; nothing in the last.
pub(crate) type Run = [(State, Option<Action>)];

impl Setup {
    /// A run, and how it ends: with this promise broken.
    pub(crate) fn tell(&self, run: &Run, promise: &str) -> Vec<String> {
        let mut lines = Vec::new();
        for (before, action) in run {
            let told = action.and_then(|action| self.tell_action(before, action));
            lines.extend(told.map(|told| format!("t={} {told}", before.now)));
        }
        lines.extend(run.last().map(|(last, _)| self.tell_end(last, promise)));
        lines
    }

    /// What happens; nothing for a plain tick, which the time in front of the next line shows.
    fn tell_action(&self, before: &State, action: Action) -> Option<String> {
        Some(match action {
            Action::Tick(None) => return None,
            Action::Tick(Some(drift)) => {
                let (clock, by) = self.faults.drift[usize::from(drift)];
                let what = if by < 0 { "loses" } else { "gains" };
                format!("{} {what} a tick", clock_name(clock))
            }
            Action::DeliverTopology(node, index) => {
                let record = before.store.record(index);
                let master = node_name(record.master);
                let version = record.version;
                format!("{} takes SETNODES {version}: {master} is master", node_name(node))
            }
            Action::DeliverHeartbeat(slot) => {
                let heartbeat = before.in_flight[usize::from(slot)]?;
                self.tell_heartbeat(before, heartbeat)
            }
            Action::RestartStore => "the store restarts".to_owned(),
            Action::Restart(node) => format!("{} restarts", node_name(node)),
            Action::LosePower(node) => format!("{} loses power and starts again", node_name(node)),
            Action::StepWallBack(node) => {
                format!("{}'s wall clock steps back by two ticks", node_name(node))
            }
            Action::SetSlot(node) => {
                format!("an operator raises {}'s topology version", node_name(node))
            }
            Action::CheckWrite(node) => format!("a write passes {}'s gate", node_name(node)),
            Action::ApplyWrite(node) => format!("{} applies the write", node_name(node)),
            Action::AnswerWrite(node) => format!("{} answers the write", node_name(node)),
            of_controller => tell_controller(before, of_controller)?,
        })
    }

    fn tell_heartbeat(&self, before: &State, heartbeat: Heartbeat) -> String {
        let node = node_name(heartbeat.to);
        let Heartbeat { election, stamp, .. } = heartbeat;
        let stamp = if self.rules.dated_heartbeat {
            format!(", stamped at t={} with {}", stamp.issued_at, stamp.election)
        } else {
            String::new()
        };
        let mut after = *before;
        self.take_heartbeat(&mut after, heartbeat);
        let effect = match (before.node(heartbeat.to), after.node(heartbeat.to)) {
            (old, new) if old.deadline != new.deadline => "has a lease",
            (old, new) if old.election != new.election => "raises its election version",
            _ => "changes nothing",
        };
        format!("{node} processes a heartbeat of election {election}{stamp}: it {effect}")
    }

    fn tell_end(&self, last: &State, promise: &str) -> String {
        let now = last.now;
        if promise != WINDOW {
            return format!("t={now} it is not so that {promise}");
        }
        let what =
            if last.late_acknowledgement { "has acknowledged a write" } else { "is authoritative" };
        let late = (0..2).filter(|node| self.is_too_late(last, *node));
        let told = late.filter_map(|node| {
            let (p, node) = (self.deposed_since(last, node)?, node_name(node));
            Some(format!("{node}, deposed, {what}; p was t={p}, the TTL is {}", self.ttl))
        });
        format!("t={now} {}", told.collect::<Vec<_>>().join("; "))
    }
}

fn tell_controller(before: &State, action: Action) -> Option<String> {
    let master = |controller: u8| {
        let record = before.store.record(before.controller(controller).record?);
        Some((record, node_name(record.master)))
    };
    Some(match action {
        Action::Elect(controller) => format!("{} is elected", controller_name(controller)),
        Action::KeepSession(controller) => {
            format!("the store prolongs {}'s session", controller_name(controller))
        }
        Action::HearOfSession(controller) => {
            format!("{} hears that its session was prolonged", controller_name(controller))
        }
        Action::ReadRecord(controller) => {
            let record = before.store.last();
            let (version, master) = (record.version, node_name(record.master));
            let controller = controller_name(controller);
            format!("{controller} takes record {version} up: {master} is master")
        }
        Action::Push(controller) => {
            let (record, _) = master(controller)?;
            format!("{} pushes SETNODES {}", controller_name(controller), record.version)
        }
        Action::CheckGuard(controller) => {
            format!("{} checks its guard", controller_name(controller))
        }
        Action::Grant(controller) => {
            let (record, node) = master(controller)?;
            let election = record.election;
            let controller = controller_name(controller);
            format!("{controller} sends {node} a heartbeat of election {election}")
        }
        Action::Promote(controller) => {
            let (record, _) = master(controller)?;
            let other = node_name(1 - record.master);
            format!("{} sends the store a promotion of {other}", controller_name(controller))
        }
        Action::Commit(controller) => {
            let promotion = before.controller(controller).promotion?;
            let (version, master) = (promotion.version, node_name(promotion.master));
            let controller = controller_name(controller);
            format!("{controller}'s promotion of {master}, record {version}, reaches the store")
        }
        Action::MeetHigherVersion(controller, node) => {
            let version = before.node(node).version;
            let (controller, node) = (controller_name(controller), node_name(node));
            format!("{controller} meets version {version} on {node} and writes the store")
        }
        other => unreachable!("{other:?} is no controller's"),
    })
}

fn clock_name(clock: Clock) -> String {
    match clock {
        Clock::Node(node) => format!("{}'s clock", node_name(node)),
        Clock::Controller(controller) => format!("{}'s clock", controller_name(controller)),
        Clock::Store => "the store's clock".to_owned(),
    }
}

fn node_name(node: u8) -> &'static str {
    if node == 0 { "A" } else { "B" }
}

fn controller_name(controller: u8) -> String {
    format!("controller {}", controller + 1)
}
