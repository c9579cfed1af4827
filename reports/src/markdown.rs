//! The report as Markdown, `report.md`: surprises first, then the table, the reasons of the
//! expected breaks, and links to the page of the worst run of each cell.
//!
//! The trap: names and reasons may hold characters that Markdown or a table reads as its own;
//! all that comes from outside passes through `escape`.

use crate::cell::{Cell, CellOutage};
use crate::record::Expectation;
use crate::text::{scenarios, summary};
use crate::wording;

/// The whole report. `page_of` gives the path of the page of a cell's worst run, relative to
/// the report, or none if there is none.
pub fn report(cells: &[Cell], page_of: impl Fn(&Cell) -> Option<String>) -> String {
    let parts = [
        "# Report\n".to_string(),
        format!("{}\n", escape(summary(cells).trim_end())),
        surprises(cells),
        HOW_TO_READ.to_string(),
        table(cells, &page_of),
        outages(cells),
        reasons(cells),
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

const HOW_TO_READ: &str = "\
## How to read it

Each row is a *cell*: a scenario under a profile, run once for each of its *seeds*. A *failover* is \
a commit of the store that makes another node master of a shard. The *promotion takes effect* when a \
node that knows of it, or of a later one, first could take a write as master. A node is *deposed* \
when the last commit names another one.

All times are simulated seconds, over the cell's runs.

- **failovers**: commits that changed a master, all runs together.
- **span**: how long after the promotion took effect a deposed master still could take a write, or \
acknowledged one: the split-brain window. The greatest of a run counts. A dash: no failover. \
**Bold**: longer than the TTL and a tick.
- **TTL**: the lease's time to live, the yardstick for the span, also where there is no lease.
- **overlap**: the longest time in a run, after the promotion took effect, with two nodes of a shard \
that both could take writes.
- **stale writes**: writes that a deposed master acknowledged after the promotion took effect, all \
runs together; in brackets those that came through a load balancer.
- **stale route**: the longest time in a run, after the promotion took effect, in which a load \
balancer still sent new connections to the deposed master.
- **lost writes**: writes that were acknowledged and are absent from the final state, all runs \
together, by cause: *replication lag* (acknowledged before the promotion took effect), *split brain* \
(after it), *unexplained* (no failover explains it).
- **unavailable**: median time in which a shard had no node that could take a write, from the end \
of settling to the end of the run's convergence. One stretch of it is an *outage*; the longest one \
of each cell is taken apart below.
- **verdict**: `holds`, or in how many runs a check broke.
- **as expected**: whether the scenario foresees that for this profile. It links to the page of the \
cell's worst run.
";

fn table(cells: &[Cell], page_of: &impl Fn(&Cell) -> Option<String>) -> String {
    let mut text = String::from(
        "## Results\n\n\
         | scenario | profile | seeds | failovers | span median | span max | TTL | overlap max \
         | stale writes (via LB) | stale route max | lost: lag | lost: split brain \
         | lost: unexplained | unavailable | verdict | as expected |\n\
         |---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|---|\n",
    );
    for scenario in scenarios(cells) {
        for cell in cells.iter().filter(|cell| cell.scenario == scenario) {
            text.push_str(&row(cell, page_of(cell)));
        }
    }
    text
}

fn row(cell: &Cell, page: Option<String>) -> String {
    let figures = &cell.figures;
    let (median, max) = wording::spans(cell);
    let over = wording::exceeds(figures.span_max_ms, cell.ttl_ms, cell.tick_ms);
    let fields = [
        escape(&cell.scenario),
        escape(&cell.profile),
        cell.seeds.len().to_string(),
        figures.failovers.to_string(),
        median,
        if over { format!("**{max}**") } else { max },
        wording::seconds(cell.ttl_ms),
        wording::seconds(figures.overlap_max_ms),
        wording::stale_writes(figures.stale_writes, figures.stale_writes_via_lb),
        wording::seconds(figures.stale_route_max_ms),
        figures.lost_writes.replication_lag.to_string(),
        figures.lost_writes.split_brain.to_string(),
        figures.lost_writes.unexplained.to_string(),
        wording::seconds(figures.unavailable_median_ms),
        wording::verdict(cell),
        link(&wording::as_expected(&cell.result), page),
    ];
    format!("| {} |\n", fields.join(" | "))
}

/// The longest outage of each cell that had one.
fn outages(cells: &[Cell]) -> String {
    let mut rows = String::new();
    for cell in cells {
        let Some(CellOutage { seed, outage }) = &cell.figures.longest_outage else {
            continue;
        };
        let [scenario, profile] = [&cell.scenario, &cell.profile].map(|name| escape(name));
        let length = wording::seconds(outage.length_ms());
        let parts = wording::outage_parts(outage).join(" | ");
        let reaction = wording::client_reaction(outage);
        let end = escape(&wording::outage_end(&outage.end));
        let outages = cell.figures.outages;
        rows.push_str(&format!(
            "| {scenario} | {profile} | {outages} | {seed} | {length} | {parts} | {reaction} | {end} |\n"
        ));
    }
    if rows.is_empty() {
        return rows;
    }
    let parts = wording::OUTAGE_PARTS.join(" | ");
    format!(
        "{OUTAGES}| scenario | profile | outages | seed | longest | {parts} | client reaction \
         | ended by |\n|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|\n{rows}"
    )
}

const OUTAGES: &str = "\
## Availability

The longest outage of each cell, in the run with that *seed*, and its parts, which sum up to it: \
*detection*, until a controller began with the failover; *election*, until the store's commit; \
*push*, until the new master acted under it; *lease wait*, until its lease let it write; *not ready*, \
while it hung, was down, loading or paused instead; *recovery*, if the old master came back. Beside it \
the *client reaction*: from then on until that node acknowledged its first write. **outages** is their \
number in all runs together.

";

fn link(label: &str, page: Option<String>) -> String {
    match page {
        Some(path) => format!("[{}](<{}>)", escape(label), path.replace(['<', '>', '\n'], "")),
        None => escape(label),
    }
}

fn surprises(cells: &[Cell]) -> String {
    let mut text = String::new();
    for cell in cells {
        let Some(happened) = wording::surprise(cell) else {
            continue;
        };
        text.push_str(&format!(
            "\n- **{} under {}**: expected that {}; but {}. Replay:\n\n  ```\n  {}\n  ```\n",
            escape(&cell.scenario),
            escape(&cell.profile),
            escape(&wording::expected(&cell.expectation)),
            escape(&happened),
            cell.worst().replay,
        ));
    }
    if text.is_empty() { text } else { format!("## Not as expected\n{text}") }
}

/// Why each cell breaks that is expected to: profiles that break for one reason share a line.
fn reasons(cells: &[Cell]) -> String {
    let mut lines: Vec<([&str; 3], Vec<&str>)> = Vec::new();
    for cell in cells {
        let Expectation::Breaks { check, reason, .. } = &cell.expectation else {
            continue;
        };
        let key = [cell.scenario.as_str(), check, reason];
        match lines.iter_mut().find(|(known, _)| *known == key) {
            Some((_, profiles)) => profiles.push(&cell.profile),
            None => lines.push((key, vec![&cell.profile])),
        }
    }
    if lines.is_empty() {
        return String::new();
    }
    let mut text = String::from("## Why what is expected to break breaks\n\n");
    for ([scenario, check, reason], profiles) in lines {
        text.push_str(&format!(
            "- **{}** under {} breaks `{check}`: {}{}\n",
            escape(scenario),
            escape(&profiles.join(", ")),
            escape(reason),
            if reason.ends_with('.') { "" } else { "." },
        ));
    }
    text
}

/// Text that Markdown shows as it is, on one line of a table.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '|' | '~' => {
                escaped.push('\\');
                escaped.push(character);
            }
            '\n' | '\r' => escaped.push(' '),
            '&' => escaped.push_str("&amp;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_break_the_table() {
        assert_eq!(escape("a|b\nc *d* <e>"), "a\\|b c \\*d\\* \\<e\\>");
        assert_eq!(escape("hung_master_returns & co."), "hung_master_returns &amp; co.");
    }

    #[test]
    fn a_path_with_blanks_stays_one_link() {
        assert_eq!(link("yes", Some("runs/a b.html".into())), "[yes](<runs/a b.html>)");
        assert_eq!(link("NO: x", None), "NO: x");
    }
}
