//! The page of a hand-made run and the index: self-contained, with links that lead somewhere.

mod sample;

use std::collections::BTreeSet;

use reports::cell::Cell;
use reports::html;
use sim::history::History;

/// What stands between `before` and the next `after`, at each place.
fn all<'a>(text: &'a str, before: &str, after: char) -> Vec<&'a str> {
    let rest = text.split(before).skip(1);
    rest.map(|rest| rest.split(after).next().unwrap_or_default()).collect()
}

#[test]
fn every_link_of_a_page_leads_to_a_place_on_it() {
    let (record, history) = sample::broken_run();
    let page = html::page(&record, &history);
    let ids: BTreeSet<&str> = all(&page, " id=\"", '"').into_iter().collect();
    let links = all(&page, "href=\"", '"');
    assert!(links.len() > 10, "{links:?}");
    for link in links {
        let id = link.strip_prefix('#').expect("a link within the page");
        assert!(ids.contains(id), "{link} leads nowhere");
    }
    assert_eq!(ids.len(), all(&page, " id=\"", '"').len(), "ids are unique");
    for number in &record.figures.failovers[0].evidence {
        assert!(page.contains(&format!("href=\"#event-{number}\"")), "no link to {number}");
    }
}

#[test]
fn nothing_is_fetched() {
    let (record, history) = sample::broken_run();
    let cells = Cell::gather([record.clone()]);
    let index = html::index(&cells, |_| Some("runs/7.html".into()));
    for page in [html::page(&record, &history), index] {
        for foreign in ["http://", "https://", "src=", "<script", "<link", "@import", "url(h"] {
            assert!(!page.contains(foreign), "{foreign}");
        }
    }
}

#[test]
fn every_element_that_opens_closes() {
    let (record, history) = sample::broken_run();
    let page = html::page(&record, &history);
    let style = page.find("</style>").expect("a style sheet");
    let mut open: Vec<&str> = Vec::new();
    for tag in all(&page[style + "</style>".len()..], "<", '>') {
        let name = tag.split_whitespace().next().unwrap_or_default();
        match name.strip_prefix('/') {
            Some("head" | "html") => {}
            Some(name) => assert_eq!(open.pop(), Some(name), "closed by <{tag}>"),
            None => open.push(name),
        }
    }
    assert_eq!(open, [""; 0]);
}

#[test]
fn a_page_tells_the_verdict_the_expectation_and_how_to_replay() {
    let (record, history) = sample::broken_run();
    let page = html::page(&record, &history);
    for told in [
        "Broken: a deposed master still took writes (73 acknowledged) until 12.945 s after the \
         promotion took effect; the TTL is 8.000 s.",
        "As expected: span-within-ttl breaks, because a heartbeat that waited",
        "splitbrain run hung_master_returns --profile lease --seed 7",
        "span 12.945 s, longer than the TTL",
        "nic of controller-2, in only (deaf), stall (bit nothing)",
        "Close-up",
    ] {
        assert!(page.contains(told), "{told}");
    }
}

/// From 12.000 s, when it hung, to 24.055 s, when its successor took over.
#[test]
fn a_page_takes_the_outage_apart() {
    let (record, history) = sample::broken_run();
    let page = html::page(&record, &history);
    let section = page.split("<h2>Outages</h2>").nth(1).expect("the section");
    let row = section.split("<tbody>").nth(1).and_then(|rest| rest.split("</tbody>").next());
    let cells = all(row.expect("a row"), "<td class=\"number\">", '/');
    let figures: Vec<&str> =
        cells.iter().map(|cell| cell.trim_start_matches("<b>").trim_end_matches('<')).collect();
    let (from, until, length, reaction) = ("12.000", "24.055", "12.055", "0.020");
    let parts = ["11.900", "0.100", "0.055", "0", "0", "0"];
    assert_eq!(figures, [&["0", from, until, length], &parts[..], &[reaction]].concat());
    assert!(section.contains("failover to node-2"));
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    let (record, history) = sample::broken_run();
    assert_eq!(html::page(&record, &history), html::page(&record, &history));
}

#[test]
fn a_run_without_a_history_has_a_page_too() {
    let (record, _) = sample::broken_run();
    let page = html::page(&record, &History::default());
    assert!(page.contains("not injected"));
}

#[test]
fn foreign_text_is_escaped() {
    let (mut record, history) = sample::broken_run();
    record.scenario = "<script>alert(1)</script>".into();
    record.verdicts[0].reason = "a < b & c".into();
    let page = html::page(&record, &history);
    assert!(!page.contains("<script"));
    assert!(page.contains("a &lt; b &amp; c"));
}

#[test]
fn the_index_links_to_the_page_of_each_worst_run() {
    let (record, _) = sample::broken_run();
    let cells = Cell::gather([record]);
    let path = |cell: &Cell| Some(format!("runs/{}-{}.html", cell.scenario, cell.worst_seed));
    let index = html::index(&cells, path);
    assert!(index.contains("href=\"runs/hung_master_returns-7.html\""));
    assert!(index.contains("breaks 1/1"));
}
