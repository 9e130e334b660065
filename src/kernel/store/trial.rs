//! What a dot store needs to take writes back.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::DotStore;
use crate::kernel::event::{Event, Kind};

/// What keys had before writes on trial. Until these are kept or taken back, no entry leaves or moves, and no removal is
/// swept out.
pub(super) struct Log<V> {
    before: Vec<Before<V>>,
    began: Vec<Began>,
}

struct Before<V> {
    slot: u32,
    /// None if the key was not there.
    events: Vec<Event<V>>,
}

/// How much there was when a trial began.
struct Began {
    noted: usize,
    removed: usize,
}

impl<S: Kind> DotStore<S> {
    /// Notes what the key at a slot has, if writes are on trial.
    pub(crate) fn note_before(&mut self, slot: u32) {
        if self.log.is_some() {
            let event = |(dot, value): (_, Option<&S::Value>)| Event { dot, value: value.cloned() };
            let events = self.events_at(slot).iter().map(event).collect();
            self.note(slot, events);
        }
    }

    /// Notes that the key at a slot was not there.
    pub(crate) fn note_new(&mut self, slot: u32) {
        self.note(slot, Vec::new());
    }

    fn note(&mut self, slot: u32, events: Vec<Event<S::Value>>) {
        if let Some(log) = &mut self.log {
            log.before.push(Before { slot, events });
        }
    }

    pub(crate) fn begin_trial_here(&mut self) {
        let log = self.log.get_or_insert_with(|| Box::new(Log { before: Vec::new(), began: Vec::new() }));
        log.began.push(Began { noted: log.before.len(), removed: self.removed.len() });
    }

    pub(crate) fn end_trial_here(&mut self, keep: bool) {
        let Some(log) = &mut self.log else { return };
        let began = log.began.pop();
        let before = began.as_ref().filter(|_| !keep).map(|began| log.before.split_off(began.noted));
        if log.began.is_empty() {
            self.log = None;
        }
        if let Some((before, began)) = before.zip(began).filter(|(before, _)| !before.is_empty()) {
            self.take_back(before, began.removed);
        }
    }

    fn take_back(&mut self, before: Vec<Before<S::Value>>, removed: usize) {
        // A dot that comes back must not leave the index afterwards.
        self.forget_superseded();
        // Nothing has moved, so new keys are the last entries.
        for Before { slot, events } in before.into_iter().rev() {
            let was_live = self.is_live(slot);
            self.unsettle(slot).iter().for_each(|event| self.leave(event));
            for event in &events {
                self.index.set(event.dot.slot(), event.dot.counter(), slot);
                // It has kept its place among the removals.
                self.removals += usize::from(event.value.is_none());
            }
            self.settle(slot, was_live, events);
        }
        self.removed.truncate(removed);
    }
}
