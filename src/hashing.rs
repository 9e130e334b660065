//! Hashing that whoever chooses the keys cannot foresee.

use core::hash::BuildHasher;
use core::sync::atomic::{AtomicUsize, Ordering};

use foldhash::SharedSeed;
use foldhash::fast::{FoldHasher, RandomState, SeedableRandomState};

/// What tables made from now on are keyed with, besides what can be found without asking.
static ENTROPY: AtomicUsize = AtomicUsize::new(0);

/// Adds something random to the keys of the hash tables of all values that are made from now on.
///
/// Tables are keyed so that nobody can choose elements that all fall into one place. With `std` the keys differ from
/// run to run by themselves. In WebAssembly, where every run begins with the same memory at the same addresses, they do
/// not: call this once at the start, with a random number. It changes nothing that can be read, encoded or compared.
pub fn seed_hashing(entropy: usize) {
    ENTROPY.fetch_xor(entropy, Ordering::Relaxed);
}

/// A random state for one table.
#[derive(Clone)]
pub(crate) struct Keyed(SeedableRandomState);

impl Default for Keyed {
    fn default() -> Self {
        let seed = RandomState::default().hash_one(ENTROPY.load(Ordering::Relaxed));
        Self(SeedableRandomState::with_seed(seed, SharedSeed::global_random()))
    }
}

impl BuildHasher for Keyed {
    type Hasher = FoldHasher<'static>;

    #[inline]
    fn build_hasher(&self) -> FoldHasher<'static> {
        self.0.build_hasher()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_keyed_differently() {
        let hashes = [(); 8].map(|()| Keyed::default().hash_one(7));
        assert!(hashes.windows(2).any(|pair| pair[0] != pair[1]));
        let table = Keyed::default();
        seed_hashing(1);
        assert_eq!(table.hash_one(7), table.clone().hash_one(7), "a table keeps its key");
    }
}
