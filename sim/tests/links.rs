//! The simulated network against DESIGN section 5: cuts of each direction and kind, on
//! connects, established streams and reconnects; overlapping cuts in every pair and both orders
//! of heal.

mod support;

use host::{Clock, Host, Stream};
use sim::World;
use sim::fault::CutKind::{self, Drop, Stall};
use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What was logged, with times in milliseconds.
type Told = Vec<(u64, String)>;

/// The two directions between client and server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    There,
    Back,
    Both,
}

use Way::{Back, Both, There};

fn cut(world: &World, id: u64, way: Way, kind: CutKind) {
    let there = ("client".to_owned(), "server".to_owned());
    let back = ("server".to_owned(), "client".to_owned());
    let directions = match way {
        There => vec![there],
        Back => vec![back],
        Both => vec![there, back],
    };
    world.cut(id, &directions, kind).unwrap();
}

/// A client that keeps one stream from the start: sends at 300 ms, then tells what it hears.
fn keeper(log: &Log) -> sim::Process {
    let log = log.clone();
    process(move |host| {
        let log = log.clone();
        async move {
            let mut stream = host.connect("server", PORT).await.map_err(|e| e.to_string())?;
            exchange(&host, &mut stream, 300, "kept1", &log).await;
            exchange(&host, &mut stream, 1_300, "kept2", &log).await;
            std::future::pending().await
        }
    })
}

async fn exchange(host: &Host, stream: &mut Stream, at_ms: u64, line: &str, log: &Log) {
    host.sleep_until(Clock::Monotonic, ms(at_ms)).await;
    let mut answer = [0; 5];
    let talk = async {
        stream.write_all(line.as_bytes()).await?;
        stream.read_exact(&mut answer).await
    };
    let heard = match host.timeout(Clock::Monotonic, ms(900), talk).await {
        Err(_) => "silence".to_owned(),
        Ok(Err(error)) => format!("{:?}", error.kind()),
        Ok(Ok(_)) => String::from_utf8_lossy(&answer).into_owned(),
    };
    tell(log, host, format!("{line}: {heard}"));
}

/// Runs an established stream across a cut from 200 ms to 1,000 ms: what the server served, and
/// what the client heard, both with times.
fn established(way: Way, kind: CutKind) -> (Told, Told, sim::fault::Bite) {
    let (served, heard) = (Log::default(), Log::default());
    let mut world = world(&["server", "client"]);
    world.start("server", echo(&served)).unwrap();
    world.start("client", keeper(&heard)).unwrap();
    run_to(&mut world, 200);
    cut(&world, 1, way, kind);
    run_to(&mut world, 1_000);
    let bite = world.heal(1);
    run_to(&mut world, 3_000);
    (served.take(), heard.take(), bite)
}

#[test]
fn a_stalled_established_stream_delivers_after_the_heal() {
    for (way, served_at) in [(There, 1_000), (Back, 300), (Both, 1_000)] {
        let (served, heard, bite) = established(way, Stall);
        assert!((served_at..=served_at + 25).contains(&served[0].0), "{way:?} {served:?}");
        assert_eq!(served[0].1, "served kept1");
        assert_eq!(heard[0].1, "kept1: KEPT1");
        assert!((1_000..=1_060).contains(&heard[0].0), "{way:?} {heard:?}");
        assert_eq!(heard[1].1, "kept2: KEPT2", "the stream lives on");
        assert_eq!((bite.packets_held, bite.packets_dropped), (1, 0), "{way:?}");
    }
}

#[test]
fn a_dropped_segment_leaves_an_established_stream_silent_for_ever() {
    for (way, serves) in [(There, false), (Back, true), (Both, false)] {
        let (served, heard, bite) = established(way, Drop);
        assert_eq!(served.iter().any(|(_, text)| text == "served kept1"), serves, "{way:?}");
        let heard: Vec<_> = heard.into_iter().map(|(_, text)| text).collect();
        assert_eq!(heard, ["kept1: silence", "kept2: silence"], "no retransmission, {way:?}");
        assert_eq!((bite.packets_held, bite.packets_dropped), (0, 1), "{way:?}");
    }
}

#[test]
fn a_connect_across_any_cut_is_silent_and_a_later_one_works() {
    for kind in [Stall, Drop] {
        for way in [There, Back, Both] {
            let (served, called) = (Log::default(), Log::default());
            let mut world = world(&["server", "client"]);
            world.start("server", echo(&served)).unwrap();
            let calls = vec![(300, "first"), (1_200, "after")];
            world.start("client", caller(&called, calls, 400)).unwrap();
            run_to(&mut world, 200);
            cut(&world, 1, way, kind);
            run_to(&mut world, 1_000);
            assert!(world.heal(1).bit(), "{way:?} {kind:?}");
            run_to(&mut world, 2_000);
            assert_eq!(texts(&called), ["first: timeout", "after: AFTER"], "{way:?} {kind:?}");
            assert!(!texts(&served).contains(&"served first".to_owned()), "{way:?} {kind:?}");
        }
    }
}

#[test]
fn a_connect_to_nobody_is_refused_when_open_and_silent_when_cut() {
    for (way, expected) in [(None, "hello: ConnectionRefused"), (Some(Back), "hello: timeout")] {
        let called = Log::default();
        let mut world = world(&["server", "client"]);
        world.start("client", caller(&called, vec![(100, "hello")], 500)).unwrap();
        if let Some(way) = way {
            cut(&world, 1, way, Drop);
        }
        run_to(&mut world, 1_000);
        assert_eq!(texts(&called), [expected]);
    }
}

#[test]
fn a_hung_server_takes_connects_but_not_across_a_cut() {
    let (served, called) = (Log::default(), Log::default());
    let mut world = world(&["server", "client"]);
    world.start("server", echo(&served)).unwrap();
    world.start("client", caller(&called, vec![(200, "first"), (600, "later")], 200)).unwrap();
    run_to(&mut world, 100);
    world.hang("server", 9).unwrap();
    cut(&world, 1, There, Drop);
    run_to(&mut world, 500);
    world.heal(1);
    run_to(&mut world, 1_000);
    assert_eq!(world.resume("server", 9).unwrap(), 5, "only what came through waited");
    run_to(&mut world, 1_200);
    assert_eq!(texts(&served), ["served later", "closed"]);
    assert_eq!(texts(&called), ["first: timeout", "later: timeout"]);
}

#[test]
fn a_cut_takes_what_is_under_way() {
    for (kind, serves) in [(Drop, false), (Stall, true)] {
        let (served, heard) = (Log::default(), Log::default());
        let mut world = world(&["server", "client"]);
        world.start("server", echo(&served)).unwrap();
        world.start("client", keeper(&heard)).unwrap();
        // Sent at 300 ms, under way for 10 ms.
        run_to(&mut world, 305);
        cut(&world, 1, There, kind);
        run_to(&mut world, 600);
        assert!(served.borrow().is_empty());
        assert!(world.heal(1).bit(), "the packet under way was taken");
        run_to(&mut world, 700);
        assert_eq!(!served.borrow().is_empty(), serves, "{kind:?}");
    }
}

/// Two cuts that overlap: the first from 200 ms, the second from 400 ms, one healed at 800 ms
/// and the other at 1,200 ms. Calls are made in each stretch; each must fare as the union of
/// the cuts that lie on the link at that moment says.
#[test]
fn overlapping_cuts_in_every_pair_and_both_orders_of_heal() {
    let cuts = [There, Back, Both].into_iter().flat_map(|way| [(way, Stall), (way, Drop)]);
    let cuts: Vec<(Way, CutKind)> = cuts.collect();
    for &first in &cuts {
        for &second in &cuts {
            for heal_first in [1, 2] {
                let told = format!("{first:?}, {second:?}, healed first: {heal_first}");
                let (served, called) = (Log::default(), Log::default());
                let mut world = world(&["server", "client"]);
                world.start("server", echo(&served)).unwrap();
                let calls = vec![(100, "opens"), (850, "inner"), (1_300, "after")];
                world.start("client", caller(&called, calls, 200)).unwrap();
                run_to(&mut world, 200);
                cut(&world, 1, first.0, first.1);
                run_to(&mut world, 400);
                cut(&world, 2, second.0, second.1);
                run_to(&mut world, 800);
                world.heal(heal_first);
                run_to(&mut world, 1_200);
                assert!(world.heal(3 - heal_first).bit(), "the one left still bites: {told}");
                run_to(&mut world, 2_000);
                let expected = ["opens: OPENS", "inner: timeout", "after: AFTER"];
                assert_eq!(texts(&called), expected, "{told}");
                // What was held by a stall alone arrives after the last heal, but a connect
                // that its caller gave up is not served.
                assert!(!texts(&served).contains(&"served inner".to_owned()), "{told}");
            }
        }
    }
}

/// The same with an established stream: a segment sent while both cuts lie on its way is lost
/// if any of them drops, and arrives when the last one heals if all of them stall.
#[test]
fn overlapping_cuts_on_an_established_stream() {
    for (first, second) in [(Stall, Stall), (Stall, Drop), (Drop, Stall), (Drop, Drop)] {
        for heal_first in [1, 2] {
            let (served, heard) = (Log::default(), Log::default());
            let mut world = world(&["server", "client"]);
            world.start("server", echo(&served)).unwrap();
            world.start("client", keeper(&heard)).unwrap();
            run_to(&mut world, 200);
            cut(&world, 1, There, first);
            cut(&world, 2, Both, second);
            run_to(&mut world, 600);
            world.heal(heal_first);
            run_to(&mut world, 1_000);
            let told = format!("{first:?} {second:?} healed first: {heal_first}");
            assert!(served.borrow().is_empty(), "{told}");
            world.heal(3 - heal_first);
            run_to(&mut world, 1_200);
            let arrives = first == Stall && second == Stall;
            assert_eq!(!served.borrow().is_empty(), arrives, "{told}");
        }
    }
}

#[test]
fn a_one_way_stall_leaves_the_other_way_as_it_was() {
    let (served, called) = (Log::default(), Log::default());
    let mut world = world(&["server", "client"]);
    // The server calls the client: its requests go the open way, the answers wait.
    world.start("server", echo(&served)).unwrap();
    world.start("client", keeper(&called)).unwrap();
    run_to(&mut world, 200);
    cut(&world, 1, Back, Stall);
    run_to(&mut world, 400);
    assert_eq!(texts(&served), ["served kept1"], "there: open");
    let at = served.borrow()[0].0;
    assert!((300 + LATENCY_MS..=300 + LATENCY_MS + 5).contains(&at), "with its own latency");
    cut(&world, 2, There, Drop);
    world.heal(1);
    run_to(&mut world, 600);
    assert_eq!(texts(&called), ["kept1: KEPT1"], "back: released though there is cut");
}
