//! What the writes of one edit have in common.

use alloc::vec::Vec;

use super::causal::Causal;
use super::edit::{Edit, Record, Written};
use super::fragment::{Fragment, Raw};
use crate::causality::{PackedDot, Timestamp, Writer};
use crate::mutants::{self, Mutant};

/// The one stamp of a group: the writer's clock, or one more than the greatest stamp that any of its writes supersedes.
///
/// Which is that is known when the group ends. Until then its writes are stamped with what is known, and the earlier
/// ones are stamped again at the end where a later one made the stamp greater.
#[derive(Default)]
pub(crate) struct GroupStamp {
    at: Option<Timestamp>,
    /// The first event of the group, where events of it have an earlier stamp than `at`.
    behind: Option<PackedDot>,
    /// The counters of its events that have a stamp of their own, rising.
    apart: Vec<u64>,
}

/// The stamp of a group for all events from its first one on.
#[doc(hidden)]
pub struct Restamp {
    pub(super) first: Raw,
    pub(super) at: Timestamp,
    apart: Vec<u64>,
}

impl GroupStamp {
    /// The stamp of a write over `greatest`, which is not of this group. `first` is the first event of the group, if
    /// there is one already.
    #[inline]
    pub(crate) fn raise(
        &mut self,
        now: impl FnOnce() -> Timestamp,
        greatest: Option<Timestamp>,
        first: impl FnOnce() -> Option<PackedDot>,
    ) -> Timestamp {
        let before = self.at;
        let at = before.unwrap_or_else(now);
        let raised = greatest.map_or(at, |greatest| at.max(greatest.next()));
        if before.is_some() && raised > at {
            self.behind = first();
        }
        *self.at.insert(raised)
    }

    /// The event with this counter keeps the stamp that it has.
    pub(crate) fn stands_apart(&mut self, counter: u64) {
        self.apart.push(counter);
    }

    /// Whether this event of the group has a stamp of its own.
    pub(crate) fn is_apart(&self, counter: u64) -> bool {
        self.apart.binary_search(&counter).is_ok()
    }

    /// What is left to do when the group ends.
    #[inline]
    fn restamp(&mut self) -> Option<Restamp> {
        let (first, at) = (self.behind.take()?, self.at?);
        Some(Restamp { first: Raw(first), at, apart: core::mem::take(&mut self.apart) })
    }
}

impl Restamp {
    /// Whether the event with this counter takes the stamp of the group.
    pub(super) fn takes(&self, counter: u64) -> bool {
        mutants::on(Mutant::RestampSettled) || self.apart.binary_search(&counter).is_err()
    }
}

/// A group that is being written. However it ends, its writes get their one stamp then, and a branch that was opened for it
/// and is not needed is as if it had never been opened.
struct Group<'c, F: Fragment> {
    value: &'c mut Causal<F>,
    writer: &'c mut Writer,
    stamp: GroupStamp,
}

impl<F: Fragment> Drop for Group<'_, F> {
    #[inline]
    fn drop(&mut self) {
        if let Some(restamp) = self.stamp.restamp() {
            self.value.restamp(&restamp);
        }
        self.value.context.take_back_unused(self.writer);
    }
}

impl<F: Fragment> Causal<F> {
    /// Writes a group, and says what was written, if anything.
    #[inline]
    pub(super) fn write_group<R>(
        &mut self,
        writer: &mut Writer,
        record: Option<&mut Record>,
        edit: impl for<'e> FnOnce(F::Mut<'e>, &mut Edit<'e>) -> R,
    ) -> (R, Option<Written>) {
        let mut group = Group { value: self, writer, stamp: GroupStamp::default() };
        let Self { context, body } = &mut *group.value;
        let mut writes = Edit::new(context, group.writer, &mut group.stamp, record);
        let result = edit(body.edit(), &mut writes);
        (result, writes.finish())
    }

    #[cold]
    fn restamp(&mut self, restamp: &Restamp) {
        if !mutants::on(Mutant::GroupKeepsStamps) {
            self.body.restamp(restamp);
        }
    }
}
