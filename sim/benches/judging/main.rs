//! How long histories take to be judged: the linearizability of 10,000 operations on 50 keys, and
//! everything of 100,000 and of 1,000,000 events, part by part, with the peak of memory.
//!
//! `cargo bench -p sim --bench judging`
//!
//! What this is not: a test. Nothing is asserted; the figures depend on the machine.
//!
//! The trap: on a machine that does something else, too, real time says little; so the parts are
//! told in time on a processor, as Linux counts it, and real time beside it for the total. And the
//! peak is that of the whole process, so that the largest history comes last.

mod cluster;
mod shared_keys;

use std::collections::BTreeMap;
use std::time::Duration;

use sim::check::{self, LINEARIZABLE};
use sim::history::History;
use sim::verdict::Verdict;

/// Everything below a twentieth of a second is noise, also as the base of a ratio.
const NOISE: Duration = Duration::from_millis(50);

fn main() {
    println!("linearizability");
    for (what, keys, wrong) in [
        ("10,000 operations on 50 keys", 50, false),
        ("the same, one answer wrong", 50, true),
        ("10,000 operations on 3 keys", 3, false),
        ("the same, one answer wrong", 3, true),
    ] {
        let judged = Judged::of(&shared_keys::history(10_000, keys, wrong));
        let took = judged.parts[LINEARIZABLE].as_secs_f64();
        let verdict = judged.verdicts.iter().find(|verdict| verdict.check == LINEARIZABLE);
        let verdict = verdict.expect("every check is judged");
        println!("  {what:<32}{took:>8.3} s  {:?}: {}", verdict.outcome, verdict.reason);
    }
    for loses in [false, true] {
        println!("{}", if loses { "failovers that lose writes" } else { "failovers" });
        let small = Judged::of(&cluster::history(100_000, loses));
        let history = cluster::history(1_000_000, loses);
        let before = memory("VmRSS:");
        let large = Judged::of(&history);
        println!("  {:<32}{:>10}{:>12}{:>8}", "events", "100,000", "1,000,000", "ratio");
        for (part, took) in &large.parts {
            line(part, small.parts[part], *took);
        }
        line("all", small.parts.values().sum(), large.parts.values().sum());
        line("all in real time", small.real, large.real);
        println!("  memory: {before} with the history, {} at the peak", memory("VmHWM:"));
        for verdict in &large.verdicts {
            println!("  {} {:?}: {}", verdict.check, verdict.outcome, verdict.reason);
        }
    }
}

fn line(part: &str, small: Duration, large: Duration) {
    let ratio = match small.max(large) < NOISE {
        true => String::new(),
        false => format!("{:.1}", large.as_secs_f64() / small.as_secs_f64()),
    };
    let (small, large) = (small.as_secs_f64(), large.as_secs_f64());
    println!("  {part:<32}{small:>8.3} s{large:>10.3} s{ratio:>8}");
}

/// A judged history, and how long it took, part by part.
struct Judged {
    parts: BTreeMap<String, Duration>,
    real: Duration,
    verdicts: Vec<Verdict>,
}

impl Judged {
    fn of(history: &History) -> Self {
        let began = real_time();
        let mut begins: Vec<(String, Duration)> = Vec::new();
        let (verdicts, _) =
            check::judge_aloud(history, |part| begins.push((part.into(), processor_time())));
        begins.push((String::new(), processor_time()));
        let took = |pair: &[(String, Duration)]| (pair[0].0.clone(), pair[1].1 - pair[0].1);
        Self { parts: begins.windows(2).map(took).collect(), real: began.elapsed(), verdicts }
    }
}

#[expect(clippy::disallowed_methods, reason = "measures real time")]
fn real_time() -> std::time::Instant {
    std::time::Instant::now()
}

/// How long this thread has been on a processor.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux counts it");
    let nanos = text.split(' ').next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.expect("a number of nanoseconds comes first"))
}

/// A line of `/proc/self/status`.
fn memory(field: &str) -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    line.map_or_else(|| "unknown".into(), |line| line.trim().to_owned())
}
