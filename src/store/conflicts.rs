//! The conflicts of all values of a store, and how they are settled.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::event::{ByName, StoreEvent};
use super::key::{InnerKey, Named, StoreKey, ValueKind};
use super::named::{Name, NameEvents, NameMut};
use super::store::{Fields, RecordPart, Store};
use super::value::Value;
use crate::causality::{Dot, Timestamp, Writer};
use crate::kernel::{Edit, Events, Hashed, Key, Mut, OwnedForm, Part, View};
use crate::types::conflict::{
    Choices, Conflict, Settled, Version, Written, choices, conflict_at, settle, trim, versions,
};
use crate::types::{Deletes, RecordChoice, RecordKey, ResolveError, Resolver};

/// A key of a store with concurrent versions that differ.
pub type StoreConflict<'a> = Conflict<&'a StoreKey, &'a Value>;

/// This key cannot be settled by a value: it is no register's, no map's and no field of a record. Nothing was written.
///
/// A record as a whole is kept by [`restore`](crate::VersionedRecord::restore) and deleted by
/// [`delete`](crate::VersionedRecord::delete).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoSuchKey;

impl fmt::Display for NoSuchKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no value can be written to this key")
    }
}

impl core::error::Error for NoSuchKey {}

impl StoreKey {
    /// The key of a value: the element of a set, the key of a map, the field of a record or null for the record as a
    /// whole; none for a register or a flag. `None` if this type has no such key, as counters have none of the
    /// application's.
    #[must_use]
    pub fn new(named: Named, key: Option<Value>) -> Option<Self> {
        Self::from_form(Some(named), key.map_or(OwnedForm::Nothing, OwnedForm::Content))
    }
}

impl Written for StoreEvent {
    type Value = Value;

    fn value(&self) -> Option<&Value> {
        match self {
            Self::Stamped(stamped) => stamped.value(),
            Self::Plain(plain) => plain.value(),
            _ => None,
        }
    }

    fn timestamp(&self) -> Option<Timestamp> {
        if let Self::Stamped(stamped) = self { stamped.timestamp() } else { None }
    }

    fn after(last: Option<Timestamp>, value: Value) -> Self {
        match last {
            Some(_) => Self::Stamped(Written::after(last, value)),
            None => Self::Plain(Written::after(last, value)),
        }
    }
}

impl<'a> View<'a, ByName> {
    fn conflict_at(self, slot: u32) -> Option<StoreConflict<'a>> {
        let key = self.events.key_at(slot);
        if key.kind() != ValueKind::Record {
            return conflict_at(self.events, self.version, slot);
        }
        let number = self.events.lookup().number_at(slot);
        Some(self.numbered::<Fields>(number).conflict_at(slot)?.with_key(key))
    }

    /// The conflict about a key, if there is one. Costs O(concurrent writes of the key).
    #[must_use]
    pub fn conflict(self, key: &StoreKey) -> Option<StoreConflict<'a>> {
        self.conflict_at(Events::find(self.events, key)?)
    }

    /// All concurrent versions of a key of a register, a map or a record, deletions too, in the order of their dots.
    #[must_use]
    pub fn versions(self, key: &StoreKey) -> Vec<Version<&'a Value>> {
        let Some(slot) = Events::find(self.events, key) else { return Vec::new() };
        if key.kind() != ValueKind::Record {
            return versions(&self.events.events_at(slot), self.version);
        }
        self.numbered::<Fields>(self.events.lookup().number_at(slot)).versions_at(slot)
    }

    /// All conflicts in all registers, maps and records, in the order of the names. Costs O(keys with concurrent
    /// events).
    #[must_use]
    pub fn conflicts(self) -> Vec<StoreConflict<'a>> {
        let mut conflicts: Vec<_> = self.events.siblings().filter_map(|slot| self.conflict_at(slot)).collect();
        let order = |conflict: &StoreConflict<'a>| (conflict.key.name(), conflict.key.kind(), conflict.versions[0].dot);
        conflicts.sort_unstable_by(|a, b| order(a).cmp(&order(b)));
        conflicts
    }

    /// The record with this name, read by another policy for deletions than that updates win.
    #[must_use]
    pub fn record_with(self, name: &str, deletes: Deletes) -> View<'a, Fields, NameEvents<'a, Fields>> {
        View::with_policy(NameEvents::new(self.events, name), self.version, deletes)
    }
}

/// What is to be written to the value with a name to settle its conflicts.
enum Decision {
    Written(Choices<ByName>),
    Record(Arc<str>, Vec<RecordChoice<Value>>),
}

impl<'e> Mut<'e, ByName> {
    /// The keys with concurrent events, in the order of the names.
    fn siblings(&self) -> Vec<u32> {
        let index = self.events.lookup();
        let mut slots: Vec<u32> = self.events.siblings().collect();
        slots.sort_unstable_by(|&one, &other| {
            let named = |slot| index.named(index.number_at(slot));
            named(one).cmp(named(other))
        });
        slots
    }

    /// Settles a conflict: supersedes all versions of the key.
    ///
    /// # Errors
    /// [`NoSuchKey`] if no value can be written there. Nothing is written.
    pub fn resolve(&mut self, edit: &mut Edit<'e>, key: &StoreKey, value: impl Into<Value>) -> Result<Dot, NoSuchKey> {
        let name = key.name();
        match &key.inner {
            InnerKey::Register(()) => Ok(self.register(name).resolve(edit, value.into())),
            InnerKey::MultiRegister(()) => Ok(self.multi_register(name).resolve(edit, value.into())),
            InnerKey::Map(Hashed(key)) => Ok(self.map(name).resolve(edit, key.clone(), value.into())),
            InnerKey::Record(Hashed(RecordKey::Field(field))) => {
                Ok(self.record(name).resolve(edit, field, value.into()))
            }
            _ => Err(NoSuchKey),
        }
    }

    /// Settles all conflicts in all values, as one group: see [`Store::resolve_all`].
    ///
    /// # Errors
    /// [`ResolveError`] if the resolver is found not to be a function of the versions. Nothing is written.
    pub fn resolve_all(
        &mut self,
        edit: &mut Edit<'e>,
        resolver: Resolver<'_, Value>,
    ) -> Result<Vec<Settled<StoreKey, Value>>, ResolveError> {
        let slots = self.siblings();
        self.settle(edit, &slots, Deletes::UpdateWins, resolver)
    }

    /// Settles all conflicts in one value, as one group: see [`Store::resolve_all_of`].
    ///
    /// # Errors
    /// [`ResolveError`] if the resolver is found not to be a function of the versions. Nothing is written.
    pub fn resolve_all_of(
        &mut self,
        edit: &mut Edit<'e>,
        named: &Named,
        deletes: Deletes,
        resolver: Resolver<'_, Value>,
    ) -> Result<Vec<Settled<StoreKey, Value>>, ResolveError> {
        let slots = self.events.siblings_of(self.events.lookup().number(&named.name, named.kind));
        self.settle(edit, &slots, deletes, resolver)
    }

    /// Settles the conflicts at these slots, those of one name beside each other. All is decided before anything is
    /// written.
    fn settle(
        &mut self,
        edit: &mut Edit<'e>,
        slots: &[u32],
        deletes: Deletes,
        resolver: Resolver<'_, Value>,
    ) -> Result<Vec<Settled<StoreKey, Value>>, ResolveError> {
        let mut decisions = Vec::new();
        for slots in self.by_name(slots) {
            let key = self.events.key_at(slots[0]);
            decisions.push(if key.kind() == ValueKind::Record {
                let name = key.name.clone();
                let choices = self.record_with(&name, deletes).choices(edit, slots, resolver)?;
                Decision::Record(name, choices)
            } else {
                Decision::Written(choices(&*self.events, edit.version(), slots, resolver)?)
            });
        }
        let mut settled = Vec::new();
        for decision in decisions {
            match decision {
                Decision::Written(choices) => settled.append(&mut settle(&mut self.events, edit, choices)),
                Decision::Record(name, choices) => {
                    let fields = self.record_with(&name, deletes).settle(edit, choices);
                    keyed(&name, fields, &mut settled);
                }
            }
        }
        Ok(settled)
    }

    /// Where too many concurrent writes are kept, writes the last again: see [`Store::trim_siblings`].
    pub fn trim_siblings(&mut self, edit: &mut Edit<'e>, limit: usize) -> Vec<Settled<StoreKey, Value>> {
        let mut settled = Vec::new();
        let slots = self.siblings();
        for slots in self.by_name(&slots) {
            let key = self.events.key_at(slots[0]);
            match key.kind() {
                ValueKind::Register | ValueKind::Map => {
                    settled.append(&mut trim(&mut self.events, edit, slots, limit));
                }
                ValueKind::Record => {
                    let name = key.name.clone();
                    let fields = self.record(&name).trim(edit, slots, limit);
                    keyed(&name, fields, &mut settled);
                }
                ValueKind::Counter
                | ValueKind::BoundedCounter
                | ValueKind::MultiRegister
                | ValueKind::Flag
                | ValueKind::Set
                | ValueKind::Ledger
                | ValueKind::Claims => {}
            }
        }
        settled
    }

    /// The slots in runs of one name each.
    fn by_name<'s>(&self, slots: &'s [u32]) -> Vec<&'s [u32]> {
        let index = self.events.lookup();
        slots.chunk_by(|&one, &other| index.number_at(one) == index.number_at(other)).collect()
    }

    /// The record with this name, written by another policy for deletions than that updates win.
    pub fn record_with(&mut self, name: &str, deletes: Deletes) -> Mut<'e, Fields, NameMut<'_, Fields>> {
        Mut::with_policy(NameMut::new(self.events, name), deletes)
    }
}

/// What was settled in one record, by the keys of the store.
fn keyed(name: &Arc<str>, fields: Vec<Settled<RecordKey, Value>>, settled: &mut Vec<Settled<StoreKey, Value>>) {
    for Settled { conflict, by } in fields {
        let inner = InnerKey::Record(Hashed(conflict.key.clone()));
        let key = StoreKey { name: name.clone(), inner };
        settled.push(Settled { conflict: conflict.with_key(key), by });
    }
}

impl Store {
    /// The conflict about a key, if there is one. Costs O(concurrent writes of the key).
    #[must_use]
    pub fn conflict(&self, key: &StoreKey) -> Option<StoreConflict<'_>> {
        self.view().conflict(key)
    }

    /// All conflicts in all registers, maps and records, in the order of the names. Costs O(keys with concurrent
    /// events).
    #[must_use]
    pub fn conflicts(&self) -> Vec<StoreConflict<'_>> {
        self.view().conflicts()
    }

    /// Settles a conflict: supersedes all versions of the key.
    ///
    /// # Errors
    /// [`NoSuchKey`] if no value can be written there. Nothing is written.
    pub fn resolve(&mut self, writer: &mut Writer, key: &StoreKey, value: impl Into<Value>) -> Result<Dot, NoSuchKey> {
        self.edit(writer, |mut store, edit| store.resolve(edit, key, value))
    }

    /// Settles all conflicts in all values by what a read with this resolver shows, as one group, in the order of the
    /// names. What the resolver leaves open stays open; where a deletion of a record is concurrent with an
    /// update, the update wins.
    ///
    /// # Errors
    /// [`ResolveError`] if the resolver is found not to be a function of the versions. Nothing is written.
    pub fn resolve_all(
        &mut self,
        writer: &mut Writer,
        resolver: Resolver<'_, Value>,
    ) -> Result<Vec<Settled<StoreKey, Value>>, ResolveError> {
        self.edit(writer, |mut store, edit| store.resolve_all(edit, resolver))
    }

    /// Where more than `limit` concurrent writes of a register, a key of a map or a field are kept, writes the last of
    /// them again, which supersedes the others. Anybody can do it. Of those who do it at a time, who write the same,
    /// only the last goes on: so it ends. Returns the conflicts that this settled. Conflicts with deletions are left as they are.
    pub fn trim_siblings(&mut self, writer: &mut Writer, limit: usize) -> Vec<Settled<StoreKey, Value>> {
        self.edit(writer, |mut store, edit| store.trim_siblings(edit, limit))
    }

    /// Settles all conflicts in one value by what a read with this resolver shows, as one group: of a record, of which
    /// this is the policy for deletions, those with deletions, too. What the resolver leaves open stays open.
    ///
    /// # Errors
    /// [`ResolveError`] if the resolver is found not to be a function of the versions. Nothing is written.
    pub fn resolve_all_of(
        &mut self,
        writer: &mut Writer,
        named: &Named,
        deletes: Deletes,
        resolver: Resolver<'_, Value>,
    ) -> Result<Vec<Settled<StoreKey, Value>>, ResolveError> {
        self.edit(writer, |mut store, edit| store.resolve_all_of(edit, named, deletes, resolver))
    }

    /// The record with this name, read and written by another policy for deletions than that updates win.
    ///
    /// Replicas that choose differently hold the same state. [`names`](Store::names) and
    /// [`resolve_all`](Store::resolve_all) know nothing of it.
    pub fn record_with<'n>(&mut self, name: &'n str, deletes: Deletes) -> RecordPart<'_, 'n> {
        Part::with_policy(self, Name::new(name), deletes)
    }
}
