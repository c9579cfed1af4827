//! Rules of leases, versions and load balancers, each event against each other one.

use host::{Lease, Observation, Role};

use super::data_naive::Answer;
use super::tape::{Op, Tape};
use super::window_naive::was_granted;
use crate::history::{Gate, Intent, OpResult, Via, What};
use crate::promise::Promise;
use crate::verdict::Outcome;

fn fails_if(broken: bool) -> Outcome {
    if broken { Outcome::Fail } else { Outcome::Pass }
}

/// The operations of which an acknowledgement of these writes can be: that with the value or the
/// token, else all of the counter's increments that were neither done nor refused by then.
fn can_be<'h>(operations: &[Op<'h>], writes: &[host::Write], at: usize) -> Vec<Op<'h>> {
    let begun = || operations.iter().filter(|op| op.invoked < at);
    let such = |write: &host::Write, token: Option<&str>| -> Vec<Op<'h>> {
        let asks = |op: &&Op| op.writes().any(|of| of.key() == write.key && of.token() == token);
        begun().filter(asks).copied().collect()
    };
    let mut by_token = writes.iter().map(|write| such(write, Some(&write.token)));
    if let Some(found) = by_token.find(|found| !found.is_empty()) {
        return found;
    }
    let mut by_counter = writes.iter().map(|write| such(write, None));
    let increments = by_counter.find(|found| !found.is_empty()).unwrap_or_default();
    let open = |op: &Op| {
        op.ended
            .is_none_or(|(ended, end)| ended > at || matches!(end.result, OpResult::Info { .. }))
    };
    increments.into_iter().filter(open).collect()
}

pub(super) fn lb_separates(tape: &Tape) -> Answer {
    let operations = &tape.operations;
    let behind: Vec<Op> = operations.iter().filter(|op| op.asked.via == Via::Lb).copied().collect();
    let astray = tape.acknowledgements.iter().copied().any(|(at, machine, writes)| {
        let shard = tape.shard_of(machine).expect("a data node");
        let led = |balancer: &&str| !routes(tape, balancer, shard).is_empty();
        let balancers: Vec<&str> = tape.balancers().filter(led).collect();
        let elsewhere = |op: &Op| {
            let began_ms = tape.at_ms(op.invoked);
            balancers.iter().all(|balancer| {
                let routes = routes(tape, balancer, shard);
                let before = routes.iter().rev().find(|(at_ms, _)| *at_ms < began_ms);
                let mut then = routes.iter().filter(|(at_ms, _)| *at_ms == began_ms);
                before.is_some_and(|(_, to)| *to != machine) && then.all(|(_, to)| *to != machine)
            })
        };
        let asked = can_be(&behind, writes, at);
        !balancers.is_empty() && !asked.is_empty() && asked.iter().all(elsewhere)
    });
    let led_back = tape.balancers().any(|balancer| led_back(tape, balancer));
    (fails_if(astray || led_back), tape.promises(Promise::LbSeparates))
}

/// Whether a load balancer was led elsewhere by a version below one of before.
fn led_back(tape: &Tape, balancer: &str) -> bool {
    let told: Vec<(u32, &str, Option<i64>)> = tape
        .events
        .iter()
        .filter(|event| event.on == balancer)
        .filter_map(|event| match &event.what {
            What::Observe {
                observation: Observation::Routed { shard, target, version }, ..
            } => Some((*shard, target.as_str(), *version)),
            _ => None,
        })
        .collect();
    (0..told.len()).any(|at| {
        let (shard, target, version) = told[at];
        let before: Vec<_> = told[..at].iter().filter(|(of, ..)| *of == shard).collect();
        let newer = before.iter().any(|(.., before)| *before > version && version.is_some());
        newer && before.last().is_some_and(|(_, before, _)| *before != target)
    })
}

fn routes<'h>(tape: &Tape<'h>, balancer: &str, shard: u32) -> Vec<(u64, &'h str)> {
    let told = tape.events.iter().filter(|event| event.on == balancer);
    let routes = told.filter_map(|event| match &event.what {
        What::Observe { observation: Observation::Routed { shard: of, target, .. }, .. } => {
            (*of == shard).then(|| (event.at_ms, target.split(':').next().expect("a host")))
        }
        _ => None,
    });
    routes.collect()
}

/// What is known of the lease of a write's node, from when it was asked for to its end.
struct Led<'h> {
    at: usize,
    machine: &'h str,
    began_ms: u64,
    at_the_end: Vec<Lease>,
    all_the_while: Vec<Lease>,
    granted: bool,
}

impl Led<'_> {
    fn ended_with(&self, lease: Lease) -> bool {
        self.at_the_end.iter().all(|known| *known == lease)
    }

    fn must_have_a_line(&self) -> bool {
        !self.granted && self.all_the_while.iter().all(|known| *known == Lease::Expired)
    }

    fn may_have_a_line(&self) -> bool {
        self.granted || self.all_the_while.contains(&Lease::Expired)
    }
}

fn led<'h>(tape: &Tape<'h>) -> Vec<Led<'h>> {
    let operations = &tape.operations;
    let all = tape.acknowledgements.iter().copied().map(|(at, machine, writes)| {
        let asked = can_be(operations, writes, at);
        let at_ms = tape.at_ms(at);
        let began_ms = asked.iter().map(|op| tape.at_ms(op.invoked)).min().unwrap_or(at_ms);
        let leases = |from_ms| {
            let around = tape.stands_around(machine, from_ms, at_ms);
            around.iter().map(|stand| stand.lease()).collect()
        };
        let granted = was_granted(tape, machine, began_ms, at_ms);
        let (at_the_end, all_the_while) = (leases(at_ms), leases(began_ms));
        Led { at, machine, began_ms, at_the_end, all_the_while, granted }
    });
    all.collect()
}

pub(super) fn lease_discipline(tape: &Tape) -> Outcome {
    let refused = !tape.observed(|what| *what == Observation::LeaseRefused).is_empty();
    let lines = tape.observed(|what| *what == Observation::LeaseExpiredLogged);
    let led = led(tape);
    fails_if(match tape.setup.gate {
        Gate::Open => refused || !lines.is_empty(),
        Gate::Block => {
            let closed = tape.promises(Promise::ClosedStart);
            let expired = led.iter().any(|write| write.ended_with(Lease::Expired));
            let without = led.iter().any(|write| write.ended_with(Lease::None));
            !lines.is_empty() || expired || (closed && without)
        }
        Gate::Log => {
            let must: Vec<&Led> = led.iter().filter(|write| write.must_have_a_line()).collect();
            let may: Vec<&Led> = led.iter().filter(|write| write.may_have_a_line()).collect();
            let left = lines.len() - most_pairs(tape, &lines, &may);
            refused || most_pairs(tape, &lines, &must) < must.len() || left > others(tape, &lines)
        }
    })
}

/// How many lines and writes can be paired at most: each write with a line of its own.
fn most_pairs(tape: &Tape, lines: &[usize], writes: &[&Led]) -> usize {
    let mut line_of: Vec<Option<usize>> = vec![None; writes.len()];
    let fits = |line: usize, write: &Led| {
        let restarted = (line..write.at).any(|at| {
            let event = &tape.events[at];
            event.on == write.machine && matches!(event.what, What::Start { .. })
        });
        tape.events[line].on == write.machine
            && line < write.at
            && tape.at_ms(line) >= write.began_ms
            && !restarted
    };
    /// Gives a line a write, moving other lines to other writes if it must.
    fn place(
        line: usize,
        fits: &dyn Fn(usize, usize) -> bool,
        line_of: &mut [Option<usize>],
        tried: &mut Vec<usize>,
    ) -> bool {
        for write in 0..line_of.len() {
            if !fits(line, write) || tried.contains(&write) {
                continue;
            }
            tried.push(write);
            if line_of[write].is_none_or(|other| place(other, fits, line_of, tried)) {
                line_of[write] = Some(line);
                return true;
            }
        }
        false
    }
    let fits = |line: usize, write: usize| fits(line, writes[write]);
    lines.iter().filter(|line| place(**line, &fits, &mut line_of, &mut Vec::new())).count()
}

/// The writes that nobody acknowledged to their clients, and that can have left a line.
fn others(tape: &Tape, lines: &[usize]) -> usize {
    let (Some(first), Some(last)) = (lines.first(), lines.last()) else { return 0 };
    let operations = &tape.operations;
    let open = operations.iter().filter(|op| op.asked.intents.iter().any(Intent::is_write));
    let open = open.filter(|op| {
        let refused_before = op.failed() && op.ended.is_some_and(|(ended, _)| ended < *first);
        op.ok().is_none() && op.invoked < *last && !refused_before
    });
    open.count()
}

pub(super) fn topology_versions(tape: &Tape) -> Outcome {
    let mut broken = false;
    for shard in tape.shards() {
        // Each version that a node told of, and whether as a master.
        let mut told: Vec<(&str, i64, bool)> = Vec::new();
        for machine in tape.machines(shard) {
            for at in 0..tape.events.len() {
                let stand = tape.stand_after(machine, at);
                if stand.version() >= 0 {
                    told.push((machine, stand.version(), stand.role() == Role::Master));
                }
            }
        }
        let commits = tape.commits(shard);
        for (at, (machine, version, rules)) in told.iter().enumerate() {
            broken |= told[..at].iter().any(|(other, earlier, ruled)| {
                let back = machine == other && version < earlier;
                back || (machine != other && version == earlier && *rules && *ruled)
            });
        }
        broken |= commits.iter().any(|one| {
            let mut others = commits.iter();
            others.any(|other| one.version == other.version && one.master != other.master)
        });
    }
    fails_if(broken)
}

pub(super) fn election_versions(tape: &Tape) -> Answer {
    let mut grants: Vec<(&str, u64)> = Vec::new();
    for event in tape.events {
        if let What::Observe {
            observation: Observation::LeaseRenewed { election_version, .. },
            ..
        } = &event.what
        {
            grants.push((&event.on, *election_version));
        }
    }
    let back = grants.iter().enumerate().any(|(at, (machine, version))| {
        grants[..at].iter().any(|(other, earlier)| machine == other && version < earlier)
    });
    (fails_if(back), tape.promises(Promise::ElectionVersions))
}
