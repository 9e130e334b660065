//! Two values that have seen the same and hold something else: what one of them lacks is written again.
//!
//! This is what remains where two writers have used one id and third parties hold events of both, so that no renaming
//! can tell them apart any more.

use alloc::vec::Vec;

use super::delta::{Delta, Effect, StoreDelta};
use super::error::ApplyError;
use super::event::Kind;
use super::fragment::{Fragment, Raw};
use super::incoming::{Incoming, Supersedes};
use super::lookup::{Key, Slots};
use super::store::DotStore;
use crate::Causal;
use crate::causality::{MAX_WRITERS, PackedDot, RESERVED_WRITERS, VersionVector, Writer};

/// The branches under which events are written again, by the slot of their old ones.
struct Branches<'a> {
    writer: &'a mut Writer,
    table: VersionVector,
    to: Vec<Option<u32>>,
    /// By slot of the table, the last counter.
    last: Vec<u64>,
    is_full: bool,
}

impl Branches<'_> {
    /// The name under which an event is written again: another branch, so that nothing that is there is superseded.
    fn name(&mut self, dot: PackedDot) -> PackedDot {
        let slot = dot.slot() as usize;
        let to = match self.to[slot] {
            Some(to) => to,
            None => {
                let has_room = self.table.slots() < MAX_WRITERS - RESERVED_WRITERS / 2;
                let Some(branch) = has_room.then(|| self.writer.open(&[&self.table])).flatten() else {
                    self.is_full = true;
                    return dot;
                };
                *self.to[slot].insert(self.table.intern(&branch))
            }
        };
        self.last.resize(self.last.len().max(to as usize + 1), 0);
        let last = &mut self.last[to as usize];
        *last = (*last).max(dot.counter());
        PackedDot::new(to, dot.counter())
    }
}

impl<F: Fragment> Causal<F> {
    /// Goes on with the state of another replica that has seen the same and differs: takes `theirs`, with what is known
    /// here beyond it, and writes again what is shown here and not there, as `writer`, which must be new. What is written
    /// comes beside what is there, as if it had been written at the same time.
    ///
    /// It is the remedy where two writers have used one id, or a storage was damaged, for one of the two. Nothing that
    /// either shows is lost. What one had removed and the other one still shows comes back; of counts under one id, which
    /// are sums, the greater one stays. Costs O(both states).
    ///
    /// ```
    /// use dotted::{Crdt, OrSet, Uuid, Writer};
    ///
    /// let id = Uuid::new_v4(); // twice, which must not be
    /// let (mut here, mut there) = (OrSet::new(), OrSet::new());
    /// here.insert(&mut Writer::with_clock(id, Default::default), 'm');
    /// there.insert(&mut Writer::with_clock(id, Default::default), 't');
    /// assert!(here.version() == there.version() && here != there);
    ///
    /// there.adopt(here.clone(), &mut Writer::new())?;
    /// here.merge(&there);
    /// assert!(here == there && here.contains(&'m') && here.contains(&'t'));
    /// # Ok::<(), dotted::ApplyError>(())
    /// ```
    ///
    /// # Errors
    /// [`ApplyError`]: there is no room. Nothing has changed, but the writer may have opened branches that it never uses.
    pub fn adopt(&mut self, mut theirs: Self, writer: &mut Writer) -> Result<(), ApplyError> {
        writer.renames();
        theirs.try_merge(self)?;
        theirs.salvage(self, writer)?;
        theirs.context.collectable = self.context.collectable.take();
        *self = theirs;
        Ok(())
    }

    fn salvage(&mut self, lost: &Self, writer: &mut Writer) -> Result<(), ApplyError> {
        let theirs = &lost.context.version;
        let mut mine = self.context.version.clone();
        let mut slots = theirs.slot_map(theirs.slots(), &mine);
        slots.complete(theirs, &mut mine);
        let incoming = Incoming { slots, mine: &mine, theirs, supersedes: Supersedes::Unlisted };
        let mut table = theirs.clone();
        // No branch that either knows is taken.
        mine.iter().for_each(|(id, _)| _ = table.intern(&id));
        let to = alloc::vec![None; table.slots()];
        let last = alloc::vec![0; table.slots()];
        let mut branches = Branches { writer, table, to, last, is_full: false };
        let body = self.body.missing_of(&lost.body, &incoming, &mut |Raw(dot)| Raw(branches.name(dot)));
        let Branches { writer, table, last, is_full, .. } = branches;
        if is_full {
            return Err(ApplyError::TooManyWriters);
        }
        let upto = table.with_counters(last.clone());
        let nothing = VersionVector::new();
        self.apply(Delta { upto, base: nothing.clone(), floor: nothing, live: None, body })?;
        for (slot, &last) in last.iter().enumerate().filter(|&(_, &last)| last > 0) {
            writer.advance(table.branch(slot as u32), last);
        }
        Ok(())
    }
}

impl<S: Kind> DotStore<S> {
    /// See [`Fragment::missing_of`].
    pub(crate) fn missing(
        &self,
        lost: &Self,
        incoming: &Incoming<'_>,
        name: &mut dyn FnMut(Raw) -> Raw,
    ) -> StoreDelta<S> {
        let mut delta = StoreDelta::default();
        for (key, events) in lost.entries() {
            let found = self.find(&key.translated(&Slots(&incoming.slots))).ok().map(|slot| self.events_at(slot));
            let is_here = |dot: PackedDot, value: &S::Value| {
                let dot = incoming.translate(dot);
                found.iter().flat_map(|mine| mine.live()).any(|(mine, held)| mine == dot && held == value)
            };
            let missing = events.live().filter(|&(dot, value)| !is_here(dot, value));
            let missing = missing.map(|(dot, value)| (name(Raw(dot)).0, Effect::Live(value.clone()))).collect();
            delta.list(key.clone(), missing);
        }
        delta
    }
}
