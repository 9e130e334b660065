use alloc::vec::Vec;

use super::dot_set::DotSet;
use super::event::Kind;
use super::fragment::Fragment;
use crate::causality::{PackedDot, VersionVector};

/// What a value has learned since a version: a part of its state that applies to every value that
/// knows [`base`](Delta::base).
///
/// It is applied whole or not at all. Afterwards the receiver has seen everything up to
/// [`upto`](Delta::upto). Applying it twice, late, or beside others changes nothing more.
///
/// After Almeida, Shoker and Baquero, *Delta State Replicated Data Types* (2018).
pub struct Delta<F: Fragment> {
    /// Also the table of writers: all dots in here use its slots.
    pub(crate) upto: VersionVector,
    pub(crate) base: VersionVector,
    pub(crate) floor: VersionVector,
    /// The sender's live dots within what the receiver said it knew, where removals were forgotten.
    pub(crate) live: Option<DotSet>,
    pub(crate) body: F::Delta,
}

impl<F: Fragment> Delta<F> {
    /// What the receiver must have seen for this to apply.
    #[must_use]
    pub fn base(&self) -> &VersionVector {
        &self.base
    }

    /// What the receiver will have seen afterwards.
    #[must_use]
    pub fn upto(&self) -> &VersionVector {
        &self.upto
    }

    /// Whether it brings nothing to anyone who has its base.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.upto.is_within(&self.base)
    }
}

impl<F: Fragment> Clone for Delta<F> {
    fn clone(&self) -> Self {
        Self {
            upto: self.upto.clone(),
            base: self.base.clone(),
            floor: self.floor.clone(),
            live: self.live.clone(),
            body: self.body.clone(),
        }
    }
}

impl<F: Fragment> core::fmt::Debug for Delta<F> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Delta").field("base", &self.base).field("upto", &self.upto).finish_non_exhaustive()
    }
}

/// The part of a delta that concerns one dot store: keys, each with all its events.
pub struct StoreDelta<S: Kind> {
    /// Each key with the number of its events.
    pub(crate) keys: Vec<(S::Key, u32)>,
    /// The events of all keys, in the order of the keys.
    pub(crate) events: Vec<(PackedDot, Effect<S::Value>)>,
}

/// What an event does to its key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Effect<V> {
    /// It gives it a value.
    Live(V),
    /// It removes it.
    Removed,
    /// It is within the base, so that the receiver has it or has seen it go.
    Known,
}

impl<S: Kind> Default for StoreDelta<S> {
    fn default() -> Self {
        Self { keys: Vec::new(), events: Vec::new() }
    }
}

impl<S: Kind> Clone for StoreDelta<S> {
    fn clone(&self) -> Self {
        Self { keys: self.keys.clone(), events: self.events.clone() }
    }
}
