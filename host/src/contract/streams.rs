//! The contract of randomness.

use rand::Rng;

use crate::Host;

pub(super) fn contract(host: &Host) {
    let draw = |host: &Host, purpose| -> [u64; 4] { host.random(purpose).random() };
    assert_eq!(
        draw(host, "contract/a"),
        draw(&host.clone(), "contract/a"),
        "one name names one stream, also through a clone"
    );
    assert_ne!(
        draw(host, "contract/a"),
        draw(host, "contract/b"),
        "different names name different streams"
    );
}
