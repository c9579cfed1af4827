//! What a world is made of, and why one could not be made or went wrong.
//!
//! What this is not: the world itself, which is `world.rs`.

use serde::{Deserialize, Serialize};

/// What a world is made of, from the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorldConfig {
    /// How much simulated time a step is, in milliseconds: at most the least latency, so that
    /// nothing crosses hosts within a tick.
    pub tick_ms: u64,
    /// The least one-way latency of a link in milliseconds.
    pub latency_ms_min: u64,
    /// The greatest one-way latency of a link in milliseconds.
    pub latency_ms_max: u64,
    /// The wall clock at the start of the run, in seconds since the Unix epoch.
    pub epoch_s: u64,
    /// The run's end at the latest, in simulated milliseconds.
    pub limit_ms: u64,
}

impl Default for WorldConfig {
    fn default() -> Self {
        Self {
            tick_ms: 5,
            latency_ms_min: 5,
            latency_ms_max: 15,
            epoch_s: 1_700_000_000,
            limit_ms: 600_000,
        }
    }
}

/// Something that no world can be made of, or the end of one that was.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// Within a tick hosts run one after another, so nothing may cross hosts in less.
    #[error(
        "latency_ms_min is {latency_ms_min}, below tick_ms, which is {tick_ms}: a message would \
         arrive before it was sent; allowed is latency_ms_min ≥ tick_ms ≥ 1"
    )]
    TickTooLong {
        /// The tick asked for.
        tick_ms: u64,
        /// The least latency asked for.
        latency_ms_min: u64,
    },
    /// As above, for a link that is made slow.
    #[error("a latency of {one_way_ms} ms is below tick_ms, which is {tick_ms}")]
    LatencyBelowTick {
        /// The latency asked for.
        one_way_ms: u64,
        /// The world's tick.
        tick_ms: u64,
    },
    /// The greatest latency is below the least.
    #[error("latency_ms_max is {latency_ms_max}, below latency_ms_min, which is {latency_ms_min}")]
    LatencyRange {
        /// The least latency asked for.
        latency_ms_min: u64,
        /// The greatest latency asked for.
        latency_ms_max: u64,
    },
    /// Built without the flag that makes runs reproducible.
    #[error(
        "built without `--cfg tokio_unstable`, so runs would be neither reproducible nor honest; \
         build inside the repository (its .cargo/config.toml sets it), or with \
         RUSTFLAGS=\"--cfg tokio_unstable\""
    )]
    BuildFlag,
    /// A task of the system under test, or of the harness, panicked.
    #[error("panic in simulated code at {at_ms} ms: {message}")]
    Panic {
        /// Simulated milliseconds.
        at_ms: u64,
        /// What it said.
        message: String,
    },
    /// The run went on beyond its limit.
    #[error("the run is not over after its limit of {limit_ms} ms")]
    Limit {
        /// The limit.
        limit_ms: u64,
    },
    /// turmoil failed.
    #[error("turmoil: {0}")]
    Turmoil(String),
    /// There is no such machine.
    #[error("no machine is named `{name}`; there are: {known}")]
    NoMachine {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
}

impl WorldConfig {
    /// Refuses what allows no honest run.
    pub(crate) fn check(&self) -> Result<(), WorldError> {
        let WorldConfig { tick_ms, latency_ms_min, latency_ms_max, .. } = *self;
        if !cfg!(tokio_unstable) {
            return Err(WorldError::BuildFlag);
        }
        if tick_ms == 0 || latency_ms_min < tick_ms {
            return Err(WorldError::TickTooLong { tick_ms, latency_ms_min });
        }
        if latency_ms_max < latency_ms_min {
            return Err(WorldError::LatencyRange { latency_ms_min, latency_ms_max });
        }
        Ok(())
    }
}
