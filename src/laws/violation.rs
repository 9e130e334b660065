use core::fmt;

/// A law of replicated types.
///
/// `a ⊔ b` is `a` after merging `b`; `a ~ b` is [`same_state`](crate::Crdt::same_state).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Law {
    /// `~` is an equivalence, and merging respects it.
    SameState,
    /// `a ⊔ a ~ a`
    Idempotent,
    /// `a ⊔ b ~ b ⊔ a`
    Commutative,
    /// `(a ⊔ b) ⊔ c ~ a ⊔ (b ⊔ c)`
    Associative,
    /// `(a ⊔ b) ⊔ a ~ a ⊔ b` and `(a ⊔ b) ⊔ b ~ a ⊔ b`
    Inflationary,
    /// `merge` reports a change if and only if the state is another one afterwards.
    Truthful,
    /// `∅ ⊔ a ~ a` and `a ⊔ ∅ ~ a`
    EmptyIsNeutral,
    /// `version(a ⊔ b) = version(a) ⊔ version(b)`
    MergeJoinsVersions,
    /// Equal versions mean equal states, views and hashes.
    VersionIsDigest,
    /// `apply(a, delta_since(b, v)) ~ a ⊔ b`, unless it is refused for a reason.
    DeltaIsMerge,
    /// A delta that was applied changes nothing more.
    DeltaIdempotent,
    /// Deltas of several senders give the same state in either order.
    DeltasCommute,
    /// A delta that is refused changes not a byte.
    RefusalChangesNothing,
    /// `decode(encode(a)) ~ a`, with the same bytes again.
    EncodingRoundTrips,
    /// `decode_delta(encode_delta(d))` applies as `d` does, with the same bytes again.
    DeltaEncodingRoundTrips,
    /// `compact` changes nothing that replicas agree on, now or later.
    CompactionIsInvisible,
    /// Bytes that were cut or changed are refused.
    DamageIsRefused,
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SameState => "same_state must be an equivalence that merge respects",
            Self::Idempotent => "merge must be idempotent",
            Self::Commutative => "merge must be commutative",
            Self::Associative => "merge must be associative",
            Self::Inflationary => "merge must be inflationary",
            Self::Truthful => "merge must report changes truthfully",
            Self::EmptyIsNeutral => "the empty value must be neutral",
            Self::MergeJoinsVersions => "merge must join the versions",
            Self::VersionIsDigest => "equal versions must mean equal states",
            Self::DeltaIsMerge => "applying a delta must be merging",
            Self::DeltaIdempotent => "applying a delta must be idempotent",
            Self::DeltasCommute => "deltas must commute",
            Self::RefusalChangesNothing => "a refused delta must change nothing",
            Self::EncodingRoundTrips => "encoding must round-trip",
            Self::DeltaEncodingRoundTrips => "encoding a delta must round-trip",
            Self::CompactionIsInvisible => "compaction must be invisible",
            Self::DamageIsRefused => "damaged bytes must be refused",
        })
    }
}

/// A law that does not hold, and how that was seen.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// The law.
    pub law: Law,
    /// What was compared and differs.
    pub detail: String,
}

/// Whether a law holds for some operands.
pub type Outcome = Result<(), Violation>;

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, but does not hold: {}", self.law, self.detail)
    }
}

/// As `Display`: this is what a failed test shows.
impl fmt::Debug for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.law)
    }
}

impl core::error::Error for Violation {}

impl Law {
    /// Demands that the law holds here.
    pub(super) fn demand(self, holds: bool, detail: &str) -> Outcome {
        if holds { Ok(()) } else { Err(Violation { law: self, detail: detail.into() }) }
    }

    /// As [`Law::demand`], for a message that costs something to make.
    pub(super) fn demand_with(self, holds: bool, detail: impl FnOnce() -> String) -> Outcome {
        if holds { Ok(()) } else { Err(Violation { law: self, detail: detail() }) }
    }
}
