//! The trail of a write: a client asked for it, a data node acknowledged it, the client heard of
//! it. What breaks it is a write that no other checker can judge: one acknowledged by a machine
//! that is no data node, or without having been asked for, or a client's `ok` for which no node
//! acknowledged anything.

use std::collections::BTreeMap;

use host::Observation;
use indexmap::IndexMap;

use super::reading::Reading;
use crate::history::{Intent, Invocation, OpResult, Return, What};

/// What breaks trails, each kind with the events that show it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Broken {
    /// Acknowledged by a machine that is no data node.
    pub(super) by_strangers: Vec<u64>,
    /// Acknowledged, though no client had asked for it.
    pub(super) unasked: Vec<u64>,
    /// Heard by a client as `ok`, though no data node had acknowledged it.
    pub(super) unacknowledged: Vec<u64>,
}

/// Follows every write.
pub(super) fn follow(reading: &Reading) -> Broken {
    let mut trails = Trails::default();
    let mut broken = Broken { by_strangers: reading.strangers.clone(), ..Broken::default() };
    for event in reading.history.events() {
        match &event.what {
            What::Invoke(invocation) => trails.ask(invocation),
            What::Observe { observation: Observation::Acknowledged { writes }, .. }
                if reading.standings.contains_key(event.on.as_str()) =>
            {
                for write in writes {
                    if !trails.acknowledge(&write.key, &write.token) {
                        broken.unasked.push(event.number);
                    }
                }
            }
            What::Return(Return { op, result: OpResult::Ok, .. }) if !trails.hear(*op) => {
                broken.unacknowledged.push(event.number);
            }
            _ => {}
        }
    }
    broken
}

#[derive(Default)]
struct Trails<'r> {
    asked: BTreeMap<u64, &'r [Intent]>,
    /// By key and by what is to be set or appended; nothing for an increment.
    writes: IndexMap<(&'r str, Option<&'r str>), Trail>,
    /// Increments acknowledged and not yet heard of, by key.
    increments: IndexMap<&'r str, u64>,
}

#[derive(Clone, Copy, Default)]
struct Trail {
    asked: bool,
    acknowledged: bool,
}

impl<'r> Trails<'r> {
    fn ask(&mut self, invocation: &'r Invocation) {
        self.asked.insert(invocation.op, &invocation.intents);
        for write in invocation.intents.iter().filter(|intent| intent.is_write()) {
            self.writes.entry((write.key(), write.token())).or_default().asked = true;
        }
    }

    /// Whether a client had asked for the write.
    fn acknowledge(&mut self, key: &'r str, written: &'r str) -> bool {
        if self.writes.contains_key(&(key, None)) {
            *self.increments.entry(key).or_default() += 1;
            return true;
        }
        let trail = self.writes.entry((key, Some(written))).or_default();
        trail.acknowledged = true;
        trail.asked
    }

    /// Whether all writes of an operation had been acknowledged.
    fn hear(&mut self, op: u64) -> bool {
        let Some(writes) = self.asked.get(&op) else {
            return false;
        };
        let mut all = true;
        for write in writes.iter().filter(|intent| intent.is_write()) {
            all &= match write.token() {
                token @ Some(_) => {
                    let trail = self.writes.get(&(write.key(), token));
                    trail.is_some_and(|trail| trail.acknowledged)
                }
                None => match self.increments.get_mut(write.key()) {
                    Some(left) if *left > 0 => {
                        *left -= 1;
                        true
                    }
                    _ => false,
                },
            };
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use host::Write;

    use super::super::fixture::Story;
    use super::*;
    use crate::history::Via;

    fn followed(story: &Story) -> Broken {
        let history = story.clone().end(60_000).history();
        follow(&Reading::of(&history).expect("a whole history"))
    }

    fn master() -> Story {
        Story::new().commit(0, 1, "a").authority(100, "a", 1)
    }

    fn acknowledged(key: &str, token: &str) -> Observation {
        let write = Write { key: key.into(), token: token.into() };
        Observation::Acknowledged { writes: vec![write] }
    }

    #[test]
    fn whole_trails_are_not_broken() {
        let story = master()
            .write(500, "a", "k", "v")
            .append(600, "a", "list", "t1,")
            .increment(700, "a", "n", 1)
            .increment(800, "a", "n", 2);
        assert_eq!(followed(&story), Broken::default());
    }

    #[test]
    fn acknowledgements_by_strangers_and_unasked_ones_are_found() {
        let strange = master().write(500, "elsewhere", "k", "v");
        assert_eq!(followed(&strange).by_strangers.len(), 1);
        assert_eq!(followed(&strange).unacknowledged.len(), 1, "no data node did");
        let unasked = master().observe(500, "a", acknowledged("k", "v"));
        assert_eq!(followed(&unasked).unasked.len(), 1);
        let other = master().write(500, "a", "k", "v").observe(600, "a", acknowledged("k", "w"));
        assert_eq!(followed(&other).unasked.len(), 1, "another value than the one asked for");
    }

    #[test]
    fn an_ok_that_nobody_acknowledged_is_found() {
        let asked = |op| {
            let (client, key) = ("clients/direct".into(), "n".into());
            let intents = vec![Intent::Increment { key }];
            What::Invoke(Invocation { client, op, shard: 0, via: Via::Direct, intents })
        };
        let ok = |op, answers| What::Return(Return { answers, ..Return::of(op, OpResult::Ok) });
        let one = master().increment(500, "a", "n", 1);
        let twice = one.clone().event(600, "clients", asked(7));
        let twice = twice.event(700, "clients", ok(7, vec![Some("1".into())]));
        assert_eq!(followed(&twice).unacknowledged.len(), 1, "one acknowledgement, two oks");
        let nobodys = one.event(600, "clients", ok(9, vec![]));
        assert_eq!(followed(&nobodys).unacknowledged.len(), 1);
    }
}
