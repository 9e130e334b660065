//! One name of a store, read and written by the logic of its type.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hash::Hash;
use core::marker::PhantomData;

use hashbrown::Equivalent;

use super::event::{NamedKind, StoreBody};
use super::key::StoreKey;
use crate::causality::{Dot, VersionVector};
use crate::kernel::{Data, Edit, Events, EventsMut, EventsOf, Hashed, Kind, Place, Vacant};

/// The events of one name.
#[doc(hidden)]
pub struct NameEvents<'a, S> {
    store: &'a StoreBody,
    /// `None` while there are none.
    number: Option<u32>,
    kind: PhantomData<fn() -> S>,
}

impl<S> Clone for NameEvents<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for NameEvents<'_, S> {}

impl<'a, S: NamedKind> NameEvents<'a, S> {
    pub(super) fn new(store: &'a StoreBody, name: &str) -> Self {
        Self { store, number: store.lookup().number(name, S::KIND), kind: PhantomData }
    }

    pub(super) fn numbered(store: &'a StoreBody, number: u32) -> Self {
        Self { store, number: Some(number), kind: PhantomData }
    }

    fn find_by(self, key: &(impl Hash + ?Sized), is: impl Fn(&S::Key) -> bool) -> Option<u32> {
        let hash = self.store.lookup().hash_in(self.number?, key);
        self.store.find_named(self.number?, hash, &|key| S::key(&key.inner).is_some_and(&is))
    }
}

impl<'a, S: NamedKind> Events<'a> for NameEvents<'a, S> {
    type Kind = S;

    fn find(self, key: &S::Key) -> Option<u32> {
        self.find_by(key, |found| found == key)
    }

    fn find_like<T, Q>(self, key: &Q) -> Option<u32>
    where
        S: Kind<Key = Hashed<T>>,
        T: Data + Hash,
        Q: Hash + Equivalent<T> + ?Sized,
    {
        self.find_by(key, |found| key.equivalent(&found.0))
    }

    fn key_at(self, slot: u32) -> &'a S::Key {
        S::key(&self.store.key_at(slot).inner).expect("the keys of a name are of its type")
    }

    fn events_at(self, slot: u32) -> EventsOf<'a, S::Value> {
        match self.store.events_at(slot) {
            EventsOf::One(dot, event) => EventsOf::One(dot, event.and_then(S::value)),
            events => {
                let events = (0..events.len()).map(|at| events.at(at));
                EventsOf::Gathered(events.map(|(dot, event)| (dot, event.and_then(S::value))).collect())
            }
        }
    }

    fn is_live(self, slot: u32) -> bool {
        self.store.is_live(slot)
    }

    fn slots(self) -> impl Iterator<Item = u32> {
        self.store.lookup().slots(self.number)
    }

    fn siblings(self) -> Vec<u32> {
        self.store.siblings_of(self.number)
    }

    fn live_keys(self) -> usize {
        self.number.map_or(0, |number| self.store.lookup().live(number))
    }

    fn live_slots(self) -> Vec<u32> {
        self.store.live_slots_of(self.number)
    }

    fn slots_by_dot(self, version: &VersionVector) -> Vec<u32> {
        self.store.slots_of_by_dot(self.number, version)
    }
}

/// What does not depend on the type of a name is compiled once.
impl StoreBody {
    fn find_named(&self, number: u32, hash: u64, is: &dyn Fn(&StoreKey) -> bool) -> Option<u32> {
        self.lookup().find_in(number, hash, self.keys(), is)
    }

    pub(super) fn siblings_of(&self, number: Option<u32>) -> Vec<u32> {
        let Some(number) = number else { return Vec::new() };
        let index = self.lookup();
        // Whichever is shorter: the conflicts of the whole store, or the keys of this name.
        if self.sibling_count() < index.keys(number) {
            return self.siblings().filter(|&slot| index.belongs(slot, number)).collect();
        }
        index.slots(Some(number)).filter(|&slot| self.has_siblings(slot)).collect()
    }

    fn live_slots_of(&self, number: Option<u32>) -> Vec<u32> {
        self.lookup().slots(number).filter(|&slot| self.is_live(slot)).collect()
    }

    fn slots_of_by_dot(&self, number: Option<u32>, version: &VersionVector) -> Vec<u32> {
        let Some(number) = number else { return Vec::new() };
        let index = self.lookup();
        if index.keys(number) > self.entry_count() / 8 {
            // In the order of the index: sorting so many would cost more.
            let mut slots = self.slots_by_dot(version);
            slots.retain(|&slot| index.belongs(slot, number));
            return slots;
        }
        let mut slots = self.live_slots_of(Some(number));
        slots.sort_by_cached_key(|&slot| self.first_dot(slot, version));
        slots
    }
}

/// One name, to be written within an edit.
#[doc(hidden)]
pub struct NameMut<'s, S> {
    store: &'s mut StoreBody,
    name: Arc<str>,
    kind: PhantomData<fn() -> S>,
}

impl<'s, S: NamedKind> NameMut<'s, S> {
    pub(super) fn new(store: &'s mut StoreBody, name: &str) -> Self {
        let name = store.lookup().shared(name, S::KIND);
        Self { store, name, kind: PhantomData }
    }
}

impl<'e, S: NamedKind> EventsMut<'e> for NameMut<'_, S> {
    type Kind = S;
    type Key = StoreKey;

    fn read(&self) -> impl Events<'_, Kind = S> {
        NameEvents::<S>::new(self.store, &self.name)
    }

    fn reserve(&mut self, keys: usize) {
        self.store.reserve(keys);
    }

    fn write(&mut self, edit: &mut Edit<'e>, key: S::Key, value: Option<S::Value>) -> Dot {
        let key = StoreKey { name: self.name.clone(), inner: S::stored_key(key) };
        self.store.write(edit, key, value.map(S::stored))
    }

    fn locate(&self, key: S::Key) -> Result<u32, (Vacant, StoreKey)> {
        let key = StoreKey { name: self.name.clone(), inner: S::stored_key(key) };
        self.store.find(&key).map_err(|vacant| (vacant, key))
    }

    fn write_new(&mut self, edit: &mut Edit<'e>, new: (Vacant, StoreKey), value: Option<S::Value>) -> Dot {
        self.store.write_new(edit, new, value.map(S::stored))
    }

    fn write_at(&mut self, edit: &mut Edit<'e>, slot: u32, value: Option<S::Value>) -> Dot {
        self.store.write_at(edit, slot, value.map(S::stored))
    }
}

/// Where a name's events are in the body of a store.
#[doc(hidden)]
pub struct Name<'n, S> {
    pub(super) text: &'n str,
    kind: PhantomData<fn() -> S>,
}

impl<'n, S> Name<'n, S> {
    pub(super) fn new(text: &'n str) -> Self {
        Self { text, kind: PhantomData }
    }
}

impl<S: NamedKind> Place<S> for Name<'_, S> {
    type Root = StoreBody;

    fn events<'a>(&'a self, root: &'a StoreBody) -> impl Events<'a, Kind = S> {
        NameEvents::<S>::new(root, self.text)
    }
}
