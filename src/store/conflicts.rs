//! The conflicts of all values of a store, and how they are settled.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use super::event::{ByName, NamedKind, TextMap};
use super::key::{InnerKey, Named, StoreKey, ValueKind};
use super::named::{Name, NameEvents, NameMut};
use super::store::Store;
use super::value::Value;
use crate::causality::{Dot, Writer};
use crate::kernel::{Edit, Events, Hashed, Key, Mut, OwnedForm, Part, View};
use crate::types::conflict::{Choices, Conflict, Settled, choices, conflict_at, settle, trim};
use crate::types::{DeletePolicy, Latest, MultiValue, RecordChoice, RecordKey, ResolveError, Resolver, Versioned};

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

impl<'a> View<'a, ByName> {
    fn conflict_at(self, slot: u32) -> Option<StoreConflict<'a>> {
        fn written<'a, S: NamedKind<Value: crate::types::conflict::Written<Value = Value>>>(
            view: View<'a, ByName>,
            number: u32,
            slot: u32,
        ) -> Option<StoreConflict<'a>> {
            let conflict = conflict_at(NameEvents::<S>::numbered(view.events, number), view.version, slot)?;
            Some(conflict.with_key(view.events.key_at(slot)))
        }
        let index = self.events.lookup();
        let number = index.number_at(slot);
        match index.named(number).kind {
            ValueKind::Register => written::<Latest<Value>>(self, number, slot),
            ValueKind::MultiRegister => written::<MultiValue<Value>>(self, number, slot),
            ValueKind::Map => written::<TextMap>(self, number, slot),
            ValueKind::Record => {
                let conflict = self.numbered::<Versioned<Value>>(number).conflict_at(slot)?;
                Some(conflict.with_key(self.events.key_at(slot)))
            }
            ValueKind::Counter | ValueKind::BoundedCounter | ValueKind::Flag | ValueKind::Set => None,
        }
    }

    /// The conflict about a key, if there is one. Costs O(concurrent writes of the key).
    #[must_use]
    pub fn conflict(self, key: &StoreKey) -> Option<StoreConflict<'a>> {
        self.conflict_at(Events::find(self.events, key)?)
    }

    /// All conflicts in all registers, maps and records, in the order of the names. Costs O(keys with concurrent
    /// events).
    #[must_use]
    pub fn conflicts(self) -> Vec<StoreConflict<'a>> {
        let mut conflicts: Vec<_> = self.events.siblings().filter_map(|slot| self.conflict_at(slot)).collect();
        let order = |conflict: &StoreConflict<'a>| (conflict.key.name(), conflict.key.kind(), conflict.versions[0].dot);
        conflicts.sort_by(|a, b| order(a).cmp(&order(b)));
        conflicts
    }

    /// The record with this name, read by another policy for deletions than that updates win.
    #[must_use]
    pub fn record_with<P: DeletePolicy>(
        self,
        name: &str,
    ) -> View<'a, Versioned<Value, P>, NameEvents<'a, Versioned<Value, P>>> {
        self.named(name)
    }
}

/// What is to be written to a value to settle its conflicts.
enum Decision {
    Register(Choices<Latest<Value>>),
    MultiRegister(Choices<MultiValue<Value>>),
    Map(Choices<TextMap>),
    Record(Vec<RecordChoice<Value>>),
}

impl<'e> Mut<'e, ByName> {
    /// By name, the slots of the keys with concurrent events.
    fn siblings(&self) -> BTreeMap<Named, Vec<u32>> {
        let mut by_name: BTreeMap<Named, Vec<u32>> = BTreeMap::new();
        for slot in self.events.siblings() {
            let index = self.events.lookup();
            by_name.entry(index.named(index.number_at(slot)).clone()).or_default().push(slot);
        }
        by_name
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
        let mut decisions = Vec::new();
        for (named, slots) in self.siblings() {
            let (store, version) = (&*self.events, edit.version());
            let (name, slots) = (&*named.name, &*slots);
            let decision = match named.kind {
                ValueKind::Register => Decision::Register(choices(
                    NameEvents::<Latest<Value>>::new(store, name),
                    version,
                    slots,
                    resolver,
                )?),
                ValueKind::MultiRegister => Decision::MultiRegister(choices(
                    NameEvents::<MultiValue<Value>>::new(store, name),
                    version,
                    slots,
                    resolver,
                )?),
                ValueKind::Map => {
                    Decision::Map(choices(NameEvents::<TextMap>::new(store, name), version, slots, resolver)?)
                }
                ValueKind::Record => Decision::Record(self.record(name).choices(edit, slots, resolver)?),
                ValueKind::Counter | ValueKind::BoundedCounter | ValueKind::Flag | ValueKind::Set => continue,
            };
            decisions.push((named, decision));
        }
        let mut settled = Vec::new();
        for (Named { name, .. }, decision) in decisions {
            match decision {
                Decision::Register(choices) => {
                    let events = &mut NameMut::<Latest<Value>>::new(self.events, &name);
                    settled.extend(named(&name, settle(events, edit, choices), |()| InnerKey::Register(())));
                }
                Decision::MultiRegister(choices) => {
                    let events = &mut NameMut::<MultiValue<Value>>::new(self.events, &name);
                    settled.extend(named(&name, settle(events, edit, choices), |()| InnerKey::MultiRegister(())));
                }
                Decision::Map(choices) => {
                    let events = &mut NameMut::<TextMap>::new(self.events, &name);
                    settled.extend(named(&name, settle(events, edit, choices), |key| InnerKey::Map(Hashed(key))));
                }
                Decision::Record(choices) => {
                    let of_record = self.record(&name).settle(edit, choices);
                    settled.extend(named(&name, of_record, |key| InnerKey::Record(Hashed(key))));
                }
            }
        }
        Ok(settled)
    }

    /// Where too many concurrent writes are kept, writes the last again: see [`Store::trim_siblings`].
    pub fn trim_siblings(&mut self, edit: &mut Edit<'e>, limit: usize) -> Vec<Settled<StoreKey, Value>> {
        let mut settled = Vec::new();
        for (Named { name, kind }, slots) in self.siblings() {
            match kind {
                ValueKind::Register => {
                    let events = &mut NameMut::<Latest<Value>>::new(self.events, &name);
                    settled.extend(named(&name, trim(events, edit, &slots, limit), |()| InnerKey::Register(())));
                }
                ValueKind::Map => {
                    let events = &mut NameMut::<TextMap>::new(self.events, &name);
                    settled.extend(named(&name, trim(events, edit, &slots, limit), |key| InnerKey::Map(Hashed(key))));
                }
                ValueKind::Record => {
                    let of_record = self.record(&name).trim(edit, &slots, limit);
                    settled.extend(named(&name, of_record, |key| InnerKey::Record(Hashed(key))));
                }
                ValueKind::Counter
                | ValueKind::BoundedCounter
                | ValueKind::MultiRegister
                | ValueKind::Flag
                | ValueKind::Set => {}
            }
        }
        settled
    }

    /// The record with this name, written by another policy for deletions than that updates win.
    pub fn record_with<P: DeletePolicy>(
        &mut self,
        name: &str,
    ) -> Mut<'e, Versioned<Value, P>, NameMut<'_, Versioned<Value, P>>> {
        Mut::new(NameMut::new(self.events, name))
    }
}

/// What was settled in one value, by the keys of the store.
fn named<K>(
    name: &alloc::sync::Arc<str>,
    settled: Vec<Settled<K, Value>>,
    key: impl Fn(K) -> InnerKey,
) -> impl Iterator<Item = Settled<StoreKey, Value>> {
    settled.into_iter().map(move |Settled { conflict: Conflict { key: inner, kind, versions }, by }| {
        let key = StoreKey { name: name.clone(), inner: key(inner) };
        Settled { conflict: Conflict { key, kind, versions }, by }
    })
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

    /// Where more than `limit` concurrent writes of a register, a key of a map or a field are kept and the last of them
    /// is by this writer, writes it again, which supersedes the others. All who call this agree on who does it, so
    /// it ends. Returns the conflicts that this settled. Conflicts with deletions are left as they are.
    pub fn trim_siblings(&mut self, writer: &mut Writer, limit: usize) -> Vec<Settled<StoreKey, Value>> {
        self.edit(writer, |mut store, edit| store.trim_siblings(edit, limit))
    }

    /// The record with this name, read and written by another policy for deletions than that updates win.
    ///
    /// Replicas that choose differently hold the same state. [`names`](Store::names) and
    /// [`resolve_all`](Store::resolve_all) know nothing of it.
    pub fn record_with<'n, P: DeletePolicy>(
        &mut self,
        name: &'n str,
    ) -> Part<'_, Versioned<Value, P>, Name<'n, Versioned<Value, P>>> {
        Part::new(self, Name::new(name))
    }
}
