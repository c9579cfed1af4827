//! A judgement as plain text for a terminal: a line a check, a line a figure, and the conclusion
//! last.

use sim::figures::{Failover, Outage};
use sim::history::Via;
use sim::verdict::Verdict;

use super::Judgement;
use crate::noteworthy::shown_evidence;
use crate::wording::{self, OUTAGE_PARTS, seconds};

impl Judgement {
    /// As text, ending with a newline.
    pub fn to_text(&self) -> String {
        let mut lines = vec![
            format!(
                "{} events, {} simulated, TTL {} s, tick {} ms",
                self.events,
                wording::duration(self.simulated_ms),
                seconds(self.ttl_ms),
                self.tick_ms
            ),
            format!("digest {}", self.digest),
            String::new(),
        ];
        lines.extend(self.verdicts.iter().map(verdict));
        lines.push(String::new());
        lines.extend(self.figures.failovers.iter().map(failover));
        let outages = self.figures.availability.iter().flat_map(|shard| &shard.outages);
        lines.extend(outages.map(outage));
        lines.extend(self.totals());
        lines.push(String::new());
        lines.extend(self.compared());
        lines.push(self.reason.clone());
        lines.join("\n") + "\n"
    }

    fn totals(&self) -> Vec<String> {
        let figures = &self.figures;
        let (lost, ended) = (&figures.lost_writes, &figures.operations);
        let via_lb = figures.stale_writes.get(&Via::Lb).copied().unwrap_or(0);
        let totals = [
            ("span", format!("{} s", seconds(figures.span_ms))),
            ("overlap", format!("{} s", seconds(figures.overlap_ms))),
            ("stale writes", format!("{}, {via_lb} of them via LB", figures.stale_writes_total())),
            ("stale route", format!("{} s", seconds(figures.stale_route_ms))),
            (
                "lost writes",
                format!(
                    "{}: {} by replication lag, {} by split brain, {} unexplained",
                    lost.total(),
                    lost.replication_lag,
                    lost.split_brain,
                    lost.unexplained
                ),
            ),
            ("unavailable", format!("{} s", seconds(figures.unavailable_ms))),
            ("recovery", format!("{} s after the heal", seconds(figures.recovery_ms))),
            (
                "operations",
                format!(
                    "{} acknowledged, {} surely not done, {} may have been done",
                    ended.ok, ended.fail, ended.info
                ),
            ),
        ];
        totals.into_iter().map(|(name, value)| format!("{name:<13} {value}")).collect()
    }

    fn compared(&self) -> Vec<String> {
        match &self.differences {
            None => vec![],
            Some(all) if all.is_empty() => vec!["The same as was saved.".to_owned()],
            Some(all) => {
                let head = "Not what was saved:".to_owned();
                std::iter::once(head).chain(all.iter().map(|how| format!("  {how}"))).collect()
            }
        }
    }
}

/// One verdict in a line.
pub fn verdict(verdict: &Verdict) -> String {
    let Verdict { check, outcome, reason, evidence, informative } = verdict;
    let outcome = format!("{outcome:?}").to_lowercase();
    let counts = if *informative { " (not promised)" } else { "" };
    format!("{outcome:<8} {check:<26} {reason}{counts}{}", events(evidence))
}

fn events(numbers: &[u64]) -> String {
    if numbers.is_empty() {
        return String::new();
    }
    let (mut shown, more) = shown_evidence(numbers);
    let last = if more > 0 { shown.pop() } else { None };
    let shown: Vec<String> = shown.iter().map(u64::to_string).collect();
    let rest = last.map_or(String::new(), |last| format!(" … {last} ({} in all)", numbers.len()));
    format!("; events {}{rest}", shown.join(", "))
}

fn failover(failover: &Failover) -> String {
    let instant = |at_ms: Option<u64>, none: &str| {
        at_ms.map_or(none.to_owned(), |at_ms| format!("{} s", seconds(at_ms)))
    };
    format!(
        "failover of shard {} from {} to {}, version {}: committed {} s, took effect {}, last stale \
         {}, span {} s, stale writes {}{}",
        failover.shard,
        failover.from,
        failover.to,
        failover.version,
        seconds(failover.committed_at_ms),
        instant(failover.effective_at_ms, "never"),
        instant(failover.last_stale_at_ms, "never"),
        seconds(failover.span_ms),
        failover.stale_writes,
        events(&failover.evidence)
    )
}

fn outage(outage: &Outage) -> String {
    let parts = OUTAGE_PARTS.iter().zip(wording::outage_parts(outage));
    let parts: Vec<String> = parts
        .filter(|(_, length)| length != "0")
        .map(|(part, length)| format!("{part} {length}"))
        .collect();
    let reaction = match outage.client_reaction_ms {
        Some(ms) => format!("first write acknowledged {} s later", seconds(ms)),
        None => "no write acknowledged after it".to_owned(),
    };
    format!(
        "outage of shard {} from {} s to {} s: {} s = {}; ended by {}, {reaction}{}",
        outage.shard,
        seconds(outage.from_ms),
        seconds(outage.until_ms),
        seconds(outage.length_ms()),
        parts.join(" + "),
        wording::outage_end(&outage.end),
        events(&outage.evidence)
    )
}
