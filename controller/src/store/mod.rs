//! The store: a versioned key-value server with sessions, in one process. It stands for the etcd
//! that upstream's controllers trust, with as much of it as they use.
//!
//! What this is not: replicated. Its process is the majority.
//!
//! The trap: a plain `PUT` never conflicts, and upstream's controllers use nothing else: two of
//! them can overwrite each other's cluster, both with the same version in it.
//!
//! On the wire it is RESP:
//!
//! | request | reply |
//! |---|---|
//! | `GET key` | `[revision, value]` or null |
//! | `PUT key value` | the new revision |
//! | `CAS key revision value` | the new revision, or `-CONFLICT …` if the key's is another (0: no such key) |
//! | `SESSION OPEN ttl_ms` | its id |
//! | `SESSION KEEP id` | `+OK` or `-NOSESSION …` |
//! | `SESSION CLOSE id` | `+OK`, also if there is none |
//! | `LEAD key session name` | `+OK` if free or held by this session, else the name of the holder, or `-NOSESSION …`, or `-NOTYET …` after a restart |
//! | `REGISTER key session value` | `+OK`, whoever had the key before; it goes with the session; or `-NOSESSION …` |
//! | `REGISTERED prefix` | the keys that begin so, each followed by its value |
//! | `WATCH key name wait_ms` | the name of the holder, or null, as soon as it is another than this; after `wait_ms` at the latest |

pub mod client;

mod command;
mod commit;
mod server;
mod sessions;
mod values;

pub use commit::CLUSTER_KEY;
pub use server::{StoreConfig, StoreError, serve_store};
