//! The bench: machines of `host` on turmoil, faults on a schedule, a history of all that
//! happened, and checkers that judge it.
//!
//! Knows nothing of Kvrocks: whoever has a lease, a leader or a lock service of their own
//! starts here. Read in this order: [`world`] (assembles and steps), `machine` and `network`
//! (what a machine is), `links` and [`fault`] (what can happen to it), [`nemesis`] (makes it
//! happen), [`history`] (what is written down), [`check`] (what is concluded).

mod bite;
pub mod check;
mod clocks;
mod disk;
mod fabric;
pub mod fault;
pub mod figures;
pub mod goal;
pub mod history;
mod links;
mod machine;
pub mod nemesis;
mod network;
mod process;
pub mod promise;
mod recorder;
mod slow_links;
mod stall;
mod time;
mod trigger;
mod unknown_fields;
pub mod verdict;
pub mod world;
mod world_config;

pub use clocks::ClockPlan;
pub use links::CutId;
pub use process::Process;
pub use recorder::OperationLog;
pub use stall::Held;
pub use world::{World, WorldConfig, WorldError};
