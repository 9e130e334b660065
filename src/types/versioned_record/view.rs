use alloc::vec::Vec;

use super::Versioned;
use super::event::{FieldEvent, Named, RecordKey, has_live};
use super::policy::{DeletePolicy, Deletes};
use crate::causality::{Dot, PackedDot, VersionVector};
use crate::kernel::{Data, Events, EventsOf, Hashed, View, reads};
use crate::mutants::{self, Mutant};
use crate::types::conflict::{Conflict, ConflictKind, Version, differ};
use crate::types::{ResolveError, Resolved, Resolver};

/// What the marks of deletions in a record say.
pub(super) struct Marks {
    /// The deletions that a live value beside one of their marks overrules. Sorted.
    pub(super) overruled: Vec<Dot>,
    /// The deletion of the record that its header is marked with; of several the greatest.
    pub(super) record: Option<Dot>,
}

impl Marks {
    /// Whether a deletion is in conflict with an update, or was.
    pub(super) const fn are_in_question(&self) -> bool {
        self.record.is_some() || !self.overruled.is_empty()
    }

    fn overrule(&self, deletion: Dot) -> bool {
        self.overruled.binary_search(&deletion).is_ok()
    }
}

/// What there is of a field.
pub(super) enum Standing<'a, V> {
    /// Nothing, or what a deletion hides.
    Nothing,
    /// These versions, of which one is shown.
    There(Vec<Version<&'a V>>),
    /// All versions of what may be deleted and may be there.
    Undecided(Vec<Version<&'a V>>),
}

impl<'a, V: Data, P: DeletePolicy, E: Events<'a, Kind = Versioned<V, P>>> View<'a, Versioned<V, P>, E> {
    /// Only keys with siblings can have a mark and a live value: costs O(conflicts).
    pub(super) fn marks(self) -> Marks {
        let events = self.events;
        let mut overruled = Vec::new();
        let any_live =
            mutants::on(Mutant::OverruleAnyDeletion) && events.slots().any(|slot| has_live(&events.events_at(slot)));
        let slots: Vec<u32> = if any_live { events.slots().collect() } else { events.siblings() };
        for slot in slots {
            let events = events.events_at(slot);
            if has_live(&events) || any_live {
                overruled.extend(events.live().filter_map(|(_, event)| event.deletion()));
            }
        }
        overruled.sort_unstable();
        overruled.dedup();
        let by_field = self.policy.deletes() == Deletes::UpdateWins || mutants::on(Mutant::HeaderMarkHidesNothing);
        let header = if by_field { None } else { events.find(&Hashed(RecordKey::Record)) };
        let record = header.and_then(|slot| self.deletion_at(slot));
        Marks { overruled, record }
    }

    /// The greatest deletion that a key is marked with.
    pub(super) fn deletion_at(self, slot: u32) -> Option<Dot> {
        self.events.events_at(slot).live().filter_map(|(_, event)| event.deletion()).max()
    }

    /// The versions of a field that are there if updates win, in the order of their dots: the live ones, or what
    /// deletions kept that all are overruled.
    pub(super) fn candidates(self, slot: u32, marks: &Marks) -> Vec<Version<&'a V>> {
        let events = self.events.events_at(slot);
        let mut versions = versions(&events, self.version);
        if has_live(&events) {
            versions.retain(|version| !version.deleted);
        } else if events.live().filter_map(|(_, event)| event.deletion()).all(|deletion| marks.overrule(deletion)) {
            versions.retain(|version| version.value.is_some());
        } else {
            versions.clear();
        }
        versions
    }

    /// What there is of a field, by the policy.
    pub(super) fn standing(self, slot: u32, marks: &Marks) -> Standing<'a, V> {
        let candidates = self.candidates(slot, marks);
        if candidates.is_empty() {
            return Standing::Nothing;
        }
        let in_question = || marks.record.is_some() || self.deletion_at(slot).is_some();
        match self.policy.deletes() {
            Deletes::DeleteWins if in_question() => Standing::Nothing,
            Deletes::Ask if in_question() => Standing::Undecided(versions(&self.events.events_at(slot), self.version)),
            _ => Standing::There(candidates),
        }
    }

    /// All versions of the key at a slot.
    pub(crate) fn versions_at(self, slot: u32) -> Vec<Version<&'a V>> {
        versions(&self.events.events_at(slot), self.version)
    }

    pub(super) fn slot_of(self, field: &str) -> Option<u32> {
        self.events.find_like(&Named(field))
    }

    pub(super) fn key_at(self, slot: u32) -> &'a RecordKey {
        &self.events.key_at(slot).0
    }

    pub(super) fn field_slots(self) -> impl Iterator<Item = u32> {
        self.events.slots().filter(move |&slot| *self.key_at(slot) != RecordKey::Record)
    }

    pub(crate) fn conflict_at(self, slot: u32) -> Option<Conflict<&'a RecordKey, &'a V>> {
        let events = self.events.events_at(slot);
        let versions = versions(&events, self.version);
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
        let marks = self.marks();
        let shown = self.field_slots().filter_map(|slot| Some((slot, latest(self.standing(slot, &marks))?)));
        shown.collect()
    }

    /// As `visible`, in the order of the first dots.
    pub(super) fn fields(self) -> Vec<(&'a str, &'a V)> {
        let mut visible = self.visible();
        visible.sort_by_cached_key(|&(slot, _)| self.events.first_dot(slot, self.version));
        let named = visible.into_iter().filter_map(|(slot, value)| Some((self.key_at(slot).field()?, value)));
        named.collect()
    }

    /// The keys that hold nothing but marks of deletions none of which is overruled.
    pub(super) fn standing_deletions(self) -> Vec<(u32, Dot)> {
        let marks = self.marks();
        let standing = self.events.slots().filter_map(|slot| {
            let events = self.events.events_at(slot);
            let deletion = |(dot, event): (PackedDot, &FieldEvent<V>)| {
                Some((self.version.dot(dot.slot(), dot.counter()), event.deletion()?))
            };
            // The last one, in whichever order they were heard of.
            let (_, deletion) = events.live().filter_map(deletion).max()?;
            let mut deletions = events.live().map(|(_, event)| event.deletion());
            let stands = deletions.all(|deletion| deletion.is_some_and(|deletion| !marks.overrule(deletion)));
            stands.then_some((slot, deletion))
        });
        standing.collect()
    }
}

/// The last of the versions of a field that are there.
pub(super) fn latest<'a, V>(standing: Standing<'a, V>) -> Option<&'a V> {
    match standing {
        Standing::There(versions) => versions.into_iter().max_by_key(Version::order)?.value,
        Standing::Nothing | Standing::Undecided(_) => None,
    }
}

/// All versions of a key in the order of their dots.
pub(super) fn versions<'a, V>(events: &EventsOf<'a, FieldEvent<V>>, version: &VersionVector) -> Vec<Version<&'a V>> {
    let shown = |(dot, event): (Dot, &'a FieldEvent<V>)| Version {
        value: event.value(),
        deleted: !event.is_live(),
        dot,
        timestamp: Some(event.at),
    };
    events.by_dot(version).into_iter().map(shown).collect()
}

reads! { impl[V: Data, P: DeletePolicy] Versioned<V, P> {
    /// What a field shows: of concurrent values the latest. What is undecided under [`Ask`](crate::Ask) shows nothing.
    #[must_use]
    fn get(view, field: &str) -> Option<&'a V> {
        let slot = view.slot_of(field)?;
        latest(view.standing(slot, &view.marks()))
    }

    /// What a field shows: of concurrent values what the resolver makes of them.
    ///
    /// Whether an update or a deletion wins is not the resolver's, but the [`DeletePolicy`]'s. What is undecided under
    /// [`Ask`](crate::Ask) is a conflict whatever the resolver, with the deletions among its versions.
    ///
    /// # Errors
    /// [`ResolveError`] if the resolver is found not to be a function of the versions.
    fn get_by(view, field: &str, resolver: Resolver<'_, V>) -> Result<Resolved<'a, V>, ResolveError> {
        let Some(slot) = view.slot_of(field) else { return Ok(Resolved::Nothing) };
        match view.standing(slot, &view.marks()) {
            Standing::Nothing => Ok(Resolved::Nothing),
            Standing::There(versions) => resolver.resolve(versions),
            Standing::Undecided(versions) => Ok(Resolved::Conflict(versions)),
        }
    }

    /// All concurrent versions of a field, deletions too, in the order of their dots.
    #[must_use]
    fn versions(view, field: &str) -> Vec<Version<&'a V>> {
        let slot = view.slot_of(field);
        slot.map_or_else(Vec::new, |slot| versions(&view.events.events_at(slot), view.version))
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

    /// The conflict about a field, if there is one.
    #[must_use]
    fn conflict(view, field: &str) -> Option<Conflict<&'a RecordKey, &'a V>> {
        view.conflict_at(view.slot_of(field)?)
    }

    /// The conflicts, in the order of their first dots: the same under all policies. Costs O(keys with concurrent
    /// events).
    #[must_use]
    fn conflicts(view) -> Vec<Conflict<&'a RecordKey, &'a V>> {
        let conflicts = view.events.siblings().into_iter().filter_map(|slot| view.conflict_at(slot));
        let mut conflicts: Vec<_> = conflicts.collect();
        conflicts.sort_unstable_by_key(|conflict| conflict.versions[0].dot);
        conflicts
    }
} }
