use alloc::borrow::Cow;

use super::dot_set::DotSet;
use crate::causality::{PackedDot, SlotMap, VersionVector};
use crate::mutants::{self, Mutant};

/// What a peer knows already, by the slots of the value that is asked.
pub struct Since<'a> {
    known: Cow<'a, [u64]>,
    version: &'a VersionVector,
}

impl<'a> Since<'a> {
    pub(crate) fn new(known: &'a VersionVector, version: &'a VersionVector) -> Self {
        Self::of(known.aligned_to(version), version)
    }

    /// As [`Since::new`], by the slots of `version`.
    pub(crate) fn of(known: Cow<'a, [u64]>, version: &'a VersionVector) -> Self {
        Self { known, version }
    }

    #[inline]
    pub(crate) fn known(&self, slot: u32) -> u64 {
        self.known.get(slot as usize).copied().unwrap_or(0)
    }

    #[inline]
    pub(crate) fn knows(&self, dot: PackedDot) -> bool {
        dot.counter() <= self.known(dot.slot())
    }

    /// The writers of whom something is new, with the counter that is known.
    #[inline]
    pub(crate) fn writers(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        let counters = self.version.counters().iter().enumerate();
        counters.filter_map(|(slot, &counter)| {
            let known = self.known(slot as u32);
            (known < counter).then_some((slot as u32, known))
        })
    }
}

/// What arrives: how its slots translate, what the receiver knows, and which of the receiver's events
/// it supersedes.
pub struct Incoming<'a> {
    pub(crate) slots: SlotMap,
    pub(crate) mine: &'a VersionVector,
    /// The table of the writers that it names; of a delta, with what its sender has seen.
    pub(crate) theirs: &'a VersionVector,
    pub(crate) supersedes: Supersedes,
}

pub(crate) enum Supersedes {
    /// A delta: of a listed key, every event that the sender has seen and does not list.
    Unlisted,
    /// An operation: these, in the receiver's slots.
    These(DotSet),
}

impl Incoming<'_> {
    /// The same dot in the receiver's slots.
    #[inline]
    pub(crate) fn translate(&self, dot: PackedDot) -> PackedDot {
        match &self.slots {
            SlotMap::Same => dot,
            SlotMap::Table(table) => PackedDot::new(table[dot.slot() as usize], dot.counter()),
        }
    }

    /// Whether the receiver has seen this event already.
    #[inline]
    pub(crate) fn is_known(&self, dot: PackedDot) -> bool {
        !mutants::on(Mutant::InsertKnownEvents) && dot.counter() <= self.mine.at(dot.slot())
    }

    /// Whether an event of the receiver, on a listed key and not listed itself, has been superseded.
    #[inline]
    pub(crate) fn supersedes(&self, dot: PackedDot) -> bool {
        if mutants::on(Mutant::KeepSuperseded) {
            return false;
        }
        match &self.supersedes {
            Supersedes::Unlisted => self.has_seen(dot),
            Supersedes::These(dots) => dots.contains(dot),
        }
    }

    /// Whether the sender of a delta has seen this event of the receiver.
    ///
    /// Writers are looked up as they are asked for: a table of all that the receiver knows would cost more than
    /// what a small delta brings.
    #[inline]
    fn has_seen(&self, dot: PackedDot) -> bool {
        let there = match self.slots {
            SlotMap::Same => Some(dot.slot()),
            SlotMap::Table(_) => self.theirs.slot(&self.mine.id(dot.slot())),
        };
        there.is_some_and(|there| dot.counter() <= self.theirs.at(there))
    }

    /// How many writers it names. What it supersedes is theirs.
    pub(crate) fn writers(&self) -> usize {
        match &self.slots {
            SlotMap::Same => self.theirs.slots(),
            SlotMap::Table(table) => table.len(),
        }
    }
}
