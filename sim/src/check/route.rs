//! Stale route: how long after p a load balancer still sent new connections to a deposed node.

use std::collections::BTreeMap;

use host::Observation;

use super::reading::Reading;
use super::tenure::Tenures;
use crate::history::What;

/// Milliseconds after p in which a load balancer routed to a node that an earlier commit had
/// named and the last effective one no longer did, summed over load balancers and shards.
pub(super) fn stale_route_ms(reading: &Reading) -> u64 {
    let of_balancer = |((_, shard), routes): ((&str, u32), Vec<Route>)| {
        let tenures = reading.tenures.get(&shard)?;
        Some(stale_ms(reading, shard, tenures, &routes))
    };
    routes(reading).into_iter().filter_map(of_balancer).sum()
}

fn stale_ms(reading: &Reading, shard: u32, tenures: &Tenures, routes: &[Route]) -> u64 {
    let windows = reading.windows();
    // No commit takes effect before an earlier one.
    let effect_ms = |commit| Some((windows.effect(shard, commit)?.at_ms, commit));
    let effects: Vec<(u64, usize)> = (0..tenures.all.len()).filter_map(effect_ms).collect();
    let mut first_named: BTreeMap<&str, usize> = BTreeMap::new();
    for (commit, tenure) in tenures.all.iter().enumerate() {
        first_named.entry(&tenure.master).or_insert(commit);
    }
    let mut total_ms = 0;
    for (at, route) in routes.iter().enumerate() {
        let until_ms = routes.get(at + 1).map_or(reading.end_ms, |next| next.from_ms);
        let first = effects.partition_point(|(p_ms, _)| *p_ms <= route.from_ms).saturating_sub(1);
        let within = effects[first..].iter().take_while(|(p_ms, _)| *p_ms < until_ms);
        for (at, &(p_ms, commit)) in (first..).zip(within) {
            let next_ms = effects.get(at + 1).map_or(reading.end_ms, |(p_ms, _)| *p_ms);
            let was_named = first_named.get(route.target).is_some_and(|named| *named < commit);
            if was_named && tenures.all[commit].master != route.target {
                let (from_ms, to_ms) = (route.from_ms.max(p_ms), until_ms.min(next_ms));
                total_ms += to_ms.saturating_sub(from_ms);
            }
        }
    }
    total_ms
}

/// The load balancers that, in the end, do not send a shard's connections to the master that
/// the store names: which one, the shard, and where it sends them.
pub(super) fn astray<'r>(reading: &'r Reading) -> Vec<(&'r str, u32, Route<'r>)> {
    let last = routes(reading).into_iter().filter_map(|((balancer, shard), mut routes)| {
        let named = &reading.tenures.get(&shard)?.all.last()?.master;
        let route = routes.pop()?;
        (route.target != named).then_some((balancer, shard, route))
    });
    last.collect()
}

/// Where a load balancer sends new connections from a moment on.
pub(super) struct Route<'r> {
    pub(super) from_ms: u64,
    /// The event that tells of it.
    pub(super) event: u64,
    pub(super) target: &'r str,
    /// The version by which it was redirected there.
    pub(super) version: Option<i64>,
}

/// By load balancer and shard.
pub(super) fn routes<'r>(reading: &'r Reading) -> BTreeMap<(&'r str, u32), Vec<Route<'r>>> {
    let mut routes: BTreeMap<(&str, u32), Vec<Route>> = BTreeMap::new();
    for event in reading.history.events() {
        if let What::Observe {
            observation: Observation::Routed { shard, target, version }, ..
        } = &event.what
        {
            let target = target.rsplit_once(':').map_or(target.as_str(), |(machine, _)| machine);
            let (from_ms, number) = (event.at_ms, event.number);
            let route = Route { from_ms, event: number, target, version: *version };
            routes.entry((&event.on, *shard)).or_default().push(route);
        }
    }
    routes
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Story;
    use super::*;

    fn route(target: &str) -> Observation {
        Observation::Routed { shard: 0, target: format!("{target}:6666"), version: None }
    }

    fn stale_ms(story: &Story) -> u64 {
        let history = story.clone().end(40_000).history();
        stale_route_ms(&Reading::of(&history).expect("a whole history"))
    }

    #[test]
    fn counted_from_p_until_the_redirect() {
        let failover = Story::new()
            .observe(0, "lb-1", route("a"))
            .commit(0, 1, "a")
            .authority(100, "a", 1)
            .commit(10_000, 2, "b")
            .authority(10_100, "b", 2);
        let early = Story::new()
            .observe(0, "lb-1", route("a"))
            .commit(0, 1, "a")
            .authority(100, "a", 1)
            .commit(10_000, 2, "b")
            .observe(10_050, "lb-1", route("b"))
            .authority(10_100, "b", 2);
        assert_eq!(stale_ms(&failover.clone().observe(12_100, "lb-1", route("b"))), 2_000);
        assert_eq!(stale_ms(&failover), 40_000 - 10_100, "an LB that ignores the redirect");
        assert_eq!(stale_ms(&early), 0);
    }
}
