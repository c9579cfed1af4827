//! Breaks of data: lost, torn, unequal, read as nobody wrote it, older than before, or back.

use std::collections::BTreeMap;

use host::Observation;
use proptest::sample::Index;
use proptest::test_runner::{TestCaseError, TestRunner};

use super::life::lives;
use super::lived::{Fate, Lived, Told};
use super::{Broken, cluster::live, config, each_is_caught, one_of};
use crate::check::{
    ACKNOWLEDGED_WRITES, EQUAL_REPLICAS, MONOTONIC_READS, NO_RESURRECTION, WHOLE_TRANSACTIONS,
    WRITTEN_VALUES, judge,
};
use crate::figures::LostWrites;
use crate::history::{Intent, OpResult, Return, What};

/// Takes back what an operation of one intent wrote to a fresh key or a list.
fn forget(values: &mut BTreeMap<String, String>, intent: &Intent) {
    match intent {
        Intent::Append { key, token } => {
            let list = values.remove(key).expect("what was kept is there");
            let others: String = list.split_inclusive(',').filter(|other| other != token).collect();
            if !others.is_empty() {
                values.insert(key.clone(), others);
            }
        }
        other => {
            values.remove(other.key());
        }
    }
}

fn is_fresh_or_append(intent: &Intent) -> bool {
    matches!(intent, Intent::SetFresh { .. } | Intent::Append { .. })
}

/// Kept writes of one fresh key or token, with the acknowledgement.
fn kept(lived: &Lived) -> impl Iterator<Item = (&Told, &Intent, usize)> {
    let kept = lived.operations.iter().filter(|told| told.fate == Fate::Kept);
    let acked = kept.filter_map(|told| Some((told, lived.intent(told)?, told.acked?)));
    acked.filter(|(_, intent, _)| is_fresh_or_append(intent))
}

#[test]
fn a_write_of_the_reigning_master_that_is_gone() {
    each_is_caught(lives(), |lived, index| {
        let reigning = kept(lived).filter(|(told, ..)| lived.is_of_the_last_tenure(told));
        let (told, intent, acked) = one_of(reigning, index)?;
        let history = lived.with_values(told.shard, |values| forget(values, intent));
        Some(Broken::of(ACKNOWLEDGED_WRITES, history, Lived::number(acked)))
    });
}

#[test]
fn a_counter_of_the_reigning_master_that_counts_one_less() {
    each_is_caught(lives(), |lived, index| {
        // Otherwise the loss is laid on whoever reigned before.
        let only = |told: &&Told| lived.masters[told.shard].1 == 0 && told.fate == Fate::Kept;
        let counted = lived.operations.iter().filter(only).filter_map(|told| {
            let intent = lived.intent(told)?;
            matches!(intent, Intent::Increment { .. }).then_some((told, intent.key(), told.acked?))
        });
        let counted: Vec<(&Told, &str, usize)> = counted.collect();
        let (told, key, _) = one_of(counted.iter().copied(), index)?;
        let count: u64 = lived.values(told.shard)[key].parse().expect("a counter");
        if count < 2 {
            return None;
        }
        let less = (count - 1).to_string();
        let history = lived.with_values(told.shard, |values| {
            values.insert(key.to_owned(), less.clone());
        });
        let first = counted.iter().find(|(_, of, _)| *of == key)?.2;
        Some(Broken::of(ACKNOWLEDGED_WRITES, history, Lived::number(first)))
    });
}

#[test]
fn an_acknowledged_write_that_nobody_asked_for() {
    each_is_caught(lives(), |lived, index| {
        let (_, _, acked) = one_of(kept(lived), index)?;
        let writes = vec![host::Write { key: "k".into(), token: "v".into() }];
        let unasked = host::Observation::Acknowledged { writes };
        let unasked = What::Observe { life: 1, observation: unasked };
        let history = lived.with_after(acked, lived.on(acked), vec![unasked]);
        Some(Broken::of(ACKNOWLEDGED_WRITES, history, Lived::number(acked + 1)))
    });
}

/// Not a break: what an earlier master acknowledged may be lost, and is counted.
#[test]
fn a_write_of_an_earlier_master_that_is_gone_is_replication_lag() {
    let cases = (lives(), proptest::prelude::any::<Index>());
    let found = TestRunner::new(config()).run(&cases, |(life, index)| {
        let lived = live(&life);
        let earlier = kept(&lived).filter(|(told, ..)| !lived.is_of_the_last_tenure(told));
        let place = one_of(earlier, index);
        let (told, intent, _) = place.ok_or_else(|| TestCaseError::reject("no such write"))?;
        let history = lived.with_values(told.shard, |values| forget(values, intent));
        let (verdicts, figures) = judge(&history);
        let before = judge(&lived.history()).1.lost_writes;
        let replication_lag = before.replication_lag + 1;
        proptest::prop_assert_eq!(figures.lost_writes, LostWrites { replication_lag, ..before });
        let good = judge(&lived.history()).0;
        let outcomes = |verdicts: Vec<crate::verdict::Verdict>| -> Vec<_> {
            let counted = verdicts.into_iter().filter(|verdict| !verdict.informative);
            counted.map(|verdict| (verdict.check, verdict.outcome)).collect()
        };
        proptest::prop_assert_eq!(outcomes(verdicts), outcomes(good));
        Ok(())
    });
    found.unwrap_or_else(|error| panic!("{error}"));
}

/// Every shard's register was set in every life.
fn with_register(lived: &Lived, shard: usize, value: &str) -> crate::history::History {
    lived.with_values(shard, |values| {
        values.insert(format!("register:{shard}"), value.to_owned());
    })
}

#[test]
fn a_final_value_that_nobody_wrote() {
    each_is_caught(lives(), |lived, index| {
        let shard = index.index(lived.masters.len());
        let place = Lived::number(lived.finals_of(shard)[0]);
        Some(Broken::of(WRITTEN_VALUES, with_register(lived, shard, "nobody's"), place))
    });
}

#[test]
fn a_token_that_stands_twice() {
    each_is_caught(lives(), |lived, index| {
        let tokens = kept(lived).filter_map(|(told, intent, _)| match intent {
            Intent::Append { key, token } => Some((told.shard, key, token)),
            _ => None,
        });
        let (shard, key, token) = one_of(tokens, index)?;
        let history = lived.with_values(shard, |values| {
            values.get_mut(key).expect("what was kept is there").push_str(token);
        });
        let place = Lived::number(lived.finals_of(shard)[0]);
        Some(Broken::of(WRITTEN_VALUES, history, place))
    });
}

#[test]
fn a_write_that_surely_failed_and_is_there() {
    each_is_caught(lives(), |lived, index| {
        let failed = lived.operations.iter().filter(|told| {
            let end = &lived.events[told.ended].2;
            matches!(end, What::Return(Return { result: OpResult::Fail { .. }, .. }))
        });
        let failed = failed.filter_map(|told| match lived.intent(told)? {
            Intent::SetFresh { key, value } => Some((told.shard, key, value)),
            _ => None,
        });
        let (shard, key, value) = one_of(failed, index)?;
        let history = lived.with_values(shard, |values| {
            values.insert(key.clone(), value.clone());
        });
        let place = Lived::number(lived.finals_of(shard)[0]);
        Some(Broken::of(WRITTEN_VALUES, history, place))
    });
}

/// An acknowledged operation that is one read: who read what at which node, and the answer.
#[derive(Clone, Copy)]
struct Read<'l> {
    ended: usize,
    client: &'l str,
    by: &'l str,
    key: &'l str,
    answer: Option<&'l str>,
}

impl Read<'_> {
    fn is_like(&self, other: &Read) -> bool {
        (self.client, self.by, self.key) == (other.client, other.by, other.key)
    }

    fn is_of(&self, kind: &str) -> bool {
        self.key.starts_with(kind)
    }
}

fn reads(lived: &Lived) -> Vec<Read<'_>> {
    let reads = lived.operations.iter().filter_map(|told| {
        let What::Invoke(asked) = &lived.events[told.invoked].2 else { return None };
        let What::Return(end) = &lived.events[told.ended].2 else { return None };
        let [Intent::Read { key }] = &asked.intents[..] else { return None };
        let answer = end.answers.first()?.as_deref();
        let (client, by) = (asked.client.as_str(), end.by.as_deref().unwrap_or_default());
        Some(Read { ended: told.ended, client, by, key, answer })
    });
    reads.collect()
}

/// Each read of a node that has one before it by the same client of the same key, with that one.
fn pairs(lived: &Lived) -> Vec<(Read<'_>, Read<'_>)> {
    let reads = reads(lived);
    let before = |at: usize| reads[..at].iter().rev().find(|read| read.is_like(&reads[at]));
    let pairs = (0..reads.len()).filter_map(|at| Some((*before(at)?, reads[at])));
    pairs.filter(|(_, read)| !read.by.is_empty()).collect()
}

/// Whether the last commit before a place names a machine as master.
fn is_named(lived: &Lived, machine: &str, before: usize) -> bool {
    let named = lived.events[..before].iter().rev().find_map(|(_, _, what)| match what {
        What::Observe { observation: Observation::Committed { masters, .. }, .. } => Some(masters),
        _ => None,
    });
    let id = format!("id-{machine}");
    named.is_some_and(|masters| masters.iter().any(|master| master.member == id))
}

fn answering(lived: &Lived, read: &Read, answer: Option<String>) -> crate::history::History {
    lived.changed(read.ended, |what| {
        let What::Return(end) = what else { panic!("no end: {what:?}") };
        end.answers = vec![answer];
    })
}

#[test]
fn a_read_of_what_was_written_later() {
    each_is_caught(lives(), |lived, index| {
        let reads = reads(lived);
        let later = lived.operations.iter().filter_map(|told| match lived.intent(told)? {
            Intent::Set { key, value } => Some((told.invoked, key, value)),
            _ => None,
        });
        let later: Vec<(usize, &String, &String)> = later.collect();
        // A later read of the truth would be one of something that was there before.
        let last = reads.iter().enumerate().filter(|(at, read)| {
            read.is_of("register") && !reads[at + 1..].iter().any(|later| later.is_like(read))
        });
        let cases = last.flat_map(|(_, read)| {
            let later = later
                .iter()
                .filter(move |(at, key, _)| *at > read.ended && key.as_str() == read.key);
            later.map(move |(_, _, value)| (*read, (*value).clone()))
        });
        let (read, value) = one_of(cases.collect::<Vec<_>>(), index)?;
        let history = answering(lived, &read, Some(value));
        Some(Broken::of(WRITTEN_VALUES, history, Lived::number(read.ended)))
    });
}

#[test]
fn a_key_that_was_read_and_is_absent() {
    each_is_caught(lives(), |lived, index| {
        // Of registers and counters nothing else is judged that is there again later.
        let pairs = pairs(lived).into_iter().filter(|(before, read)| {
            before.answer.is_some() && (read.is_of("register") || read.is_of("count"))
        });
        let (_, read) = one_of(pairs, index)?;
        let history = answering(lived, &read, None);
        Some(Broken::of(MONOTONIC_READS, history, Lived::number(read.ended)))
    });
}

#[test]
fn a_counter_that_was_read_and_counts_less() {
    each_is_caught(lives(), |lived, index| {
        let count = |read: &Read| read.answer.and_then(|value| value.parse::<u64>().ok());
        let pairs = pairs(lived).into_iter().filter_map(|(before, read)| {
            let less = count(&before).filter(|value| read.is_of("count") && *value > 1)? - 1;
            Some((read, less))
        });
        let (read, less) = one_of(pairs, index)?;
        let history = answering(lived, &read, Some(less.to_string()));
        Some(Broken::of(MONOTONIC_READS, history, Lived::number(read.ended)))
    });
}

#[test]
fn a_list_that_was_read_and_lacks_a_token() {
    each_is_caught(lives(), |lived, index| {
        let pairs = pairs(lived).into_iter().filter_map(|(before, read)| {
            // The master's own list would be judged of a token that was gone and came back.
            let of_replica = read.is_of("list") && !is_named(lived, read.by, read.ended);
            let list = before.answer.filter(|_| of_replica)?;
            let shorter = list.trim_end_matches(',').rsplit_once(',').map(|(rest, _)| rest);
            Some((read, shorter.map(|rest| format!("{rest},"))))
        });
        let (read, shorter) = one_of(pairs, index)?;
        let history = answering(lived, &read, shorter);
        Some(Broken::of(MONOTONIC_READS, history, Lived::number(read.ended)))
    });
}

#[test]
fn a_register_that_was_read_and_goes_back() {
    each_is_caught(lives(), |lived, index| {
        let pairs = pairs(lived);
        let of_register = pairs.iter().filter(|(_, read)| read.is_of("register"));
        let back = of_register.filter_map(|(before, read)| {
            let older = pairs.iter().find(|(_, other)| other.ended == before.ended)?.0.answer?;
            (before.answer != Some(older)).then_some((*read, older))
        });
        let (read, older) = one_of(back.collect::<Vec<_>>(), index)?;
        let history = answering(lived, &read, Some(older.to_owned()));
        Some(Broken::of(MONOTONIC_READS, history, Lived::number(read.ended)))
    });
}

#[test]
fn a_transaction_of_which_a_part_is_gone() {
    each_is_caught(lives(), |lived, index| {
        let kept = lived.operations.iter().filter(|told| told.fate == Fate::Kept);
        let several = kept.filter(|told| {
            lived.intents(told).iter().filter(|intent| is_fresh_or_append(intent)).count() > 1
        });
        let told = one_of(several, index)?;
        let part = &lived.intents(told)[index.index(2)];
        let history = lived.with_values(told.shard, |values| forget(values, part));
        let broken = Broken::of(WHOLE_TRANSACTIONS, history, Lived::number(told.invoked));
        // What the reigning master acknowledged is lost besides.
        let lost = told.acked.is_some() && lived.is_of_the_last_tenure(told);
        Some(broken.also(ACKNOWLEDGED_WRITES, lost))
    });
}

/// The final content of a replica, changed.
fn with_content(
    lived: &Lived,
    shard: usize,
    change: impl FnOnce(&mut crate::history::Content),
) -> Broken {
    let place = *lived.finals_of(shard).last().expect("a shard has nodes");
    let history = lived.changed(place, |what| {
        let What::Final(content) = what else { panic!("no content: {what:?}") };
        change(content);
    });
    Broken::of(EQUAL_REPLICAS, history, Lived::number(place))
}

#[test]
fn a_replica_that_lacks_a_key() {
    each_is_caught(lives(), |lived, index| {
        let shard = index.index(lived.masters.len());
        let key = one_of(lived.values(shard).keys(), index)?;
        Some(with_content(lived, shard, |content| {
            content.values.remove(key);
        }))
    });
}

#[test]
fn a_replica_that_is_not_as_far() {
    each_is_caught(lives(), |lived, index| {
        let shard = index.index(lived.masters.len());
        Some(with_content(lived, shard, |content| {
            content.sequence = content.sequence.map(|sequence| sequence - 1);
        }))
    });
}

#[test]
fn a_replica_that_keeps_what_was_lost() {
    each_is_caught(lives(), |lived, index| {
        let lost = |told: &&Told| matches!(told.fate, Fate::Lagged | Fate::Stale);
        let lost = lived.operations.iter().filter(lost);
        let keys = lost.filter_map(|told| match lived.intent(told)? {
            Intent::SetFresh { key, value } => Some((told.shard, key, value)),
            _ => None,
        });
        let (shard, key, value) = one_of(keys, index)?;
        Some(with_content(lived, shard, |content| {
            content.values.insert(key.clone(), value.clone());
        }))
    });
}

#[test]
fn a_lost_write_that_is_back_in_the_end() {
    each_is_caught(lives(), |lived, index| {
        let (shard, lagged) = one_of(
            lived.handovers.iter().filter_map(|handover| Some((handover.shard, handover.lagged?))),
            index,
        )?;
        let Some(Intent::SetFresh { key, value }) = lived.intent(&lived.operations[lagged]) else {
            return None;
        };
        let history = lived.with_values(shard, |values| {
            values.insert(key.clone(), value.clone());
        });
        let place = Lived::number(lived.finals_of(shard)[0]);
        Some(Broken::of(NO_RESURRECTION, history, place))
    });
}

#[test]
fn a_lost_write_that_is_read_again() {
    each_is_caught(lives(), |lived, index| {
        let read_twice = lived.handovers.iter().filter_map(|handover| {
            let [_, again] = handover.missed[..] else { return None };
            Some((handover.lagged?, again))
        });
        let (lagged, again) = one_of(read_twice, index)?;
        let Some(Intent::SetFresh { value, .. }) = lived.intent(&lived.operations[lagged]) else {
            return None;
        };
        let ended = lived.operations[again].ended;
        let history = lived.changed(ended, |what| {
            let What::Return(end) = what else { panic!("no end: {what:?}") };
            end.answers = vec![Some(value.clone())];
        });
        Some(Broken::of(NO_RESURRECTION, history, Lived::number(ended)))
    });
}
