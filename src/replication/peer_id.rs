use core::cmp::Ordering;
use core::fmt;

use uuid::Uuid;

/// The name of a replica towards its transport: one process that keeps the value.
///
/// It is not a [`ReplicaId`](crate::ReplicaId), which names a writer and is new at every start. A peer keeps its id
/// for as long as the others shall count it as the same member, restarts included. The transport
/// authenticates it: whoever calls [`Replica::handle`](super::Replica::handle) vouches for `from`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PeerId(Uuid);

impl PeerId {
    /// The peer of this UUID.
    #[must_use]
    pub const fn new(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// An id made from a number, for tests and simulations. Ids grow with the seed.
    #[must_use]
    pub const fn from_seed(seed: u64) -> Self {
        Self(Uuid::from_u64_pair(seed, 0x7065_6572))
    }

    /// The UUID.
    #[must_use]
    pub const fn uuid(&self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for PeerId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl Ord for PeerId {
    // WebAssembly has to turn the bytes around, which is long: it is compiled once.
    #[cfg_attr(target_family = "wasm", inline(never))]
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for PeerId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
