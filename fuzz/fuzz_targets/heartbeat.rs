//! Heartbeats with any arguments, one per line: every refusal is an error reply.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let args: Vec<Bytes> =
        text.split(|byte| *byte == b'\n').map(Bytes::copy_from_slice).collect();
    if let Err(refusal) = node::check_heartbeat(&args) {
        assert!(refusal.starts_with("ERR "), "{refusal}");
    }
});
