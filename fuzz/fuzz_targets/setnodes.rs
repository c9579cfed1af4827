//! Topologies of any text: what is accepted is written back to the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use node::topology::Topology;

fuzz_target!(|text: &str| {
    if let Ok(topology) = Topology::parse(text, 1) {
        assert_eq!(Topology::parse(&topology.to_setnodes(), 1), Ok(topology));
    }
});
