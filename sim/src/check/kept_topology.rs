//! Kept topology: the topology that a node would come back with is the one that it shows to
//! clients, addresses of load balancers included.

use super::KEPT_TOPOLOGY;
use super::reading::Reading;
use crate::verdict::Verdict;

/// Fails on a node that keeps another topology than it shows.
pub(super) fn verdict(reading: &Reading) -> Verdict {
    let mut compared = 0_u64;
    for (machine, content) in &reading.finals {
        let (kept, shown) = (&content.content.topology_kept, &content.content.topology_shown);
        let (Some(kept), Some(shown)) = (kept, shown) else {
            continue;
        };
        compared += 1;
        if kept != shown {
            let line = kept.lines().zip(shown.lines()).find(|(kept, shown)| kept != shown);
            let line = line.unwrap_or(("one line more or less", ""));
            let reason = format!("{machine} keeps another topology than it shows: {line:?}");
            return Verdict::fail(KEPT_TOPOLOGY, reason, vec![content.event]);
        }
    }
    Verdict::pass(KEPT_TOPOLOGY, format!("{compared} nodes show the topology that they keep"))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Story;
    use super::*;
    use crate::history::Content;
    use crate::verdict::Outcome;

    fn outcome(content: Content) -> Outcome {
        let history = Story::new().holds(20_000, "a", content).history();
        verdict(&Reading::of(&history).expect("a whole history")).outcome
    }

    #[test]
    fn a_topology_that_is_kept_otherwise_than_shown_fails() {
        let content = |kept: &str, shown: &str| Content {
            topology_kept: Some(kept.into()),
            topology_shown: Some(shown.into()),
            ..Content::default()
        };
        let holds = |kept, shown| outcome(content(kept, shown));
        assert_eq!(holds("version 1\na lb:1", "version 1\na lb:1"), Outcome::Pass);
        assert_eq!(holds("version 1\na lb:1", "version 1\na a:1"), Outcome::Fail);
        assert_eq!(holds("version 1\na lb:1", "version 1"), Outcome::Fail);
        assert_eq!(outcome(Content::default()), Outcome::Pass, "it tells of none");
    }
}
