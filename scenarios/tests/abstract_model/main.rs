//! The lease protocol as an abstract model, every interleaving of which is looked at: two nodes
//! (A is master, B its replica), two controllers, a linearizable store with one leader's session,
//! clocks of few ticks, and messages that arrive whenever they like or never. A process that
//! hangs, a partition and a stalled task are all messages that wait. See every search and every
//! counter-example with `cargo test -p scenarios --test abstract_model -- --nocapture`.
//!
//! What this is not: the code. Names and steps are the code's, nothing else is shared. Left out:
//! `truncate-rejoin` and `lb-sever` (no data and no routes here), failure detection (a promotion
//! may happen at any time), reads, a lease revoked by a planned switchover, a controller that
//! resigns, and real numbers: a clock loses or gains one tick a run, other drift is algebra.
//!
//! The trap: what is found is found within bounds (failovers, faults, ticks), and a promise that
//! holds in all states holds for the steps as they are modelled, with the orderings below.
//!
//! # No deposed node takes a stamp younger than p
//!
//! A acts under some commit, is deposed, and k is the first commit after that one. It takes a
//! grant that controller Y sent, acting on a record before k (7). Y took that record up at r, then
//! picked A's stamp, issued at s, then checked its guard at c, and then sent: r ≤ s ≤ c. *Suppose
//! s > p.* At or before p some controller X acted on k or a later one: whoever is authoritative
//! under it needs it pushed, and a lease (`closed-start`). X's guard held when it did, at g ≤ p.
//! r and c lie within one session of leadership, and so do X's taking up of its record and g; no
//! two sessions overlap.
//! - X's session is Y's: a controller never goes back to an older record. g ≤ p < s ≤ c, so at c
//!   it acted on k or a later one.
//! - X's is earlier: k was committed before r, and Y took k or a later one up.
//! - X's is later: c came before it, so s ≤ c ≤ g ≤ p.
//!
//! Each contradicts what was supposed. So A's lease ends at s + TTL·(1−ρ)/(1+ρ) of its boottime,
//! which is at most p + TTL/(1+ρ); and what it acknowledges, it acknowledges with the gate open.
//!
//! Needed for it, each a switch in `rules.rs` with its counter-example in `orderings.rs`:
//! 1. Record, stamp, guard, sending, in this order; only what follows the guard may be late.
//! 2. A record is of the present session: forgotten when another begins, one's own second, too.
//! 3. The guard counts from when the keepalive was sent; a restarted store elects nobody for one
//!    session TTL.
//! 4. SETNODES is guarded, too; or 5, which leaves no commit by others between r and c.
//! 5. *Claim*: before a controller acts on a record, at the start of its session and after every
//!    promotion that was not answered by success, it rewrites the record by compare-and-set,
//!    content unchanged. Grants change no record, so without it a promotion that waited lands
//!    under a leader that has just granted the old master a lease: fatal to `promotion-wait`.
//! 6. `promotion-wait`: from the moment a promotion is sent the old record is void, whatever comes
//!    of it; the wait is a full TTL from the later of the last grant and the start of the session.
//! 7. A lease is granted to a node only if it was seen with the record's topology version in the
//!    life of the stamp. Else it may have the lease of a tenure that it never heard of, and act
//!    under one that ended long ago.
//! 8. The life id of a stamp is compared: boottime starts at 0 after a power loss.
//!
//! Nothing depends on when a stamp is issued relative to SETNODES, nor on its election version.

mod actions;
mod all_rules;
mod controller;
mod model;
mod node;
mod observer;
mod one_rule_off;
mod orderings;
mod rules;
mod search;
mod setup;
mod state;
mod told;
