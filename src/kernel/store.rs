mod collect;
mod removals;
mod trial;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;

use super::column::Column;
use super::event::{Cell, Event, Kind, Payload, State};
use super::events::{Events, EventsOf};
use super::index::Index;
use super::lookup::{Key, Keys, Lookup, Vacant};
use crate::causality::{PackedDot, VersionVector};
use removals::Removals;
use trial::Log;

/// The one structure under all types: per key the antichain of maximal events, and per writer an
/// index of their dots.
///
/// Invariants, which hold between calls:
/// * every stored dot is in the index, with the slot of its entry, and nothing else is but what
///   `superseded` lists;
/// * a key has one entry, an entry has at least one event, and `many` holds two or more;
/// * `live` counts the keys with a live event, `removals` the stored removals, and the dot of each
///   of them is in `removed` (which may name others, too).
pub struct DotStore<S: Kind> {
    lookup: <S::Key as Key>::Lookup,
    entries: Column<Entry<S>>,
    /// Siblings of the keys with concurrent events, without gaps: who asks for conflicts visits these alone.
    many: Vec<Siblings<S::Value>>,
    /// How many events those are.
    siblings: usize,
    index: Index,
    /// Dots that are to leave the index. Where those are is three fetches away, one after the other, which
    /// overlap if several dots leave together.
    superseded: Vec<PackedDot>,
    live: usize,
    removals: usize,
    removed: Removals,
    /// What there was before writes on trial.
    log: Option<Box<Log<S::Value>>>,
}

/// A store with so few entries is in the caches anyway, and is to be small. Tests have few.
const FEW: usize = if cfg!(any(test, feature = "mutants")) { 1 } else { 1024 };
/// What an entry holds that is about to be dropped.
const UNLINKED: Cell = Cell::removed(UNLINKED_DOT);
const UNLINKED_DOT: PackedDot = PackedDot::new(0, 0);
/// So many entries are dropped or moved together, and so many dots leave the index.
const BATCH: usize = 64;

struct Entry<S: Kind> {
    key: S::Key,
    cell: Cell,
    place: <S::Value as Payload>::Place,
}

#[derive(Clone)]
struct Siblings<V> {
    /// The entry that they belong to.
    slot: u32,
    /// Sorted by their dots: those of writers that were heard of last are at the end, where they come and go
    /// without moving the others.
    events: Vec<Event<V>>,
}

impl<S: Kind> Clone for Entry<S> {
    fn clone(&self) -> Self {
        Self { key: self.key.clone(), cell: self.cell, place: self.place.clone() }
    }
}

impl<S: Kind> Clone for DotStore<S> {
    fn clone(&self) -> Self {
        Self {
            lookup: self.lookup.clone(),
            entries: self.entries.clone(),
            many: self.many.clone(),
            siblings: self.siblings,
            index: self.index.clone(),
            superseded: self.superseded.clone(),
            live: self.live,
            removals: self.removals,
            removed: self.removed.clone(),
            log: None,
        }
    }
}

impl<S: Kind> Default for DotStore<S> {
    fn default() -> Self {
        Self {
            lookup: Default::default(),
            entries: Column::default(),
            many: Vec::new(),
            siblings: 0,
            index: Index::default(),
            superseded: Vec::new(),
            live: 0,
            removals: 0,
            removed: Removals::default(),
            log: None,
        }
    }
}

impl<S: Kind> Keys<S::Key> for Column<Entry<S>> {
    #[inline]
    fn key(&self, slot: u32) -> Option<&S::Key> {
        Some(&self.try_get(slot)?.key)
    }
}

// Reading.
impl<S: Kind> DotStore<S> {
    /// The number of entries, live or not.
    #[inline]
    pub(crate) fn entry_count(&self) -> usize {
        self.entries.len()
    }

    /// How many events are stored, removals included.
    pub(crate) fn event_count(&self) -> usize {
        self.entries.len() - self.many.len() + self.siblings
    }

    /// The number of keys with a live event.
    #[inline]
    pub(crate) fn live_keys(&self) -> usize {
        self.live
    }

    /// The number of removals that are still stored.
    #[inline]
    pub(crate) fn removals(&self) -> usize {
        self.removals
    }

    #[inline]
    pub(crate) fn lookup(&self) -> &<S::Key as Key>::Lookup {
        &self.lookup
    }

    #[inline]
    pub(crate) fn keys(&self) -> &impl Keys<S::Key> {
        &self.entries
    }

    #[inline]
    pub(crate) fn find(&self, key: &S::Key) -> Result<u32, Vacant> {
        self.lookup.find(key, &self.entries)
    }

    /// As `find`, where each key is asked for once: nothing is looked for in a store that was empty before the first.
    #[inline]
    pub(crate) fn find_unless(&self, was_empty: bool, key: &S::Key) -> Result<u32, Vacant> {
        if was_empty { Err(self.lookup.vacant(key)) } else { self.find(key) }
    }

    #[inline]
    pub(crate) fn key_at(&self, slot: u32) -> &S::Key {
        &self.entries.get(slot).key
    }

    #[inline]
    pub(crate) fn is_live(&self, slot: u32) -> bool {
        let cell = self.entries.get(slot).cell;
        cell.is_live() || self.has_live_sibling(cell)
    }

    #[inline]
    fn has_live_sibling(&self, cell: Cell) -> bool {
        match cell.state() {
            State::Many(number) => self.many[number as usize].events.iter().any(|event| event.value.is_some()),
            State::Live(_) => true,
            State::Removed(_) => false,
        }
    }

    #[inline]
    pub(crate) fn events_at(&self, slot: u32) -> EventsOf<'_, S::Value> {
        let entry = self.entries.get(slot);
        match entry.cell.state() {
            State::Live(dot) => EventsOf::One(dot, S::Value::in_place(&entry.place)),
            State::Removed(dot) => EventsOf::One(dot, None),
            State::Many(number) => EventsOf::Many(&self.many[number as usize].events),
        }
    }

    /// The entry that stores this dot, if one does.
    pub(crate) fn holding(&self, dot: PackedDot) -> Option<u32> {
        self.index.get(dot.slot(), dot.counter()).filter(|&slot| self.holds_at(slot, dot))
    }

    /// Whether a dot that is in the index has not been superseded.
    #[inline]
    fn holds_at(&self, slot: u32, dot: PackedDot) -> bool {
        match self.entries.get(slot).cell.state() {
            State::Live(held) | State::Removed(held) => held == dot,
            State::Many(number) => {
                self.many[number as usize].events.binary_search_by_key(&dot, |event| event.dot).is_ok()
            }
        }
    }

    /// Whether a key has several events.
    #[inline]
    pub(crate) fn has_siblings(&self, slot: u32) -> bool {
        matches!(self.entries.get(slot).cell.state(), State::Many(_))
    }

    /// The number of live events of all keys.
    pub(crate) fn entries_live(&self) -> usize {
        self.entries().map(|(_, events)| events.live().count()).sum()
    }

    /// Visits the slots of a writer's stored dots behind a counter, in the order of the dots.
    #[inline]
    pub(crate) fn visit_after(&self, writer: u32, counter: u64, visit: &mut dyn FnMut(u64, u32)) {
        let all = self.superseded.is_empty();
        self.index.visit_after(writer, counter, |counter, slot| {
            if all || self.holds_at(slot, PackedDot::new(writer, counter)) {
                visit(counter, slot);
            }
        });
    }

    /// All entries in no particular order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&S::Key, EventsOf<'_, S::Value>)> {
        (0..self.entries.len() as u32).map(|slot| (self.key_at(slot), self.events_at(slot)))
    }

    /// The slots of the live keys in the order of their first live dots: the same on all replicas.
    pub(crate) fn slots_by_dot(&self, version: &VersionVector) -> Vec<u32> {
        let mut slots = Vec::with_capacity(self.live);
        // Of keys with siblings, the first live dot.
        let mut firsts: Vec<_> = self.siblings().map(|slot| (slot, self.first_dot(slot, version))).collect();
        firsts.sort_unstable();
        for &writer in version.slots_by_id().iter() {
            self.visit_after(writer, 0, &mut |counter, slot| {
                let first = match self.entries.get(slot).cell.state() {
                    State::Live(_) => true,
                    State::Removed(_) => false,
                    State::Many(_) => firsts.binary_search(&(slot, Some(version.dot(writer, counter)))).is_ok(),
                };
                if first {
                    slots.push(slot);
                }
            });
        }
        slots
    }

    /// How many keys have several events.
    pub(crate) fn sibling_count(&self) -> usize {
        self.many.len()
    }

    /// The entries with several events, in no particular order.
    pub(crate) fn siblings(&self) -> impl Iterator<Item = u32> + '_ {
        self.many.iter().map(|siblings| siblings.slot)
    }
}

// Writing.
impl<S: Kind> DotStore<S> {
    /// Stores an event that supersedes all that is known of the key.
    #[inline]
    pub(crate) fn put(&mut self, key: S::Key, dot: PackedDot, value: Option<S::Value>) {
        match self.find(&key) {
            Ok(slot) => self.put_at(slot, dot, value, |_| {}),
            Err(vacant) => {
                self.put_new(vacant, key, dot, value);
            }
        }
    }

    /// As [`DotStore::put`], where the slot is known already. `superseded` is shown each dot.
    #[inline]
    pub(crate) fn put_at(
        &mut self,
        slot: u32,
        dot: PackedDot,
        value: Option<S::Value>,
        mut superseded: impl FnMut(PackedDot),
    ) {
        let live = value.is_some();
        let entry = self.entries.get_mut(slot);
        let before = mem::replace(&mut entry.cell, Cell::of(dot, live)).state();
        entry.place = value.map_or_else(Default::default, Payload::into_place);
        let was_live = match before {
            State::Live(old) | State::Removed(old) => {
                self.replace(old, dot, slot);
                superseded(old);
                let was_live = matches!(before, State::Live(_));
                self.removals -= usize::from(!was_live);
                was_live
            }
            State::Many(number) => {
                let was_live = self.clear_siblings(number, &mut superseded);
                self.index.set(dot.slot(), dot.counter(), slot);
                was_live
            }
        };
        self.count_live(slot, was_live, live);
        self.note_removal_unless(live, dot);
        self.sweep_if_due();
    }

    /// In the index, one dot of an entry takes the place of another.
    #[inline(always)]
    fn replace(&mut self, old: PackedDot, new: PackedDot, slot: u32) {
        if self.entries.len() <= FEW || self.index.is_recent(old.slot(), old.counter()) {
            self.index.replace((old.slot(), old.counter()), (new.slot(), new.counter()), slot);
        } else {
            self.index.set(new.slot(), new.counter(), slot);
            self.superseded.push(old);
            if self.superseded.len() >= BATCH {
                self.forget_superseded();
            }
        }
    }

    /// Must be done before an entry moves or goes.
    #[inline(never)]
    fn forget_superseded(&mut self) {
        for dot in self.superseded.drain(..) {
            self.index.remove(dot.slot(), dot.counter());
        }
    }

    #[cold]
    fn clear_siblings(&mut self, number: u32, superseded: &mut impl FnMut(PackedDot)) -> bool {
        let events = self.take_siblings(number);
        for event in &events {
            self.index.remove(event.dot.slot(), event.dot.counter());
            self.removals -= usize::from(event.value.is_none());
            superseded(event.dot);
        }
        events.iter().any(|event| event.value.is_some())
    }

    #[inline]
    fn count_live(&mut self, slot: u32, was_live: bool, live: bool) {
        self.live = self.live + usize::from(live) - usize::from(was_live);
        self.lookup.count_live(slot, was_live, live);
    }

    fn push(&mut self, vacant: Vacant, mut key: S::Key, cell: Cell, value: Option<S::Value>) -> u32 {
        self.lookup.adopt(&mut key);
        let place = value.map_or_else(Default::default, Payload::into_place);
        let slot = self.entries.push(Entry { key, cell, place });
        self.lookup.insert(vacant, slot, &self.entries);
        slot
    }

    #[inline]
    fn note_removal_unless(&mut self, live: bool, dot: PackedDot) {
        if !live {
            self.removals += 1;
            self.removed.push(dot);
        }
    }

    /// Keys that were removed and added again left their dots behind in `removed`. Only while all keys are settled.
    #[inline]
    fn sweep_if_due(&mut self) {
        if self.removed.is_due(self.removals) {
            self.sweep_removed();
        }
    }

    #[cold]
    fn sweep_removed(&mut self) {
        if self.log.is_some() {
            return;
        }
        let mut removed = mem::take(&mut self.removed);
        removed.sweep(|dot| self.holding(dot).is_some());
        self.removed = removed;
    }

    /// Makes `events` the antichain of a key that is there. Their dots are in the index already, and
    /// `removals` counts them already.
    pub(crate) fn settle(&mut self, slot: u32, was_live: bool, mut events: Vec<Event<S::Value>>) {
        let live = events.iter().any(|event| event.value.is_some());
        self.count_live(slot, was_live, live);
        match events.len() {
            0 | 1 => {
                let Some(event) = events.pop() else { return self.drop_entry(slot) };
                let entry = self.entries.get_mut(slot);
                entry.cell = Cell::of(event.dot, live);
                entry.place = event.value.map_or_else(Default::default, Payload::into_place);
            }
            _ => {
                self.entries.get_mut(slot).cell = Cell::many(self.many.len() as u32);
                self.siblings += events.len();
                self.many.push(Siblings { slot, events });
            }
        }
        self.sweep_if_due();
    }

    /// Takes the antichain of a key out, to be given back by [`DotStore::settle`].
    pub(crate) fn unsettle(&mut self, slot: u32) -> Vec<Event<S::Value>> {
        let entry = self.entries.get_mut(slot);
        match entry.cell.state() {
            State::Live(dot) => alloc::vec![Event { dot, value: S::Value::take(&mut entry.place) }],
            State::Removed(dot) => alloc::vec![Event { dot, value: None }],
            State::Many(number) => {
                entry.cell = UNLINKED;
                self.take_siblings(number)
            }
        }
    }

    fn take_siblings(&mut self, number: u32) -> Vec<Event<S::Value>> {
        let Siblings { events, .. } = self.many.swap_remove(number as usize);
        self.siblings -= events.len();
        if let Some(moved) = self.many.get(number as usize) {
            self.entries.get_mut(moved.slot).cell = Cell::many(number);
        }
        events
    }

    /// Makes an empty store ready for so many keys.
    pub(crate) fn reserve(&mut self, keys: usize) {
        if self.entries.len() == 0 {
            self.lookup.reserve(keys);
        }
    }

    /// Enters a key with no event yet, to be settled at once.
    pub(crate) fn open(&mut self, vacant: Vacant, key: S::Key) -> u32 {
        self.push(vacant, key, UNLINKED, None)
    }

    /// Stores one event of a key that is not there.
    #[inline]
    pub(crate) fn put_new(&mut self, vacant: Vacant, key: S::Key, dot: PackedDot, value: Option<S::Value>) -> u32 {
        let live = value.is_some();
        let slot = self.push(vacant, key, Cell::of(dot, live), value);
        self.count_live(slot, false, live);
        self.index.set(dot.slot(), dot.counter(), slot);
        self.note_removal_unless(live, dot);
        self.sweep_if_due();
        slot
    }

    /// Changes the value of a key that has one event, if it has a value.
    pub(crate) fn change_only(&mut self, slot: u32, change: impl FnOnce(&mut S::Value)) {
        let entry = self.entries.get_mut(slot);
        if entry.cell.is_live()
            && let Some(mut value) = S::Value::take(&mut entry.place)
        {
            change(&mut value);
            entry.place = value.into_place();
        }
    }

    /// An event enters or leaves the index while its key is unsettled.
    pub(crate) fn enter(&mut self, slot: u32, event: &Event<S::Value>) {
        self.index.set(event.dot.slot(), event.dot.counter(), slot);
        self.note_removal_unless(event.value.is_some(), event.dot);
    }

    pub(crate) fn leave(&mut self, event: &Event<S::Value>) {
        self.index.remove(event.dot.slot(), event.dot.counter());
        self.removals -= usize::from(event.value.is_none());
    }

    /// Checks the invariants, for tests.
    #[cfg(any(test, feature = "mutants"))]
    pub(crate) fn assert_consistent(&self, writers: u32) {
        let (mut dots, mut live, mut removals) = (0, 0, 0);
        let noted: alloc::collections::BTreeSet<PackedDot> = self.removed.iter().collect();
        for slot in 0..self.entries.len() as u32 {
            assert!(self.find(self.key_at(slot)).is_ok_and(|found| found == slot), "a key is not found");
            let events = self.events_at(slot);
            assert!(events.len() >= 1);
            let of_other_writers = |at: usize| events.at(at - 1).0.slot() < events.at(at).0.slot();
            assert!((1..events.len()).all(of_other_writers), "siblings are not sorted, or two are of one writer");
            for (dot, value) in events.iter() {
                assert_eq!(self.holding(dot), Some(slot), "{dot:?} is not in the index");
                removals += usize::from(value.is_none());
                assert!(value.is_some() || noted.contains(&dot), "a removal is not noted");
            }
            dots += events.len();
            live += usize::from(self.is_live(slot));
        }
        assert_eq!((live, removals), (self.live, self.removals));
        assert_eq!(self.siblings, self.many.iter().map(|siblings| siblings.events.len()).sum::<usize>());
        for (number, siblings) in (0..).zip(&self.many) {
            assert!(siblings.events.len() > 1 && self.entries.get(siblings.slot).cell == Cell::many(number));
        }
        let (mut indexed, mut shown) = (0, 0);
        (0..writers).for_each(|writer| self.index.visit_after(writer, 0, |_, _| indexed += 1));
        (0..writers).for_each(|writer| self.visit_after(writer, 0, &mut |_, _| shown += 1));
        assert_eq!(dots + self.superseded.len(), indexed, "the index holds a dot that no entry has");
        assert_eq!(dots, shown, "a superseded dot is shown");
    }
}
