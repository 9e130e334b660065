use alloc::vec::Vec;

use super::trial::Trials;
use crate::causality::{ReplicaId, SlotMap, VersionVector, Writer};
use crate::mutants::{self, Mutant};

/// The causal context at the root of a value: one for all of its parts.
#[derive(Clone, Default)]
pub struct Context {
    /// What has been seen. Down-closed: it never passes over a gap.
    pub(crate) version: VersionVector,
    /// Rises over every removal that is discarded, here or upstream. Never above `version`.
    pub(crate) floor: VersionVector,
    /// Removals up to here may be discarded, where somebody said so; else all.
    pub(crate) collectable: Option<VersionVector>,
    /// The branch written under last.
    pub(super) own: Option<Own>,
    /// What the next operation depends on beyond the last one.
    pub(super) heard: Heard,
    /// Writes that may be taken back.
    pub(super) trials: Trials,
}

/// The slots that moved since the last write under a branch.
#[derive(Clone)]
pub(super) enum Heard {
    /// It is not known which.
    Any,
    /// These, maybe more than once.
    These(Vec<u32>),
}

impl Default for Heard {
    fn default() -> Self {
        Self::These(Vec::new())
    }
}

/// A branch with its slot here.
///
/// In this order: every write copies it and then reads the id, which waits for the copy to end where the
/// one is not aligned with the other.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Own {
    pub(crate) id: ReplicaId,
    pub(crate) slot: u32,
}

impl Context {
    /// The branch under which `writer` continues this value.
    #[inline]
    pub(crate) fn continue_as(&mut self, writer: &mut Writer) -> Own {
        match self.own {
            Some(own) if writer.continues(&own.id, self.version.at(own.slot)) => own,
            _ => self.continue_elsewhere(writer),
        }
    }

    /// The branch under which `writer` would continue this value, if it would not open one.
    pub(crate) fn continued_by(&self, writer: &Writer) -> Option<ReplicaId> {
        match self.own {
            Some(own) if writer.continues(&own.id, self.version.at(own.slot)) => Some(own.id),
            _ => writer.continued(&self.version).map(|slot| self.version.id(slot)),
        }
    }

    #[cold]
    fn continue_elsewhere(&mut self, writer: &mut Writer) -> Own {
        let slot = writer.slot_for(&mut self.version);
        // 2^16 slots are out of reach of foreign data: that many roll-backs of one value.
        let slot = slot.expect("a value has at most 2^20 writers");
        let own = Own { slot, id: self.version.id(slot) };
        if self.own != Some(own) {
            self.own = Some(own);
            self.heard = Heard::Any;
        }
        own
    }

    /// A branch that was opened for a group in which nothing was written is not kept.
    #[inline]
    pub(crate) fn take_back_unused(&mut self, writer: &mut Writer) {
        if let Some(own) = self.own.take_if(|own| self.version.at(own.slot) == 0)
            && !mutants::on(Mutant::UnusedBranchStays)
        {
            (self.heard, _) = (Heard::Any, writer.take_back(own.id.branch()));
        }
    }

    /// The slots that the next operation must name as dependencies, and the list begins anew.
    pub(crate) fn take_heard(&mut self) -> Vec<u32> {
        match core::mem::take(&mut self.heard) {
            Heard::Any => (0..self.version.counters().len() as u32).collect(),
            Heard::These(mut slots) => {
                slots.sort_unstable();
                slots.dedup();
                slots
            }
        }
    }

    #[inline]
    pub(crate) fn forget_heard(&mut self) {
        match &mut self.heard {
            Heard::These(slots) => slots.clear(),
            heard => *heard = Heard::default(),
        }
    }

    /// Sees all that someone saw, whose slots are translated. Returns how many events are new.
    pub(crate) fn see(&mut self, slots: &SlotMap, upto: &[u64]) -> u64 {
        let mut heard = match &mut self.heard {
            Heard::These(slots) if self.own.is_some() => Some(slots),
            _ => None,
        };
        let mut new = 0;
        self.version.raise_all(slots, upto, |slot, events| {
            new += events;
            if let Some(heard) = &mut heard {
                heard.push(slot);
            }
        });
        if matches!(&self.heard, Heard::These(slots) if slots.len() > 2 * self.version.slots() + 16) {
            self.heard = Heard::These(self.take_heard());
        }
        new
    }
}
