use alloc::vec::Vec;

use super::context::Context;
use crate::causality::{Dot, PackedDot, ReplicaId, Timestamp, VersionVector, Writer};
use crate::mutants::{self, Mutant};

/// A group of writes in progress: they take consecutive dots of one writer and become visible
/// together everywhere.
pub struct Edit<'a> {
    context: &'a mut Context,
    writer: &'a mut Writer,
    /// The slot and branch that are written under, once something was written.
    at: Option<(u32, u32)>,
    first: u64,
    count: u64,
    now: Option<Timestamp>,
    record: Option<Vec<(PackedDot, PackedDot)>>,
}

/// What a finished edit wrote.
pub(crate) struct Written {
    pub(crate) slot: u32,
    pub(crate) branch: u32,
    pub(crate) first: u64,
    pub(crate) count: u64,
    /// New dots and the dots that they superseded, if that was asked for.
    pub(crate) superseded: Vec<(PackedDot, PackedDot)>,
}

impl<'a> Edit<'a> {
    #[inline]
    pub(crate) fn new(context: &'a mut Context, writer: &'a mut Writer, record: bool) -> Self {
        Self { context, writer, at: None, first: 0, count: 0, now: None, record: record.then(Vec::new) }
    }

    /// Takes the next dot, and the version moves with it.
    #[inline]
    pub(crate) fn issue(&mut self) -> PackedDot {
        let (slot, branch) = match self.at {
            Some(at) => at,
            None => self.begin(),
        };
        if mutants::on(Mutant::OneDotPerGroup) && self.count > 0 {
            return PackedDot::new(slot, self.first);
        }
        let counter = self.writer.issue(branch);
        self.context.version.raise(slot, counter);
        self.count += 1;
        PackedDot::new(slot, counter)
    }

    #[inline]
    fn begin(&mut self) -> (u32, u32) {
        let (slot, branch) = self.context.continue_as(self.writer);
        self.first = self.context.version.at(slot) + 1;
        self.at = Some((slot, branch));
        (slot, branch)
    }

    /// The slot of the branch that writes here: the key of a writer's own count.
    #[inline]
    pub(crate) fn slot(&mut self) -> u32 {
        match self.at {
            Some((slot, _)) => slot,
            None => self.begin().0,
        }
    }

    /// For the mutant that forgets branches.
    pub(crate) fn first_branch(&mut self) -> u32 {
        self.slot();
        self.context.version.intern(&ReplicaId::new(self.writer.uuid(), 0))
    }

    /// What the value has seen, this group included so far.
    #[inline]
    pub(crate) fn version(&self) -> &VersionVector {
        &self.context.version
    }

    /// Whether a dot belongs to this group.
    pub(crate) fn wrote(&self, dot: PackedDot) -> bool {
        self.at.is_some_and(|(slot, _)| slot == dot.slot() && dot.counter() >= self.first)
    }

    /// The dot that the next write will take.
    pub(crate) fn next_dot(&mut self) -> Dot {
        let slot = self.slot();
        self.context.version.dot(slot, self.context.version.at(slot) + 1)
    }

    /// The dot in its public form.
    #[inline]
    pub(crate) fn dot(&self, dot: PackedDot) -> Dot {
        self.context.version.dot(dot.slot(), dot.counter())
    }

    /// The stamp of a write over `greatest`: the writer's clock, read once per group, or one more.
    #[inline]
    pub(crate) fn stamp(&mut self, greatest: Option<Timestamp>) -> Timestamp {
        let now = match self.now {
            Some(now) => now,
            None => *self.now.insert(self.writer.now()),
        };
        if mutants::on(Mutant::TimeBeforeCausality) {
            return now;
        }
        greatest.map_or(now, |greatest| now.max(greatest.next()))
    }

    #[inline]
    pub(crate) fn supersede(&mut self, new: PackedDot, old: PackedDot) {
        if let Some(record) = &mut self.record {
            record.push((new, old));
        }
    }

    /// What was written, if anything.
    pub(crate) fn finish(self) -> Option<Written> {
        let (slot, branch) = self.at?;
        (self.count > 0).then(|| Written {
            slot,
            branch,
            first: self.first,
            count: self.count,
            superseded: self.record.unwrap_or_default(),
        })
    }
}
