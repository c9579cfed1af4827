//! The timeline of a run as SVG: time to the right, a lane a machine, faults as bands across, and
//! under the axis the span drawn to scale beside the TTL.
//!
//! It decides nothing: what was when comes from [`crate::lanes`], p and span from the record.
//! Colours are classes of the page's style sheet. The trap: everything is cut to the window that
//! is drawn, so that the close-up shows the same things larger.

use maud::{Markup, html};

use crate::lanes::{Kind, Lane, Lanes};
use crate::record::RunRecord;

pub use scale::Window;

mod draw;
mod frame;
mod scale;

use scale::Scale;

/// The width of the drawing, in its own units.
const WIDTH: f64 = 1200.0;
/// Where the lanes begin; their names stand left of it.
const LEFT: f64 = 158.0;
/// Where the lanes end.
const RIGHT: f64 = 1188.0;
/// The space between two lanes.
const GAP: f64 = 6.0;

/// A rectangle to draw a lane in.
#[derive(Clone, Copy)]
struct Place {
    top: f64,
    height: f64,
}

impl Place {
    fn bottom(self) -> f64 {
        self.top + self.height
    }
}

/// What every part of the drawing needs.
struct Canvas<'a> {
    record: &'a RunRecord,
    lanes: &'a Lanes,
    scale: Scale,
}

/// The drawing of what lies in the window.
pub fn svg(record: &RunRecord, lanes: &Lanes, window: Window) -> Markup {
    let scale = Scale::new(window, LEFT, RIGHT);
    let canvas = Canvas { record, lanes, scale };
    let phases = Place { top: 0.0, height: 16.0 };
    let faults = Place { top: phases.bottom() + 4.0, height: frame::fault_rows_height(&canvas) };
    let marks = Place { top: faults.bottom() + 2.0, height: frame::MARKERS_HEIGHT };
    let first_top = marks.bottom() + 2.0;
    let placed = place(lanes, first_top);
    let bottom = placed.last().map_or(first_top, |(_, place)| place.bottom());
    let axis = Place { top: bottom + GAP, height: 20.0 };
    let brackets = Place { top: axis.bottom() + 4.0, height: frame::brackets_height(&canvas) };
    let body = Place { top: first_top, height: bottom - first_top };
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {:.0}", brackets.bottom() + 4.0)) role="img" {
            title { "Timeline of " (record.scenario) " under " (record.profile) }
            (frame::phases(&canvas, phases))
            (frame::grid(&canvas, body))
            @for (lane, place) in &placed { (draw::background(&canvas, lane, *place)) }
            (frame::fault_bands(&canvas, &placed))
            @for (lane, place) in &placed { (draw::lane(&canvas, lane, *place)) }
            (frame::faults(&canvas, faults))
            (frame::markers(&canvas, marks, body))
            (frame::axis(&canvas, axis))
            (frame::brackets(&canvas, brackets))
        }
    }
}

/// The hatchings that all drawings of a page use; to stand in the page once.
pub fn definitions() -> Markup {
    let hatch = |id: &str, class: &str, width: &str| {
        html! {
            pattern id=(id) class=(class) width="7" height="7" patternUnits="userSpaceOnUse"
                patternTransform="rotate(45)" {
                rect class="under" width="7" height="7" {}
                line y2="7" stroke-width=(width) {}
            }
        }
    };
    html! {
        svg.definitions width="0" height="0" aria-hidden="true" {
            defs {
                (hatch("hatch-hung", "hatch-hung", "4"))
                (hatch("hatch-down", "hatch-down", "7"))
            }
        }
    }
}

/// The window of the failover that a reader wants to see closely: the one with the longest span,
/// from shortly before its commit to shortly after its span and its TTL. None if the whole run
/// is hardly larger, or if nothing was promoted.
pub fn close_up(record: &RunRecord, lanes: &Lanes) -> Option<Window> {
    let failovers = record.figures.failovers.iter().filter(|f| f.effective_at_ms.is_some());
    // Of equals the first: `max_by_key` would give the last.
    let failover = failovers.rev().max_by_key(|failover| failover.span_ms)?;
    let p = failover.effective_at_ms?;
    let last = failover.last_stale_at_ms.unwrap_or(p).max(p + record.ttl_ms.min(20_000));
    let margin_ms = ((last - failover.committed_at_ms) / 4).max(500);
    let window = Window {
        from_ms: failover.committed_at_ms.saturating_sub(margin_ms),
        until_ms: (last + margin_ms).min(lanes.end_ms),
    };
    (window.length_ms() * 2 < lanes.end_ms).then_some(window)
}

/// The length of the bars of counts in a window, in milliseconds.
pub fn bin_ms(window: Window) -> u64 {
    scale::bin_ms(window)
}

fn place(lanes: &Lanes, mut top: f64) -> Vec<(&Lane, Place)> {
    let mut placed = Vec::new();
    for lane in &lanes.machines {
        let height = match &lane.kind {
            Kind::Node(_) => draw::NODE_HEIGHT,
            Kind::Clients(_) => draw::CLIENTS_HEIGHT,
            Kind::LoadBalancer(routes) => draw::ROUTE_HEIGHT * routes.len().max(1) as f64,
            _ => draw::SERVICE_HEIGHT,
        };
        placed.push((lane, Place { top, height }));
        top += height + GAP;
    }
    placed
}

#[cfg(test)]
mod tests;
