//! Randomness by named stream: one ChaCha stream per purpose, derived from the seed by name, so
//! that a new draw in one place moves no other.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use sha2::{Digest, Sha256};

/// A stream of random numbers. Use it through `rand::Rng`.
pub type Random = ChaCha8Rng;

/// The stream that `name` names under `seed`: `plan`, `net`, `workload/3`, `node-2/boot-1/…`.
///
/// ```
/// use rand::Rng;
/// let mut a = host::random_stream(7, "plan");
/// let mut b = host::random_stream(7, "plan");
/// assert_eq!(a.random::<u64>(), b.random::<u64>());
/// ```
pub fn random_stream(seed: u64, name: &str) -> Random {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(name.as_bytes());
    ChaCha8Rng::from_seed(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::random_stream;

    #[test]
    fn streams_differ_by_name_and_by_seed() {
        let draw = |seed, name| random_stream(seed, name).random::<u64>();
        assert_ne!(draw(1, "plan"), draw(1, "net"));
        assert_ne!(draw(1, "plan"), draw(2, "plan"));
    }
}
