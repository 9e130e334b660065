use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::{self, Debug};

use hashbrown::Equivalent;
use serde::{Deserialize, Serialize};

use super::conflict::{Conflict, ConflictKind, Resolver, Version, differ};
use super::tag;
use crate::causality::{Dot, PackedDot, Timestamp, VersionVector, Writer};
use crate::kernel::{
    Causal, Data, DotStore, Edit, Events, EventsMut, EventsOf, Hashed, Kind, Mut, ShowKind, View, payload, reads,
};
use crate::mutants::{self, Mutant};

/// A record of named fields, which merges by field and shows every conflict.
///
/// Deleting it is a change like any other: it keeps the values, so that a concurrent update is a
/// conflict that a person can see and settle, and neither side is lost.
///
/// | concurrent | result |
/// |---|---|
/// | set f ∥ set g | both |
/// | set f ∥ set f | the later one is read; a write-write conflict, or insert-insert if both created f |
/// | set f ∥ delete | the record survives with the new f; an update-delete conflict |
/// | set f ∥ remove f | the new f survives; an update-delete conflict |
/// | delete ∥ delete | deleted |
///
/// A deletion is *overruled* when a field, or the record's header, has both its mark and a live
/// value. Then the fields that it deleted show the values that it kept, as long as no other deletion
/// that stands deleted them too. Writing into such a conflict brings those fields back for good.
/// Setting a field again after a deletion overwrites its marks on that field and on the header: only
/// the marks that are left can then be overruled by an update that was concurrent with the deletion.
/// After a delete that was concurrent with an update, a third party that has seen only the delete
/// and writes a field again does not bring the other fields back.
///
/// ```
/// use dotted::{ConflictKind, Crdt, VersionedRecord, Writer};
///
/// let (mut tokyo, mut london) = (Writer::new(), Writer::new());
/// let mut here = VersionedRecord::new();
/// here.set(&mut tokyo, "email", "ana@example.com".to_string());
/// here.set(&mut tokyo, "phone", "+81 1".to_string());
/// let mut there = here.clone();
///
/// here.delete(&mut tokyo);
/// there.set(&mut london, "phone", "+44 2".to_string());
/// here.merge(&there);
/// assert_eq!(here.get("email").unwrap(), "ana@example.com");
/// assert_eq!(here.get("phone").unwrap(), "+44 2");
/// assert_eq!(here.conflicts()[0].kind, ConflictKind::UpdateDelete);
///
/// let choice = here.get("phone").unwrap().clone();
/// here.resolve(&mut tokyo, "phone", choice);
/// assert!(here.conflicts().is_empty());
/// assert_eq!(here.len(), 2);
/// ```
///
/// Reading a field costs O(its versions + conflicts of the record), writing one O(fields) besides while a
/// deletion is in conflict; `delete` and `iter` cost O(fields), `conflicts` O(conflicts).
pub type VersionedRecord<V> = Causal<RecordBody<V>>;
/// The body of a [`VersionedRecord`], for values made of values.
pub type RecordBody<V> = DotStore<Versioned<V>>;

/// The kind of a [`VersionedRecord`]: fields and a header, live or marked as deleted.
#[derive(Debug)]
pub struct Versioned<V>(core::marker::PhantomData<V>);

/// What a conflict of a record is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RecordKey {
    /// The record as a whole: deleted here, and given a new field there.
    Record,
    /// A field.
    Field(Arc<str>),
}

impl RecordKey {
    /// The name of the field.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Record => None,
            Self::Field(name) => Some(name),
        }
    }
}

/// A field's name, borrowed, that hashes as its key does.
struct Named<'a>(&'a str);

impl core::hash::Hash for Named<'_> {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        // As derived for `RecordKey::Field`.
        core::mem::discriminant(&RecordKey::Field(Arc::default())).hash(state);
        self.0.hash(state);
    }
}

impl Equivalent<RecordKey> for Named<'_> {
    fn equivalent(&self, key: &RecordKey) -> bool {
        key.field() == Some(self.0)
    }
}

/// What an event says of a field or of the header.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FieldEvent<V> {
    at: Timestamp,
    /// There was no live value here.
    created: bool,
    state: FieldState<V>,
}
payload!(FieldEvent<V>, V: Data);

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum FieldState<V> {
    /// The record is there: the header alone says so.
    Header,
    /// A value.
    Live(V),
    /// Deleted, with the value that was visible, by this deletion: the first dot of its group.
    Deleted { kept: V, deletion: Dot },
    /// Deleted without a value: the header, or a field whose kept value was erased.
    Gone { deletion: Dot },
}

impl<V> FieldEvent<V> {
    fn is_live(&self) -> bool {
        matches!(self.state, FieldState::Header | FieldState::Live(_))
    }

    fn value(&self) -> Option<&V> {
        match &self.state {
            FieldState::Live(value) | FieldState::Deleted { kept: value, .. } => Some(value),
            FieldState::Header | FieldState::Gone { .. } => None,
        }
    }

    fn deletion(&self) -> Option<Dot> {
        match &self.state {
            FieldState::Header | FieldState::Live(_) => None,
            FieldState::Deleted { deletion, .. } | FieldState::Gone { deletion } => Some(*deletion),
        }
    }
}

impl<V: Data> Kind for Versioned<V> {
    type Key = Hashed<RecordKey>;
    type Value = FieldEvent<V>;
    const TAG: u8 = tag::VERSIONED_RECORD;
    const NAME: &'static str = "VersionedRecord";

    fn admits(_: u32, key: &Self::Key, event: &FieldEvent<V>) -> bool {
        match event.state {
            FieldState::Header => key.0 == RecordKey::Record,
            FieldState::Live(_) | FieldState::Deleted { .. } => key.0 != RecordKey::Record,
            FieldState::Gone { .. } => true,
        }
    }

    fn rename(event: &mut FieldEvent<V>, name: &dyn Fn(Dot) -> Dot) {
        if let FieldState::Deleted { deletion, .. } | FieldState::Gone { deletion } = &mut event.state {
            *deletion = name(*deletion);
        }
    }
}

/// The deletions of a record that a live value beside one of their marks overrules. Sorted.
struct Overruled(Vec<Dot>);

impl Overruled {
    fn contains(&self, deletion: Dot) -> bool {
        self.0.binary_search(&deletion).is_ok()
    }
}

impl<'a, V: Data, E: Events<'a, Kind = Versioned<V>>> View<'a, Versioned<V>, E> {
    /// Only keys with siblings can have a mark and a live value: costs O(conflicts).
    fn overruled(self) -> Overruled {
        let events = self.events;
        let mut overruled = Vec::new();
        let any_live =
            mutants::on(Mutant::OverruleAnyDeletion) && events.slots().any(|slot| has_live(&events.events_at(slot)));
        let slots: Vec<u32> = if any_live { events.slots().collect() } else { events.siblings().collect() };
        for slot in slots {
            let events = events.events_at(slot);
            if has_live(&events) || any_live {
                overruled.extend(events.live().filter_map(|(_, event)| event.deletion()));
            }
        }
        overruled.sort_unstable();
        overruled.dedup();
        Overruled(overruled)
    }

    /// The event whose value a field shows.
    fn shown(self, slot: u32, overruled: &Overruled, resolver: Resolver<'_>) -> Option<Version<'a, V>> {
        let Self { events, version, .. } = self;
        let events = events.events_at(slot);
        if has_live(&events) {
            return resolver.choose(versions(&events, version).filter(|version| !version.deleted));
        }
        let mut marks = events.live().filter_map(|(_, event)| event.deletion());
        if !marks.all(|deletion| overruled.contains(deletion)) {
            return None;
        }
        resolver.choose(versions(&events, version)).filter(|version| version.value.is_some())
    }

    fn slot_of(self, field: &str) -> Option<u32> {
        self.events.find_like(&Named(field))
    }

    fn key_at(self, slot: u32) -> &'a RecordKey {
        &self.events.key_at(slot).0
    }

    fn conflict_at(self, slot: u32) -> Option<Conflict<'a, RecordKey, V>> {
        let events = self.events.events_at(slot);
        let versions: Vec<_> = versions(&events, self.version).collect();
        let live = || versions.iter().filter(|version| !version.deleted);
        let kind = if live().next().is_some() && live().count() < versions.len() {
            ConflictKind::UpdateDelete
        } else if !differ(live().filter_map(|version| version.value)) {
            return None;
        } else if events.live().all(|(_, event)| event.created) {
            ConflictKind::InsertInsert
        } else {
            ConflictKind::WriteWrite
        };
        Some(Conflict { key: self.key_at(slot), kind, versions })
    }

    /// The fields that show something, with what they show, in no particular order.
    fn visible(self) -> Vec<(u32, &'a V)> {
        let overruled = self.overruled();
        let slots = self.events.slots().filter(|&slot| *self.key_at(slot) != RecordKey::Record);
        let shown = slots.filter_map(|slot| {
            let shown = self.shown(slot, &overruled, Resolver::Latest)?;
            Some((slot, shown.value?))
        });
        shown.collect()
    }

    /// As `visible`, in the order of the first dots.
    fn fields(self) -> Vec<(&'a str, &'a V)> {
        let mut visible = self.visible();
        visible.sort_by_cached_key(|&(slot, _)| self.events.first_dot(slot, self.version));
        let named = visible.into_iter().filter_map(|(slot, value)| Some((self.key_at(slot).field()?, value)));
        named.collect()
    }

    /// The keys that hold nothing but marks of deletions none of which is overruled.
    fn standing_deletions(self) -> Vec<(u32, Dot)> {
        let overruled = self.overruled();
        let standing = self.events.slots().filter_map(|slot| {
            let events = self.events.events_at(slot);
            let deletion = events.live().find_map(|(_, event)| event.deletion())?;
            let mut marks = events.live().map(|(_, event)| event.deletion());
            let stands = marks.all(|mark| mark.is_some_and(|mark| !overruled.contains(mark)));
            stands.then_some((slot, deletion))
        });
        standing.collect()
    }
}

fn has_live<V>(events: &EventsOf<'_, FieldEvent<V>>) -> bool {
    events.live().any(|(_, event)| event.is_live())
}

fn versions<'a, V>(
    events: &EventsOf<'a, FieldEvent<V>>,
    version: &VersionVector,
) -> impl Iterator<Item = Version<'a, V>> {
    let mut versions: Vec<_> = events
        .live()
        .map(|(dot, event)| Version {
            value: event.value(),
            deleted: !event.is_live(),
            dot: version.dot(dot.slot(), dot.counter()),
            timestamp: event.at,
        })
        .collect();
    versions.sort_by_key(|version| version.dot);
    versions.into_iter()
}

/// Writes to a [`VersionedRecord`] within an edit.
pub type RecordMut<'e, V> = Mut<'e, Versioned<V>>;

impl<'e, V: Data, E: EventsMut<'e, Kind = Versioned<V>>> Mut<'e, Versioned<V>, E> {
    fn view<'v>(&'v self, edit: &'v Edit<'_>) -> View<'v, Versioned<V>, impl Events<'v, Kind = Versioned<V>>> {
        View::new(self.events.read(), edit.version())
    }

    /// Sets a field, superseding all of its versions.
    pub fn set(&mut self, edit: &mut Edit<'e>, field: &str, value: V) -> Dot {
        let view = self.view(edit);
        let overruled = view.overruled();
        let created = !view.slot_of(field).is_some_and(|slot| has_live(&view.events.events_at(slot)));
        if created || !overruled.0.is_empty() {
            self.revive(edit, &overruled, field);
        }
        self.put(edit, RecordKey::Field(field.into()), FieldState::Live(value))
    }

    /// Makes the header live, and writes again what only an overruled deletion kept.
    fn revive(&mut self, edit: &mut Edit<'e>, overruled: &Overruled, except: &str) {
        if !overruled.0.is_empty() && !mutants::on(Mutant::NoRewriteOfRevived) {
            let view = self.view(edit);
            let slots = view.events.slots();
            let brought_back: Vec<(RecordKey, V)> = slots
                .filter(|&slot| view.key_at(slot).field().is_some_and(|field| field != except))
                .filter(|&slot| !has_live(&view.events.events_at(slot)))
                .filter_map(|slot| {
                    let shown = view.shown(slot, overruled, Resolver::Latest)?;
                    Some((view.key_at(slot).clone(), shown.value?.clone()))
                })
                .collect();
            for (key, value) in brought_back {
                // No later than it has to be: what a person writes meanwhile is to win.
                let at = self.greatest(&key).map_or(Timestamp::default(), Timestamp::next);
                self.put_stamped(edit, key, FieldState::Live(value), at);
            }
        }
        if mutants::on(Mutant::NoHeader) {
            return;
        }
        let fresh = |dot: PackedDot, event: &FieldEvent<V>| event.is_live() && edit.wrote(dot);
        let events = self.events.read();
        let written = events.find(&Hashed(RecordKey::Record)).is_some_and(|slot| {
            let events = events.events_at(slot);
            events.live().any(|(dot, event)| fresh(dot, event))
        });
        if !written {
            self.put(edit, RecordKey::Record, FieldState::Header);
        }
    }

    fn put(&mut self, edit: &mut Edit<'e>, key: RecordKey, state: FieldState<V>) -> Dot {
        let at = edit.stamp(self.greatest(&key));
        self.put_stamped(edit, key, state, at)
    }

    /// The greatest stamp among the events of a key.
    fn greatest(&self, key: &RecordKey) -> Option<Timestamp> {
        let events = self.events.read();
        let slot = events.find(&Hashed(key.clone()))?;
        events.events_at(slot).live().map(|(_, event)| event.at).max()
    }

    fn put_stamped(&mut self, edit: &mut Edit<'e>, key: RecordKey, state: FieldState<V>, at: Timestamp) -> Dot {
        let key = Hashed(key);
        let events = self.events.read();
        let found = events.find(&key).map(|slot| events.events_at(slot));
        let created =
            !found.is_some_and(|events| has_live(&events)) && matches!(state, FieldState::Header | FieldState::Live(_));
        self.events.write(edit, key, Some(FieldEvent { at, created, state }))
    }

    /// Removes a field, if it shows something. A concurrent `set` of it survives, as a conflict.
    pub fn remove(&mut self, edit: &mut Edit<'e>, field: &str) -> Option<Dot> {
        let view = self.view(edit);
        let overruled = view.overruled();
        let kept = view.shown(view.slot_of(field)?, &overruled, Resolver::Latest)?.value?.clone();
        if !overruled.0.is_empty() {
            self.revive(edit, &overruled, field);
        }
        let deletion = edit.next_dot();
        Some(self.put(edit, RecordKey::Field(field.into()), FieldState::Deleted { kept, deletion }))
    }

    /// Deletes the record, if it shows anything. Returns the deletion's name: its first event.
    pub fn delete(&mut self, edit: &mut Edit<'e>) -> Option<Dot> {
        let view = self.view(edit);
        let visible = view.visible().into_iter().map(|(slot, value)| (view.key_at(slot).clone(), value.clone()));
        let visible: Vec<_> = visible.collect();
        if visible.is_empty() {
            return None;
        }
        let deletion = edit.next_dot();
        for (key, value) in visible {
            self.put(edit, key, FieldState::Deleted { kept: value, deletion });
        }
        if !mutants::on(Mutant::NoHeader) {
            self.put(edit, RecordKey::Record, FieldState::Gone { deletion });
        }
        Some(deletion)
    }

    /// Forgets the values that standing deletions kept. Only the fact of the deletion stays.
    pub fn erase(&mut self, edit: &mut Edit<'e>) -> Option<Dot> {
        let mut last = None;
        for (slot, deletion) in self.view(edit).standing_deletions() {
            let events = self.events.read();
            if events.events_at(slot).live().any(|(_, event)| event.value().is_some()) {
                let key = events.key_at(slot).0.clone();
                last = Some(self.put(edit, key, FieldState::Gone { deletion }));
            }
        }
        last
    }

    /// Forgets standing deletions altogether: a later update that had not seen them is no conflict.
    pub fn purge(&mut self, edit: &mut Edit<'e>) -> Option<Dot> {
        let standing = self.view(edit).standing_deletions();
        standing.into_iter().map(|(slot, _)| self.events.write_at(edit, slot, None)).last()
    }
}

reads! { impl[V: Data] Versioned<V> {
    /// What a field shows: of concurrent values the latest.
    #[must_use]
    fn get(view, field: &str) -> Option<&'a V> {
        view.get_by(field, Resolver::Latest)
    }

    /// What a field shows: of concurrent values the one that the resolver chooses.
    #[must_use]
    fn get_by(view, field: &str, resolver: Resolver<'_>) -> Option<&'a V> {
        let slot = view.slot_of(field)?;
        view.shown(slot, &view.overruled(), resolver)?.value
    }

    /// All concurrent versions of a field, deletions too, in the order of their dots.
    #[must_use]
    fn versions(view, field: &str) -> Vec<Version<'a, V>> {
        let slot = view.slot_of(field);
        slot.map_or_else(Vec::new, |slot| versions(&view.events.events_at(slot), view.version).collect())
    }

    /// The fields and what they show, in the order of their dots: the same on all replicas.
    fn iter(view) -> impl ExactSizeIterator<Item = (&'a str, &'a V)> {
        view.fields().into_iter()
    }

    /// The number of fields that show something.
    #[must_use]
    fn len(view) -> usize {
        view.visible().len()
    }

    /// Whether no field shows anything: nothing was set, or all was deleted.
    #[must_use]
    fn is_empty(view) -> bool {
        view.len() == 0
    }

    /// The conflicts, in the order of their first dots. Costs O(conflicts).
    #[must_use]
    fn conflicts(view) -> Vec<Conflict<'a, RecordKey, V>> {
        let conflicts = view.events.siblings().filter_map(|slot| view.conflict_at(slot));
        let mut conflicts: Vec<_> = conflicts.collect();
        conflicts.sort_by_key(|conflict| conflict.versions[0].dot);
        conflicts
    }
} }

impl<V: Data> VersionedRecord<V> {
    /// Sets a field, superseding all of its versions.
    pub fn set(&mut self, writer: &mut Writer, field: &str, value: V) -> Dot {
        self.edit(writer, |mut record, edit| record.set(edit, field, value))
    }

    /// Sets fields as one group.
    pub fn extend<'f>(&mut self, writer: &mut Writer, fields: impl IntoIterator<Item = (&'f str, V)>) {
        self.edit(writer, |mut record, edit| {
            for (field, value) in fields {
                record.set(edit, field, value);
            }
        });
    }

    /// Settles the conflict of a field: supersedes all of its versions. The same as
    /// [`set`](VersionedRecord::set).
    pub fn resolve(&mut self, writer: &mut Writer, field: &str, value: V) -> Dot {
        self.set(writer, field, value)
    }

    /// Removes a field, if it shows something. A concurrent `set` of it survives, as a conflict.
    pub fn remove(&mut self, writer: &mut Writer, field: &str) -> Option<Dot> {
        self.edit(writer, |mut record, edit| record.remove(edit, field))
    }

    /// Deletes the record, if it shows anything. A concurrent update survives, as a conflict.
    /// Returns the deletion's name: its first event.
    pub fn delete(&mut self, writer: &mut Writer) -> Option<Dot> {
        self.edit(writer, |mut record, edit| record.delete(edit))
    }

    /// Forgets the values that standing deletions kept, everywhere. Only the fact of the deletion
    /// stays. What a deletion in conflict keeps is not touched, so settle conflicts first;
    /// `None` says that there was nothing to erase now.
    pub fn erase(&mut self, writer: &mut Writer) -> Option<Dot> {
        self.edit(writer, |mut record, edit| record.erase(edit))
    }

    /// Forgets standing deletions altogether, when all replicas are known to have seen them: a later
    /// update that had not is then no conflict.
    pub fn purge(&mut self, writer: &mut Writer) -> Option<Dot> {
        self.edit(writer, |mut record, edit| record.purge(edit))
    }
}

impl<V: Data + Debug> ShowKind for Versioned<V> {
    fn show<'a>(view: View<'a, Self, impl Events<'a, Kind = Self>>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VersionedRecord ")?;
        f.debug_map().entries(view.fields()).finish()
    }
}
