//! The load balancer separates: once every load balancer of a shard sends elsewhere, an operation
//! that a client behind one of them begins does not reach the old target.

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
/// redirect; informative where it is not promised, because established flows may live on.
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
        let operations = asked.can_be(ack.writes, ack.event);
        if operations.is_empty() {
            continue;
        }
        judged += 1;
        let led_elsewhere = |operation: &&Operation| {
            let began_ms = operation.invoked.at_ms;
            balancers.iter().all(|routes| leads_elsewhere(routes, began_ms, ack.machine))
        };
        if operations.iter().all(led_elsewhere) {
            astray.push(ack.event);
        }
    }
    let verdict = if astray.is_empty() {
        let reason = format!("{judged} acknowledgements through load balancers, none astray");
        Verdict::pass(LB_SEPARATES, reason)
    } else {
        let reason = format!("{} operations reached a target of before a redirect", astray.len());
        Verdict::fail(LB_SEPARATES, reason, astray)
    };
    verdict.counts_if(reading.promises(Promise::LbSeparates))
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
        story.observe(at_ms, lb, Observation::Routed { shard: 0, target })
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
