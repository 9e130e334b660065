use alloc::vec::Vec;

use super::context::{Context, Own};
use super::events::EventsOf;
use super::group::GroupStamp;
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
    stamp: &'a mut GroupStamp,
    only_changes: bool,
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
    pub(crate) fn new(
        context: &'a mut Context,
        writer: &'a mut Writer,
        stamp: &'a mut GroupStamp,
        record: Option<&'a mut Record>,
    ) -> Self {
        Self { context, writer, own: None, count: 0, now: None, stamp, only_changes: false, record }
    }

    #[inline]
    pub(crate) fn is_recorded(&self) -> bool {
        self.record.is_some() || self.context.trials.is_on()
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
        self.first().is_some_and(|first| first.slot() == dot.slot() && dot.counter() >= first.counter())
    }

    /// The first event of this group.
    #[inline]
    fn first(&self) -> Option<PackedDot> {
        let own = self.own.filter(|_| self.count > 0)?;
        Some(PackedDot::new(own.slot, self.context.version.at(own.slot) - self.count + 1))
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

    /// The stamp of a write over these: that of the group, which becomes greater than theirs.
    #[inline]
    pub(crate) fn stamp(&mut self, superseded: impl Iterator<Item = (PackedDot, Timestamp)>) -> Timestamp {
        let others = superseded.filter(|&(dot, _)| !self.wrote(dot) || self.stamp.is_apart(dot.counter()));
        let greatest = others.map(|(_, at)| at).max();
        if mutants::on(Mutant::TimeBeforeCausality) {
            return self.now();
        }
        let first = self.first();
        let Self { now, writer, .. } = self;
        self.stamp.raise(|| *now.get_or_insert_with(|| writer.now()), greatest, || first)
    }

    /// The writer's clock, read once per group.
    #[inline]
    pub(crate) fn now(&mut self) -> Timestamp {
        let Self { now, writer, .. } = self;
        *now.get_or_insert_with(|| writer.now())
    }

    /// The stamp of a write that has one of its own, whatever the group has: the clock, or one more than `greatest`.
    pub(crate) fn own_stamp(&mut self, greatest: Option<Timestamp>) -> Timestamp {
        let now = self.now();
        greatest.map_or(now, |greatest| now.max(greatest.next()))
    }

    /// The last write keeps the stamp that it was given, which is not that of the group.
    pub(crate) fn set_apart(&mut self) {
        if let Some(own) = self.own {
            self.stamp.stands_apart(self.context.version.at(own.slot));
        }
    }

    /// From here on, setting a value that is there already, as the only version, writes nothing.
    ///
    /// The methods that write without an edit do so. In an edit everything is written otherwise, since a write that is
    /// not made takes no part in its group: of two concurrent groups over the same keys one wins as a whole, and one of
    /// which a part was left out may win in half.
    ///
    /// ```
    /// use dotted::{LwwMap, Writer};
    ///
    /// let (mut map, mut tokyo) = (LwwMap::new(), Writer::new());
    /// let first = map.insert(&mut tokyo, 7, 1);
    /// assert_eq!(map.insert(&mut tokyo, 7, 1), first);
    /// let again = map.edit(&mut tokyo, |mut map, edit| map.insert(edit, 7, 1));
    /// assert_ne!(again, first);
    /// let last = map.edit(&mut tokyo, |mut map, edit| map.insert(edit.only_changes(), 7, 1));
    /// assert_eq!(last, again);
    /// ```
    pub const fn only_changes(&mut self) -> &mut Self {
        self.only_changes = true;
        self
    }

    /// The event of a key, if it is the only one and says just this, and is not to be written again.
    #[inline]
    pub(crate) fn unchanged<V>(&self, events: &EventsOf<'_, V>, is_same: impl FnOnce(&V) -> bool) -> Option<Dot> {
        match events {
            EventsOf::One(dot, Some(value)) if self.only_changes && is_same(value) => {
                Some(self.context.version.dot(dot.slot(), dot.counter()))
            }
            _ => None,
        }
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

    /// What was written, if anything.
    pub(crate) fn finish(self) -> Option<Written> {
        let first = self.first()?;
        Some(Written { slot: first.slot(), first: first.counter(), count: self.count })
    }
}
