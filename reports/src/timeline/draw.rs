//! The lanes of the machines.

use std::collections::BTreeMap;

use host::{Lease, Role};
use maud::{Markup, html};
use sim::history::ProcessState;

use super::scale::{bin_ms, px};
use super::{Canvas, LEFT, Place, RIGHT};
use crate::lanes::{Acknowledgement, Authority, End, Ended, Kind, Lane, Mark, NodeLane, Stretch};
use crate::wording;

pub(super) const NODE_HEIGHT: f64 = 58.0;
pub(super) const CLIENTS_HEIGHT: f64 = 34.0;
pub(super) const SERVICE_HEIGHT: f64 = 22.0;
pub(super) const ROUTE_HEIGHT: f64 = 20.0;

/// How many node colours the style sheet has (`node-0`, …).
const NODE_COLOURS: usize = 6;

/// What lies behind the bands of the faults: the role of a node, the states of a process.
pub(super) fn background(canvas: &Canvas, lane: &Lane, place: Place) -> Markup {
    let role_class = |role: &Role| match role {
        Role::Master => ("role-master", "master in its own eyes"),
        Role::Replica => ("role-replica", "replica in its own eyes"),
        Role::None => ("role-none", "in no topology"),
    };
    html! {
        rect.lane x=(px(LEFT)) y=(px(place.top)) width=(px(RIGHT - LEFT)) height=(px(place.height)) {}
        @if let Kind::Node(node) = &lane.kind {
            @for role in &node.role {
                @let (class, title) = role_class(&role.value);
                (bar(canvas, role, place, class, title))
            }
        }
    }
}

/// A lane with its name.
pub(super) fn lane(canvas: &Canvas, lane: &Lane, place: Place) -> Markup {
    html! {
        @for process in &lane.process {
            @match process.value {
                ProcessState::Running => {}
                ProcessState::Hung => (bar(canvas, process, place, "hung", "process hangs")),
                ProcessState::Down => (bar(canvas, process, place, "down", "process is down")),
            }
        }
        @match &lane.kind {
            Kind::Node(node) => (node_lane(canvas, lane, node, place)),
            Kind::Store(commits) => {
                (name(lane, "commits", place))
                @for commit in commits { (commit_mark(canvas, commit, place)) }
            }
            Kind::Controller(leading) => {
                (name(lane, "leads", place))
                @for leads in leading.iter().filter(|stretch| stretch.value) {
                    @let inner = Place { top: place.top + 8.0, height: 8.0 };
                    (bar(canvas, leads, inner, "leads", "believes that it leads"))
                }
            }
            Kind::LoadBalancer(routes) => {
                (name(lane, "routes to", place))
                @for (row, route) in routes.values().enumerate() {
                    @let top = place.top + ROUTE_HEIGHT * row as f64 + 2.0;
                    @let inner = Place { top, height: ROUTE_HEIGHT - 4.0 };
                    @for stretch in route { (route_bar(canvas, stretch, inner)) }
                }
            }
            Kind::Other => (name(lane, "", place)),
            Kind::Clients(ended) => {
                (name(lane, "replies", place))
                (operations(canvas, ended, place))
            }
        }
        @for note in &lane.notes { (note_mark(canvas, note, place)) }
    }
}

fn node_lane(canvas: &Canvas, lane: &Lane, node: &NodeLane, place: Place) -> Markup {
    let counts = Place { top: place.top + 3.0, height: 24.0 };
    let authority = Place { top: place.top + 31.0, height: 13.0 };
    let lease = Place { top: place.top + 48.0, height: 6.0 };
    html! {
        text.machine x="6" y=(px(place.top + 14.0)) { (lane.machine) }
        @if let Some(colour) = node_colour(canvas, &lane.machine) {
            rect class=(colour) x="6" y=(px(place.top + 19.0)) width="30" height="6" {}
        }
        text.sub x="6" y=(px(place.top + 38.0)) { "shard " (node.member.shard) }
        text.sub x="6" y=(px(place.top + 51.0)) { (short(&node.member.id)) }
        (row_name("acknowledges", counts.top + 15.0))
        (row_name("takes writes", authority.top + 10.0))
        (row_name("lease", lease.top + 6.0))
        (acknowledged(canvas, &node.acknowledged, counts))
        @for stretch in &node.authority {
            @match stretch.value {
                Authority::Named => (bar(canvas, stretch, authority, "named", "takes writes, and the store names it")),
                Authority::Deposed => (bar(canvas, stretch, authority, "deposed", "takes writes although the store names another")),
            }
        }
        @for stretch in &node.lease {
            @match stretch.value {
                Lease::None => {}
                Lease::Held => (bar(canvas, stretch, lease, "held", "lease held")),
                Lease::Expired => (bar(canvas, stretch, lease, "expired", "lease expired")),
            }
        }
    }
}

/// A bar with a tooltip that tells its times.
fn bar<T>(canvas: &Canvas, stretch: &Stretch<T>, place: Place, class: &str, title: &str) -> Markup {
    let Some((x, width)) = canvas.scale.stretch(stretch.from_ms, stretch.until_ms) else {
        return html! {};
    };
    html! {
        rect class=(class) x=(px(x)) y=(px(place.top)) width=(px(width.max(1.0)))
            height=(px(place.height)) {
            title {
                (title) ", " (wording::seconds(stretch.from_ms)) " s to "
                (wording::seconds(stretch.until_ms)) " s"
            }
        }
    }
}

fn name(lane: &Lane, what: &str, place: Place) -> Markup {
    html! {
        text.machine x="6" y=(px(place.top + 14.0)) { (lane.machine) }
        (row_name(what, place.top + 14.0))
    }
}

fn row_name(text: &str, y: f64) -> Markup {
    html! { text.row x=(px(LEFT - 5.0)) y=(px(y)) { (text) } }
}

fn commit_mark(canvas: &Canvas, commit: &Mark, place: Place) -> Markup {
    if !canvas.scale.window.holds(commit.at_ms) {
        return html! {};
    }
    let x = canvas.scale.x(commit.at_ms);
    html! {
        a href=(format!("#event-{}", commit.event)) {
            g.commit {
                line x1=(px(x)) x2=(px(x)) y1=(px(place.top)) y2=(px(place.bottom())) {}
                text x=(px(x + 3.0)) y=(px(place.top + 14.0)) { "v" (commit.text) }
                title { "commits version " (commit.text) " at " (wording::seconds(commit.at_ms)) " s" }
            }
        }
    }
}

fn note_mark(canvas: &Canvas, note: &Mark, place: Place) -> Markup {
    if !canvas.scale.window.holds(note.at_ms) {
        return html! {};
    }
    let x = canvas.scale.x(note.at_ms);
    html! {
        a href=(format!("#event-{}", note.event)) {
            circle.note cx=(px(x)) cy=(px(place.bottom() - 4.0)) r="3" {
                title { (wording::seconds(note.at_ms)) " s: " (note.text) }
            }
        }
    }
}

fn route_bar(canvas: &Canvas, route: &Stretch<String>, place: Place) -> Markup {
    let machine = route.value.split(':').next().unwrap_or_default();
    let colour = node_colour(canvas, machine).unwrap_or_else(|| "node-other".into());
    let Some((x, width)) = canvas.scale.stretch(route.from_ms, route.until_ms) else {
        return html! {};
    };
    html! {
        (bar(canvas, route, place, &colour, &format!("routes to {}", route.value)))
        @if width > 50.0 {
            text.route x=(px(x + 5.0)) y=(px(place.top + 12.0)) { (machine) }
        }
    }
}

/// The class of a data node's own colour.
fn node_colour(canvas: &Canvas, machine: &str) -> Option<String> {
    let mut nodes = canvas.lanes.machines.iter().filter(|lane| matches!(lane.kind, Kind::Node(_)));
    let index = nodes.position(|lane| lane.machine == machine)?;
    Some(format!("node-{}", index % NODE_COLOURS))
}

/// Acknowledged writes as bars, to one scale for all nodes.
fn acknowledged(canvas: &Canvas, acknowledged: &[Acknowledgement], place: Place) -> Markup {
    let all = canvas.lanes.machines.iter().filter_map(|lane| match &lane.kind {
        Kind::Node(node) => Some(counted(canvas, &node.acknowledged, acknowledged_as)),
        _ => None,
    });
    let most = all.map(|counts| greatest(&counts)).max().unwrap_or(0);
    let titles = [
        ("ack-named", "acknowledged writes"),
        ("ack-deposed", "writes acknowledged by a deposed node"),
    ];
    counts(canvas, &counted(canvas, acknowledged, acknowledged_as), most, &titles, place)
}

/// Ended operations as bars, to one scale for all client machines.
fn operations(canvas: &Canvas, ended: &[Ended], place: Place) -> Markup {
    let all = canvas.lanes.machines.iter().filter_map(|lane| match &lane.kind {
        Kind::Clients(ended) => Some(counted(canvas, ended, ended_as)),
        _ => None,
    });
    let most = all.map(|counts| greatest(&counts)).max().unwrap_or(0);
    let titles = [
        ("op-ok", "acknowledged"),
        ("op-info", "may have been done"),
        ("op-fail", "surely not done"),
    ];
    let inner = Place { top: place.top + 3.0, height: place.height - 6.0 };
    counts(canvas, &counted(canvas, ended, ended_as), most, &titles, inner)
}

fn acknowledged_as(ack: &Acknowledgement) -> (u64, usize, usize) {
    let layer = match ack.by {
        Authority::Named => 0,
        Authority::Deposed => 1,
    };
    (ack.at_ms, layer, ack.writes)
}

fn ended_as(ended: &Ended) -> (u64, usize, usize) {
    let layer = match ended.how {
        End::Ok => 0,
        End::Info => 1,
        End::Fail => 2,
    };
    (ended.at_ms, layer, 1)
}

/// Counts of up to three layers, by the begin of their bar.
type Counts = BTreeMap<u64, [usize; 3]>;

/// What `of` gives as (time, layer, number), counted within the window.
fn counted<T>(canvas: &Canvas, items: &[T], of: fn(&T) -> (u64, usize, usize)) -> Counts {
    let bin = bin_ms(canvas.scale.window);
    let mut counts = Counts::new();
    for (at_ms, layer, number) in items.iter().map(of) {
        if canvas.scale.window.holds(at_ms) {
            counts.entry(at_ms / bin * bin).or_default()[layer] += number;
        }
    }
    counts
}

fn greatest(counts: &Counts) -> usize {
    counts.values().map(|layers| layers.iter().sum()).max().unwrap_or(0)
}

/// Bars that stand on the bottom of the place, layer upon layer.
fn counts(
    canvas: &Canvas,
    counts: &Counts,
    most: usize,
    titles: &[(&str, &str)],
    place: Place,
) -> Markup {
    let bin = bin_ms(canvas.scale.window);
    html! {
        @for (from_ms, layers) in counts {
            @if let Some((x, width)) = canvas.scale.stretch(*from_ms, from_ms + bin) {
                @for (layer, (class, what)) in titles.iter().enumerate().filter(|(at, _)| layers[*at] > 0) {
                    @let unit = place.height / most.max(1) as f64;
                    @let below: usize = layers[..layer].iter().sum();
                    // Even a single one among hundreds must be seen.
                    @let height = (layers[layer] as f64 * unit).max(1.5);
                    @let y = (place.bottom() - below as f64 * unit - height).max(place.top);
                    rect class=(class) x=(px(x)) y=(px(y)) width=(px((width - 0.3).max(0.8)))
                        height=(px(height)) {
                        title { (layers[layer]) " " (what) " from " (wording::seconds(*from_ms)) " s" }
                    }
                }
            }
        }
    }
}

/// The start of a long id.
fn short(id: &str) -> String {
    if id.chars().count() <= 12 {
        return id.into();
    }
    format!("{}…", id.chars().take(10).collect::<String>())
}
