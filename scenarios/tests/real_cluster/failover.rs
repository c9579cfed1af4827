//! A real master gets `SIGSTOP`, a replica is promoted, and `SIGCONT` brings the old master back
//! to a write that waited in its socket. Whether it takes that write is what the simulation says
//! for the same settings.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use controller::{Heartbeat, ProbeConfig};
use host::Observation;
use scenarios::catalogue;
use scenarios::plan::Plan;
use scenarios::profile::Profile;
use scenarios::run;
use sim::history::What;

use crate::cluster::{
    Cluster, FAILURES, PROBE_INTERVAL_MS, SESSION_TTL_MS, Settings, TIMEOUT_MS, TTL_MS,
};
use crate::process::{LIMIT, Process, eventually};
use crate::raw::{self, Raw};

/// How long the master is stopped: longer than detection and a lease.
const HANG: Duration = Duration::from_millis(TTL_MS + 1_000);
const SEEDS: std::ops::Range<u64> = 0..5;

/// A lease mode, the heartbeat if there is one, and whether the old master takes the write.
type Case = (&'static str, Option<&'static str>, bool);

const CASES: [Case; 4] = [
    ("disabled", None, true),
    ("log-only", Some("after-info"), true),
    ("block-write", Some("after-info"), false),
    // The heartbeat that waited in the socket renews the lease.
    ("block-write", Some("with-info"), true),
];

/// What was measured, in milliseconds.
struct Measured {
    /// From the stop to the first write that a new master acknowledged.
    promotion_ms: u128,
    /// From then to the last write that the old one acknowledged; none if it took none.
    span_ms: Option<u128>,
}

#[test]
fn a_stopped_master_comes_back_as_the_simulation_says() {
    println!("milliseconds: real [simulated, one for each of {} seeds]", SEEDS.end);
    println!("{:<12}{:<11}{:<38}{:<38}", "lease mode", "heartbeat", "time to promotion", "span");
    for (lease_mode, heartbeat, accepted) in CASES {
        let measured = real(Settings { shards: 1, nodes_per_shard: 3, lease_mode, heartbeat });
        let simulated = simulated(lease_mode, heartbeat);
        let (promotions, spans): (Vec<u64>, Vec<u64>) = simulated.into_iter().unzip();
        println!(
            "{lease_mode:<12}{:<11}{:<38}{:<38}",
            heartbeat.unwrap_or("none"),
            format!("{} {promotions:?}", measured.promotion_ms),
            format!("{} {spans:?}", measured.span_ms.unwrap_or(0)),
        );
        assert_eq!(measured.span_ms.is_some(), accepted, "{lease_mode} {heartbeat:?}");
        assert!(spans.iter().all(|span| (*span > 0) == accepted), "the simulation says else");
    }
}

fn real(settings: Settings) -> Measured {
    let cluster = Cluster::start(settings);
    let (master, replicas) = cluster.nodes().split_first().unwrap();
    let mut old = Raw::connect(master.address).unwrap();
    assert_eq!(old.call("SET before x").unwrap(), "+OK");

    if settings.heartbeat.is_some() {
        between_two_rounds(&master.process);
    }
    let stopped = Instant::now();
    master.process.pause();
    let replicas: Vec<SocketAddr> = replicas.iter().map(|node| node.address).collect();
    let promoted = eventually("a replica takes writes", || {
        let takes = |to: &SocketAddr| raw::ask(*to, "SET after x").is_ok_and(|r| r == "+OK");
        replicas.iter().any(takes).then(Instant::now)
    });
    // This one waits in the old master's socket.
    old.send("SET stale x").unwrap();
    std::thread::sleep((stopped + HANG).saturating_duration_since(Instant::now()));
    master.process.resume();

    let first = old.receive().unwrap();
    let span_ms = if first == "+OK" {
        Some(write_until_moved(&mut old).duration_since(promoted).as_millis())
    } else {
        assert!(first.contains("master lease expired"), "refused by something else: {first}");
        None
    };
    // It learns in the end that it is master no longer.
    eventually("the old master redirects", || {
        raw::ask(master.address, "SET stale x").ok()?.starts_with("-MOVED").then_some(())
    });
    Measured { promotion_ms: promoted.duration_since(stopped).as_millis(), span_ms }
}

/// Waits for a renewal, so that the next heartbeat is a round away: one that is under way when
/// the process stops waits in its socket, in whichever way heartbeats are sent.
fn between_two_rounds(master: &Process) {
    let renewals = || master.log().matches("LeaseRenewed").count();
    let before = renewals();
    eventually("the lease is renewed", || (renewals() > before).then_some(()));
}

/// When the last write was taken.
fn write_until_moved(old: &mut Raw) -> Instant {
    let mut last = Instant::now();
    while last.elapsed() < LIMIT {
        let reply = old.call("SET stale x").unwrap();
        if reply.starts_with("-MOVED") {
            return last;
        }
        assert!(reply == "+OK" || reply.contains("master lease expired"), "{reply}");
        if reply == "+OK" {
            last = Instant::now();
        }
    }
    panic!("the old master has not heard of the new topology");
}

/// Time to promotion and span of each seed, for the same settings and the same length of hang.
fn simulated(lease_mode: &str, heartbeat: Option<&str>) -> Vec<(u64, u64)> {
    let profile = Profile {
        promises: Vec::new(),
        rules: Default::default(),
        peer_vote: false,
        drift_ppm: 0,
        lease_ms_max: None,
        name: "real".to_owned(),
        about: "as the real cluster".to_owned(),
        lease_mode: lease_mode.parse().unwrap(),
        lb: false,
        ttl_ms: TTL_MS,
        session_ttl_ms: SESSION_TTL_MS,
        heartbeat: match heartbeat {
            Some("after-info") => Heartbeat::AfterInfo,
            _ => Heartbeat::WithInfo,
        },
        probe: ProbeConfig {
            interval_ms: PROBE_INTERVAL_MS,
            connect_timeout_ms: TIMEOUT_MS,
            request_timeout_ms: TIMEOUT_MS,
            failures: FAILURES,
        },
    };
    let scenario = catalogue::find("hung_master_returns").unwrap();
    let hang_ms = u64::try_from(HANG.as_millis()).unwrap();
    let measure = |seed| {
        let mut plan = scenario.plan(&profile, seed);
        // One round later than drawn, and then back to the last renewal, as in the real one.
        let later_ms = plan.faults[0].at_ms + PROBE_INTERVAL_MS;
        hang(&mut plan, later_ms, hang_ms);
        if let Some(renewed_ms) = last_renewal_ms(&plan) {
            let next_tick_ms = renewed_ms + plan.world.tick_ms;
            hang(&mut plan, next_tick_ms, hang_ms);
        }
        let stopped_ms = plan.faults[0].at_ms;
        let record = run::judge(&plan, &run::run(&plan).unwrap());
        let failover = record.figures.failovers.first().expect("a replica is promoted");
        let promoted_ms = failover.effective_at_ms.expect("the promotion takes effect");
        (promoted_ms - stopped_ms, failover.span_ms)
    };
    SEEDS.map(measure).collect()
}

fn hang(plan: &mut Plan, at_ms: u64, hang_ms: u64) {
    plan.faults[0].at_ms = at_ms;
    plan.faults[0].heal_at_ms = at_ms + hang_ms;
}

/// When the master's lease was renewed last before it stopped. A run with an earlier stop is the
/// same until then.
fn last_renewal_ms(plan: &Plan) -> Option<u64> {
    let run = run::run(plan).unwrap();
    let renewals = run.history.events().iter().filter(|event| {
        matches!(event.what, What::Observe { observation: Observation::LeaseRenewed { .. }, .. })
    });
    renewals.map(|event| event.at_ms).take_while(|at_ms| *at_ms < plan.faults[0].at_ms).last()
}
