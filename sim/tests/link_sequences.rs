//! Random sequences of cuts and heals on one link: after each step, in each direction, turmoil's
//! link does what the cuts that lie on it say.

mod support;

use std::collections::BTreeMap;

use host::Clock;
use proptest::prelude::*;
use sim::fault::CutKind;
use sim::{Process, World};
use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// How long a stretch between two changes lasts; a probe of it is sent at its middle.
const STRETCH_MS: u64 = 40;
/// The first change, after both streams stand.
const BEGIN_MS: u64 = 500;

#[derive(Clone, Debug)]
enum Step {
    /// Lays a cut on the ways there and back.
    Cut { there: bool, back: bool, kind: CutKind },
    /// Heals one of the cuts that lie on the link, if any does.
    Heal(prop::sample::Index),
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![Just(CutKind::Stall), Just(CutKind::Drop)];
    let ways = prop_oneof![Just((true, false)), Just((false, true)), Just((true, true))];
    prop_oneof![
        (ways, kind).prop_map(|((there, back), kind)| Step::Cut { there, back, kind }),
        any::<prop::sample::Index>().prop_map(Step::Heal),
    ]
}

/// The cuts that lie on the link: there, back, kind.
type Cuts = BTreeMap<u64, (bool, bool, CutKind)>;

fn state(cuts: &Cuts, back: bool) -> Option<CutKind> {
    let on_way = cuts.values().filter(|cut| if back { cut.1 } else { cut.0 });
    on_way.map(|cut| cut.2).max()
}

/// When the first probe of each stretch arrives, by stretch and way, if at all: with its own
/// latency, or when the cuts that hold it are over, or never.
fn expected(steps: &[Step]) -> Vec<[Option<u64>; 2]> {
    let mut cuts = Cuts::new();
    let mut all: Vec<[Option<u64>; 2]> = Vec::new();
    let mut held: Vec<(usize, usize)> = Vec::new();
    let last = steps.len() as u64;
    for at in 0..=last + 1 {
        if at > last {
            cuts.clear();
        } else if at > 0 {
            change(&mut cuts, at, &steps[at as usize - 1]);
        }
        let now_ms = BEGIN_MS + at * STRETCH_MS;
        held.retain(|&(stretch, way)| match state(&cuts, way == 1) {
            None => {
                all[stretch][way] = Some(now_ms);
                false
            }
            Some(kind) => kind == CutKind::Stall,
        });
        let mut probes = [None, None];
        for way in [0, 1] {
            match state(&cuts, way == 1) {
                None => probes[way] = Some(now_ms + STRETCH_MS / 2 + LATENCY_MS),
                Some(CutKind::Stall) => held.push((at as usize, way)),
                Some(CutKind::Drop) => {}
            }
        }
        all.push(probes);
    }
    all
}

/// Does a step to the model; says which cut it healed.
fn change(cuts: &mut Cuts, at: u64, step: &Step) -> Option<u64> {
    match step {
        Step::Cut { there, back, kind } => {
            cuts.insert(at, (*there, *back, *kind));
            None
        }
        Step::Heal(index) if !cuts.is_empty() => {
            let ids: Vec<u64> = cuts.keys().copied().collect();
            let id = *index.get(&ids);
            cuts.remove(&id);
            Some(id)
        }
        Step::Heal(_) => None,
    }
}

/// Connects both ways before anything is cut, one stream for each probe, for a stream that lost a
/// segment is silent for ever; tells when each probe arrives.
fn prober(peer: &'static str, probes: u8, log: &Log) -> Process {
    let log = log.clone();
    process(move |host| {
        let log = log.clone();
        async move {
            let mut listener = host.bind(PORT).await.map_err(|error| error.to_string())?;
            let sender = host.clone();
            host.spawn(async move {
                sender.sleep_until(Clock::Monotonic, ms(20)).await;
                let mut streams = Vec::new();
                for _ in 0..probes {
                    streams.push(sender.connect(peer, PORT).await.expect("nothing is cut yet"));
                }
                for (at, stream) in streams.iter_mut().enumerate() {
                    let at_ms = BEGIN_MS + at as u64 * STRETCH_MS + STRETCH_MS / 2;
                    sender.sleep_until(Clock::Monotonic, ms(at_ms)).await;
                    stream.write_all(&[at as u8]).await.expect("the peer has not closed");
                }
                std::future::pending::<()>().await;
            });
            loop {
                let (mut stream, _) = listener.accept().await.map_err(|error| error.to_string())?;
                let (receiver, log) = (host.clone(), log.clone());
                host.spawn(async move {
                    while let Ok(probe) = stream.read_u8().await {
                        tell(&log, &receiver, probe.to_string());
                    }
                });
            }
        }
    })
}

fn observed(steps: &[Step]) -> Vec<[Option<u64>; 2]> {
    let probes = steps.len() + 2;
    let logs = [Log::default(), Log::default()];
    let mut world: World = world(&["server", "client"]);
    world.start("server", prober("client", probes as u8, &logs[0])).unwrap();
    world.start("client", prober("server", probes as u8, &logs[1])).unwrap();
    let there = ("client".to_owned(), "server".to_owned());
    let back = ("server".to_owned(), "client".to_owned());
    let mut cuts = Cuts::new();
    for (at, step) in (1..).zip(steps) {
        run_to(&mut world, BEGIN_MS + at * STRETCH_MS);
        if let Some(healed) = change(&mut cuts, at, step) {
            world.heal(healed);
        } else if let Step::Cut { there: out, back: home, kind } = step {
            let ways = [(*out, &there), (*home, &back)];
            let ways: Vec<_> = ways.iter().filter(|way| way.0).map(|way| way.1.clone()).collect();
            world.cut(at, &ways, *kind).unwrap();
        }
    }
    let end_ms = BEGIN_MS + (steps.len() as u64 + 1) * STRETCH_MS;
    run_to(&mut world, end_ms);
    for id in cuts.into_keys() {
        world.heal(id);
    }
    run_to(&mut world, end_ms + 4 * STRETCH_MS);
    let arrived = |log: &Log, probe: usize| {
        let log = log.borrow();
        log.iter().find(|(_, text)| *text == probe.to_string()).map(|(at, _)| *at)
    };
    (0..probes).map(|probe| [arrived(&logs[0], probe), arrived(&logs[1], probe)]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_link_does_what_the_cuts_on_it_say(steps in prop::collection::vec(step(), 1..12)) {
        let (expected, observed) = (expected(&steps), observed(&steps));
        for (stretch, (expected, observed)) in expected.iter().zip(&observed).enumerate() {
            for way in [0, 1] {
                let told = format!("stretch {stretch}, way {way}");
                match (expected[way], observed[way]) {
                    (None, None) => {}
                    // Host order and the rounding to ticks give it up to two ticks more.
                    (Some(due), Some(at)) => prop_assert!((due..=due + 10).contains(&at), "{told}: {due} {at}"),
                    other => prop_assert!(false, "{told}: {other:?}"),
                }
            }
        }
    }
}
