//! The same code on real sockets: real processes of `splitbrain serve`, and clients that others
//! wrote. See them talk with `cargo test -p scenarios --test real_cluster -- --nocapture`.
//!
//! The trap: time is real here. Nothing is asserted about how long something took, and the
//! clusters run one after another, so that none is starved by another's load.

#![expect(clippy::disallowed_methods, reason = "real processes in real time")]

mod cluster;
mod failover;
mod process;
mod raw;
mod redis_crate;
mod redis_tools;
mod serve;
