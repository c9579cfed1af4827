//! The report as plain text for a terminal: a table, a summary, and what to copy to replay a
//! surprise.
//!
//! No colour codes and, as long as names are short, no more than 160 columns.

use crate::cell::{Cell, CellResult};
use crate::wording;

/// The whole text, ending with a newline.
pub fn report(cells: &[Cell]) -> String {
    let mut text = table(cells);
    if !cells.is_empty() {
        text.push('\n');
        text.push_str(LEGEND);
    }
    text.push('\n');
    text.push_str(&summary(cells));
    for cell in cells.iter().filter(|cell| !cell.result.as_expected()) {
        text.push('\n');
        text.push_str(&surprise(cell));
    }
    text
}

/// How many runs and cells there were and how many did what was expected, in one line.
pub fn summary(cells: &[Cell]) -> String {
    let runs = cells.iter().map(|cell| cell.runs.len()).sum();
    let simulated_ms = cells.iter().map(|cell| cell.figures.simulated_ms).sum();
    let as_expected = cells.iter().filter(|cell| cell.result.as_expected()).count();
    let undecided = |cell: &&Cell| matches!(cell.result, CellResult::Undecided { .. });
    let undecided = cells.iter().filter(undecided).count();
    let mut line = format!(
        "{}, {} simulated; {as_expected} of {} as expected",
        wording::count(runs, "run"),
        wording::duration(simulated_ms),
        wording::count(cells.len(), "cell"),
    );
    let surprises = cells.len() - as_expected - undecided;
    for (number, what) in [(surprises, "NOT AS EXPECTED"), (undecided, "UNDECIDED")] {
        if number > 0 {
            line.push_str(&format!("; {number} {what}"));
        }
    }
    line.push_str(".\n");
    line
}

/// What was expected of a cell, what happened instead, and the line that replays it.
fn surprise(cell: &Cell) -> String {
    let happened = wording::surprise(cell).unwrap_or_default();
    format!(
        "{} under {}\n  expected: {}\n  happened: {happened}\n  replay:   {}\n",
        cell.scenario,
        cell.profile,
        wording::expected(&cell.expectation),
        cell.worst().replay,
    )
}

const LEGEND: &str = "\
seconds; span: how long after the promotion took effect a deposed master still took writes (! longer
than the TTL); overlap: two masters at once; stale: writes that a deposed master acknowledged (via LB);
lost: acknowledged and gone, by replication lag/split brain/unexplained; unavail.: without a master;
outage: the longest stretch of that.
";

const COLUMNS: [Column; 14] = [
    Column { head: ["", "  profile"], align: Align::Left },
    Column { head: ["", "seeds"], align: Align::Right },
    Column { head: ["fail-", "overs"], align: Align::Right },
    Column { head: ["span", "median"], align: Align::Right },
    Column { head: ["span ", "max "], align: Align::Right },
    Column { head: ["", "TTL"], align: Align::Right },
    Column { head: ["overlap", "max"], align: Align::Right },
    Column { head: ["stale", "writes"], align: Align::Right },
    Column { head: ["stale", "route"], align: Align::Right },
    Column { head: ["lost writes", "lag/split/?"], align: Align::Right },
    Column { head: ["unavail.", "median"], align: Align::Right },
    Column { head: ["outage", "max"], align: Align::Right },
    Column { head: ["", "verdict"], align: Align::Left },
    Column { head: ["as", "expected"], align: Align::Left },
];

struct Column {
    head: [&'static str; 2],
    align: Align,
}

enum Align {
    Left,
    Right,
}

type Row = [String; COLUMNS.len()];

fn row(cell: &Cell) -> Row {
    let figures = &cell.figures;
    let (median, max) = wording::spans(cell);
    let over = wording::exceeds(figures.span_max_ms, cell.ttl_ms, cell.tick_ms);
    let broken: Vec<&str> = cell.broken_checks().collect();
    [
        format!("  {}", cell.profile),
        cell.seeds.len().to_string(),
        figures.failovers.to_string(),
        median,
        format!("{max}{}", if over { '!' } else { ' ' }),
        wording::seconds(cell.ttl_ms),
        wording::seconds(figures.overlap_max_ms),
        wording::stale_writes(figures.stale_writes, figures.stale_writes_via_lb),
        wording::seconds(figures.stale_route_max_ms),
        wording::lost_writes(&figures.lost_writes),
        wording::seconds(figures.unavailable_median_ms),
        wording::seconds(figures.outage_max_ms()),
        wording::verdict(cell),
        match &cell.result {
            CellResult::AsExpected if !broken.is_empty() => format!("yes: {}", broken.join(", ")),
            result => wording::as_expected(result),
        },
    ]
}

/// Rows under the name of their scenario, aligned over the whole table.
fn table(cells: &[Cell]) -> String {
    if cells.is_empty() {
        return "No runs.\n".into();
    }
    let rows: Vec<Row> = cells.iter().map(row).collect();
    let widths: Vec<usize> = (0..COLUMNS.len()).map(|at| width(at, &rows)).collect();
    let mut text = String::new();
    for line in 0..2 {
        push_line(&mut text, COLUMNS.iter().map(|column| column.head[line]), &widths);
    }
    for scenario in scenarios(cells) {
        text.push_str(&format!("{scenario}\n"));
        for (cell, row) in cells.iter().zip(&rows) {
            if cell.scenario == scenario {
                push_line(&mut text, row.iter().map(String::as_str), &widths);
            }
        }
    }
    text
}

/// The scenarios in the order in which they first appear.
pub(crate) fn scenarios(cells: &[Cell]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for cell in cells {
        if !names.contains(&cell.scenario.as_str()) {
            names.push(&cell.scenario);
        }
    }
    names
}

fn width(at: usize, rows: &[Row]) -> usize {
    let heads = COLUMNS[at].head.iter().map(|head| head.chars().count());
    heads.chain(rows.iter().map(|row| row[at].chars().count())).max().unwrap_or(0)
}

fn push_line<'a>(text: &mut String, fields: impl Iterator<Item = &'a str>, widths: &[usize]) {
    let padded: Vec<String> = fields
        .zip(widths)
        .zip(&COLUMNS)
        .map(|((field, &width), column)| match column.align {
            Align::Left => format!("{field:<width$}"),
            Align::Right => format!("{field:>width$}"),
        })
        .collect();
    text.push_str(padded.join("  ").trim_end());
    text.push('\n');
}
