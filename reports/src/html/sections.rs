//! The sections of a run's page below the timeline.

use maud::{Markup, html};
use sim::history::Via;

use super::{evidence, outcome_class, outcome_name};
use crate::lanes::Lanes;
use crate::noteworthy::{Class, Noteworthy};
use crate::record::RunRecord;
use crate::wording::{self, seconds};

pub(super) fn failovers(record: &RunRecord, events: &Noteworthy) -> Markup {
    let failovers = &record.figures.failovers;
    html! {
        h2 { "Failovers" }
        @if failovers.is_empty() {
            p { "No commit of the store changed a master." }
        } @else {
            div.wide { table {
                thead { tr {
                    th.number { "#" } th.number { "shard" } th.number { "version" } th { "from" } th { "to" }
                    th.number { "committed, s" } th.number { "p, s" } th.number { "last stale, s" }
                    th.number { "span, s" } th.number { "TTL, s" } th.number { "stale writes" } th { "events" }
                } }
                tbody { @for (at, failover) in failovers.iter().enumerate() {
                    @let over = wording::exceeds(failover.span_ms, record.ttl_ms, record.tick_ms);
                    tr {
                        td.number { (at + 1) } td.number { (failover.shard) } td.number { (failover.version) }
                        td { (failover.from) } td { (failover.to) }
                        td.number { (seconds(failover.committed_at_ms)) }
                        td.number { (instant(failover.effective_at_ms, "without effect")) }
                        td.number { (instant(failover.last_stale_at_ms, "-")) }
                        td.number.over[over] { (seconds(failover.span_ms)) }
                        td.number { (seconds(record.ttl_ms)) }
                        td.number { (failover.stale_writes) }
                        td { (evidence(&failover.evidence, events)) }
                    }
                } }
            } }
        }
    }
}

fn instant(at_ms: Option<u64>, otherwise: &str) -> String {
    at_ms.map_or(otherwise.into(), seconds)
}

pub(super) fn figures(record: &RunRecord) -> Markup {
    let figures = &record.figures;
    let stale = |via| figures.stale_writes.get(&via).copied().unwrap_or(0);
    let lost = &figures.lost_writes;
    let ended = &figures.operations;
    let longest_ms = figures.longest_outage().map_or(0, |outage| outage.length_ms());
    html! {
        h2 { "Figures" }
        dl.figures {
            dt { "Span" } dd { b { (seconds(figures.span_ms)) " s" } " beside a TTL of " (seconds(record.ttl_ms)) " s" }
            dt { "Overlap" } dd { b { (seconds(figures.overlap_ms)) " s" } " with two masters that both take writes" }
            dt { "Stale writes" } dd {
                b { (figures.stale_writes_total()) } " acknowledged by a deposed master: "
                (stale(Via::Direct)) " direct, " (stale(Via::Sticky)) " sticky, " (stale(Via::Lb)) " via LB"
            }
            dt { "Stale route" } dd { b { (seconds(figures.stale_route_ms)) " s" } " in which an LB still led to the deposed master" }
            dt { "Lost writes" } dd {
                b { (lost.total()) } " acknowledged and absent in the end: " (lost.replication_lag)
                " by replication lag, " (lost.split_brain) " by split brain, " (lost.unexplained) " unexplained"
            }
            dt { "Unavailable" } dd {
                b { (seconds(figures.unavailable_ms)) " s" } " without a master that takes writes, "
                (seconds(longest_ms)) " s at most at a time"
            }
            dt { "Recovery" } dd {
                b { (seconds(figures.recovery_ms)) " s" } " from the heal until every shard took writes for good"
            }
            dt { "Operations" } dd {
                (ended.ok) " acknowledged, " (ended.fail) " surely not done, " (ended.info) " may have been done"
            }
            dt { "Run" } dd {
                (wording::duration(record.simulated_ms)) " simulated, tick " (record.tick_ms) " ms, digest "
                code { (record.digest.chars().take(16).collect::<String>()) }
            }
        }
    }
}

pub(super) fn verdicts(record: &RunRecord, events: &Noteworthy) -> Markup {
    html! {
        h2 { "Verdicts" }
        table {
            thead { tr { th { "check" } th { "answer" } th { "why" } th { "events" } } }
            tbody { @for verdict in &record.verdicts {
                tr {
                    td { code { (verdict.check) } }
                    @if verdict.informative {
                        td { (outcome_name(verdict.outcome)) ", not promised" }
                    } @else {
                        td.(outcome_class(verdict.outcome)) { (outcome_name(verdict.outcome)) }
                    }
                    td { (verdict.reason) }
                    td { (evidence(&verdict.evidence, events)) }
                }
            } }
        }
    }
}

/// The plan's faults and what they did; when and whom they hit, if they were injected at all.
pub(super) fn faults(record: &RunRecord, lanes: &Lanes) -> Markup {
    html! {
        h2 { "Faults" }
        @if record.bites.is_empty() {
            p { "None was planned." }
        } @else {
            table {
                thead { tr {
                    th.number { "#" } th { "fault" } th.number { "from, s" } th.number { "until, s" }
                    th { "what it did" } th { "event" }
                } }
                tbody { @for (at, (name, bite)) in record.bites.iter().enumerate() {
                    @let band = lanes.faults.iter().find(|band| band.fault == at);
                    tr {
                        td.number { (at) }
                        @match band {
                            Some(band) => {
                                td { (band.label) }
                                td.number { (seconds(band.from_ms)) } td.number { (seconds(band.until_ms)) }
                            }
                            None => { td { (name) } td.number colspan="2" { "not injected" } }
                        }
                        td.unknown[!bite.bit()] { (bite) }
                        td { @if let Some(band) = band {
                            a href=(format!("#event-{}", band.event)) { (band.event) }
                        } }
                    }
                } }
            }
        }
    }
}

pub(super) fn replay(record: &RunRecord) -> Markup {
    html! {
        h2 { "Replay" }
        pre { (record.replay) }
    }
}

pub(super) fn events(events: &Noteworthy) -> Markup {
    html! {
        h2 { "Events" }
        p {
            "Client operations, acknowledgements and repetitions are left out ("
            (events.left_out) " of " (events.rows.len() + events.left_out)
            " events), but for those that are evidence."
        }
        table.events {
            thead { tr { th.number { "event" } th.number { "time, s" } th { "on" } th { "what" } } }
            tbody { @for row in &events.rows {
                tr.(class(row.class)) id=(format!("event-{}", row.number)) {
                    td.number { (row.number) }
                    td.number { (seconds(row.at_ms)) }
                    td { (row.on) }
                    td { (row.text) }
                }
            } }
        }
    }
}

fn class(class: Class) -> &'static str {
    match class {
        Class::Fault => "is-fault",
        Class::Phase => "is-phase",
        Class::Commit => "is-commit",
        Class::Stale => "is-stale",
        Class::Plain => "is-plain",
    }
}
