//! How long histories take to be judged: the linearizability of 10,000 operations on 50 keys, and
//! everything of 100,000 and of 1,000,000 events, part by part, with the peak of memory.
//!
//! `cargo bench -p sim --bench judging`
//!
//! What this is not: a test. Nothing is asserted; the figures depend on the machine. What they
//! should not exceed is told beside them, with how much of it they take up.
//!
//! The trap: on a machine that does something else, too, real time says little; so the parts are
//! told in time on a processor, as Linux counts it, and real time beside it for the total. And the
//! peak of memory is that of the whole process, also of before, unless Linux is told to forget it.

mod cluster;
mod shared_keys;

use std::collections::BTreeMap;
use std::time::Duration;

use sim::check::{self, LINEARIZABLE};
use sim::history::History;
use sim::verdict::Verdict;

/// Of the linearizability of 10,000 operations on 50 keys.
const LINEARIZABLE_LIMIT: Duration = Duration::from_secs(2);
/// Of everything else of 1,000,000 events.
const LARGE_LIMIT: Duration = Duration::from_secs(5);
/// Of what the judging of 1,000,000 events adds to memory: 1 GiB, in kB.
const MEMORY_LIMIT_KB: u64 = 1 << 20;

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
        if keys == 50 {
            limit("its time", took, LINEARIZABLE_LIMIT.as_secs_f64(), "s");
        }
    }
    for loses in [false, true] {
        println!("{}", if loses { "failovers that lose writes" } else { "failovers" });
        let small = Judged::of(&cluster::history(100_000, loses));
        let history = cluster::history(1_000_000, loses);
        forget_peak();
        let before_kb = memory_kb("VmRSS:");
        let large = Judged::of(&history);
        let peak_kb = memory_kb("VmHWM:");
        println!("  {:<32}{:>10}{:>12}{:>8}", "events", "100,000", "1,000,000", "ratio");
        for (part, took) in &large.parts {
            line(part, small.parts[part], *took);
        }
        line("all", small.parts.values().sum(), large.parts.values().sum());
        line("all in real time", small.real, large.real);
        let mib = |kb: u64| kb as f64 / 1024.0;
        let others = large.parts.iter().filter(|(part, _)| *part != LINEARIZABLE);
        let others: Duration = others.map(|(_, took)| *took).sum();
        limit("all but linearizable", others.as_secs_f64(), LARGE_LIMIT.as_secs_f64(), "s");
        let growth_kb = peak_kb.saturating_sub(before_kb);
        limit("growth of memory at the peak", mib(growth_kb), mib(MEMORY_LIMIT_KB), "MiB");
        println!("  {:.0} MiB with the history, {:.0} at the peak", mib(before_kb), mib(peak_kb));
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

/// A figure, what it should not exceed, and how much of that it takes up.
fn limit(what: &str, took: f64, limit: f64, unit: &str) {
    let (ratio, exceeds) = (took / limit, if took > limit { "  EXCEEDED" } else { "" });
    println!("  {what:<32}{took:>8.3} {unit} of {limit} {unit}: {ratio:.2}{exceeds}");
}

/// Lets the peak of memory begin again where memory is now; without that right it stays.
#[expect(clippy::disallowed_methods, reason = "no simulated disk")]
fn forget_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// A line of `/proc/self/status`, in kB.
fn memory_kb(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells it");
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kb = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    kb.expect("a number of kB")
}
