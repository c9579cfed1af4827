//! Requests and replies of any bytes: no panic, and what is read of a stream does not depend on
//! what is asked for first.

#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use node::resp::FrameReader;

fuzz_target!(|bytes: &[u8]| {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime without drivers needs nothing");
    runtime.block_on(async {
        let mut requests = FrameReader::new(Cursor::new(bytes));
        while let Ok(Some(request)) = requests.request().await {
            assert!(!request.is_empty(), "empty requests are skipped");
        }
        let mut replies = FrameReader::new(Cursor::new(bytes));
        while let Ok(Some(_)) = replies.frame().await {}
    });
});
