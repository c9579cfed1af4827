//! A saved history, judged by itself: what `splitbrain check` says of it, also of a history that
//! another system wrote. There is no scenario and no expectation here: what was promised is kept
//! or not.
//!
//! [`Judgement::to_json`] writes one object:
//! - `schema`: [`SCHEMA`]; raised when a field changes its meaning or goes, so a reader that meets
//!   a higher one must stop. New fields may come without that.
//! - `conclusion`: `kept`, `broken`, `vacuous` or `undecided`, and `reason`, the same in a sentence.
//! - `events`, `digest`, `simulated_ms`, `ttl_ms`, `tick_ms`: what was judged.
//! - `verdicts`: a list; each has `check`, `outcome` (`pass`, `fail`, `unknown`), `reason`, `evidence`
//!   (event numbers), and `informative: true` if it counts for nothing because it was not promised.
//! - `figures`: as in the report, see [`crate::json`].
//! - `differences`: how this differs from what was saved beside the history, each in a sentence; an
//!   empty list if it does not, null if nothing was saved.

use std::collections::BTreeSet;

use serde::Serialize;
use sim::check::{self, Reading, ReadingError};
use sim::figures::Figures;
use sim::history::History;
use sim::verdict::{Outcome, Verdict};

use crate::record::{RunRecord, SCHEMA};
use crate::vacuity::vacuity;

mod text;

pub use text::verdict as verdict_line;

/// What is to be said of a history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judgement {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The worst that is to be said.
    pub conclusion: Conclusion,
    /// The same in a sentence.
    pub reason: String,
    /// How many events the history has.
    pub events: usize,
    /// Its digest.
    pub digest: String,
    /// Simulated milliseconds from start to end.
    pub simulated_ms: u64,
    /// The yardstick in milliseconds.
    pub ttl_ms: u64,
    /// The tick in milliseconds.
    pub tick_ms: u64,
    /// Every checker's answer.
    pub verdicts: Vec<Verdict>,
    /// The figures.
    pub figures: Figures,
    /// How it differs from what was saved, each in a sentence; none if nothing was.
    pub differences: Option<Vec<String>>,
}

/// The worst that is to be said of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// Every promise that counts was kept.
    Kept,
    /// One was broken.
    Broken,
    /// The run proves nothing.
    Vacuous,
    /// None was broken as far as is known, but an answer is unknown.
    Undecided,
}

impl Judgement {
    /// Judges a history.
    ///
    /// # Errors
    /// If it cannot be judged, because its events do not fit together.
    pub fn of(history: &History) -> Result<Self, ReadingError> {
        let (ttl_ms, tick_ms) = {
            let setup = Reading::of(history)?.setup;
            (setup.ttl_ms, setup.tick_ms)
        };
        let (verdicts, figures) = check::judge(history);
        let (conclusion, reason) = conclude(&verdicts, &figures);
        Ok(Self {
            schema: SCHEMA,
            conclusion,
            reason,
            events: history.events().len(),
            digest: history.digest(),
            simulated_ms: history.end_ms(),
            ttl_ms,
            tick_ms,
            verdicts,
            figures,
            differences: None,
        })
    }

    /// Says also how it differs from the record that was saved of the run.
    #[must_use]
    pub fn beside(mut self, saved: &RunRecord) -> Self {
        let numbers = [
            ("simulated_ms", saved.simulated_ms, self.simulated_ms),
            ("ttl_ms", saved.ttl_ms, self.ttl_ms),
            ("tick_ms", saved.tick_ms, self.tick_ms),
        ];
        let mut differences = vec![changed("digest", &saved.digest, &self.digest)];
        differences.extend(
            numbers.map(|(name, then, now)| changed(name, &then.to_string(), &now.to_string())),
        );
        let checks = |verdicts: &[Verdict]| -> BTreeSet<String> {
            verdicts.iter().map(|verdict| verdict.check.clone()).collect()
        };
        let checks = &checks(&saved.verdicts) | &checks(&self.verdicts);
        differences.extend(checks.iter().map(|check| {
            let of = |verdicts: &[Verdict]| verdicts.iter().find(|v| v.check == *check).cloned();
            other_answer(check, of(&saved.verdicts), of(&self.verdicts))
        }));
        let (then, now) = (fields(&saved.figures), fields(&self.figures));
        differences.extend(now.iter().map(|(name, now)| {
            changed(&format!("figures.{name}"), &then[name].to_string(), &now.to_string())
        }));
        self.differences = Some(differences.into_iter().flatten().collect());
        self
    }

    /// One more way in which it differs from what was saved.
    pub fn differs(&mut self, how: String) {
        self.differences.get_or_insert_default().push(how);
    }

    /// The exit status (DESIGN section 9): 3 if it proves nothing or differs from what was saved,
    /// 1 if a promise was broken, 4 if it is undecided, else 0.
    pub fn exit_status(&self) -> u8 {
        let differs = self.differences.as_ref().is_some_and(|all| !all.is_empty());
        match self.conclusion {
            _ if differs => 3,
            Conclusion::Vacuous => 3,
            Conclusion::Broken => 1,
            Conclusion::Undecided => 4,
            Conclusion::Kept => 0,
        }
    }

    /// As JSON, ending with a newline.
    pub fn to_json(&self) -> String {
        // Every field is a number, string, list or map with string keys.
        let mut text = serde_json::to_string_pretty(self).expect("a judgement is plain data");
        text.push('\n');
        text
    }
}

fn conclude(verdicts: &[Verdict], figures: &Figures) -> (Conclusion, String) {
    let those = |outcome| -> Vec<&str> {
        let counted = verdicts.iter().filter(|verdict| !verdict.informative);
        let those = counted.filter(|verdict| verdict.outcome == outcome);
        those.map(|verdict| verdict.check.as_str()).collect()
    };
    if let Some(reason) = vacuity(verdicts, figures) {
        return (Conclusion::Vacuous, format!("Proves nothing: {reason}."));
    }
    let (broken, unknown) = (those(Outcome::Fail), those(Outcome::Unknown));
    match (broken.is_empty(), unknown.is_empty()) {
        (false, _) => (Conclusion::Broken, format!("Broken: {}.", broken.join(", "))),
        (true, false) => (Conclusion::Undecided, format!("Undecided: {}.", unknown.join(", "))),
        (true, true) if those(Outcome::Pass).is_empty() => {
            (Conclusion::Vacuous, "Proves nothing: nothing was judged.".to_owned())
        }
        (true, true) => (Conclusion::Kept, "Kept: every promise that counts.".to_owned()),
    }
}

/// How a value changed, told in full only if that is short.
fn changed(what: &str, then: &str, now: &str) -> Option<String> {
    const TOLD_MAX: usize = 200;
    let told = format!("{what} was {then}, is {now}");
    let told = if told.len() > TOLD_MAX { format!("{what} is another one") } else { told };
    (then != now).then_some(told)
}

/// How the answer of a check changed.
fn other_answer(check: &str, then: Option<Verdict>, now: Option<Verdict>) -> Option<String> {
    let answer = |said: &Option<Verdict>| {
        said.as_ref().map_or("not judged".to_owned(), |verdict| {
            let outcome = format!("{:?}", verdict.outcome).to_lowercase();
            let counts = if verdict.informative { ", not promised" } else { "" };
            format!("{outcome}{counts} ({})", verdict.reason)
        })
    };
    let (was, is) = (answer(&then), answer(&now));
    let told = match was == is {
        true => format!("{check} names other events"),
        false => format!("{check} was {was}, is {is}"),
    };
    (then != now).then_some(told)
}

fn fields(figures: &Figures) -> serde_json::Map<String, serde_json::Value> {
    match serde_json::to_value(figures) {
        Ok(serde_json::Value::Object(fields)) => fields,
        _ => unreachable!("figures are a struct of plain data"),
    }
}

#[cfg(test)]
mod tests {
    use sim::figures::Operations;
    use sim::history::What;

    use super::*;

    fn figures() -> Figures {
        Figures { operations: Operations { ok: 1, ..Operations::default() }, ..Figures::default() }
    }

    fn concluded(verdicts: &[Verdict]) -> (Conclusion, String) {
        conclude(verdicts, &figures())
    }

    #[test]
    fn the_worst_that_counts_is_the_conclusion() {
        let pass = Verdict::pass("a", "kept");
        let unknown = Verdict::unknown("b", "no budget");
        let fail = Verdict::fail("c", "broken", vec![3]);
        let kept = concluded(std::slice::from_ref(&pass));
        assert_eq!(kept, (Conclusion::Kept, "Kept: every promise that counts.".into()));
        let undecided = concluded(&[pass.clone(), unknown.clone()]);
        assert_eq!(undecided, (Conclusion::Undecided, "Undecided: b.".into()));
        let broken = concluded(&[pass.clone(), unknown, fail.clone()]);
        assert_eq!(broken, (Conclusion::Broken, "Broken: c.".into()));
        let unpromised = concluded(&[pass, fail.clone().counts_if(false)]);
        assert_eq!(unpromised.0, Conclusion::Kept);
        let missed = Verdict::fail("goals", "not reached: x", vec![]);
        let vacuous = concluded(&[fail, missed]);
        assert_eq!(vacuous, (Conclusion::Vacuous, "Proves nothing: not reached: x.".into()));
        assert_eq!(concluded(&[]).0, Conclusion::Vacuous);
    }

    #[test]
    fn each_conclusion_has_its_exit_status_and_a_difference_outranks_it() {
        let history = History::from_events([(
            0,
            "driver".to_owned(),
            What::Setup(sim::history::Setup::of(8_000, 5, vec![])),
        )]);
        let mut judgement = Judgement::of(&history).expect("it has its setup");
        let all = [
            (Conclusion::Kept, 0),
            (Conclusion::Broken, 1),
            (Conclusion::Vacuous, 3),
            (Conclusion::Undecided, 4),
        ];
        for (conclusion, status) in all {
            judgement.conclusion = conclusion;
            judgement.differences = Some(vec![]);
            assert_eq!(judgement.exit_status(), status);
            judgement.differs("the plan is another one".into());
            assert_eq!(judgement.exit_status(), 3);
        }
    }

    #[test]
    fn a_history_whose_events_do_not_fit_is_not_judged() {
        let error = Judgement::of(&History::default()).expect_err("no setup");
        assert_eq!((error.clone(), error.line()), (ReadingError::NoSetup, 1));
    }
}
