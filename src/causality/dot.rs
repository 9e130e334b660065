use core::fmt;

use serde::{Deserialize, Serialize};

use super::ReplicaId;

/// The name of one event: the writer that issued it and its running number there.
///
/// A dot is issued once and never again. Counters start at 1 and have no gaps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Dot {
    /// The writer.
    pub replica: ReplicaId,
    /// The event's number at that writer, from 1.
    pub counter: u64,
}

impl Dot {
    /// The event number `counter` of `replica`.
    #[must_use]
    pub const fn new(replica: ReplicaId, counter: u64) -> Self {
        Self { replica, counter }
    }
}

impl fmt::Display for Dot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.replica, self.counter)
    }
}

impl fmt::Debug for Dot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

const COUNTER_BITS: u32 = 42;
/// The greatest counter of a writer. A writer that has reached it goes on under its next branch.
pub(crate) const MAX_COUNTER: u64 = (1 << COUNTER_BITS) - 1;

/// A dot inside one value: the writer as its slot in the value's version vector.
///
/// 20 bits of slot above 42 bits of counter; the two bits on top are free for whoever stores it
/// (the kernel keeps the kind of an event there, which is what makes a set element 16 bytes). Its
/// order is by slot, so it means nothing outside the value, and nothing readable may depend on it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PackedDot(u64);

impl PackedDot {
    pub(crate) const BITS: u32 = COUNTER_BITS + 20;

    #[inline]
    pub(crate) const fn new(slot: u32, counter: u64) -> Self {
        debug_assert!(slot < 1 << 20 && counter <= MAX_COUNTER);
        Self(((slot as u64) << COUNTER_BITS) | counter)
    }

    #[inline]
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits & ((1 << Self::BITS) - 1))
    }

    #[inline]
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    #[inline]
    pub(crate) const fn slot(self) -> u32 {
        (self.0 >> COUNTER_BITS) as u32
    }

    #[inline]
    pub(crate) const fn counter(self) -> u64 {
        self.0 & MAX_COUNTER
    }
}
