//! The report as JUnit XML, for CI: a test suite a scenario, a test case a profile.
//!
//! A broken promise and a missing break are failures, a vacuous cell is an error, an undecided
//! one is skipped: JUnit knows no third answer, and the exit status tells it apart. The time of
//! a case is simulated time.

use crate::cell::{Cell, CellResult};
use crate::text::scenarios;
use crate::wording;

/// The whole document, ending with a newline.
pub fn report(cells: &[Cell]) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for scenario in scenarios(cells) {
        let suite: Vec<&Cell> = cells.iter().filter(|cell| cell.scenario == scenario).collect();
        xml.push_str(&self::suite(scenario, &suite));
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn suite(scenario: &str, cells: &[&Cell]) -> String {
    let tagged =
        |wanted: &str| cells.iter().filter(|cell| tag(&cell.result) == Some(wanted)).count();
    let mut xml = format!(
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\">\n",
        escape(scenario),
        cells.len(),
        tagged("failure"),
        tagged("error"),
        tagged("skipped"),
    );
    for cell in cells {
        xml.push_str(&case(cell));
    }
    xml.push_str("  </testsuite>\n");
    xml
}

fn case(cell: &Cell) -> String {
    let open = format!(
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{}\"",
        escape(&cell.scenario),
        escape(&cell.profile),
        wording::seconds(cell.figures.simulated_ms),
    );
    let (Some(tag), Some(happened)) = (tag(&cell.result), wording::surprise(cell)) else {
        return format!("{open}/>\n");
    };
    let body = format!(
        "expected: {}\nreplay: {}",
        wording::expected(&cell.expectation),
        cell.worst().replay
    );
    let (happened, body) = (escape(&happened), escape(&body));
    // Reporters show the body of a failure or an error; `skipped` has but a message.
    let told = match tag {
        "skipped" => format!("<skipped message=\"{happened}; {}\"/>", body.replace('\n', "; ")),
        tag => format!("<{tag} message=\"{happened}\">{body}</{tag}>"),
    };
    format!("{open}>\n      {told}\n    </testcase>\n")
}

fn tag(result: &CellResult) -> Option<&'static str> {
    match result {
        CellResult::AsExpected => None,
        CellResult::Undecided { .. } => Some("skipped"),
        CellResult::Vacuous { .. } => Some("error"),
        CellResult::PromiseBroken { .. } | CellResult::BreakMissing { .. } => Some("failure"),
    }
}

/// Text as XML 1.0 can hold it, which most control characters cannot be part of.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(character),
            control if control.is_control() => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_escaped() {
        assert_eq!(escape("a<b> & \"c\"\u{1b}\n"), "a&lt;b&gt; &amp; &quot;c&quot;\u{fffd}\n");
    }
}
