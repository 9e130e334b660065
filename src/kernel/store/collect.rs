//! How entries leave a dot store.

use core::mem;

use super::{BATCH, DotStore, UNLINKED};
use crate::causality::PackedDot;
use crate::kernel::event::{Kind, Payload, State};
use crate::kernel::lookup::Lookup;

impl<S: Kind> DotStore<S> {
    /// Takes an entry without events away; the last entry moves into its slot.
    pub(super) fn drop_entry(&mut self, slot: u32) {
        self.lookup.remove(&self.entries.get(slot).key, slot);
        self.entries.get_mut(slot).cell = UNLINKED;
        self.close_gaps(&[slot]);
    }

    /// Drops the entries at these slots, which are all that no lookup finds any more. The last entries
    /// move into their places.
    fn close_gaps(&mut self, gaps: &[u32]) {
        self.forget_superseded();
        let len = self.entries.len() - gaps.len();
        let mut gaps = gaps.iter().copied().filter(|&slot| (slot as usize) < len);
        while self.entries.len() > len {
            // In batches and passes, so that what they touch, which is anywhere in memory, is fetched
            // side by side.
            let (mut moved, mut count) = ([(0, 0); BATCH], 0);
            while self.entries.len() > len && count < BATCH {
                let from = self.entries.len() as u32 - 1;
                let entry = self.entries.pop();
                if entry.cell != UNLINKED {
                    let to = gaps.next().expect("as many entries are behind the end as gaps before it");
                    *self.entries.get_mut(to) = entry;
                    moved[count] = (from, to);
                    count += 1;
                }
            }
            for &(from, to) in &moved[..count] {
                self.lookup.relocate(&self.entries.get(to).key, from, to);
            }
            for &(_, to) in &moved[..count] {
                self.enter_again(to);
            }
        }
    }

    /// The entry at a slot was elsewhere before.
    fn enter_again(&mut self, slot: u32) {
        match self.entries.get(slot).cell.state() {
            State::Live(dot) => self.index.set(dot.slot(), dot.counter(), slot),
            State::Removed(dot) => {
                self.index.set(dot.slot(), dot.counter(), slot);
                self.removed.push(slot);
            }
            State::Many(number) => {
                let siblings = &mut self.many[number as usize];
                siblings.slot = slot;
                for event in &siblings.events {
                    self.index.set(event.dot.slot(), event.dot.counter(), slot);
                }
                self.removed.push(slot);
            }
        }
    }

    /// Discards all removals, showing each of their dots.
    pub(crate) fn discard_removals(&mut self, mut visit: impl FnMut(PackedDot)) {
        let mut candidates = mem::take(&mut self.removed);
        candidates.sort_unstable();
        candidates.dedup();
        // Nothing moves before all are unlinked. In batches and passes, as above.
        let mut gaps = 0;
        for from in (0..candidates.len()).step_by(BATCH) {
            let first = gaps;
            for at in from..candidates.len().min(from + BATCH) {
                let slot = candidates[at];
                if self.unlink_removals(slot, &mut visit) {
                    candidates[gaps] = slot;
                    gaps += 1;
                }
            }
            for &slot in &candidates[first..gaps] {
                self.lookup.remove(&self.entries.get(slot).key, slot);
            }
        }
        self.close_gaps(&candidates[..gaps]);
        self.removed.clear();
        debug_assert_eq!(self.removals, 0);
    }

    /// Takes the removals of a key out of the index. Whether nothing is left of the key.
    fn unlink_removals(&mut self, slot: u32, visit: &mut impl FnMut(PackedDot)) -> bool {
        let Some(entry) = self.entries.try_get(slot) else { return false };
        match entry.cell.state() {
            State::Live(_) => return false,
            State::Removed(dot) => {
                visit(dot);
                self.index.remove(dot.slot(), dot.counter());
                self.removals -= 1;
            }
            State::Many(_) => {
                let was_live = self.is_live(slot);
                let mut events = self.unsettle(slot);
                for event in events.extract_if(.., |event| event.value.is_none()) {
                    visit(event.dot);
                    self.leave(&event);
                }
                if !events.is_empty() {
                    self.settle(slot, was_live, events);
                    return false;
                }
            }
        }
        self.entries.get_mut(slot).cell = UNLINKED;
        true
    }

    /// Builds everything anew, without the room that was reserved or left behind.
    pub(crate) fn rebuild(&mut self) {
        let old = mem::take(self);
        let mut many = old.many;
        for entry in old.entries.into_iter() {
            let Err(vacant) = self.find(&entry.key) else { continue };
            let (key, mut place) = (entry.key, entry.place);
            match entry.cell.state() {
                State::Live(dot) => _ = self.put_new(vacant, key, dot, S::Value::take(&mut place)),
                State::Removed(dot) => _ = self.put_new(vacant, key, dot, None),
                State::Many(number) => {
                    let slot = self.open(vacant, key);
                    let events = mem::take(&mut many[number as usize].events);
                    events.iter().for_each(|event| self.enter(slot, event));
                    self.settle(slot, false, events);
                }
            }
        }
    }
}
