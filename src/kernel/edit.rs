use alloc::vec::Vec;

use super::context::{Context, Own};
use crate::causality::{Dot, PackedDot, ReplicaId, Timestamp, VersionVector, Writer};
use crate::mutants::{self, Mutant};

/// A group of writes in progress: they take consecutive dots of one writer and become visible
/// together everywhere.
pub struct Edit<'a> {
    context: &'a mut Context,
    writer: &'a mut Writer,
    /// The branch that is written under, once something is written.
    own: Option<Own>,
    count: u64,
    now: Option<Timestamp>,
    /// Where more is noted, if an operation is to be made or changes are to be shown.
    record: Option<&'a mut Record>,
}

/// What an edit did to the store, as far as its events do not say it.
#[derive(Default)]
pub(crate) struct Record {
    /// The dots that it superseded.
    pub(crate) superseded: Vec<PackedDot>,
    /// The slots that it wrote, and whether they were live before.
    pub(crate) touched: Vec<(u32, bool)>,
}

/// What a finished edit wrote.
pub(crate) struct Written {
    pub(crate) slot: u32,
    pub(crate) first: u64,
    pub(crate) count: u64,
}

impl<'a> Edit<'a> {
    #[inline]
    pub(crate) fn new(context: &'a mut Context, writer: &'a mut Writer, record: Option<&'a mut Record>) -> Self {
        Self { context, writer, own: None, count: 0, now: None, record }
    }

    #[inline]
    pub(crate) fn is_recorded(&self) -> bool {
        self.record.is_some()
    }

    pub(crate) fn touch(&mut self, slot: u32, was_live: bool) {
        if let Some(record) = &mut self.record {
            record.touched.push((slot, was_live));
        }
    }

    /// Takes the next dot, and the version moves with it.
    #[inline]
    pub(crate) fn issue(&mut self) -> PackedDot {
        let own = self.own();
        if mutants::on(Mutant::OneDotPerGroup) && self.count > 0 {
            return PackedDot::new(own.slot, self.writer.last(own.id.branch()));
        }
        let counter = self.writer.issue(own.id.branch());
        self.context.version.set(own.slot, counter);
        self.count += 1;
        PackedDot::new(own.slot, counter)
    }

    #[inline]
    fn own(&mut self) -> Own {
        match self.own {
            Some(own) => own,
            None => *self.own.insert(self.context.continue_as(self.writer)),
        }
    }

    /// The slot of the branch that writes here: the key of a writer's own count.
    #[inline]
    pub(crate) fn slot(&mut self) -> u32 {
        self.own().slot
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
        let first = |own: Own| self.context.version.at(own.slot) - self.count + 1;
        self.own.is_some_and(|own| own.slot == dot.slot() && dot.counter() >= first(own))
    }

    /// Whether the writer of this group has written under this id.
    pub(crate) fn is_by(&self, id: &ReplicaId) -> bool {
        self.writer.owns(id)
    }

    /// The dot that the next write will take.
    pub(crate) fn next_dot(&mut self) -> Dot {
        let slot = self.slot();
        self.context.version.dot(slot, self.context.version.at(slot) + 1)
    }

    /// A dot that was issued here, in its public form.
    #[inline]
    pub(crate) fn dot(&self, dot: PackedDot) -> Dot {
        let id = self.own.map_or_else(|| self.context.version.id(dot.slot()), |own| own.id);
        Dot::new(id, dot.counter())
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

    pub(crate) fn supersede(&mut self, old: PackedDot) {
        if let Some(record) = &mut self.record {
            record.superseded.push(old);
        }
    }

    /// The last event that was written in this group so far.
    #[must_use]
    pub fn last(&self) -> Option<Dot> {
        let own = self.own.filter(|_| self.count > 0)?;
        Some(Dot::new(own.id, self.context.version.at(own.slot)))
    }

    /// The end of a group of which no operation is made.
    #[inline]
    pub(crate) fn close(self) {
        if self.count > 0 {
            self.context.forget_heard();
        }
    }

    /// What was written, if anything.
    pub(crate) fn finish(self) -> Option<Written> {
        let own = self.own.filter(|_| self.count > 0)?;
        Some(Written { slot: own.slot, first: self.context.version.at(own.slot) - self.count + 1, count: self.count })
    }
}
