//! How entries leave a dot store.

use alloc::vec::Vec;
use core::mem;

use super::{BATCH, DotStore, UNLINKED, UNLINKED_DOT};
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
            State::Live(dot) | State::Removed(dot) => self.index.set(dot.slot(), dot.counter(), slot),
            State::Many(number) => {
                let siblings = &mut self.many[number as usize];
                siblings.slot = slot;
                for event in &siblings.events {
                    self.index.set(event.dot.slot(), event.dot.counter(), slot);
                }
            }
        }
    }

    /// Discards the oldest removals, `at_most` so many, showing each of their dots, and says how many. It ends at one that
    /// `may` not be discarded: what came later is kept with it.
    pub(crate) fn discard_removals(
        &mut self,
        at_most: usize,
        may: &mut dyn FnMut(PackedDot) -> bool,
        mut visit: impl FnMut(PackedDot),
    ) -> usize {
        let mut gaps = Vec::new();
        let mut discarded = 0;
        // Those that were superseded cost a look-up, too.
        let mut looks = at_most.saturating_mul(4);
        loop {
            // Nothing moves before all are unlinked. In batches and passes, as above.
            let (mut found, mut count) = ([(0, UNLINKED_DOT); BATCH], 0);
            let mut ended = true;
            while let Some(dot) = self.removed.first()
                && looks > 0
                && discarded + count < at_most
            {
                if count == BATCH {
                    ended = false;
                    break;
                }
                looks -= 1;
                if let Some(slot) = self.holding(dot) {
                    if !may(dot) {
                        break;
                    }
                    found[count] = (slot, dot);
                    count += 1;
                }
                self.removed.pop();
            }
            let first = gaps.len();
            for &(slot, dot) in &found[..count] {
                visit(dot);
                if self.unlink_removal(slot, dot) {
                    gaps.push(slot);
                }
            }
            for &slot in &gaps[first..] {
                self.lookup.remove(&self.entries.get(slot).key, slot);
            }
            discarded += count;
            if ended {
                break;
            }
        }
        if !gaps.is_empty() {
            gaps.sort_unstable();
            self.close_gaps(&gaps);
        }
        discarded
    }

    /// Takes a removal out of the index. Whether nothing is left of its key.
    fn unlink_removal(&mut self, slot: u32, dot: PackedDot) -> bool {
        if let State::Many(_) = self.entries.get(slot).cell.state() {
            let was_live = self.is_live(slot);
            let mut events = self.unsettle(slot);
            if let Ok(at) = events.binary_search_by_key(&dot, |event| event.dot) {
                let event = events.remove(at);
                self.leave(&event);
            }
            self.settle(slot, was_live, events);
            return false;
        }
        self.index.remove(dot.slot(), dot.counter());
        self.removals -= 1;
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
