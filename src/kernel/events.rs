use alloc::vec::Vec;
use core::hash::Hash;

use hashbrown::Equivalent;

use super::edit::Edit;
use super::event::{Event, Kind};
use super::lookup::{Data, Hashed, Vacant};
use super::store::DotStore;
use crate::causality::{Dot, PackedDot, VersionVector};

/// The events of one value, to be read: those of a whole [`DotStore`], or of one name among many.
///
/// Types write their reads over this, once, and so read both. A slot stands for a key; it is good
/// until something is written.
#[doc(hidden)]
pub trait Events<'a>: Copy {
    /// Whose events these are.
    type Kind: Kind;

    /// The slot of a key.
    fn find(self, key: &<Self::Kind as Kind>::Key) -> Option<u32>;

    /// The slot of a key that is live, found by what hashes and compares like it.
    fn find_live<T, Q>(self, key: &Q) -> Option<u32>
    where
        Self::Kind: Kind<Key = Hashed<T>>,
        T: Data + Hash,
        Q: Hash + Equivalent<T> + ?Sized,
    {
        self.find_like(key).filter(|&slot| self.is_live(slot))
    }

    /// As `find_live`, live or not.
    fn find_like<T, Q>(self, key: &Q) -> Option<u32>
    where
        Self::Kind: Kind<Key = Hashed<T>>,
        T: Data + Hash,
        Q: Hash + Equivalent<T> + ?Sized;

    /// The key at a slot.
    fn key_at(self, slot: u32) -> &'a <Self::Kind as Kind>::Key;

    /// The events of the key at a slot.
    fn events_at(self, slot: u32) -> EventsOf<'a, <Self::Kind as Kind>::Value>;

    /// Whether the key at a slot has a live event.
    fn is_live(self, slot: u32) -> bool;

    /// The slots of all keys, live or not, in no particular order.
    fn slots(self) -> impl Iterator<Item = u32>;

    /// The slots of the keys with several events, in no particular order.
    fn siblings(self) -> Vec<u32>;

    /// The number of keys with a live event.
    fn live_keys(self) -> usize;

    /// The slots of the keys with a live event, in no particular order.
    fn live_slots(self) -> Vec<u32> {
        self.slots().filter(|&slot| self.is_live(slot)).collect()
    }

    /// The slots of the live keys in the order of their first live dots: the same on all replicas.
    fn slots_by_dot(self, version: &VersionVector) -> Vec<u32>;

    /// The first of the live dots of a key, by the order of replica ids.
    fn first_dot(self, slot: u32, version: &VersionVector) -> Option<Dot> {
        self.events_at(slot).named(version).map(|(dot, _)| dot).min()
    }

    /// The slot of the live key, of a type that has only one.
    fn only_live(self) -> Option<u32>
    where
        Self::Kind: Kind<Key = ()>,
    {
        self.find(&()).filter(|&slot| self.is_live(slot))
    }
}

/// The events of one value, to be written.
#[doc(hidden)]
pub trait EventsMut<'e> {
    /// Whose events these are.
    type Kind: Kind;
    /// How keys are kept.
    type Key;

    /// What is there.
    fn read(&self) -> impl Events<'_, Kind = Self::Kind>;

    /// Makes an empty store ready for so many keys.
    fn reserve(&mut self, keys: usize);

    /// Writes one event, which supersedes everything that is known of its key.
    fn write(
        &mut self,
        edit: &mut Edit<'e>,
        key: <Self::Kind as Kind>::Key,
        value: Option<<Self::Kind as Kind>::Value>,
    ) -> Dot;

    /// The slot of a key, or what `write_new` takes, so that the key is looked up once.
    fn locate(&self, key: <Self::Kind as Kind>::Key) -> Result<u32, (Vacant, Self::Key)>;

    /// As `write`, to a key that was not there.
    fn write_new(
        &mut self,
        edit: &mut Edit<'e>,
        new: (Vacant, Self::Key),
        value: Option<<Self::Kind as Kind>::Value>,
    ) -> Dot;

    /// As `write`, to the key at a slot.
    fn write_at(&mut self, edit: &mut Edit<'e>, slot: u32, value: Option<<Self::Kind as Kind>::Value>) -> Dot;

    /// Removes the live keys that do not pass. Returns the last dot.
    fn remove_unless(
        &mut self,
        edit: &mut Edit<'e>,
        mut keep: impl FnMut(&<Self::Kind as Kind>::Key) -> bool,
    ) -> Option<Dot> {
        let events = self.read();
        let mut gone = events.live_slots();
        gone.retain(|&slot| !keep(events.key_at(slot)));
        self.remove_at(edit, &gone)
    }

    /// Removes all live keys. Returns the last dot.
    fn clear(&mut self, edit: &mut Edit<'e>) -> Option<Dot> {
        let live = self.read().live_slots();
        self.remove_at(edit, &live)
    }

    /// Removes the keys at these slots. Returns the last dot.
    fn remove_at(&mut self, edit: &mut Edit<'e>, slots: &[u32]) -> Option<Dot> {
        slots.iter().map(|&slot| self.write_at(edit, slot, None)).last()
    }
}

impl<'a, S: Kind> Events<'a> for &'a DotStore<S> {
    type Kind = S;

    #[inline]
    fn find(self, key: &S::Key) -> Option<u32> {
        DotStore::find(self, key).ok()
    }

    #[inline]
    fn find_like<T, Q>(self, key: &Q) -> Option<u32>
    where
        S: Kind<Key = Hashed<T>>,
        T: Data + Hash,
        Q: Hash + Equivalent<T> + ?Sized,
    {
        self.lookup().find_equivalent(key, self.keys())
    }

    #[inline]
    fn key_at(self, slot: u32) -> &'a S::Key {
        DotStore::key_at(self, slot)
    }

    #[inline]
    fn events_at(self, slot: u32) -> EventsOf<'a, S::Value> {
        DotStore::events_at(self, slot)
    }

    #[inline]
    fn is_live(self, slot: u32) -> bool {
        DotStore::is_live(self, slot)
    }

    #[inline]
    fn slots(self) -> impl Iterator<Item = u32> {
        0..self.entry_count() as u32
    }

    #[inline]
    fn siblings(self) -> Vec<u32> {
        DotStore::siblings(self).collect()
    }

    #[inline]
    fn live_keys(self) -> usize {
        DotStore::live_keys(self)
    }

    fn slots_by_dot(self, version: &VersionVector) -> Vec<u32> {
        DotStore::slots_by_dot(self, version)
    }
}

impl<'e, S: Kind> EventsMut<'e> for &'e mut DotStore<S> {
    type Kind = S;
    type Key = S::Key;

    #[inline]
    fn read(&self) -> impl Events<'_, Kind = S> {
        &**self
    }

    fn reserve(&mut self, keys: usize) {
        DotStore::reserve(self, keys);
    }

    #[inline]
    fn write(&mut self, edit: &mut Edit<'e>, key: S::Key, value: Option<S::Value>) -> Dot {
        DotStore::write(self, edit, key, value)
    }

    #[inline]
    fn locate(&self, key: S::Key) -> Result<u32, (Vacant, S::Key)> {
        DotStore::find(self, &key).map_err(|vacant| (vacant, key))
    }

    #[inline]
    fn write_new(&mut self, edit: &mut Edit<'e>, new: (Vacant, S::Key), value: Option<S::Value>) -> Dot {
        DotStore::write_new(self, edit, new, value)
    }

    #[inline]
    fn write_at(&mut self, edit: &mut Edit<'e>, slot: u32, value: Option<S::Value>) -> Dot {
        DotStore::write_at(self, edit, slot, value)
    }
}

/// The events of one key, borrowed.
#[doc(hidden)]
pub enum EventsOf<'a, V> {
    /// One, as almost always.
    One(PackedDot, Option<&'a V>),
    /// Several.
    Many(&'a [Event<V>]),
    /// Several, of a value that is stored as a part of another.
    Gathered(Vec<(PackedDot, Option<&'a V>)>),
}

impl<'a, V> EventsOf<'a, V> {
    #[inline]
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::One(..) => 1,
            Self::Many(events) => events.len(),
            Self::Gathered(events) => events.len(),
        }
    }

    #[inline]
    pub(crate) fn at(&self, at: usize) -> (PackedDot, Option<&'a V>) {
        match self {
            Self::One(dot, value) => (*dot, *value),
            Self::Many(events) => (events[at].dot, events[at].value.as_ref()),
            Self::Gathered(events) => events[at],
        }
    }

    #[inline]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (PackedDot, Option<&'a V>)> + '_ {
        (0..self.len()).map(|at| self.at(at))
    }

    /// The live ones.
    #[inline]
    pub(crate) fn live(&self) -> impl Iterator<Item = (PackedDot, &'a V)> + '_ {
        self.iter().filter_map(|(dot, value)| Some((dot, value?)))
    }

    /// The live ones, by the names of their writers.
    fn named(&self, version: &VersionVector) -> impl Iterator<Item = (Dot, &'a V)> {
        self.live().map(|(dot, value)| (version.dot(dot.slot(), dot.counter()), value))
    }

    /// The live ones in the order of their dots: the same on all replicas.
    pub(crate) fn by_dot(&self, version: &VersionVector) -> Vec<(Dot, &'a V)> {
        let mut events: Vec<_> = self.named(version).collect();
        events.sort_unstable_by_key(|&(dot, _)| dot);
        events
    }
}
