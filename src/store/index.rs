use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hash::{BuildHasher, Hash};

use hashbrown::HashTable;

use super::key::{Named, StoreKey, ValueKind};
use crate::hashing::Keyed;
use crate::kernel::{Column, Keys, Lookup, Table, Vacant};
use crate::sorted::SortedRuns;

/// From keys to slots, for all names together; and from a name to the slots of its keys.
///
/// Invariants, which hold between calls:
/// * a name is here while it has a key, live or not, and `names` has it under its number;
/// * the links of the slots of a name form one chain, from its `first` to its `last`;
/// * `live` of a name counts its live keys.
#[derive(Clone, Default)]
#[doc(hidden)]
pub struct NameIndex {
    hasher: Keyed,
    table: Table,
    /// By slot.
    links: Column<Link>,
    names: Vec<NameEntry>,
    free: Vec<u32>,
    numbers: HashTable<u32>,
    /// The numbers of the names, in the order of the names.
    sorted: SortedRuns<u32>,
    /// The name that was written last, or any number: who writes much writes to one name.
    recent: u32,
}

/// A slot in the chain of its name.
#[derive(Clone, Copy)]
struct Link {
    name: u32,
    before: u32,
    after: u32,
}

const NONE: u32 = u32::MAX;

/// The slots of a name, one after the other.
pub(super) struct Chain<'a> {
    links: &'a Column<Link>,
    next: u32,
}

impl Iterator for Chain<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let slot = self.next;
        if slot == NONE {
            return None;
        }
        self.next = self.links.get(slot).after;
        Some(slot)
    }
}

#[derive(Clone)]
struct NameEntry {
    named: Named,
    /// Of name and type.
    hash: u64,
    first: u32,
    last: u32,
    keys: u32,
    live: u32,
}

#[inline]
fn combined(name: u64, key: u64) -> u64 {
    name.rotate_left(32).wrapping_add(key)
}

impl NameIndex {
    fn hash_name(&self, name: &str, kind: ValueKind) -> u64 {
        self.hasher.hash_one((kind as u8, name))
    }

    fn number_by(&self, hash: u64, name: &str, kind: ValueKind) -> Option<u32> {
        let is = |&number: &u32| {
            let named = &self.names[number as usize].named;
            named.kind == kind && &*named.name == name
        };
        self.numbers.find(hash, is).copied()
    }

    /// The name that was written last, if it is that of this key. Keys of one name share its text: nothing is hashed.
    #[inline]
    fn recent(&self, key: &StoreKey) -> Option<&NameEntry> {
        let entry = self.names.get(self.recent as usize)?;
        (Arc::ptr_eq(&entry.named.name, &key.name) && entry.named.kind == key.kind()).then_some(entry)
    }

    /// The number of a name that has keys.
    pub(super) fn number(&self, name: &str, kind: ValueKind) -> Option<u32> {
        self.number_by(self.hash_name(name, kind), name, kind)
    }

    /// The hash of a key.
    #[inline]
    fn hash(&self, key: &StoreKey) -> u64 {
        let name = self.recent(key).map_or_else(|| self.hash_name(&key.name, key.kind()), |entry| entry.hash);
        combined(name, key.inner.hash_with(&self.hasher))
    }

    /// The hash of a key of a name.
    #[inline]
    pub(super) fn hash_in(&self, number: u32, key: &(impl Hash + ?Sized)) -> u64 {
        combined(self.names[number as usize].hash, self.hasher.hash_one(key))
    }

    /// The slot of the key of a name with this hash that passes.
    pub(super) fn find_in(
        &self,
        number: u32,
        hash: u64,
        keys: &impl Keys<StoreKey>,
        is: &dyn Fn(&StoreKey) -> bool,
    ) -> Option<u32> {
        // The table may ask for a slot that is none: the key comes first, for it says so.
        self.table.find(hash, |slot| keys.key(slot).is_some_and(is) && self.links.get(slot).name == number)
    }

    /// The slots of the keys of a name.
    pub(super) fn slots(&self, number: Option<u32>) -> Chain<'_> {
        let first = number.map_or(NONE, |number| self.names[number as usize].first);
        Chain { links: &self.links, next: first }
    }

    /// How many keys a name has, live or not.
    pub(super) fn keys(&self, number: u32) -> usize {
        self.names[number as usize].keys as usize
    }

    /// How many live keys a name has.
    pub(super) fn live(&self, number: u32) -> usize {
        self.names[number as usize].live as usize
    }

    /// The name with this number.
    pub(super) fn named(&self, number: u32) -> &Named {
        &self.names[number as usize].named
    }

    /// The name that a slot belongs to.
    pub(super) fn number_at(&self, slot: u32) -> u32 {
        self.links.get(slot).name
    }

    /// Whether a slot belongs to a name.
    pub(super) fn belongs(&self, slot: u32, number: u32) -> bool {
        self.links.get(slot).name == number
    }

    /// The text of a name as it is stored.
    fn stored(&self, name: &str, kind: ValueKind) -> Option<&Arc<str>> {
        self.number(name, kind).map(|number| &self.named(number).name)
    }

    /// The name to be shared by its keys.
    pub(super) fn shared(&self, name: &str, kind: ValueKind) -> Arc<str> {
        self.stored(name, kind).map_or_else(|| name.into(), Arc::clone)
    }

    /// All names that begin with `prefix`, in their order, with their numbers.
    pub(super) fn with_prefix(&self, prefix: &str) -> Vec<(&Named, u32)> {
        let order = |&number: &u32| {
            let Named { name, kind } = self.named(number);
            (&**name, *kind).cmp(&(prefix, ValueKind::Counter))
        };
        let from = self.sorted.from(&order);
        let named = from.map(|&number| (self.named(number), number));
        named.take_while(|(named, _)| named.name.starts_with(prefix)).collect()
    }

    #[inline]
    fn number_or_new(&mut self, key: &StoreKey) -> u32 {
        if self.recent(key).is_none() {
            self.recent = self.look_up_or_new(key);
        }
        self.recent
    }

    #[inline(never)]
    fn look_up_or_new(&mut self, key: &StoreKey) -> u32 {
        let kind = key.kind();
        let hash = self.hash_name(&key.name, kind);
        if let Some(number) = self.number_by(hash, &key.name, kind) {
            return number;
        }
        let named = Named { name: key.name.clone(), kind };
        let entry = NameEntry { named: named.clone(), hash, first: NONE, last: NONE, keys: 0, live: 0 };
        let number = match self.free.pop() {
            Some(number) => {
                self.names[number as usize] = entry;
                number
            }
            None => {
                self.names.push(entry);
                self.names.len() as u32 - 1
            }
        };
        let Self { numbers, names, sorted, .. } = self;
        numbers.insert_unique(hash, number, |&number| names[number as usize].hash);
        sorted.insert(number, &|&other| names[other as usize].named.cmp(&named));
        number
    }

    fn forget(&mut self, number: u32) {
        let Self { numbers, names, sorted, .. } = self;
        let NameEntry { named, hash, .. } = &names[number as usize];
        if let Ok(found) = numbers.find_entry(*hash, |&other| other == number) {
            found.remove();
        }
        sorted.remove(&|&other| names[other as usize].named.cmp(named));
        // The text goes at once; the place is used again.
        names[number as usize].named.name = Arc::default();
        self.recent = NONE;
        self.free.push(number);
        if self.free.len() == self.names.len() {
            self.free.clear();
            self.names.clear();
        }
    }

    /// The hash of the key at a slot that is linked.
    fn hash_at(&self, slot: u32, key: &StoreKey) -> u64 {
        let name = self.links.get(slot).name;
        combined(self.names[name as usize].hash, key.inner.hash_with(&self.hasher))
    }

    fn set_after(&mut self, number: u32, slot: u32, after: u32) {
        match slot {
            NONE => self.names[number as usize].first = after,
            slot => self.links.get_mut(slot).after = after,
        }
    }

    fn set_before(&mut self, number: u32, slot: u32, before: u32) {
        match slot {
            NONE => self.names[number as usize].last = before,
            slot => self.links.get_mut(slot).before = before,
        }
    }
}

impl Lookup<StoreKey> for NameIndex {
    #[inline]
    fn find(&self, key: &StoreKey, keys: &impl Keys<StoreKey>) -> Result<u32, Vacant> {
        let vacant = self.vacant(key);
        self.table.find(vacant.hash(), |slot| keys.key(slot) == Some(key)).ok_or(vacant)
    }

    #[inline]
    fn vacant(&self, key: &StoreKey) -> Vacant {
        Vacant::new(self.hash(key))
    }

    fn reserve(&mut self, keys: usize) {
        self.table.reserve(keys);
    }

    fn adopt(&self, key: &mut StoreKey) {
        if self.recent(key).is_none()
            && let Some(name) = self.stored(&key.name, key.kind())
        {
            key.name = name.clone();
        }
    }

    fn insert(&mut self, vacant: Vacant, slot: u32, keys: &dyn Keys<StoreKey>) {
        let Some(key) = keys.key(slot) else { return };
        let number = self.number_or_new(key);
        let entry = &mut self.names[number as usize];
        entry.keys += 1;
        let link = Link { name: number, before: entry.last, after: NONE };
        let last = core::mem::replace(&mut entry.last, slot);
        self.set_after(number, last, slot);
        // Where entries left from the end, links stay behind until they are used again.
        if (slot as usize) < self.links.len() {
            *self.links.get_mut(slot) = link;
        } else {
            self.links.push(link);
        }
        let Self { table, links, names, hasher, .. } = self;
        table.insert(vacant.hash(), slot, |slot| {
            let name = names[links.get(slot).name as usize].hash;
            keys.key(slot).map_or(0, |key| combined(name, key.inner.hash_with(hasher)))
        });
    }

    fn names(&self) -> usize {
        self.names.len() - self.free.len()
    }

    fn new_names(&self, keys: &mut dyn Iterator<Item = &StoreKey>) -> usize {
        let names = keys.map(|key| (&*key.name, key.kind())).filter(|&(name, kind)| self.number(name, kind).is_none());
        let mut names: Vec<_> = names.collect();
        names.sort_unstable();
        names.dedup();
        names.len()
    }

    fn count_live(&mut self, slot: u32, was_live: bool, live: bool) {
        let entry = &mut self.names[self.links.get(slot).name as usize];
        entry.live = entry.live + u32::from(live) - u32::from(was_live);
    }

    fn remove(&mut self, key: &StoreKey, slot: u32) {
        self.table.remove(self.hash_at(slot, key), slot);
        let Link { name, before, after } = *self.links.get(slot);
        self.set_after(name, before, after);
        self.set_before(name, after, before);
        let entry = &mut self.names[name as usize];
        entry.keys -= 1;
        if entry.keys == 0 {
            debug_assert_eq!(entry.live, 0);
            self.forget(name);
        }
    }

    fn relocate(&mut self, key: &StoreKey, from: u32, to: u32) {
        self.table.relocate(self.hash_at(from, key), from, to);
        let link = *self.links.get(from);
        *self.links.get_mut(to) = link;
        self.set_after(link.name, link.before, to);
        self.set_before(link.name, link.after, to);
    }
}
