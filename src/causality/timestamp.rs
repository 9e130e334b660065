use core::fmt;

use serde::{Deserialize, Serialize};

/// A hybrid logical timestamp: 48 bits of milliseconds since 1970, then 16 bits of logical time.
///
/// Timestamps only break ties among *concurrent* writes; causality comes first. The stamp of a write
/// is the greater of the writer's wall clock and one past the greatest stamp that it overwrites, so
/// stamps grow along every chain of overwrites even where clocks go backwards. A foreign stamp
/// never moves anyone's clock (that would let one wrong clock drag the others along).
///
/// After Kulkarni et al., *Logical Physical Clocks* (2014), kept per key instead of per process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The greatest timestamp. Stamps saturate here; then the replica id alone breaks ties.
    pub const MAX: Self = Self(u64::MAX);
    const LOGICAL_BITS: u32 = 16;

    /// The timestamp of a wall clock that shows `millis` milliseconds since 1970.
    ///
    /// Saturates after the year 10889, where 48 bits end.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        if millis >= 1 << 48 { Self::MAX } else { Self(millis << Self::LOGICAL_BITS) }
    }

    /// The timestamp with this representation.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The representation: milliseconds shifted left by 16, plus logical time.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.0 >> Self::LOGICAL_BITS
    }

    /// The logical part: writes within the same millisecond, or behind a clock that went back.
    #[must_use]
    pub const fn logical(self) -> u16 {
        self.0 as u16
    }

    /// The next timestamp; [`Timestamp::MAX`] stays where it is.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms+{}", self.millis(), self.logical())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
