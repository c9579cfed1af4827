//! Variants of built-in profiles by their names: `lease+closed-start` is `lease` with one rule
//! on, `hardened-dated-heartbeat` is `hardened` with one off, and so on for several.

use std::collections::BTreeSet;

use crate::names;
use crate::rule::Rule;

/// What follows a built-in profile's name names no rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no rule to switch; {}", names::near(text, &rules()))]
pub struct VariantError {
    /// What could not be read.
    text: String,
}

fn rules() -> Vec<&'static str> {
    Rule::ALL.map(Rule::name).to_vec()
}

/// Whether a name is that of a built-in profile or of a variant of it.
pub(crate) fn is_of(name: &str, built_in: &str) -> bool {
    name.strip_prefix(built_in).is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', '-']))
}

/// Switches rules on and off as the rest of a name says: `+rule` and `-rule`, again and again.
pub(crate) fn switch(rules: &mut BTreeSet<Rule>, mut rest: &str) -> Result<(), VariantError> {
    while let Some(sign) = rest.chars().next() {
        let text = &rest[sign.len_utf8()..];
        let named = |rule: &Rule| is_of(text, rule.name());
        let found = Rule::ALL.into_iter().find(named);
        let rule = found.ok_or_else(|| VariantError { text: text.to_owned() })?;
        if sign == '+' {
            rules.insert(rule);
        } else {
            rules.remove(&rule);
        }
        rest = &text[rule.name().len()..];
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_switched_one_after_another() {
        let mut rules = BTreeSet::from([Rule::AckRecheck]);
        switch(&mut rules, "+closed-start-ack-recheck+dated-heartbeat").expect("rules");
        assert_eq!(rules, BTreeSet::from([Rule::ClosedStart, Rule::DatedHeartbeat]));
        switch(&mut rules, "").expect("nothing to switch");
        let error = switch(&mut rules, "+closed-star").expect_err("no rule").to_string();
        assert!(error.contains("did you mean `closed-start`"), "{error}");
    }

    #[test]
    fn a_longer_name_is_no_variant() {
        assert!(is_of("lease", "lease") && is_of("lease+closed-start", "lease"));
        assert!(!is_of("leases", "lease"));
    }
}
