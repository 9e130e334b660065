//! From a key to the slot of its entry: one way per sort of key.

mod pair;

use alloc::borrow::Cow;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::borrow::Borrow;
use core::hash::{BuildHasher, Hash};

use hashbrown::Equivalent;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use pair::WriterPair;

use super::table::Table;
use crate::causality::SlotMap;
use crate::hashing::Keyed;

/// What a kernel can use as a key.
pub trait Key: Clone + Eq + Send + Sync + 'static {
    /// How an entry is found.
    type Lookup: Lookup<Self>;
    /// What an application sees of the key.
    type Shown: ?Sized;

    /// What an application sees of the key.
    fn shown(&self) -> &Self::Shown;

    /// Makes it the same key in another value, where writers may have other slots.
    #[doc(hidden)]
    fn translate(&mut self, slots: &Slots<'_>);

    /// The same key in another value.
    #[doc(hidden)]
    #[inline]
    fn translated(&self, slots: &Slots<'_>) -> Self {
        let mut key = self.clone();
        key.translate(slots);
        key
    }

    /// Whether a key may name a writer.
    #[doc(hidden)]
    const NAMES_WRITERS: bool = false;

    /// The writer slot that the key names, if it names one: whose key it is.
    #[doc(hidden)]
    fn writer(&self) -> Option<u32> {
        None
    }

    /// The slot of a second writer, of a key that names two. The value must have seen something of it.
    #[doc(hidden)]
    fn partner(&self) -> Option<u32> {
        None
    }

    /// Whether keys have names, each common to many and written once for all of them.
    #[doc(hidden)]
    const NAMED: bool = false;

    /// What that is.
    #[doc(hidden)]
    type Name: Clone + Eq + Hash + Serialize + DeserializeOwned;

    /// What the key has in common with others.
    #[doc(hidden)]
    fn name(&self) -> Option<Self::Name> {
        None
    }

    /// The name as people know it, if keys have names.
    #[doc(hidden)]
    fn title(&self) -> Option<Arc<str>> {
        None
    }

    /// Which form the keys of a name have.
    #[doc(hidden)]
    fn sort(name: Option<&Self::Name>) -> KeySort;

    /// How the key is written down.
    #[doc(hidden)]
    fn form(&self) -> KeyForm<'_, Self>;

    /// Reads back what [`Key::form`] gave.
    #[doc(hidden)]
    type Content: Clone + Serialize + DeserializeOwned;

    /// The key with this content, or naming this writer.
    #[doc(hidden)]
    fn from_form(name: Option<Self::Name>, form: OwnedForm<Self>) -> Option<Self>;
}

/// The forms of keys.
#[doc(hidden)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum KeySort {
    /// There is one key only.
    Nothing,
    /// A writer.
    Writer,
    /// Two writers, or twice the same.
    Writers,
    /// Something that serde reads and writes.
    Content,
}

/// A key on its way out.
#[doc(hidden)]
pub enum KeyForm<'a, K: Key> {
    /// Nothing to write: there is one key only.
    Nothing,
    /// A writer's slot.
    Writer(u32),
    /// The slots of two writers.
    Writers(u32, u32),
    /// Content that serde writes.
    Content(Cow<'a, K::Content>),
}

/// A key on its way in.
#[doc(hidden)]
pub enum OwnedForm<K: Key> {
    /// There is one key only.
    Nothing,
    /// A writer's slot.
    Writer(u32),
    /// The slots of two writers.
    Writers(u32, u32),
    /// Content that serde read.
    Content(K::Content),
}

/// Opaque to users: how slots of one value translate to those of another.
#[doc(hidden)]
pub struct Slots<'a>(pub(crate) &'a SlotMap);

/// An index from keys to entry slots, which looks keys up in the entries themselves.
#[doc(hidden)]
pub trait Lookup<K>: Default + Clone + Send + Sync {
    /// The slot of the key, or the token with which it can be inserted.
    fn find(&self, key: &K, keys: &impl Keys<K>) -> Result<u32, Vacant>;
    /// As `find`, for a key that is known not to be there.
    fn vacant(&self, key: &K) -> Vacant;
    /// Makes an empty index ready for so many keys.
    fn reserve(&mut self, _keys: usize) {}
    /// Enters a key that was not found. The entry at `slot` must be there already.
    fn insert(&mut self, vacant: Vacant, slot: u32, keys: &dyn Keys<K>);
    /// Makes the key as it is to be stored: maybe with parts shared that other keys have, too.
    #[inline]
    fn adopt(&self, _key: &mut K) {}
    /// The key at `slot` is live now, or not any more.
    #[inline]
    fn count_live(&mut self, _slot: u32, _was_live: bool, _live: bool) {}
    /// How many names its keys have, where they have names.
    fn names(&self) -> usize {
        0
    }
    /// How many names these keys have that are not here.
    fn new_names(&self, _keys: &mut dyn Iterator<Item = &K>) -> usize {
        0
    }
    /// Forgets the key at `slot`.
    fn remove(&mut self, key: &K, slot: u32);
    /// The key at `from` is now at `to`.
    fn relocate(&mut self, key: &K, from: u32, to: u32);
}

/// The keys of the entries.
#[doc(hidden)]
pub trait Keys<K> {
    /// The key at a slot, or `None` if there is none.
    fn key(&self, slot: u32) -> Option<&K>;
}

impl<K> Keys<K> for Vec<K> {
    fn key(&self, slot: u32) -> Option<&K> {
        self.get(slot as usize)
    }
}

/// Keys numbered in the order in which they first appear.
pub(crate) struct Numbers<K: Key> {
    keys: Vec<K>,
    lookup: K::Lookup,
}

impl<K: Key> Numbers<K> {
    pub(crate) fn new() -> Self {
        Self { keys: Vec::new(), lookup: Default::default() }
    }

    /// Makes ready for so many keys.
    pub(crate) fn reserve(&mut self, keys: usize) {
        self.keys.reserve(keys);
        self.lookup.reserve(keys);
    }

    /// The number of the key, which may be new.
    pub(crate) fn number(&mut self, key: K) -> (u32, bool) {
        match self.lookup.find(&key, &self.keys) {
            Ok(number) => (number, false),
            Err(vacant) => {
                let number = self.keys.len() as u32;
                self.keys.push(key);
                self.lookup.insert(vacant, number, &self.keys);
                (number, true)
            }
        }
    }

    pub(crate) fn keys(&self) -> &[K] {
        &self.keys
    }

    pub(crate) fn into_keys(self) -> Vec<K> {
        self.keys
    }
}

/// Where a key that was not found belongs: its hash or its slot.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Vacant(u64);

impl Vacant {
    pub(crate) fn new(hash: u64) -> Self {
        Self(hash)
    }

    pub(crate) fn hash(self) -> u64 {
        self.0
    }
}

// --- the one key of a register or a flag ---------------------------------------------------------

/// A register has one key. It is at slot 0 once it is there.
#[doc(hidden)]
#[derive(Clone, Default)]
pub struct UnitLookup(bool);

impl Key for () {
    type Lookup = UnitLookup;
    type Shown = ();
    type Content = ();
    type Name = ();

    fn sort(_: Option<&()>) -> KeySort {
        KeySort::Nothing
    }

    fn shown(&self) -> &() {
        self
    }

    fn translate(&mut self, _: &Slots<'_>) {}

    fn form(&self) -> KeyForm<'_, Self> {
        KeyForm::Nothing
    }

    fn from_form(_: Option<()>, form: OwnedForm<Self>) -> Option<Self> {
        matches!(form, OwnedForm::Nothing).then_some(())
    }
}

impl Lookup<()> for UnitLookup {
    #[inline]
    fn find(&self, (): &(), _: &impl Keys<()>) -> Result<u32, Vacant> {
        if self.0 { Ok(0) } else { Err(Vacant(0)) }
    }

    #[inline]
    fn vacant(&self, (): &()) -> Vacant {
        Vacant(0)
    }

    #[inline]
    fn insert(&mut self, _: Vacant, _: u32, _: &dyn Keys<()>) {
        self.0 = true;
    }

    fn remove(&mut self, (): &(), _: u32) {
        self.0 = false;
    }

    fn relocate(&mut self, (): &(), _: u32, _: u32) {}
}

// --- writers, for counters -----------------------------------------------------------------------

/// A writer as a key: its slot in the version vector of the value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct WriterKey(pub(crate) u32);

/// Dense, by writer slot.
#[doc(hidden)]
#[derive(Clone, Default)]
pub struct WriterLookup(Vec<u32>);

impl WriterLookup {
    const NONE: u32 = u32::MAX;
}

impl Key for WriterKey {
    type Lookup = WriterLookup;
    type Shown = ();
    type Content = ();
    type Name = ();

    fn sort(_: Option<&()>) -> KeySort {
        KeySort::Writer
    }

    fn shown(&self) -> &() {
        &()
    }

    #[inline]
    fn translate(&mut self, slots: &Slots<'_>) {
        self.0 = slots.0.get(self.0);
    }

    const NAMES_WRITERS: bool = true;

    fn writer(&self) -> Option<u32> {
        Some(self.0)
    }

    fn form(&self) -> KeyForm<'_, Self> {
        KeyForm::Writer(self.0)
    }

    fn from_form(_: Option<()>, form: OwnedForm<Self>) -> Option<Self> {
        match form {
            OwnedForm::Writer(slot) => Some(Self(slot)),
            _ => None,
        }
    }
}

impl Lookup<WriterKey> for WriterLookup {
    #[inline]
    fn find(&self, key: &WriterKey, _: &impl Keys<WriterKey>) -> Result<u32, Vacant> {
        match self.0.get(key.0 as usize) {
            Some(&slot) if slot != Self::NONE => Ok(slot),
            _ => Err(self.vacant(key)),
        }
    }

    #[inline]
    fn vacant(&self, key: &WriterKey) -> Vacant {
        Vacant(u64::from(key.0))
    }

    fn insert(&mut self, vacant: Vacant, slot: u32, _: &dyn Keys<WriterKey>) {
        let at = vacant.0 as usize;
        if at >= self.0.len() {
            self.0.resize(at + 1, Self::NONE);
        }
        self.0[at] = slot;
    }

    fn remove(&mut self, key: &WriterKey, _: u32) {
        self.0[key.0 as usize] = Self::NONE;
    }

    fn relocate(&mut self, key: &WriterKey, _: u32, to: u32) {
        self.0[key.0 as usize] = to;
    }
}

// --- keys of applications ------------------------------------------------------------------------

/// What the elements and keys of an application must be able to do.
///
/// Implemented for everything that fits. Equal values must serialise to equal bytes, so no `HashMap`
/// inside (a `BTreeMap` is fine). They are written by postcard, which is not self-describing: types
/// with `serde(flatten)`, `serde(untagged)` or `serde(skip_serializing_if)`, and `serde_json::Value`,
/// can be written but not read back, or not even written: [`Causal::check_since`](crate::Causal::check_since) says so.
pub trait Data: Clone + Eq + Serialize + DeserializeOwned + Send + Sync + 'static {}
impl<T: Clone + Eq + Serialize + DeserializeOwned + Send + Sync + 'static> Data for T {}

/// A key of the application, found by its hash.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[repr(transparent)]
pub struct Hashed<T>(pub(crate) T);

/// A hash table of slots, keyed by a random state against hostile keys.
#[doc(hidden)]
#[derive(Clone, Default)]
pub struct HashLookup {
    table: Table,
    hasher: Keyed,
}

impl HashLookup {
    /// Looks up something that hashes and compares like a key.
    #[inline]
    pub(crate) fn find_equivalent<T, Q>(&self, key: &Q, keys: &impl Keys<Hashed<T>>) -> Option<u32>
    where
        Q: Hash + Equivalent<T> + ?Sized,
    {
        self.table.find(self.hasher.hash_one(key), |slot| keys.key(slot).is_some_and(|found| key.equivalent(&found.0)))
    }
}

impl<T: Data + Hash> Key for Hashed<T> {
    type Lookup = HashLookup;
    type Shown = T;
    type Content = T;
    type Name = ();

    fn sort(_: Option<&()>) -> KeySort {
        KeySort::Content
    }

    fn shown(&self) -> &T {
        &self.0
    }

    #[inline]
    fn translate(&mut self, _: &Slots<'_>) {}

    fn form(&self) -> KeyForm<'_, Self> {
        KeyForm::Content(Cow::Borrowed(&self.0))
    }

    fn from_form(_: Option<()>, form: OwnedForm<Self>) -> Option<Self> {
        match form {
            OwnedForm::Content(content) => Some(Self(content)),
            _ => None,
        }
    }
}

impl<T: Data + Hash> Lookup<Hashed<T>> for HashLookup {
    #[inline]
    fn find(&self, key: &Hashed<T>, keys: &impl Keys<Hashed<T>>) -> Result<u32, Vacant> {
        let vacant = self.vacant(key);
        self.table.find(vacant.0, |slot| keys.key(slot) == Some(key)).ok_or(vacant)
    }

    #[inline]
    fn vacant(&self, key: &Hashed<T>) -> Vacant {
        Vacant(self.hasher.hash_one(&key.0))
    }

    fn reserve(&mut self, keys: usize) {
        self.table.reserve(keys);
    }

    #[inline]
    fn insert(&mut self, vacant: Vacant, slot: u32, keys: &dyn Keys<Hashed<T>>) {
        let Self { table, hasher } = self;
        table.insert(vacant.0, slot, |slot| keys.key(slot).map_or(0, |key| hasher.hash_one(&key.0)));
    }

    fn remove(&mut self, key: &Hashed<T>, slot: u32) {
        self.table.remove(self.hasher.hash_one(&key.0), slot);
    }

    fn relocate(&mut self, key: &Hashed<T>, from: u32, to: u32) {
        self.table.relocate(self.hasher.hash_one(&key.0), from, to);
    }
}

impl<T> Borrow<T> for Hashed<T> {
    fn borrow(&self) -> &T {
        &self.0
    }
}
