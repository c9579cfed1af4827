//! From a seed to a verdict: profiles, the catalogue of scenarios, plans, the cluster they are
//! played on, clients, the runner, and the command line.
//!
//! Read in this order: [`profile`], [`catalogue`] (one small file a scenario), [`plan`],
//! [`cluster`] (which machines, which processes), [`workload`], [`run`] (the phases), [`batch`]
//! (many runs), [`run_dir`] (what is kept of them), [`cli`].

pub mod batch;
pub mod catalogue;
pub mod cli;
pub mod cluster;
mod names;
pub mod operator;
pub mod plan;
mod planned_faults;
pub mod points;
pub mod profile;
mod profile_variant;
pub mod roles;
pub mod rule;
pub mod rule_table;
pub mod run;
pub mod run_dir;
mod switches;
mod topology_text;
pub mod workload;
