//! The shells of controller and store against scripted peers, on machines in memory.

mod cluster;
mod dated;
mod fake;
mod guarding;
mod leading;
mod memory;
mod probing;
mod redirects;
mod store;
mod switching;
mod tap;
mod truth;
mod voting;
mod waiting;
