//! A life that was lived: its events, where in them each thing stands, and how to make a history
//! of them that differs in one place.

use std::collections::BTreeMap;

use crate::history::{Event, History, Intent, Setup, What};

/// Events with all that a break must know of them. Places are indices into `events`.
pub(super) struct Lived {
    pub(super) setup: Setup,
    pub(super) events: Vec<(u64, String, What)>,
    pub(super) operations: Vec<Told>,
    pub(super) handovers: Vec<Handover>,
    /// The last master of each shard, and the number of its tenure.
    pub(super) masters: Vec<(String, usize)>,
    /// Where the clients have stopped.
    pub(super) converge: usize,
    pub(super) final_reads: usize,
    /// Of each machine: its final content.
    pub(super) finals: BTreeMap<String, usize>,
}

/// An operation.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) shard: usize,
    pub(super) invoked: usize,
    /// Where a node acknowledged it.
    pub(super) acked: Option<usize>,
    pub(super) ended: usize,
    pub(super) fate: Fate,
    /// The number of the tenure under which it was done.
    pub(super) tenure: usize,
}

/// What became of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Done, and known to all nodes.
    Kept,
    /// Acknowledged and gone with the master's deposition.
    Lagged,
    /// Acknowledged after p by the deposed master.
    Stale,
    /// Never done.
    Undone,
}

/// A failover.
#[derive(Clone, Debug)]
pub(super) struct Handover {
    pub(super) shard: usize,
    pub(super) old: String,
    /// The commit of a promotion without effect that came before.
    pub(super) false_start: Option<usize>,
    pub(super) commit: usize,
    pub(super) injected: usize,
    pub(super) healed: usize,
    /// The operation sent to the old master while it hung.
    pub(super) in_vain: Option<usize>,
    /// The operations that read a lagged key and found nothing, and the one that wrote it.
    pub(super) missed: Vec<usize>,
    pub(super) lagged: Option<usize>,
    pub(super) redirects: Vec<usize>,
    pub(super) deposed: Option<Deposed>,
}

/// How the old master's authority ended, if it did not die.
#[derive(Clone, Debug)]
pub(super) struct Deposed {
    /// Since when it stood with authority.
    pub(super) stood: usize,
    /// Since when it stood without.
    pub(super) steps_down: usize,
    /// When it heard of its deposition.
    pub(super) hears: usize,
    /// The line of log about a write beyond the lease, and its acknowledgement.
    pub(super) logged: Option<(usize, usize)>,
    pub(super) refused: Option<usize>,
}

impl Lived {
    pub(super) fn history(&self) -> History {
        self.history_of(self.events.clone())
    }

    /// The number of the event at a place.
    pub(super) fn number(place: usize) -> u64 {
        // The setup comes first.
        place as u64 + 1
    }

    /// With one event changed.
    pub(super) fn changed(&self, place: usize, change: impl FnOnce(&mut What)) -> History {
        let mut events = self.events.clone();
        change(&mut events[place].2);
        self.history_of(events)
    }

    /// Without one event.
    pub(super) fn without(&self, place: usize) -> History {
        let mut events = self.events.clone();
        events.remove(place);
        self.history_of(events)
    }

    /// With events of one machine inserted after a place, at the instant of that place.
    pub(super) fn with_after(&self, place: usize, on: &str, what: Vec<What>) -> History {
        let at_ms = self.events[place].0;
        self.with(place + 1, on, what.into_iter().map(|what| (at_ms, what)))
    }

    /// The same before a place.
    pub(super) fn with_before(&self, place: usize, on: &str, what: Vec<What>) -> History {
        let at_ms = self.events[place].0;
        self.with(place, on, what.into_iter().map(|what| (at_ms, what)))
    }

    /// With events of one machine at these times before a place.
    pub(super) fn with(
        &self,
        place: usize,
        on: &str,
        what: impl IntoIterator<Item = (u64, What)>,
    ) -> History {
        let mut events = self.events.clone();
        let new = what.into_iter().map(|(at_ms, what)| (at_ms, on.to_owned(), what));
        events.splice(place..place, new);
        self.history_of(events)
    }

    /// With one event happening later, just before another.
    pub(super) fn moved(&self, place: usize, before: usize, at_ms: u64) -> History {
        let mut events = self.events.clone();
        let (_, on, what) = events.remove(place);
        events.insert(before - 1, (at_ms, on, what));
        self.history_of(events)
    }

    /// With the final content of a whole shard changed in the same way.
    pub(super) fn with_values(
        &self,
        shard: usize,
        change: impl Fn(&mut BTreeMap<String, String>),
    ) -> History {
        let mut events = self.events.clone();
        for place in self.finals_of(shard) {
            if let What::Final(content) = &mut events[place].2 {
                change(&mut content.values);
            }
        }
        self.history_of(events)
    }

    /// Where the final contents of a shard stand, its master's first.
    pub(super) fn finals_of(&self, shard: usize) -> Vec<usize> {
        let master = &self.masters[shard].0;
        let members = self.setup.members.iter().filter(|member| member.shard as usize == shard);
        let mut machines: Vec<&String> = members.map(|member| &member.machine).collect();
        machines.sort_by_key(|machine| *machine != master);
        machines.into_iter().map(|machine| self.finals[machine]).collect()
    }

    /// The final values of a shard.
    pub(super) fn values(&self, shard: usize) -> &BTreeMap<String, String> {
        match &self.events[self.finals[&self.masters[shard].0]].2 {
            What::Final(content) => &content.values,
            other => panic!("no final content: {other:?}"),
        }
    }

    /// What an operation asked for.
    pub(super) fn intents(&self, told: &Told) -> &[Intent] {
        match &self.events[told.invoked].2 {
            What::Invoke(invocation) => &invocation.intents,
            other => panic!("no invocation: {other:?}"),
        }
    }

    /// What it asked for, if that is one thing.
    pub(super) fn intent(&self, told: &Told) -> Option<&Intent> {
        match self.intents(told) {
            [intent] => Some(intent),
            _ => None,
        }
    }

    /// Whether an operation was done under its shard's last tenure.
    pub(super) fn is_of_the_last_tenure(&self, told: &Told) -> bool {
        told.tenure == self.masters[told.shard].1
    }

    /// The machine that did something.
    pub(super) fn on(&self, place: usize) -> &str {
        &self.events[place].1
    }

    fn history_of(&self, events: Vec<(u64, String, What)>) -> History {
        let setup = (0, "driver".to_owned(), What::Setup(self.setup.clone()));
        History::from_events(std::iter::once(setup).chain(events))
    }
}

/// The machine, the time and the number of an event, for messages.
pub(super) fn in_words(event: &Event) -> String {
    format!("{} at {} ms on {}: {:?}", event.number, event.at_ms, event.on, event.what)
}
