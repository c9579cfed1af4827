//! Fields of a line of history that no event has. Left unread, a misspelt `promises` would be
//! none, and what was promised would not be judged.
//!
//! The trap: serde cannot refuse them here, since an event is flattened. So the line is held
//! against what is written for the event that was read of it.

use serde_json::Value;

use crate::history::Event;

/// The first field of a line that the event read of it does not have, with those it stands in.
/// One that is null or an empty list says nothing, and is let pass.
pub(crate) fn first(line: &str, event: &Event) -> Option<String> {
    let given: Value = serde_json::from_str(line).ok()?;
    let known = serde_json::to_value(event).ok()?;
    first_in(&given, &known)
}

fn first_in(given: &Value, known: &Value) -> Option<String> {
    match (given, known) {
        (Value::Object(given), Value::Object(known)) => {
            given.iter().find_map(|(name, value)| match known.get(name) {
                Some(known) => first_in(value, known).map(|inner| format!("{name}.{inner}")),
                None => (!says_nothing(value)).then(|| name.clone()),
            })
        }
        (Value::Array(given), Value::Array(known)) => {
            given.iter().zip(known).find_map(|(given, known)| first_in(given, known))
        }
        _ => None,
    }
}

fn says_nothing(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown(line: &str) -> Option<String> {
        first(line, &serde_json::from_str(line).expect("an event"))
    }

    #[test]
    fn what_no_event_has_is_named_with_its_place() {
        let setup = r#"{"number":0,"at_ms":0,"on":"driver","event":"setup","ttl_ms":1,"tick_ms":1"#;
        let members = r#""members":[{"machine":"a","id":"a","shard":0}]"#;
        assert_eq!(unknown(&format!("{setup},{members}}}")), None);
        assert_eq!(unknown(&format!("{setup},{members},\"goals\":[]}}")), None);
        let misspelt = format!("{setup},{members},\"promisses\":[\"monotonic-reads\"]}}");
        assert_eq!(unknown(&misspelt), Some("promisses".into()));
        let member = r#""members":[{"machine":"a","id":"a","shard":0,"role":"master"}]"#;
        assert_eq!(unknown(&format!("{setup},{member}}}")), Some("members.role".into()));
    }

    #[test]
    fn fields_that_may_be_left_out_are_known() {
        let end = r#"{"number":0,"at_ms":0,"on":"c","event":"return","op":1,"result":"ok""#;
        assert_eq!(unknown(&format!("{end},\"answers\":[null,\"v\"],\"by\":\"a\"}}")), None);
        assert_eq!(unknown(&format!("{end},\"answers\":[],\"by\":null}}")), None);
        assert_eq!(unknown(&format!("{end},\"answer\":[\"v\"]}}")), Some("answer".into()));
        let held = r#"{"number":0,"at_ms":0,"on":"a","event":"final","values":{"any":"v"}}"#;
        assert_eq!(unknown(held), None, "keys are data");
    }
}
