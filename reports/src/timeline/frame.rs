//! What lies across the lanes and around them: phases, faults, the marks of each failover, the
//! axis, and the brackets that compare span and TTL.

use maud::{Markup, html};
use sim::figures::Failover;

use super::scale::px;
use super::{Canvas, LEFT, Place, RIGHT};
use crate::lanes::{FaultBand, Lane};
use crate::noteworthy::describe::phase_name;
use crate::wording;

pub(super) const MARKERS_HEIGHT: f64 = 26.0;

const FAULT_ROW: f64 = 18.0;
const BRACKET_ROW: f64 = 44.0;
/// The width of a character of small text, to see what fits.
const CHARACTER: f64 = 6.0;
/// The same of the text at a bracket.
const BRACKET_CHARACTER: f64 = 7.6;

/// The phases as a strip.
pub(super) fn phases(canvas: &Canvas, place: Place) -> Markup {
    html! {
        (label("phase", place.top + 12.0))
        @for (index, phase) in canvas.lanes.phases.iter().enumerate() {
            @let name = phase_name(phase.value);
            @if let Some((x, width)) = canvas.scale.stretch(phase.from_ms, phase.until_ms) {
                rect class=(if index % 2 == 0 { "phase-even" } else { "phase-odd" }) x=(px(x))
                    y=(px(place.top)) width=(px(width)) height=(px(place.height)) {
                    title { (name) " from " (wording::seconds(phase.from_ms)) " s" }
                }
                @if width > CHARACTER * name.len() as f64 {
                    text.phase x=(px(x + 4.0)) y=(px(place.top + 12.0)) { (name) }
                }
            }
        }
    }
}

/// Each fault's row, so that no two overlap.
fn fault_rows<'a>(canvas: &Canvas<'a>) -> Vec<(usize, &'a FaultBand)> {
    let mut ends: Vec<f64> = Vec::new();
    let mut rows = Vec::new();
    for band in &canvas.lanes.faults {
        let Some((x, width)) = canvas.scale.stretch(band.from_ms, band.until_ms) else {
            continue;
        };
        let (from, until) = label_extent(&band_label(band), x, width);
        let row = ends.iter().position(|end| *end <= from).unwrap_or_else(|| {
            ends.push(0.0);
            ends.len() - 1
        });
        ends[row] = until;
        rows.push((row, band));
    }
    rows
}

fn band_label(band: &FaultBand) -> String {
    let nothing = band.bite.is_some_and(|bite| !bite.bit());
    format!("{}{}", band.label, if nothing { " (bit nothing)" } else { "" })
}

/// From where to where a bar and its label reach. The label begins where the bar begins, or
/// ends at the right edge if it would go beyond.
fn label_extent(label: &str, x: f64, width: f64) -> (f64, f64) {
    let text = CHARACTER * label.chars().count() as f64 + 8.0;
    let from = x.min(RIGHT - text).max(LEFT);
    (from, (x + width).max(from + text))
}

pub(super) fn fault_rows_height(canvas: &Canvas) -> f64 {
    let rows = fault_rows(canvas).iter().map(|(row, _)| row + 1).max().unwrap_or(0);
    FAULT_ROW * rows as f64
}

/// The faults by name, above the lanes.
pub(super) fn faults(canvas: &Canvas, place: Place) -> Markup {
    let rows = fault_rows(canvas);
    html! {
        @if !rows.is_empty() { (label("faults", place.top + 13.0)) }
        @for (row, band) in rows {
            @if let Some((x, width)) = canvas.scale.stretch(band.from_ms, band.until_ms) {
                @let top = place.top + FAULT_ROW * row as f64;
                @let text = band_label(band);
                a href=(format!("#event-{}", band.event)) {
                    rect.fault x=(px(x)) y=(px(top)) width=(px(width.max(1.5))) height=(px(FAULT_ROW - 2.0)) {
                        title {
                            (text) ", " (wording::seconds(band.from_ms)) " s to "
                            (wording::seconds(band.until_ms)) " s"
                        }
                    }
                    text.fault-name x=(px(label_extent(&text, x, width).0 + 4.0)) y=(px(top + 12.0)) { (text) }
                }
            }
        }
    }
}

/// The faults as bands over the lanes of the machines that they hit.
pub(super) fn fault_bands(canvas: &Canvas, placed: &[(&Lane, Place)]) -> Markup {
    html! {
        @for band in &canvas.lanes.faults {
            @if let Some((x, width)) = canvas.scale.stretch(band.from_ms, band.until_ms) {
                @for (_, place) in placed.iter().filter(|(lane, _)| band.machines.contains(&lane.machine)) {
                    rect.band x=(px(x)) y=(px(place.top - 2.0)) width=(px(width.max(1.5)))
                        height=(px(place.height + 4.0)) {
                        title { (band.label) }
                    }
                }
            }
        }
    }
}

/// Vertical lines at each failover's commit, p and last stale instant, named above the lanes.
pub(super) fn markers(canvas: &Canvas, place: Place, body: Place) -> Markup {
    html! {
        @for failover in &canvas.record.figures.failovers {
            (marker(canvas, "at-commit", failover.committed_at_ms, "", place, body))
            @if let Some(p) = failover.effective_at_ms {
                (marker(canvas, "at-p", p, "p", place, body))
            }
            @if let Some(last) = stale_end(failover) {
                (marker(canvas, "at-last", last, "last stale", Place { top: place.top + 12.0, ..place }, body))
            }
        }
    }
}

/// The last stale instant, if it came later than p at all.
fn stale_end(failover: &Failover) -> Option<u64> {
    failover.last_stale_at_ms.filter(|_| failover.span_ms > 0)
}

fn marker(
    canvas: &Canvas,
    class: &str,
    at_ms: u64,
    text: &str,
    place: Place,
    body: Place,
) -> Markup {
    if !canvas.scale.window.holds(at_ms) {
        return html! {};
    }
    let x = canvas.scale.x(at_ms);
    let label = format!("{text} {} s", wording::seconds(at_ms));
    let top = if text.is_empty() { body.top } else { place.top + 2.0 };
    // Near the right edge the label stands left of its line.
    let fits = x + CHARACTER * label.len() as f64 <= RIGHT;
    html! {
        line class=(class) x1=(px(x)) x2=(px(x)) y1=(px(top)) y2=(px(body.bottom() + 4.0)) {
            title { (if text.is_empty() { "commit" } else { text }) " at " (wording::seconds(at_ms)) " s" }
        }
        @if !text.is_empty() {
            text class=(format!("{class}-name")) x=(px(if fits { x + 3.0 } else { x - 3.0 }))
                y=(px(top + 9.0)) text-anchor=(if fits { "start" } else { "end" }) { (label) }
        }
    }
}

/// Thin lines through the lanes at each tick.
pub(super) fn grid(canvas: &Canvas, body: Place) -> Markup {
    html! {
        @for at_ms in canvas.scale.ticks() {
            @let x = px(canvas.scale.x(at_ms));
            line.grid x1=(x) x2=(x) y1=(px(body.top)) y2=(px(body.bottom())) {}
        }
    }
}

/// The axis in seconds.
pub(super) fn axis(canvas: &Canvas, place: Place) -> Markup {
    html! {
        line.axis x1=(px(LEFT)) x2=(px(RIGHT)) y1=(px(place.top)) y2=(px(place.top)) {}
        (label("time, s", place.top + 14.0))
        @for at_ms in canvas.scale.ticks() {
            @let x = canvas.scale.x(at_ms);
            line.axis x1=(px(x)) x2=(px(x)) y1=(px(place.top)) y2=(px(place.top + 5.0)) {}
            text.tick x=(px(x)) y=(px(place.top + 16.0)) { (canvas.scale.tick_label(at_ms)) }
        }
    }
}

/// The failovers that have a p within the window.
fn bracketed<'a>(canvas: &Canvas<'a>) -> Vec<(usize, &'a Failover, u64)> {
    let failovers = canvas.record.figures.failovers.iter().enumerate();
    failovers
        .filter_map(|(index, failover)| Some((index + 1, failover, failover.effective_at_ms?)))
        .filter(|(_, _, p)| canvas.scale.window.holds(*p))
        .collect()
}

pub(super) fn brackets_height(canvas: &Canvas) -> f64 {
    BRACKET_ROW * bracketed(canvas).len() as f64
}

/// For each failover its span to scale, and under it the TTL, both from p on.
pub(super) fn brackets(canvas: &Canvas, place: Place) -> Markup {
    let (ttl, tick) = (canvas.record.ttl_ms, canvas.record.tick_ms);
    let bracketed = bracketed(canvas);
    html! {
        @for (row, (number, failover, p)) in bracketed.into_iter().enumerate() {
            @let top = place.top + BRACKET_ROW * row as f64;
            @let over = wording::exceeds(failover.span_ms, ttl, tick);
            @let class = if over { "span-over" } else { "span-within" };
            @let compared = if over { ", longer than the TTL" } else { "" };
            @let text = format!("span {} s{compared}", wording::seconds(failover.span_ms));
            (label(&format!("failover {number}"), top + 12.0))
            text.row x=(px(LEFT - 5.0)) y=(px(top + 27.0)) { (failover.from) " → " (failover.to) }
            (bracket(canvas, class, p, p + failover.span_ms, &text, top + 8.0))
            (bracket(canvas, "ttl", p, p + ttl, &format!("TTL {} s", wording::seconds(ttl)), top + 26.0))
        }
    }
}

fn bracket(
    canvas: &Canvas,
    class: &str,
    from_ms: u64,
    until_ms: u64,
    text: &str,
    y: f64,
) -> Markup {
    let (from, until) = (canvas.scale.x(from_ms), canvas.scale.x(until_ms));
    // A bracket that goes beyond the window stays open to the right.
    let right_end = if until_ms > canvas.scale.window.until_ms { 0.0 } else { 5.0 };
    let path = format!(
        "M{:.1},{:.1} v10 m0,-5 H{:.1} m0,-{right_end} v{}",
        from,
        y - 5.0,
        until,
        right_end * 2.0
    );
    // Beside the bracket if there is room, else upon it, else before it.
    let length = BRACKET_CHARACTER * text.chars().count() as f64 + 12.0;
    let (x, anchor) = if until + length <= RIGHT {
        (until + 6.0, "start")
    } else if until - from > length {
        ((from + until) / 2.0, "middle")
    } else {
        (from - 6.0, "end")
    };
    html! {
        path class=(class) d=(path) {}
        @if anchor == "middle" {
            rect.behind x=(px(x - length / 2.0)) y=(px(y - 6.0)) width=(px(length)) height="12" {}
        }
        text.bracket-name.(format!("{class}-name")) x=(px(x)) y=(px(y + 4.5)) text-anchor=(anchor) { (text) }
    }
}

fn label(text: &str, y: f64) -> Markup {
    html! { text.row x=(px(LEFT - 5.0)) y=(px(y)) { (text) } }
}
