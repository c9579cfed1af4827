//! What a serving process logs: its own log, and what it tells about itself.

use std::io::IsTerminal;

use host::Observation;
use tracing_subscriber::EnvFilter;

/// Logs to standard error, at `info` unless `RUST_LOG` says otherwise.
pub(super) fn start() {
    let filter = std::env::var("RUST_LOG").unwrap_or_default();
    let filter = if filter.is_empty() { "info".to_owned() } else { filter };
    // Whoever has set up a log already keeps it.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .try_init();
}

/// Logs an observation that is worth a line: not what comes with every write or heartbeat.
pub(super) fn tell(observation: &Observation) {
    match observation {
        Observation::Note { text } => tracing::info!("{text}"),
        Observation::Committed { version, masters } => {
            let masters: Vec<&str> = masters.iter().map(|of| of.member.as_str()).collect();
            tracing::info!("topology {version} committed, masters: {}", masters.join(" "));
        }
        Observation::Leading { leads: true } => tracing::info!("leads from now on"),
        Observation::Leading { leads: false } => tracing::info!("leads no longer"),
        Observation::Routed { shard, target, .. } => {
            tracing::info!("shard {shard} goes to {target}")
        }
        _ => {}
    }
}
