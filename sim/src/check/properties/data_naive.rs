//! What was written, read and kept, each read against each other one.

use host::{Link, Role};

use super::tape::{Commit, Op, Tape};
use super::window_naive::lost;
use crate::history::{Content, Intent};
use crate::promise::Promise;
use crate::verdict::Outcome;

/// The outcome, and whether it counts.
pub(super) type Answer = (Outcome, bool);

fn fails_if(broken: bool) -> Outcome {
    if broken { Outcome::Fail } else { Outcome::Pass }
}

pub(super) fn acknowledged_writes(tape: &Tape) -> Outcome {
    let operations = &tape.operations;
    let unasked = tape.acknowledgements.iter().copied().any(|(at, _, writes)| {
        writes.iter().any(|write| {
            let mut before = operations.iter().filter(|op| op.invoked < at);
            !before.any(|op| {
                op.increments(&write.key)
                    || op
                        .writes()
                        .any(|of| of.key() == write.key && of.token() == Some(&write.token))
            })
        })
    });
    let (lost, whole) = lost(tape);
    match (unasked || lost.unexplained > 0, whole) {
        (true, _) => Outcome::Fail,
        (false, true) => Outcome::Pass,
        (false, false) => Outcome::Unknown,
    }
}

fn tokens(list: &str) -> Vec<&str> {
    list.split_inclusive(',').collect()
}

/// What a key holds of what nobody overwrites.
fn holds(content: &Content, write: &Intent) -> bool {
    let held = content.values.get(write.key());
    match write {
        Intent::SetFresh { value, .. } => held == Some(value),
        Intent::Append { token, .. } => {
            held.is_some_and(|list| tokens(list).contains(&token.as_str()))
        }
        other => panic!("{other:?} may be overwritten"),
    }
}

fn is_never_overwritten(intent: &Intent) -> bool {
    matches!(intent, Intent::SetFresh { .. } | Intent::Append { .. })
}

pub(super) fn whole_transactions(tape: &Tape) -> Outcome {
    let mut outcome = Outcome::Pass;
    for op in &tape.operations {
        let writes: Vec<&Intent> = op.writes().filter(|of| is_never_overwritten(of)).collect();
        if writes.len() < 2 {
            continue;
        }
        let found = match tape.final_state(op.asked.shard) {
            None => Outcome::Unknown,
            Some((_, content)) => {
                let first = holds(content, writes[0]);
                fails_if(writes.iter().any(|write| holds(content, write) != first))
            }
        };
        outcome = outcome.max(found);
    }
    outcome
}

pub(super) fn written_values(tape: &Tape) -> Outcome {
    let operations = &tape.operations;
    let explained = |key: &str, value: &str, at_ms: u64| {
        let asked: Vec<&Op> = operations
            .iter()
            .filter(|op| !op.failed() && tape.at_ms(op.invoked) <= at_ms)
            .collect();
        let intents = || asked.iter().flat_map(|op| op.writes()).filter(|of| of.key() == key);
        let set = intents().any(|intent| {
            !matches!(intent, Intent::Append { .. }) && intent.token() == Some(value)
        });
        let increments = intents().filter(|of| matches!(of, Intent::Increment { .. })).count();
        let counted = (1..=increments).any(|count| count.to_string() == value);
        let appended = |token: &&str| {
            let such =
                |of: &Intent| matches!(of, Intent::Append { .. }) && of.token() == Some(token);
            intents().any(such)
        };
        let list = tokens(value);
        let once = |token: &&str| list.iter().filter(|other| *other == token).count() == 1;
        let listed = !list.is_empty() && list.iter().all(|of| appended(of) && once(of));
        set || counted || listed
    };
    let read = operations.iter().any(|op| {
        let Some((ended, end)) = op.ok() else { return false };
        let answers = op.asked.intents.iter().zip(&end.answers);
        let mut given = answers.filter(|(intent, _)| intent.has_answer());
        given.any(|(intent, answer)| {
            let value = answer.as_deref();
            value.is_some_and(|value| !explained(intent.key(), value, tape.at_ms(ended)))
        })
    });
    let machines = tape.setup.members.iter().map(|member| member.machine.as_str());
    let held = machines.filter_map(|machine| tape.content(machine)).any(|(_, content)| {
        content.values.iter().any(|(key, value)| !explained(key, value, tape.end_ms))
    });
    fails_if(read || held)
}

/// A client was answered this about a key, by a node that it knows.
struct Told<'h> {
    client: &'h str,
    by: &'h str,
    key: &'h str,
    value: Option<&'h str>,
}

pub(super) fn monotonic_reads(tape: &Tape) -> Answer {
    let operations = &tape.operations;
    // Clients have one operation at a time, so this is the order of their ends, too.
    let told: Vec<Told> = operations
        .iter()
        .filter_map(|op| Some((op, op.ok()?.1)))
        .filter_map(|(op, end)| Some((op, end, end.by.as_deref()?)))
        .flat_map(|(op, end, by)| {
            let answers = op.asked.intents.iter().zip(&end.answers);
            let given = answers.filter(|(intent, _)| intent.has_answer());
            given.map(move |(intent, answer)| Told {
                client: &op.asked.client,
                by,
                key: intent.key(),
                value: answer.as_deref(),
            })
        })
        .collect();
    let same = |one: &Told, other: &Told| {
        (one.client, one.by, one.key) == (other.client, other.by, other.key)
    };
    let back = (0..told.len()).any(|later| {
        (0..later).filter(|earlier| same(&told[*earlier], &told[later])).any(|earlier| {
            let between = &told[earlier..later];
            let other = |of: &&Told| same(of, &told[later]) && of.value != told[later].value;
            let replaced = between.iter().any(|of| other(&of));
            is_older(operations, told[later].key, told[later].value, told[earlier].value, replaced)
        })
    });
    (fails_if(back), tape.promises(Promise::MonotonicReads))
}

/// Whether a later answer about a key is of an older state than an earlier one.
fn is_older(
    operations: &[Op],
    key: &str,
    later: Option<&str>,
    earlier: Option<&str>,
    replaced: bool,
) -> bool {
    let (Some(later), Some(earlier)) = (later, earlier) else {
        return earlier.is_some();
    };
    let intents = operations.iter().flat_map(|op| op.writes()).filter(|of| of.key() == key);
    match intents.last() {
        Some(Intent::Append { .. }) => {
            tokens(earlier).iter().any(|token| !tokens(later).contains(token))
        }
        Some(Intent::Increment { .. }) => {
            let count = |value: &str| value.parse::<u64>().ok();
            count(later) < count(earlier)
        }
        // It was there, something else was, and it is there again.
        _ => later == earlier && replaced,
    }
}

pub(super) fn equal_replicas(tape: &Tape) -> Answer {
    let promised = tape.promises(Promise::EqualReplicas);
    let (mut silent, mut undecided) = (false, false);
    for shard in tape.shards() {
        let Some((_, mine)) = tape.final_state(shard) else {
            undecided = true;
            continue;
        };
        let master = tape.commits(shard).last().expect("it has a final state").master;
        for machine in tape.machines(shard).filter(|machine| *machine != master) {
            let Some((_, theirs)) = tape.content(machine) else {
                undecided = true;
                continue;
            };
            let sequences = mine.sequence.zip(theirs.sequence);
            let differs = mine.values != theirs.values;
            if differs && is_older_than_rejoin(tape, shard, machine, (mine, theirs)) {
                silent = true;
            } else if differs || sequences.is_some_and(|(mine, theirs)| mine != theirs) {
                return (Outcome::Fail, true);
            }
        }
    }
    match (silent, undecided) {
        (true, false) => (Outcome::Fail, promised),
        (true, true) if promised => (Outcome::Fail, true),
        (_, true) => (Outcome::Unknown, true),
        (false, false) => (Outcome::Pass, true),
    }
}

/// Whether a difference goes back to before a node began to follow the last master: the master,
/// which was not the first one with its data, wrote none of the differing keys since then.
fn is_older_than_rejoin(
    tape: &Tape,
    shard: u32,
    machine: &str,
    (mine, theirs): (&Content, &Content),
) -> bool {
    let commits = tape.commits(shard);
    let last = commits[commits.len() - 1];
    let became = commits.iter().find(|commit| commit.k == last.k).expect("the last one").event;
    let restarted = tape.events.iter().rposition(|event| {
        let again = matches!(event.what, crate::history::What::Start { life } if life > 1);
        again && event.on == last.master
    });
    let since = became.max(restarted.unwrap_or(0));
    let joined = (since..tape.events.len()).find(|at| {
        let stand = tape.stand_after(machine, *at);
        let link = stand.status.and_then(|status| status.link);
        stand.role() == Role::Replica && link == Some(Link::Streaming)
    });
    let Some(joined) = joined.filter(|_| last.k > 0 || restarted.is_some()) else {
        return false;
    };
    let keys = mine.values.keys().chain(theirs.values.keys());
    let differing: Vec<&String> =
        keys.filter(|key| mine.values.get(*key) != theirs.values.get(*key)).collect();
    !tape.acknowledgements.iter().any(|(at, by, writes)| {
        *at > joined
            && *by == last.master
            && writes.iter().any(|write| differing.contains(&&write.key))
    })
}

/// What the master in force had of a key, at some time within these.
struct Look<'h> {
    from_ms: u64,
    until_ms: u64,
    key: &'h str,
    value: Option<&'h str>,
}

pub(super) fn no_resurrection(tape: &Tape) -> Answer {
    let operations = &tape.operations;
    let looks = looks(tape, operations);
    let mut back = false;
    for (op, ended) in operations.iter().filter_map(|op| Some((op, op.ok()?.0))) {
        for write in op.writes().filter(|of| is_never_overwritten(of)) {
            let of_key = || looks.iter().filter(|look| look.key == write.key());
            let has = |look: &&Look| {
                look.value.is_some_and(|value| match write {
                    Intent::SetFresh { value: written, .. } => value == written,
                    other => tokens(value).contains(&other.token().expect("a token")),
                })
            };
            let gone = of_key().filter(|look| !has(look) && tape.at_ms(ended) < look.from_ms);
            back |= gone
                .into_iter()
                .any(|gone| of_key().any(|again| has(&again) && gone.until_ms < again.from_ms));
        }
    }
    (fails_if(back), tape.promises(Promise::NoResurrection))
}

fn looks<'h>(tape: &Tape<'h>, operations: &[Op<'h>]) -> Vec<Look<'h>> {
    let mut looks = Vec::new();
    for (op, (ended, end)) in operations.iter().filter_map(|op| Some((op, op.ok()?))) {
        let Some(by) = end.by.as_deref().filter(|by| tape.shard_of(by).is_some()) else {
            continue;
        };
        if !rules_all_the_while(tape, op.asked.shard, by, op.invoked, ended) {
            continue;
        }
        for (intent, answer) in op.asked.intents.iter().zip(&end.answers) {
            if let Intent::Read { key } = intent {
                let (from_ms, until_ms) = (tape.at_ms(op.invoked), tape.at_ms(ended));
                looks.push(Look { from_ms, until_ms, key, value: answer.as_deref() });
            }
        }
    }
    for (_, content) in tape.shards().into_iter().filter_map(|shard| tape.final_state(shard)) {
        let at_ms = tape.end_ms;
        looks.extend(content.values.iter().map(|(key, value)| Look {
            from_ms: at_ms,
            until_ms: at_ms,
            key,
            value: Some(value),
        }));
    }
    looks
}

/// Whether the store named a machine all the while, and the machine knew it.
fn rules_all_the_while(tape: &Tape, shard: u32, by: &str, from: usize, until: usize) -> bool {
    let commits = tape.commits(shard);
    let in_force = |before: usize| {
        let so_far: Vec<&Commit> = commits.iter().filter(|of| of.event < before).collect();
        so_far.last().map(|last| (last.k, last.master))
    };
    let Some((k, master)) = in_force(from) else { return false };
    let named = master == by && in_force(until) == Some((k, master));
    named
        && (from - 1..until).all(|at| {
            let version = tape.stand_after(by, at).version();
            let such = |of: &&Commit| of.master == by && of.version == version;
            let latest = commits.iter().filter(|of| of.event < until).rfind(such);
            // Its topology may be ahead of what the store has committed yet.
            latest.or_else(|| commits.iter().find(such)).is_some_and(|of| of.k == k)
        })
}
