//! The report as HTML: a page for one run ([`page`]) and the table of all cells ([`index`]).
//!
//! Each is one file that needs no other: the style sheet stands in it, the timeline is SVG, and
//! nothing is fetched, so that it works from a disk, as a CI artifact and on paper.
//!
//! The trap: event numbers in text are links; what they lead to must be in the list of events,
//! see [`crate::noteworthy`].

use maud::{DOCTYPE, Markup, PreEscaped, html};
use sim::history::History;
use sim::verdict::Outcome;

use crate::lanes::Lanes;
use crate::noteworthy::{Noteworthy, noteworthy};
use crate::record::RunRecord;
use crate::timeline::{self, Window};
use crate::wording;

pub use index::index;

mod index;
mod legend;
mod outages;
mod sections;

const STYLE: &str = include_str!("html/style.css");

/// The page of one run.
pub fn page(record: &RunRecord, history: &History) -> String {
    let lanes = Lanes::of(history);
    let events = noteworthy(record, history, &lanes);
    let title = format!("{} under {}, seed {}", record.scenario, record.profile, record.seed);
    let body = html! {
        h1 {
            (record.scenario) " " span.light { "under" } " " (record.profile)
            span.light { ", seed " (record.seed) }
        }
        p.verdict.(outcome_class(record.outcome())) { (wording::run_verdict(record)) }
        p { (wording::run_expectation(record)) }
        (timelines(record, &lanes))
        (sections::failovers(record, &events))
        (outages::outages(record, &events))
        (sections::figures(record))
        (sections::verdicts(record, &events))
        (sections::faults(record, &lanes))
        (sections::replay(record))
        (sections::events(&events))
    };
    document(&title, body)
}

fn timelines(record: &RunRecord, lanes: &Lanes) -> Markup {
    let whole = Window { from_ms: 0, until_ms: lanes.end_ms };
    let close_up = timeline::close_up(record, lanes);
    html! {
        (timeline::definitions())
        h2 { "Timeline" }
        (legend::legend(whole, close_up))
        figure { (timeline::svg(record, lanes, whole)) }
        @if let Some(window) = close_up {
            h2 { "Close-up of the failover" }
            figure { (timeline::svg(record, lanes, window)) }
        }
    }
}

/// A whole document around a body.
fn document(title: &str, body: Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { main { (body) } }
        }
    };
    let mut text = page.into_string();
    text.push('\n');
    text
}

/// Numbers of events, as links to those that the list shows.
fn evidence(numbers: &[u64], events: &Noteworthy) -> Markup {
    let (shown, more) = crate::noteworthy::shown_evidence(numbers);
    let listed = |number: &u64| events.rows.iter().any(|row| row.number == *number);
    html! {
        @for (at, number) in shown.iter().enumerate() {
            @if at > 0 { ", " }
            @if more > 0 && at + 1 == shown.len() { (more) " more, " }
            @if listed(number) {
                a href=(format!("#event-{number}")) { (number) }
            } @else {
                (number)
            }
        }
    }
}

fn outcome_class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "pass",
        Outcome::Unknown => "unknown",
        Outcome::Fail => "fail",
    }
}

fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "kept",
        Outcome::Unknown => "unknown",
        Outcome::Fail => "broken",
    }
}
