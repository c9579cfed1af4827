//! Files of any text: what is accepted is written back to the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use node::nodes_conf::NodesConf;

fuzz_target!(|text: &str| {
    if let Ok(conf) = NodesConf::parse(text) {
        assert_eq!(NodesConf::parse(&conf.to_text()), Ok(conf));
    }
});
