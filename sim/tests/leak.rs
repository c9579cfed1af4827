//! A task that leaks out of the gate of a hung process goes on acknowledging writes; the
//! checkers must notice.
//!
//! The leak is made as it would happen: code of one machine that was given another machine's
//! handle runs while that other machine hangs.

mod support;

use std::cell::RefCell;
use std::rc::Rc;

use host::{Clock, Host, Lease, MasterOf, Observation, Role, Status, Write};
use sim::Process;
use sim::check::{self, ACKNOWLEDGEMENT_AUTHORITY};
use sim::history::{Member, Setup, What};
use sim::verdict::Outcome;
use support::*;

/// A node that is master for ever and acknowledges a write every 100 ms, by its own task or by
/// one that runs elsewhere.
fn node(leaked: &Rc<RefCell<Option<Host>>>, leaks: bool) -> Process {
    let leaked = leaked.clone();
    process(move |host| {
        let leaked = leaked.clone();
        async move {
            host.probe(Rc::new(|| Status {
                role: Role::Master,
                topology_version: 1,
                election_version: 0,
                lease: Lease::None,
                authoritative: true,
                link: None,
            }));
            let masters = vec![MasterOf { shard: 0, member: "id-node".into() }];
            host.observe(Observation::Committed { version: 1, masters });
            leaked.replace(Some(host.clone()));
            if !leaks {
                acknowledge(&host.clone(), host).await;
            }
            std::future::pending().await
        }
    })
}

/// Sleeps on one machine and acknowledges in the name of another.
async fn acknowledge(sleeper: &Host, node: Host) {
    for at in 1.. {
        sleeper.sleep(Clock::Monotonic, ms(100)).await;
        let writes = vec![Write { key: format!("k{at}"), token: "v".into() }];
        node.observe(Observation::Acknowledged { writes });
    }
}

fn outcome(leaks: bool) -> Outcome {
    let mut world = world(&["node", "elsewhere"]);
    let member = Member { machine: "node".into(), id: "id-node".into(), shard: 0 };
    let setup = Setup::of(8_000, 5, vec![member]);
    world.record("driver", What::Setup(setup));
    let leaked = Rc::new(RefCell::new(None));
    world.start("node", node(&leaked, leaks)).unwrap();
    let elsewhere = process(move |host| {
        let leaked = leaked.clone();
        async move {
            host.sleep(Clock::Monotonic, ms(10)).await;
            let node = leaked.borrow().clone().expect("the node has begun");
            if leaks {
                acknowledge(&host, node).await;
            }
            std::future::pending().await
        }
    });
    world.start("elsewhere", elsewhere).unwrap();
    run_to(&mut world, 1_000);
    world.hang("node", 1).unwrap();
    world.sample();
    run_to(&mut world, 3_000);
    world.resume("node", 1).unwrap();
    world.sample();
    run_to(&mut world, 4_000);
    let (verdicts, _) = check::judge(&world.finish());
    let found = verdicts.iter().find(|verdict| verdict.check == ACKNOWLEDGEMENT_AUTHORITY);
    found.expect("it was judged").outcome
}

#[test]
fn a_task_that_leaks_out_of_the_gate_is_caught() {
    assert_eq!(outcome(false), Outcome::Pass, "a gated process acknowledges nothing while hung");
    assert_eq!(outcome(true), Outcome::Fail);
}
