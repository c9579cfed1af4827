//! Goals: what a run must have reached, because otherwise its pass is empty.

use std::collections::BTreeSet;

use host::{Lease, Observation};

use super::GOALS;
use super::reading::Reading;
use crate::fault::Bite;
use crate::figures::{Failover, Figures};
use crate::goal::Goal;
use crate::history::{Event, Phase, ProcessState, Via, What};
use crate::verdict::Verdict;

/// Fails on the first goal that was not reached.
pub(super) fn verdict(reading: &Reading, figures: &Figures) -> Verdict {
    let goals = &reading.setup.goals;
    if goals.is_empty() {
        return Verdict::pass(GOALS, "none was set");
    }
    let missed: Vec<&'static str> = goals
        .iter()
        .filter(|goal| !is_reached(**goal, reading, figures))
        .map(|goal| goal.words())
        .collect();
    if missed.is_empty() {
        let reached: Vec<&str> = goals.iter().map(Goal::words).collect();
        return Verdict::pass(GOALS, format!("reached: {}", reached.join("; ")));
    }
    Verdict::fail(GOALS, format!("not reached: {}", missed.join("; ")), vec![])
}

fn is_reached(goal: Goal, reading: &Reading, figures: &Figures) -> bool {
    match goal {
        Goal::Writes => wrote(reading),
        Goal::LbWrites => wrote_through_lb(reading),
        Goal::Promotion => promotions(figures) > 0,
        Goal::TwoPromotions => promotions(figures) > 1,
        Goal::NoPromotion => figures.failovers.is_empty(),
        Goal::StaleWrite => figures.stale_writes_total() > 0,
        Goal::StaleLbWrite => figures.stale_writes.contains_key(&Via::Lb),
        Goal::LeaderChange => leaders(reading) > 1,
        Goal::LeaseEndedAfterP => {
            figures.failovers.iter().any(|failover| lease_ended_after_p(reading, failover))
        }
        Goal::Restart => any(reading, |what| matches!(what, What::Start { life } if *life > 1)),
        Goal::Hang => {
            any(reading, |what| matches!(what, What::Sample { state: ProcessState::Hung, .. }))
        }
        Goal::Stalled => healed(reading, |bite| bite.tasks_stalled > 0),
        Goal::ClockMoved => healed(reading, |bite| bite.clock_moved_ms > 0),
    }
}

/// How many promotions took effect.
fn promotions(figures: &Figures) -> usize {
    figures.failovers.iter().filter(|failover| failover.effective_at_ms.is_some()).count()
}

/// How many controllers ever believed that they lead.
fn leaders(reading: &Reading) -> usize {
    let leads = |event: &&Event| {
        let Event { what, .. } = event;
        matches!(what, What::Observe { observation: Observation::Leading { leads: true }, .. })
    };
    let leaders: BTreeSet<&str> =
        reading.history.events().iter().filter(leads).map(|event| event.on.as_str()).collect();
    leaders.len()
}

fn any(reading: &Reading, found: impl Fn(&What) -> bool) -> bool {
    reading.history.events().iter().any(|event| found(&event.what))
}

fn healed(reading: &Reading, did: impl Fn(&Bite) -> bool) -> bool {
    any(reading, |what| matches!(what, What::Heal { bite, .. } if did(bite)))
}

fn wrote(reading: &Reading) -> bool {
    let (disturb_ms, heal_ms) = (reading.phase_ms(Phase::Disturb), reading.phase_ms(Phase::Heal));
    let writes = reading.operations.iter().filter(|operation| operation.is_write());
    let acknowledged: Vec<u64> =
        writes.filter_map(|write| Some(write.acknowledged()?.at_ms)).collect();
    let ok_within =
        |from_ms, until_ms| acknowledged.iter().any(|at_ms| (from_ms..until_ms).contains(at_ms));
    ok_within(0, disturb_ms) && ok_within(heal_ms, u64::MAX)
}

/// Acknowledged by the master that the store names in the end: a deposed one does not count,
/// because a load balancer that ignored its redirect leads there.
fn wrote_through_lb(reading: &Reading) -> bool {
    let heal_ms = reading.phase_ms(Phase::Heal);
    reading.acknowledgements.iter().any(|ack| {
        let named = reading.tenures[&ack.shard].all.last();
        ack.at_ms >= heal_ms
            && named.is_some_and(|tenure| tenure.master == ack.machine)
            && ack.writes.iter().any(|w| reading.via(w) == Some(Via::Lb))
    })
}

fn lease_ended_after_p(reading: &Reading, failover: &Failover) -> bool {
    let Some(p_ms) = failover.effective_at_ms else {
        return false;
    };
    let standings = &reading.standings[failover.from.as_str()];
    standings.windows(2).any(|pair| {
        pair[0].lease() == Lease::Held
            && pair[1].lease() == Lease::Expired
            && pair[1].from_ms >= p_ms
    })
}

#[cfg(test)]
mod tests {
    use super::super::{fixture::Story, judge};
    use super::*;
    use crate::verdict::Outcome;

    fn reached(story: &Story, goal: Goal) -> bool {
        let (verdicts, _) = judge(&story.clone().goals(&[goal]).history());
        let verdict = verdicts.iter().find(|verdict| verdict.check == GOALS).expect("judged");
        verdict.outcome == Outcome::Pass
    }

    fn failover() -> Story {
        Story::new()
            .commit(0, 1, "a")
            .authority(100, "a", 1)
            .commit(10_000, 2, "b")
            .authority(10_100, "b", 2)
    }

    #[test]
    fn promotion_and_its_absence() {
        let none = Story::new().commit(0, 1, "a").authority(100, "a", 1);
        assert!(reached(&failover(), Goal::Promotion));
        assert!(!reached(&failover(), Goal::NoPromotion));
        assert!(!reached(&none, Goal::Promotion));
        assert!(reached(&none, Goal::NoPromotion));
    }

    #[test]
    fn a_second_promotion_must_take_effect_too() {
        assert!(!reached(&failover(), Goal::TwoPromotions));
        let again = failover().commit(20_000, 3, "c");
        assert!(!reached(&again, Goal::TwoPromotions), "without effect");
        assert!(reached(&again.authority(20_100, "c", 3), Goal::TwoPromotions));
    }

    #[test]
    fn another_leader_is_another_machine() {
        let leads =
            |story: Story, name| story.observe(1_000, name, Observation::Leading { leads: true });
        let one = leads(leads(failover(), "controller-1"), "controller-1");
        assert!(!reached(&one, Goal::LeaderChange));
        assert!(reached(&leads(one, "controller-2"), Goal::LeaderChange));
    }

    #[test]
    fn a_stale_write_through_a_load_balancer_came_that_way() {
        let stale = |via| failover().write_via(12_000, "a", "k", via);
        assert!(reached(&stale(Via::Lb), Goal::StaleLbWrite));
        assert!(!reached(&stale(Via::Sticky), Goal::StaleLbWrite));
    }

    #[test]
    fn a_stale_write_is_one_after_p() {
        assert!(reached(&failover().write(12_000, "a", "k", "v"), Goal::StaleWrite));
        assert!(!reached(&failover().write(12_000, "b", "k", "v"), Goal::StaleWrite));
    }

    #[test]
    fn the_lease_must_run_out_after_p() {
        let after = failover().no_authority(12_000, "a", 1);
        assert!(reached(&after, Goal::LeaseEndedAfterP));
        let before = Story::new()
            .commit(0, 1, "a")
            .authority(100, "a", 1)
            .no_authority(9_000, "a", 1)
            .commit(10_000, 2, "b")
            .authority(10_100, "b", 2);
        assert!(!reached(&before, Goal::LeaseEndedAfterP));
        assert!(!reached(&failover(), Goal::LeaseEndedAfterP));
    }

    #[test]
    fn clients_behind_a_load_balancer_must_reach_the_master_of_the_end() {
        let wrote_on = |machine: &str| {
            let heal = failover().phase(15_000, Phase::Heal);
            let heal = if machine == "a" { heal } else { heal.no_authority(15_000, "a", 2) };
            heal.write_via(16_000, machine, "k", Via::Lb)
        };
        assert!(reached(&wrote_on("b"), Goal::LbWrites));
        assert!(!reached(&wrote_on("a"), Goal::LbWrites), "by a deposed one");
        let direct = failover().phase(15_000, Phase::Heal).write(16_000, "b", "k", "v");
        assert!(!reached(&direct, Goal::LbWrites), "by another way");
    }

    #[test]
    fn lives_hangs_and_writes() {
        let restart = failover().event(11_000, "a", What::Start { life: 2 });
        assert!(reached(&restart, Goal::Restart));
        assert!(!reached(&failover(), Goal::Restart));
        assert!(reached(&failover().hang(11_000, "a"), Goal::Hang));
        assert!(!reached(&failover(), Goal::Hang));
        let healed = |bite| failover().event(12_000, "nemesis", What::Heal { fault: 0, bite });
        let stalled = healed(Bite { tasks_stalled: 1, ..Bite::default() });
        assert!(reached(&stalled, Goal::Stalled));
        assert!(!reached(&stalled, Goal::ClockMoved));
        let moved = healed(Bite { clock_moved_ms: 1, ..Bite::default() });
        assert!(reached(&moved, Goal::ClockMoved));
        assert!(!reached(&moved, Goal::Stalled));
        let early = Story::new()
            .commit(0, 1, "a")
            .authority(100, "a", 1)
            .write(500, "a", "k", "v")
            .phase(1_000, Phase::Disturb)
            .phase(2_000, Phase::Heal);
        assert!(!reached(&early, Goal::Writes), "none after the heal");
        let read = early.clone().read(2_500, "a", "k", Some("v"));
        assert!(!reached(&read, Goal::Writes), "a read is no write");
        assert!(reached(&early.write(2_500, "a", "k2", "v"), Goal::Writes));
    }
}
