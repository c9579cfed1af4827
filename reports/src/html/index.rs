//! The table of all cells, each with a link to the page of its worst run.

use maud::{Markup, html};

use super::document;
use crate::cell::{Cell, CellResult};
use crate::record::Expectation;
use crate::text::{scenarios, summary};
use crate::wording::{self, seconds};

/// The table of all cells. `page_of` gives the path of the page of a cell's worst run, relative
/// to the table's, or none if there is none.
pub fn index(cells: &[Cell], page_of: impl Fn(&Cell) -> Option<String>) -> String {
    let body = html! {
        h1 { "Report" }
        p { (summary(cells)) }
        (surprises(cells))
        div.wide { table.cells {
            thead { tr {
                th { "profile" } th.number { "seeds" } th.number { "failovers" }
                th.number { "span median, s" } th.number { "span max, s" } th.number { "TTL, s" }
                th.number { "overlap max, s" } th.number { "stale writes (via LB)" }
                th.number { "stale route max, s" } th.number { "lost: lag / split / unexpl." }
                th.number { "unavailable median, s" } th.number { "outage max, s" } th { "verdict" } th { "as expected" }
            } }
            @for scenario in scenarios(cells) {
                tbody {
                    tr { th.scenario colspan="14" { (scenario) } }
                    @for cell in cells.iter().filter(|cell| cell.scenario == scenario) {
                        (row(cell, page_of(cell)))
                    }
                }
            }
        } }
        p.light {
            "Span: how long after the promotion took effect a deposed master still took writes; red: longer \
             than the TTL. Overlap: two masters at once. Stale writes: acknowledged by a deposed master. Lost \
             writes: acknowledged and absent in the end. Unavailable: without a master that takes writes; an \
             outage is one stretch of that. Each verdict links to the cell's worst run."
        }
    };
    document("Report", body)
}

fn surprises(cells: &[Cell]) -> Markup {
    let surprises = cells.iter().filter_map(|cell| Some((cell, wording::surprise(cell)?)));
    html! {
        @for (cell, happened) in surprises {
            div.surprise.(result_class(&cell.result)) {
                b { (cell.scenario) " under " (cell.profile) }
                ": expected that " (wording::expected(&cell.expectation)) "; but " (happened) "."
                pre { (cell.worst().replay) }
            }
        }
    }
}

fn row(cell: &Cell, page: Option<String>) -> Markup {
    let figures = &cell.figures;
    let (median, max) = wording::spans(cell);
    let over = wording::exceeds(figures.span_max_ms, cell.ttl_ms, cell.tick_ms);
    let verdict = wording::verdict(cell);
    let stale = wording::stale_writes(figures.stale_writes, figures.stale_writes_via_lb);
    html! {
        tr {
            td { (cell.profile) }
            td.number { (cell.seeds.len()) } td.number { (figures.failovers) }
            td.number { (median) } td.number.over[over] { (max) } td.number { (seconds(cell.ttl_ms)) }
            td.number { (seconds(figures.overlap_max_ms)) } td.number { (stale) }
            td.number { (seconds(figures.stale_route_max_ms)) }
            td.number { (wording::lost_writes(&figures.lost_writes)) }
            td.number { (seconds(figures.unavailable_median_ms)) }
            td.number { (seconds(figures.outage_max_ms())) }
            td.short.(verdict_class(cell)) {
                @match page {
                    Some(page) => a href=(page) { (verdict) },
                    None => (verdict),
                }
            }
            td.(result_class(&cell.result)) {
                (wording::as_expected(&cell.result))
                @if let (CellResult::AsExpected, Expectation::Breaks { check, reason, .. }) = (&cell.result, &cell.expectation) {
                    ": " code { (check) } span.light { ", " (reason) }
                }
            }
        }
    }
}

/// The colour of what happened.
fn verdict_class(cell: &Cell) -> &'static str {
    match (&cell.result, cell.broken_runs()) {
        (CellResult::Vacuous { .. } | CellResult::Undecided { .. }, _) => "unknown",
        (_, 0) => "pass",
        _ => "fail",
    }
}

/// The colour of whether it was expected.
fn result_class(result: &CellResult) -> &'static str {
    match result {
        CellResult::AsExpected => "as-expected",
        CellResult::Undecided { .. } => "unknown",
        _ => "unexpected",
    }
}
