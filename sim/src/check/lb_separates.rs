//! The load balancer separates: once every load balancer of a shard sends elsewhere, an operation
//! that a client behind one of them begins does not reach the old target.

use std::collections::BTreeMap;

use host::Observation;

use super::LB_SEPARATES;
use super::reading::Reading;
use super::route::{Route, routes};
use crate::history::{Via, What};
use crate::promise::Promise;
use crate::verdict::Verdict;

/// Fails on an acknowledgement by a target of before, of an operation that began after the last
/// redirect; informative where it is not promised, because established flows may live on.
pub(super) fn verdict(reading: &Reading) -> Verdict {
    let mut by_shard: BTreeMap<u32, Vec<Vec<Route>>> = BTreeMap::new();
    for ((_, shard), of_balancer) in routes(reading) {
        by_shard.entry(shard).or_default().push(of_balancer);
    }
    // When the operation of a write began, by key and by what tells the write from others.
    let mut begun: BTreeMap<(&str, Option<&str>), u64> = BTreeMap::new();
    let (mut judged, mut astray) = (0_u64, Vec::new());
    for event in reading.history.events() {
        match &event.what {
            What::Invoke(asked) if asked.via == Via::Lb => {
                let writes = asked.intents.iter().filter(|intent| intent.is_write());
                begun.extend(writes.map(|write| ((write.key(), write.token()), event.at_ms)));
            }
            What::Observe { observation: Observation::Acknowledged { writes }, .. } => {
                let Some(balancers) =
                    reading.shard_of(&event.on).and_then(|shard| by_shard.get(&shard))
                else {
                    continue;
                };
                let began = writes.iter().find_map(|write| {
                    let key = write.key.as_str();
                    let of_token = begun.get(&(key, Some(write.token.as_str())));
                    of_token.or_else(|| begun.get(&(key, None)))
                });
                let Some(&began_ms) = began else { continue };
                judged += 1;
                if balancers.iter().all(|routes| leads_elsewhere(routes, began_ms, &event.on)) {
                    astray.push(event.number);
                }
            }
            _ => {}
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
    use super::super::fixture::Story;
    use super::*;
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
}
