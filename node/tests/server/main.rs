//! The node as a server on real sockets: requests, a controller's orders, restarts, replication.

mod alone;
mod divergence;
mod election;
mod lease;
mod lease_reference;
mod lease_rules;
mod log;
mod machine;
mod orders;
mod rejoin;
mod replication;
mod roles;
mod scripted_master;
mod sessions;
