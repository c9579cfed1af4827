//! Who says, in the end, whether a write may pass: the seam for a lease of one's own under the
//! same node, and for tests that need one of which the answer is known.
//!
//! What this is not: the lease itself, which takes heartbeats and tells of them whoever keeps the
//! gate.

use crate::lease::{Gate, Lease, LeaseMode};
use crate::lease_rules::LeaseRules;

/// Answers every write that asks for the lease.
pub trait Gatekeeper {
    /// What the lease says to a write at `now_ms`, in milliseconds of the clock that its
    /// deadline is kept on.
    fn ask(&self, lease: &Lease, mode: LeaseMode, rules: &LeaseRules, now_ms: u64) -> Gate;
}

/// Keeps the gate as the lease was granted.
#[derive(Clone, Copy, Debug, Default)]
pub struct AsGranted;

impl Gatekeeper for AsGranted {
    fn ask(&self, lease: &Lease, mode: LeaseMode, rules: &LeaseRules, now_ms: u64) -> Gate {
        lease.check(mode, rules, now_ms)
    }
}
