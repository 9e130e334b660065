use core::fmt;

use crate::causality::VersionVector;
use crate::codec::Limit;

/// Why a delta or an operation was not applied. The value is as it was before.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApplyError {
    /// It builds on events that this value has not seen. Ask for a delta since `have`.
    Gap {
        /// What this value has seen.
        have: VersionVector,
    },
    /// The sender has forgotten removals that this value has not seen, and did not send the list of
    /// what is alive, because this value was empty when it asked. Ask for a delta since `have`.
    Floor {
        /// What this value has seen.
        have: VersionVector,
    },
    /// The value would name more writers than fit.
    TooManyWriters,
    /// The value would hold more keys than fit.
    TooManyKeys,
    /// The value would hold more of this than the [`Limits`](crate::Limits) allow.
    OverLimit(Limit),
}

impl fmt::Display for ApplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OverLimit(limit) => return write!(f, "the value would hold more {limit} than the limits allow"),
            Self::Gap { .. } => "events in between are missing; ask again with what this value has seen",
            Self::Floor { .. } => {
                "the sender forgot removals that this value has not seen; ask again with what it has seen"
            }
            Self::TooManyWriters => "the value would name too many writers",
            Self::TooManyKeys => "the value would hold too many keys",
        })
    }
}

impl core::error::Error for ApplyError {}
