//! Prints the page of a hand-made run, to judge the drawing:
//! `cargo run -p reports --example page > page.html`; with the argument `index`, the index.

#[path = "../tests/sample/mod.rs"]
mod sample;

use reports::{cell::Cell, html};

fn main() {
    let (record, history) = sample::broken_run();
    if std::env::args().nth(1).as_deref() == Some("index") {
        let mut surprise = record.clone();
        surprise.profile = "hardened".into();
        surprise.expectation = reports::record::Expectation::Holds;
        let cells = Cell::gather([record, surprise]);
        print!("{}", html::index(&cells, |_| Some("page.html".into())));
    } else {
        print!("{}", html::page(&record, &history));
    }
}
