//! A dot store as a fragment: what it has that a peer lacks, and how it takes in what a peer has.

use alloc::vec::Vec;
use core::ops::Range;

use super::changes::{Change, ChangeKind, Changes};
use super::delta::{Effect, StoreDelta};
use super::edit::Edit;
use super::error::ApplyError;
use super::event::{Event, Kind};
use super::events::EventsOf;
use super::fragment::{Fragment, Raw, Visit};
use super::group::Restamp;
use super::handle::Mut;
use super::incoming::{Incoming, Since};
use super::lookup::{Key, Lookup, Slots, Vacant};
use super::rebase::Renaming;
use super::store::DotStore;
use super::table::Table;
use super::view::View;
use crate::causality::{Dot, PackedDot, VersionVector};
use crate::mutants::{self, Mutant};

impl<S: Kind> DotStore<S> {
    /// Writes one event, which supersedes everything that is known of its key.
    #[inline]
    pub(crate) fn write(&mut self, edit: &mut Edit<'_>, key: S::Key, value: Option<S::Value>) -> Dot {
        if edit.is_recorded() {
            return self.write_recorded(edit, key, value);
        }
        let dot = edit.issue();
        self.put(key, dot, value);
        edit.dot(dot)
    }

    #[cold]
    fn write_recorded(&mut self, edit: &mut Edit<'_>, key: S::Key, value: Option<S::Value>) -> Dot {
        match self.find(&key) {
            Ok(slot) => self.write_at_recorded(edit, slot, value),
            Err(vacant) => self.write_new(edit, (vacant, key), value),
        }
    }

    /// As [`DotStore::write`], to a key that is not there.
    #[inline]
    pub(crate) fn write_new(&mut self, edit: &mut Edit<'_>, new: (Vacant, S::Key), value: Option<S::Value>) -> Dot {
        let dot = edit.issue();
        let slot = self.put_new(new.0, new.1, dot, value);
        if edit.is_recorded() {
            edit.touch(slot, false);
            self.note_new(slot);
        }
        edit.dot(dot)
    }

    /// As [`DotStore::write`], to the key at a slot.
    #[inline]
    pub(crate) fn write_at(&mut self, edit: &mut Edit<'_>, slot: u32, value: Option<S::Value>) -> Dot {
        if mutants::on(Mutant::RemovalTakesNoDot) && value.is_none() {
            let (was_live, events) = (self.is_live(slot), self.unsettle(slot));
            let dot = events[0].dot;
            events.iter().for_each(|event| self.leave(event));
            self.settle(slot, was_live, Vec::new());
            return edit.dot(dot);
        }
        if edit.is_recorded() {
            return self.write_at_recorded(edit, slot, value);
        }
        let dot = edit.issue();
        self.put_at(slot, dot, value, |_| {});
        edit.dot(dot)
    }

    #[cold]
    fn write_at_recorded(&mut self, edit: &mut Edit<'_>, slot: u32, value: Option<S::Value>) -> Dot {
        edit.touch(slot, self.is_live(slot));
        self.note_before(slot);
        let dot = edit.issue();
        self.put_at(slot, dot, value, |old| edit.supersede(old));
        edit.dot(dot)
    }

    /// Lists what became of the slots that an edit wrote, given whether they were live before.
    pub(crate) fn report_touched(&self, touched: &[(u32, bool)], changes: &mut Changes<S::Key>) {
        // Each once, as it was before the first write, in the order of the first writes.
        let mut places: Vec<u32> = (0..touched.len() as u32).collect();
        let slot = |&place: &u32| touched[place as usize].0;
        places.sort_unstable_by_key(|place| (slot(place), *place));
        places.dedup_by_key(|place| slot(place));
        places.sort_unstable();
        for place in places {
            let (slot, was_live) = touched[place as usize];
            self.report(slot, was_live, self.is_live(slot), changes);
        }
    }

    /// Visits the keys with an event that the peer has not seen, each once.
    pub(crate) fn visit_new(&self, since: &Since<'_>, visit: &mut dyn FnMut(u32)) {
        let mut siblings = Vec::new();
        for (writer, known) in since.writers() {
            self.visit_after(writer, known, &mut |_, slot| {
                if self.has_siblings(slot) {
                    siblings.push(slot);
                } else {
                    visit(slot);
                }
            });
        }
        siblings.sort_unstable();
        siblings.dedup();
        siblings.into_iter().for_each(visit);
    }

    /// Whether what is new in another store can be taken in where there is room for so many keys. The new keys are
    /// counted only where all of them might be too many.
    fn has_room_from(&self, other: &Self, known: &VersionVector, theirs: &VersionVector, most: usize) -> bool {
        let room = most - self.entry_count();
        other.entry_count() < room || {
            let mut new = 0;
            other.visit_new(&Since::new(known, theirs), &mut |_| new += 1);
            new < room
        }
    }
}

/// The events of one key as they arrive, in the receiver's slots.
trait Theirs<V> {
    fn len(&self) -> usize;
    fn dot(&self, at: usize) -> PackedDot;
    /// Takes the event's value; `None` is a removal.
    fn take(&mut self, at: usize) -> Option<V>;
}

/// Events of a delta, by value.
impl<V> Theirs<V> for &mut [(PackedDot, Effect<V>)] {
    #[inline]
    fn len(&self) -> usize {
        <[_]>::len(self)
    }

    #[inline]
    fn dot(&self, at: usize) -> PackedDot {
        self[at].0
    }

    #[inline]
    fn take(&mut self, at: usize) -> Option<V> {
        match core::mem::replace(&mut self[at].1, Effect::Known) {
            Effect::Live(value) => Some(value),
            Effect::Removed | Effect::Known => None,
        }
    }
}

/// Events of another value, cloned where they are new.
struct Borrowed<'a, 'i, V> {
    events: EventsOf<'a, V>,
    incoming: &'a Incoming<'i>,
}

impl<V: Clone> Theirs<V> for Borrowed<'_, '_, V> {
    #[inline]
    fn len(&self) -> usize {
        self.events.len()
    }

    #[inline]
    fn dot(&self, at: usize) -> PackedDot {
        self.incoming.translate(self.events.at(at).0)
    }

    #[inline]
    fn take(&mut self, at: usize) -> Option<V> {
        self.events.at(at).1.cloned()
    }
}

impl<S: Kind> DotStore<S> {
    /// Brings one key up to date. `key` is called only if the key is new here.
    #[inline]
    fn reconcile(
        &mut self,
        found: Result<u32, Vacant>,
        key: impl FnOnce() -> S::Key,
        theirs: &mut impl Theirs<S::Value>,
        incoming: &Incoming<'_>,
        changes: &mut Changes<S::Key>,
    ) {
        match found {
            Err(vacant) if theirs.len() == 1 => {
                let dot = theirs.dot(0);
                if !incoming.is_known(dot) {
                    let value = theirs.take(0);
                    let live = value.is_some();
                    let slot = self.put_new(vacant, key(), dot, value);
                    self.report(slot, false, live, changes);
                }
            }
            Err(vacant) => {
                if !(0..theirs.len()).all(|at| incoming.is_known(theirs.dot(at))) {
                    let slot = self.open(vacant, key());
                    self.weave(slot, false, Vec::new(), theirs, incoming, changes);
                }
            }
            Ok(slot) => {
                if theirs.len() == 1
                    && let EventsOf::One(mine, value) = self.events_at(slot)
                {
                    let dot = theirs.dot(0);
                    if dot == mine {
                        return;
                    }
                    // Whoever wrote it has seen all of its own, which need not be looked up.
                    if !incoming.is_known(dot) && (dot.slot() == mine.slot() || incoming.supersedes(mine)) {
                        let was_live = value.is_some();
                        let value = theirs.take(0);
                        let live = value.is_some();
                        self.put_at(slot, dot, value, |_| {});
                        return self.report(slot, was_live, live, changes);
                    }
                }
                let was_live = self.is_live(slot);
                let events = self.unsettle(slot);
                self.weave(slot, was_live, events, theirs, incoming, changes);
            }
        }
    }

    /// How many more events a key has once it is brought up to date, as `weave` does it.
    fn growth_of(&self, key: &S::Key, theirs: &[(PackedDot, Effect<S::Value>)], incoming: &Incoming<'_>) -> isize {
        let mut listed: Vec<PackedDot> = theirs.iter().map(|(dot, _)| incoming.translate(*dot)).collect();
        listed.sort_unstable();
        let added = listed.iter().filter(|&&dot| !incoming.is_known(dot)).count() as isize;
        let Ok(slot) = self.find(&key.translated(&Slots(&incoming.slots))) else { return added };
        let goes = |dot: PackedDot| {
            let is_superseded = incoming.supersedes(dot) && listed.binary_search(&dot).is_err();
            // Of one writer the last event takes the place of the one before; a key lists one of each.
            let theirs = listed.binary_search_by_key(&dot.slot(), |listed| listed.slot());
            is_superseded || theirs.is_ok_and(|at| !incoming.is_known(listed[at]))
        };
        added - self.events_at(slot).iter().filter(|&(dot, _)| goes(dot)).count() as isize
    }

    #[inline]
    fn report(&self, slot: u32, was_live: bool, live: bool, changes: &mut Changes<S::Key>) {
        if let Some(kind) = kind(was_live, live) {
            changes.add(self.key_at(slot), kind);
        }
    }

    /// The general case: several events on either side. `mine` was taken out of `slot`. Compiled once, whatever theirs
    /// come from.
    fn weave(
        &mut self,
        slot: u32,
        was_live: bool,
        mut mine: Vec<Event<S::Value>>,
        theirs: &mut dyn Theirs<S::Value>,
        incoming: &Incoming<'_>,
        changes: &mut Changes<S::Key>,
    ) {
        let mut listed: Vec<PackedDot> = (0..theirs.len()).map(|at| theirs.dot(at)).collect();
        listed.sort_unstable();
        let mut changed = false;
        // Whoever names few writers supersedes events of theirs at most: the many others are not looked at.
        let few = 8 * incoming.writers() < mine.len();
        for writer in 0..if few { incoming.writers() as u32 } else { 1 } {
            let range = if few { place_of(&mine, incoming.slots.get(writer)) } else { 0..mine.len() };
            let gone =
                |event: &mut Event<_>| incoming.supersedes(event.dot) && listed.binary_search(&event.dot).is_err();
            for event in mine.extract_if(range, gone) {
                changed |= event.value.is_some();
                self.leave(&event);
            }
        }
        let sorted = mine.len();
        for at in 0..theirs.len() {
            let dot = theirs.dot(at);
            if incoming.is_known(dot) {
                continue;
            }
            let event = Event { dot, value: theirs.take(at) };
            changed |= event.value.is_some();
            // Of one writer only the last is maximal: it has seen the others.
            if let Some(place) = place_of(&mine[..sorted], dot.slot()).next() {
                let earlier = core::mem::replace(&mut mine[place], event);
                changed |= earlier.value.is_some();
                self.leave(&earlier);
                self.enter(slot, &mine[place]);
            } else {
                self.enter(slot, &event);
                mine.push(event);
            }
        }
        if mine.len() > sorted + 1 {
            mine.sort_unstable_by_key(|event| event.dot);
        } else if mine.len() > sorted
            && let Some(event) = mine.pop()
        {
            // As almost always. Of a writer that was not known it is the last one, and nothing moves.
            let place = place_of(&mine, event.dot.slot()).start;
            mine.insert(place, event);
        }
        if mutants::on(Mutant::DropLosersOnMerge) && mine.len() > 1 {
            mine.drain(1..).for_each(|event| self.leave(&event));
        }
        let live = mine.iter().any(|event| event.value.is_some());
        if changed {
            // Before settling: a key without events goes, and another one takes its slot.
            self.report(slot, was_live, live, changes);
        }
        self.settle(slot, was_live, mine);
    }
}

/// Where in an antichain, which is sorted, the event of a writer is, if it has one.
fn place_of<V>(events: &[Event<V>], writer: u32) -> Range<usize> {
    let place = events.partition_point(|event| event.dot.slot() < writer);
    let is_theirs = events.get(place).is_some_and(|event| event.dot.slot() == writer);
    place..place + usize::from(is_theirs)
}

fn kind(was_live: bool, live: bool) -> Option<ChangeKind> {
    match (was_live, live) {
        (false, true) => Some(ChangeKind::Added),
        (true, true) => Some(ChangeKind::Updated),
        (true, false) => Some(ChangeKind::Removed),
        (false, false) => None,
    }
}

impl<S: Kind> Fragment for DotStore<S> {
    type Delta = StoreDelta<S>;
    type Mut<'a> = Mut<'a, S>;
    type Change<'a> = Change<'a, <S::Key as Key>::Shown>;

    type View<'a> = View<'a, S>;

    fn view<'a>(&'a self, version: &'a VersionVector) -> View<'a, S> {
        View::new(self, version)
    }

    #[inline]
    fn edit(&mut self) -> Mut<'_, S> {
        Mut::new(self)
    }

    fn restamp(&mut self, restamp: &Restamp) {
        let Some(stamp) = S::RESTAMP else { return };
        let Raw(first) = restamp.first;
        let mut slots = Vec::new();
        self.visit_after(first.slot(), first.counter() - 1, &mut |counter, slot| {
            if restamp.takes(counter) {
                slots.push(slot);
            }
        });
        for slot in slots {
            self.change_only(slot, |value| stamp(value, restamp.at));
        }
    }

    fn begin_trial(&mut self) {
        self.begin_trial_here();
    }

    fn end_trial(&mut self, keep: bool) {
        self.end_trial_here(keep);
    }

    fn collect(&self, since: &Since<'_>) -> StoreDelta<S> {
        let mut delta = StoreDelta::default();
        self.visit_new(since, &mut |slot| {
            let before = delta.events.len();
            for (dot, value) in self.events_at(slot).iter() {
                let effect = match value {
                    _ if since.knows(dot) && mutants::on(Mutant::ListOnlyNewEvents) => continue,
                    _ if since.knows(dot) => Effect::Known,
                    Some(value) => Effect::Live(value.clone()),
                    None => Effect::Removed,
                };
                delta.events.push((dot, effect));
            }
            let events = (delta.events.len() - before) as u32;
            delta.keys.push((self.key_at(slot).clone(), events));
        });
        delta
    }

    fn check(&self, delta: &StoreDelta<S>) -> Result<(), ApplyError> {
        let fits = delta.keys.len() < Table::SLOT_MAX as usize - self.entry_count();
        if fits { Ok(()) } else { Err(ApplyError::TooManyKeys) }
    }

    fn check_from(&self, other: &Self, known: &VersionVector, theirs: &VersionVector) -> Result<(), ApplyError> {
        let fits = self.has_room_from(other, known, theirs, Table::SLOT_MAX as usize);
        if fits { Ok(()) } else { Err(ApplyError::TooManyKeys) }
    }

    type Changes = Changes<S::Key>;

    fn changes(wanted: bool) -> Self::Changes {
        Changes::new(wanted)
    }

    fn show_changes(changes: &Self::Changes, visit: Visit<'_, Self>) -> usize {
        changes.show(visit);
        changes.count()
    }

    fn absorb(&mut self, delta: StoreDelta<S>, incoming: &Incoming<'_>, changes: &mut Self::Changes) {
        self.reserve(delta.keys.len());
        let was_empty = self.entry_count() == 0;
        let mut rest = delta.events;
        for (dot, _) in &mut rest {
            *dot = incoming.translate(*dot);
        }
        let mut rest = &mut rest[..];
        for (mut key, count) in delta.keys {
            let (mut theirs, behind) = core::mem::take(&mut rest).split_at_mut(count as usize);
            rest = behind;
            key.translate(&Slots(&incoming.slots));
            self.reconcile(self.find_unless(was_empty, &key), || key, &mut theirs, incoming, changes);
        }
    }

    fn absorb_from(&mut self, other: &Self, since: &Since<'_>, incoming: &Incoming<'_>, changes: &mut Self::Changes) {
        self.reserve(other.entry_count());
        let was_empty = self.entry_count() == 0;
        let slots = Slots(&incoming.slots);
        other.visit_new(since, &mut |slot| {
            // A key without a writer in it is the same on both sides, so it is not cloned to be found.
            let theirs = other.key_at(slot);
            let found = match theirs.writer() {
                Some(_) => self.find_unless(was_empty, &theirs.translated(&slots)),
                None => self.find_unless(was_empty, theirs),
            };
            let mut events = Borrowed { events: other.events_at(slot), incoming };
            self.reconcile(found, || theirs.translated(&slots), &mut events, incoming, changes);
        });
    }

    fn live_within(&self, since: &Since<'_>, visit: &mut dyn FnMut(Raw)) {
        for (_, events) in self.entries() {
            for (dot, _) in events.live() {
                if since.knows(dot) {
                    visit(Raw(dot));
                }
            }
        }
    }

    fn listed(delta: &StoreDelta<S>, visit: &mut dyn FnMut(Raw)) {
        delta.events.iter().for_each(|&(dot, _)| visit(Raw(dot)));
    }

    fn named(delta: &StoreDelta<S>, visit: &mut dyn FnMut(u32)) {
        delta.keys.iter().flat_map(|(key, _)| key.writer().into_iter().chain(key.partner())).for_each(visit);
    }

    fn retain_live(&mut self, keep: &dyn Fn(Raw) -> bool, changes: &mut Self::Changes) {
        let mut gone = Vec::new();
        for (slot, (_, events)) in self.entries().enumerate() {
            let drops_removals = mutants::on(Mutant::LiveSetDropsRemovals);
            let mut drops = events.iter().filter(|(_, value)| value.is_some() || drops_removals);
            if drops.any(|(dot, _)| !keep(Raw(dot))) {
                gone.push(slot as u32);
            }
        }
        // From the back, so that no slot moves before its turn.
        for &slot in gone.iter().rev() {
            let was_live = self.is_live(slot);
            let mut events = self.unsettle(slot);
            events.retain(|event| {
                let removal = event.value.is_none() && !mutants::on(Mutant::LiveSetDropsRemovals);
                let keep = removal || keep(Raw(event.dot));
                if !keep {
                    self.leave(event);
                }
                keep
            });
            let live = events.iter().any(|event| event.value.is_some());
            self.report(slot, was_live, live, changes);
            self.settle(slot, was_live, events);
        }
    }

    fn holds(&self, dot: Raw) -> bool {
        self.holding(dot.0).is_some()
    }

    fn events_and_names(&self) -> (usize, usize) {
        (self.event_count(), self.lookup().names())
    }

    fn growth(&self, delta: &StoreDelta<S>, incoming: &Incoming<'_>) -> (isize, usize) {
        let names = self.lookup().new_names(&mut delta.keys.iter().map(|(key, _)| key));
        let (mut events, mut growth) = (&delta.events[..], 0);
        for (key, count) in &delta.keys {
            let (theirs, behind) = events.split_at(*count as usize);
            events = behind;
            growth += self.growth_of(key, theirs, incoming);
        }
        (growth, names)
    }

    #[inline]
    fn counts(&self) -> (usize, usize) {
        (self.live_keys(), self.removals())
    }

    fn discard_removals(
        &mut self,
        at_most: usize,
        may: &mut dyn FnMut(Raw) -> bool,
        visit: &mut dyn FnMut(Raw),
    ) -> usize {
        DotStore::discard_removals(self, at_most, &mut |dot| may(Raw(dot)), |dot| visit(Raw(dot)))
    }

    fn rebuild(&mut self) {
        DotStore::rebuild(self);
    }

    fn same_live(&self, other: &Self, incoming: &Incoming<'_>) -> bool {
        if self.live_keys() != other.live_keys() {
            return false;
        }
        let slots = Slots(&incoming.slots);
        self.entries_live() == other.entries_live()
            && other.entries().all(|(key, theirs)| {
                let mut theirs: Vec<_> = theirs.live().map(|(dot, value)| (incoming.translate(dot), value)).collect();
                if theirs.is_empty() {
                    return true;
                }
                let Ok(slot) = self.find(&key.translated(&slots)) else { return false };
                let mine = self.events_at(slot);
                let mut mine: Vec<_> = mine.live().collect();
                mine.sort_unstable_by_key(|&(dot, _)| dot);
                theirs.sort_unstable_by_key(|&(dot, _)| dot);
                mine == theirs
            })
    }

    fn missing_of(&self, lost: &Self, incoming: &Incoming<'_>, name: &mut dyn FnMut(Raw) -> Raw) -> StoreDelta<S> {
        self.missing(lost, incoming, name)
    }

    fn collect_counts(&self, own: &dyn Fn(u32) -> bool) -> StoreDelta<S> {
        self.counts_of(own)
    }

    fn collect_new_counts(&self, since: &Since<'_>, own: &dyn Fn(u32) -> bool, upto: &[u64]) -> StoreDelta<S> {
        self.new_counts_of(since, own, upto)
    }

    fn rename(delta: &mut StoreDelta<S>, shared: &Self, renaming: &mut Renaming) {
        delta.rename(shared, renaming);
    }

    #[cfg(any(test, feature = "mutants"))]
    fn assert_consistent(&self, writers: u32) {
        DotStore::assert_consistent(self, writers);
    }
}

#[cfg(test)]
mod tests {
    use crate::{Crdt, OrSet, Writer};

    /// A merge that has no room for its keys is refused before anything has changed: of those keys the new ones count.
    #[test]
    fn the_new_keys_of_a_merge_are_counted_where_they_might_be_too_many() {
        let (mut here, mut there) = (OrSet::new(), OrSet::new());
        let (mut tokyo, mut london) = (Writer::from_seed(1), Writer::from_seed(2));
        (0..5).for_each(|i| _ = here.insert(&mut tokyo, i));
        there.merge(&here);
        (5..8).for_each(|i| _ = there.insert(&mut london, i));
        let room = |most| here.body.has_room_from(&there.body, here.version(), there.version(), most);
        assert_eq!([9, 14].map(room), [true; 2], "three keys are new, and five are known");
        assert!(!room(8), "the last slot is never used");
        assert_eq!(here.try_merge(&there).map(|applied| applied.events), Ok(3));
    }
}
