//! How the honest cluster loses a master and gets another one: the old one falls, the store
//! commits, the successor takes over (this instant is p), and the old one is deposed in time.

use std::collections::BTreeMap;

use host::{Lease, Observation, Status};

use super::cluster::{Cluster, Sent, TICK_MS, TTL_MS};
use super::life::{Blow, End, Failover};
use super::lived::{Deposed, Fate, Handover};
use crate::fault::{Bite, CutKind, Fault, Packets};
use crate::history::{Gate, Intent, ProcessState, Via, What};

impl Cluster {
    /// One shard changes hands.
    pub(super) fn fail_over(&mut self, plan: &Failover) {
        let shard = plan.shard % self.shards.len();
        let of = &self.shards[shard];
        let old = of.machines[of.master].clone();
        let others: Vec<usize> = (0..of.machines.len()).filter(|at| *at != of.master).collect();
        let successor = others[plan.successor % others.len()];
        let third = others.into_iter().find(|at| *at != successor);

        let lagged: Vec<usize> = (0..plan.lagged).map(|at| self.lag(shard, &old, at)).collect();
        let injected = self.strike(&old, plan.blow);
        let in_vain = (plan.blow == Blow::Hang).then(|| self.ask_in_vain(shard, &old));
        let false_start =
            third.filter(|_| plan.false_start).map(|third| self.promote(shard, third));
        let commit = self.promote(shard, successor);
        self.pass(plan.effect_ms);
        self.take_over(&old);
        let p_ms = self.now_ms;
        self.pass(1);
        let redirects = self.route(shard);
        self.pass(1);
        let missed = lagged.first().map(|lagged| self.read_missed_key(shard, *lagged));
        let new = self.master(shard);
        let intents = vec![self.fresh(shard)];
        self.tell(&Sent { shard, via: Via::Direct, machine: &new, intents }, End::Ok, Fate::Kept);
        let deposed = self.depose(shard, &old, plan, p_ms);
        let healed = self.heal(plan.blow);
        self.lived.handovers.push(Handover {
            shard,
            old,
            false_start,
            commit,
            injected,
            healed,
            in_vain,
            missed: missed.into_iter().collect(),
            lagged: lagged.first().copied(),
            redirects,
            deposed,
        });
        self.pass(1);
    }

    /// What was gone is looked for once more by whoever rules in the end.
    pub(super) fn read_missed_keys_again(&mut self) {
        for at in 0..self.lived.handovers.len() {
            let Handover { shard, lagged, .. } = self.lived.handovers[at];
            let again = lagged.map(|lagged| self.read_missed_key(shard, lagged));
            self.lived.handovers[at].missed.extend(again);
        }
    }

    fn master(&self, shard: usize) -> String {
        let of = &self.shards[shard];
        of.machines[of.master].clone()
    }

    /// A write that the master acknowledges and nobody else ever has.
    fn lag(&mut self, shard: usize, old: &str, at: usize) -> usize {
        let intent = match at {
            0 => self.fresh(shard),
            _ => self.append(format!("list:{shard}")),
        };
        let sent = Sent { shard, via: Via::Direct, machine: old, intents: vec![intent] };
        self.tell(&sent, End::Ok, Fate::Lagged)
    }

    fn read_missed_key(&mut self, shard: usize, lagged: usize) -> usize {
        let key = self.lived.intents(&self.lived.operations[lagged])[0].key().to_owned();
        let master = self.master(shard);
        let intents = vec![Intent::Read { key }];
        self.tell(&Sent { shard, via: Via::Direct, machine: &master, intents }, End::Ok, Fate::Kept)
    }

    fn strike(&mut self, old: &str, blow: Blow) -> usize {
        self.pass_to_tick();
        let target = "master".to_owned();
        let planned = match blow {
            Blow::Hang => Fault::Hang { target },
            Blow::Kill => Fault::Kill { target },
            Blow::Cut => Fault::Nic { target, packets: Packets::Both, kind: CutKind::Drop },
        };
        let fault = self.lived.handovers.len();
        let targets = BTreeMap::from([("master".to_owned(), vec![old.to_owned()])]);
        let injected = self.emit("nemesis", What::Inject { fault, planned, targets });
        match blow {
            Blow::Hang => {
                let status = self.statuses.get(old).cloned();
                self.sample(old, ProcessState::Hung, status);
            }
            Blow::Kill => {
                self.sample(old, ProcessState::Down, None);
            }
            Blow::Cut => {}
        }
        self.pass(2);
        injected
    }

    fn heal(&mut self, blow: Blow) -> usize {
        let bite = match blow {
            Blow::Hang => Bite { stopped_ms: 40, bytes_waited: 7, ..Bite::default() },
            Blow::Kill => Bite { stopped_ms: 40, ..Bite::default() },
            Blow::Cut => Bite { packets_dropped: 3, ..Bite::default() },
        };
        let fault = self.lived.handovers.len();
        self.emit("nemesis", What::Heal { fault, bite })
    }

    /// A write that waits in the socket of a hung master until its client gives up.
    fn ask_in_vain(&mut self, shard: usize, old: &str) -> usize {
        let intents = vec![self.fresh(shard)];
        let sent = Sent { shard, via: Via::Sticky, machine: old, intents };
        self.tell(&sent, End::Vanished, Fate::Undone)
    }

    /// The store names another master.
    fn promote(&mut self, shard: usize, successor: usize) -> usize {
        self.version += 1;
        self.shards[shard].master = successor;
        self.shards[shard].tenure += 1;
        let place = self.observe("store", self.committed());
        self.pass(3);
        place
    }

    /// Everybody but the old master hears of the topology.
    fn take_over(&mut self, old: &str) {
        for shard in 0..self.shards.len() {
            let master = self.master(shard);
            for machine in self.shards[shard].machines.clone() {
                if machine == old {
                    continue;
                }
                let status = if machine != master {
                    self.following()
                } else if self.statuses[&machine].authoritative {
                    let version = self.version;
                    Status { topology_version: version, ..self.statuses[&machine].clone() }
                } else {
                    self.mastering(&machine)
                };
                self.status(&machine, status);
            }
        }
    }

    /// The old master comes to know, or its lease comes to an end, within the TTL.
    fn depose(&mut self, shard: usize, old: &str, plan: &Failover, p_ms: u64) -> Option<Deposed> {
        if plan.blow == Blow::Kill {
            self.restart(old);
            return None;
        }
        if plan.blow == Blow::Hang {
            self.pass_to_tick();
            let status = self.statuses.get(old).cloned();
            self.sample(old, ProcessState::Running, status);
        }
        let stood = self.stood[old];
        for _ in 0..plan.stale {
            self.write_stale(shard, old);
        }
        self.pass_until(p_ms + plan.stale_ms);
        let held = self.statuses[old].clone();
        let (mut logged, mut refused) = (None, None);
        let ran_out = match self.lived.setup.gate {
            Gate::Open => None,
            Gate::Log => {
                self.status(old, Status { lease: Lease::Expired, ..held });
                // The samples around the write are all between the two ends.
                self.pass(2 * TICK_MS);
                let line = self.observe(old, Observation::LeaseExpiredLogged);
                let acked = self.write_stale(shard, old);
                self.pass(2 * TICK_MS);
                logged = acked.map(|acked| (line, acked));
                None
            }
            Gate::Block => {
                let status = Status { lease: Lease::Expired, authoritative: false, ..held };
                let place = self.status(old, status);
                refused = plan.refuses.then(|| self.refuse(shard, old));
                self.pass_until(p_ms + TTL_MS + 50);
                Some(place)
            }
        };
        let hears = self.status(old, self.following());
        let steps_down = ran_out.unwrap_or(hears);
        Some(Deposed { stood, steps_down, hears, logged, refused })
    }

    /// The place of the acknowledgement.
    fn write_stale(&mut self, shard: usize, old: &str) -> Option<usize> {
        let intents = vec![self.fresh(shard)];
        let sent = Sent { shard, via: Via::Sticky, machine: old, intents };
        let told = self.tell(&sent, End::Ok, Fate::Stale);
        self.lived.operations[told].acked
    }

    fn refuse(&mut self, shard: usize, old: &str) -> usize {
        self.pass(3);
        let refused = self.observe(old, Observation::LeaseRefused);
        let intents = vec![self.fresh(shard)];
        let sent = Sent { shard, via: Via::Sticky, machine: old, intents };
        self.tell(&sent, End::Failed, Fate::Undone);
        refused
    }

    /// In another life, which begins with what the store says.
    fn restart(&mut self, old: &str) {
        let life = self.lives.entry(old.to_owned()).or_insert(1);
        *life += 1;
        let what = What::Start { life: *life };
        self.emit(old, what);
        self.pass_to_tick();
        self.sample(old, ProcessState::Running, Some(self.following()));
    }
}
