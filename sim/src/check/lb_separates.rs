//! The load balancer separates: once every load balancer of a shard sends elsewhere, an operation
//! that a client behind one of them begins does not reach the old target; and none that has
//! obeyed a redirect obeys an older one after it.

use std::collections::BTreeMap;

use super::LB_SEPARATES;
use super::asked::Asked;
use super::operations::Operation;
use super::reading::Reading;
use super::route::{Route, routes};
use crate::history::Via;
use crate::promise::Promise;
use crate::verdict::Verdict;

/// Fails on an acknowledgement by a target of before, of an operation that began after the last
/// redirect, and on a redirect that led back to an older version's target; informative where it is
/// not promised, because established flows may live on.
pub(super) fn verdict(reading: &Reading) -> Verdict {
    let mut by_shard: BTreeMap<u32, Vec<Vec<Route>>> = BTreeMap::new();
    for ((_, shard), of_balancer) in routes(reading) {
        by_shard.entry(shard).or_default().push(of_balancer);
    }
    let behind = reading.operations.iter().filter(|operation| operation.asked.via == Via::Lb);
    let mut asked = Asked::by(behind);
    let (mut judged, mut astray) = (0_u64, Vec::new());
    for ack in &reading.acknowledgements {
        let Some(balancers) = by_shard.get(&ack.shard) else { continue };
        let begun = asked.can_be(ack.writes, ack.event);
        let Some(mut operations) = begun.map(|begun| begun.iter().peekable()) else { continue };
        if operations.peek().is_none() {
            continue;
        }
        judged += 1;
        let led_elsewhere = |operation: &Operation| {
            let began_ms = operation.invoked.at_ms;
            balancers.iter().all(|routes| leads_elsewhere(routes, began_ms, ack.machine))
        };
        if operations.all(led_elsewhere) {
            astray.push(ack.event);
        }
    }
    let back: Vec<u64> = by_shard.values().flatten().flat_map(|routes| led_back(routes)).collect();
    let faults = [
        (astray, "operations reached a target of before a redirect"),
        (back, "redirects led back to the target of an older version"),
    ];
    let told = faults.iter().filter(|(events, _)| !events.is_empty());
    let told: Vec<String> = told.map(|(events, what)| format!("{} {what}", events.len())).collect();
    let verdict = if told.is_empty() {
        let reason = format!("{judged} acknowledgements through load balancers, none astray");
        Verdict::pass(LB_SEPARATES, reason)
    } else {
        let evidence = faults.into_iter().flat_map(|(events, _)| events).collect();
        Verdict::fail(LB_SEPARATES, told.join("; "), evidence)
    };
    verdict.counts_if(reading.promises(Promise::LbSeparates))
}

/// The redirects that led elsewhere and were older than one that had been obeyed before.
fn led_back(routes: &[Route]) -> Vec<u64> {
    let (mut newest, mut back) = (None, Vec::new());
    for (at, route) in routes.iter().enumerate() {
        let elsewhere = at > 0 && routes[at - 1].target != route.target;
        if elsewhere && route.version.is_some() && route.version < newest {
            back.push(route.event);
        }
        newest = newest.max(route.version);
    }
    back
}

/// Whether a load balancer was redirected away from a machine before that time.
fn leads_elsewhere(routes: &[Route], at_ms: u64, machine: &str) -> bool {
    let known = routes.partition_point(|route| route.from_ms < at_ms);
    let later = routes[known..].iter().take_while(|route| route.from_ms == at_ms);
    routes[..known].last().is_some_and(|route| route.target != machine)
        && later.into_iter().all(|route| route.target != machine)
}

#[cfg(test)]
mod tests {
    use host::{Observation, Write};

    use super::super::fixture::Story;
    use super::*;
    use crate::history::{Intent, OpResult};
    use crate::verdict::Outcome;

    fn judged(story: &Story) -> Verdict {
        let history = story.clone().end(60_000).history();
        verdict(&Reading::of(&history).expect("a whole history"))
    }

    fn route(story: Story, at_ms: u64, lb: &str, target: &str) -> Story {
        let target = format!("{target}:6666");
        story.observe(at_ms, lb, Observation::Routed { shard: 0, target, version: None })
    }

    fn redirected() -> Story {
        let story = Story::new().commit(0, 1, "a").authority(100, "a", 1);
        let story = route(story, 200, "lb-1", "a").write_via(5_000, "a", "before", Via::Lb);
        route(story.commit(10_000, 2, "b").authority(10_100, "b", 2), 11_000, "lb-1", "b")
    }

    #[test]
    fn the_new_target_and_other_ways_pass() {
        let story = redirected().write_via(12_000, "b", "k", Via::Lb).write(12_000, "a", "l", "v");
        assert_eq!(judged(&story).outcome, Outcome::Pass);
        let at_once = redirected().write_via(11_000, "a", "k", Via::Lb);
        assert_eq!(judged(&at_once).outcome, Outcome::Pass, "begun in the instant of the redirect");
        let back = route(redirected(), 12_000, "lb-1", "a").write_via(12_000, "a", "k", Via::Lb);
        assert_eq!(judged(&back).outcome, Outcome::Pass, "redirected back in that instant");
    }

    #[test]
    fn the_old_target_fails_unless_another_balancer_still_leads_there() {
        let stale = redirected().write_via(12_000, "a", "k", Via::Lb);
        let verdict = judged(&stale);
        assert_eq!((verdict.outcome, verdict.evidence.len()), (Outcome::Fail, 1));
        assert!(judged(&stale.promises(&[])).informative);
        let other = route(redirected(), 11_500, "lb-2", "a").write_via(12_000, "a", "k", Via::Lb);
        assert_eq!(judged(&other).outcome, Outcome::Pass);
    }

    #[test]
    fn a_redirect_that_is_older_than_one_before_it_leads_back() {
        let by = |story: Story, at_ms, target: &str, version| {
            let target = format!("{target}:6666");
            story.observe(at_ms, "lb-1", Observation::Routed { shard: 0, target, version })
        };
        let newer = |version| by(redirected(), 12_000, "c", version);
        let older = |version| by(newer(version), 13_000, "b", Some(2));
        assert_eq!(judged(&older(Some(3))).outcome, Outcome::Fail);
        assert_eq!(judged(&older(Some(3))).evidence.len(), 1);
        assert_eq!(judged(&older(Some(2))).outcome, Outcome::Pass, "nobody knows which is newer");
        assert_eq!(judged(&older(None)).outcome, Outcome::Pass, "one without a version is none");
        let again = by(by(redirected(), 12_000, "b", Some(3)), 13_000, "b", Some(2));
        assert_eq!(judged(&again).outcome, Outcome::Pass, "it leads there already");
        let restarted = by(newer(Some(3)), 13_000, "a", None);
        assert_eq!(judged(&restarted).outcome, Outcome::Pass, "back at its settings");
    }

    #[test]
    fn an_increment_that_waited_in_a_hung_target_began_before_the_redirect() {
        let increment = || vec![Intent::Increment { key: "n".into() }];
        let lost = OpResult::Info { error: "timeout".into() };
        let story = |via| {
            let failover = Story::new().commit(0, 1, "a").authority(100, "a", 1);
            let failover = route(failover, 200, "lb-1", "a").via(via);
            let waiting = failover.ends(5_000, increment(), lost.clone()).via(Via::Lb);
            let story = waiting.commit(10_000, 2, "b").authority(10_100, "b", 2);
            // The next one goes the new way, and then the old target does what waited.
            route(story, 11_000, "lb-1", "b").increment(12_000, "b", "n", 1)
        };
        let writes = vec![Write { key: "n".into(), token: "1".into() }];
        let late = Observation::Acknowledged { writes };
        let waited = story(Via::Lb).observe(12_500, "a", late.clone());
        assert_eq!(judged(&waited).outcome, Outcome::Pass);
        let other = story(Via::Direct).increment(13_000, "a", "n", 1);
        assert_eq!(judged(&other).outcome, Outcome::Fail, "the first one came another way");
    }
}
