//! The node as a server on real sockets: requests, a controller's orders, restarts, replication.

mod alone;
mod divergence;
mod machine;
mod replication;
